/** Rolling an open rollout back: handed in, judged by the rollout before anything is reverted, and only then answered. */

import { FlotillaError } from '../domain/errors.js';
import { isFinal, type RolloutProgress } from '../domain/rollout/contract.js';
import { QUERIES } from '../workflows/messages.js';
import type { ClientContext } from './context.js';
import { delay } from './delay.js';
import { latestRun } from './find-rollout.js';
import { steerOrParked } from './parked.js';
import { queryWithin } from './probe.js';
import type { SteerOptions, SteerResult } from './steer.js';

/** The verdict comes when the tenants in hand are done; whoever asks does not wait for longer than this. */
const VERDICT_WITHIN_MS = 10_000;

/**
 * Safe to repeat with the same requestId. "pending" when there is no verdict within 10 s; the status has it then. With `tenants`, each is rolled back in a workflow of its own, which says there how it went.
 * @throws FLT_IRREVERSIBLE (names each migration and why; nothing was reverted), FLT_REFUSED, FLT_NO_OPEN_ROLLOUT, FLT_NO_WORKFLOW_WORKER
 */
export async function rollback(context: ClientContext, options: SteerOptions<'rollback'> = {}): Promise<SteerResult> {
  const answer = await steerOrParked(context, 'rollback', options);
  if (!answer.accepted || answer.pending || options.tenants?.length || options.force) return answer;
  const run = await latestRun(context);
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
