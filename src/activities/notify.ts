import { recordEvents } from '../control/events.js';
import { sendNotice } from '../notify/send-notice.js';
import type { Fleet } from '../spec/fleet.js';
import type { Activities } from './contract.js';
import type { ActivityDeps } from './deps.js';

/** Tells each webhook that wants to know. One that does not take it is written to the audit trail: a rollout waits for no webhook. */
export const createNotify =
  (deps: Pick<ActivityDeps, 'control' | 'resolve'> & { readonly fleet: Pick<Fleet, 'notify'> }): Activities['notify'] =>
  async ({ fleet, rolloutId, notice }) => {
    const webhooks = deps.fleet.notify ?? [];
    const troubles = await Promise.all(
      webhooks.map(async (webhook, index) => {
        if (webhook.events && !webhook.events.includes(notice.kind)) return [];
        const trouble = await sendNotice(webhook, notice, deps.resolve);
        return trouble === undefined ? [] : [`notify.${index}: ${trouble}`];
      }),
    );
    const reason = troubles.flat().join('; ');
    if (reason === '') return;
    await recordEvents(deps.control, fleet, rolloutId, [
      {
        actor: 'flotilla',
        verb: 'notify',
        reason: `FLT_NOTIFY_FAILED: ${reason}`,
        requestId: notice.id,
        subject: notice.kind,
        atMs: Date.now(),
      },
    ]);
  };
