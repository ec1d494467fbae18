/** Rolling a rollout back. An open one is handed the order, judges it before anything is reverted, and only then answers; of a closed one a new rollout takes the work back. */

import { FlotillaError } from '../domain/errors.js';
import { isFinal, type RolloutProgress } from '../domain/rollout/contract.js';
import { QUERIES } from '../workflows/messages.js';
import type { ClientContext } from './context.js';
import { delay } from './delay.js';
import { latestRun } from './find-rollout.js';
import { steerOrParked } from './parked.js';
import { queryWithin } from './probe.js';
import { rollbackClosed } from './rollback-closed.js';
import type { SteerOptions, SteerResult } from './steer.js';

/** The verdict comes when the tenants in hand are done; whoever asks does not wait for longer than this. */
const VERDICT_WITHIN_MS = 10_000;

export type RollbackOptions = SteerOptions<'rollback'> & {
  /** A closed rollout is taken back by a new one. @defaultValue the open one */
  readonly rolloutId?: string;
};

/**
 * Safe to repeat with the same requestId. "pending" when there is no verdict within 10 s; the status has it then. With `tenants`, each is rolled back in a workflow of its own, which says there how it went.
 * With the `rolloutId` of a closed rollout, a new rollout takes it back, and its id is answered.
 * @throws FLT_IRREVERSIBLE (names each migration and why; nothing was reverted), FLT_REFUSED, FLT_NO_OPEN_ROLLOUT, FLT_NO_WORKFLOW_WORKER,
 * FLT_UNKNOWN_MIGRATION; for a closed rollout also FLT_ROLLOUT_OPEN, FLT_ROLLOUT_NOT_FOUND
 */
export async function rollback(context: ClientContext, { rolloutId, ...options }: RollbackOptions = {}): Promise<SteerResult> {
  const run = await latestRun(context);
  if (rolloutId !== undefined && !(run?.open && run.rolloutId === rolloutId)) return rollbackClosed(context, rolloutId, run, options);
  const answer = await steerOrParked(context, 'rollback', options);
  if (!answer.accepted || answer.pending || options.tenants?.length || options.force) return answer;
  for (const end = Date.now() + VERDICT_WITHIN_MS; run && Date.now() < end; await delay(100)) {
    const at = await queryWithin<RolloutProgress>(context, run.handle, QUERIES.progress, 3_000).catch(() => undefined);
    if (!at || isFinal(at.state) || at.state === 'rollingBack' || at.state === 'rollbackFailed') return answer;
    const refused = at.rollback?.refused ?? [];
    if (refused.length > 0)
      throw new FlotillaError(
        'FLT_IRREVERSIBLE',
        `Nothing was reverted: ${refused.map(({ migration, why }) => `${migration}: ${why}`).join('; ')}.`,
        { refused },
      );
  }
  return {
    ...answer,
    pending: true,
    state: null,
    message: 'Handed in. Whether it can be taken back is judged once the tenants in hand are done; `flotilla status` tells.',
  };
}
