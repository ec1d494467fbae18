import { askAdmin } from './admin.js';
import type { ClientContext } from './context.js';
import { latestRun } from './find-rollout.js';
import { steerOrParked } from './parked.js';
import type { SteerOptions, SteerResult } from './steer.js';

/**
 * Tries failed tenants again, by the frozen plan; one of them goes first, and the others only if it succeeds. Also reaches tenants that an
 * ended rollout left parked. Whom the plan left out and whom somebody skipped stays out; `unfinished` goes on with those never attempted too.
 * Safe to repeat with the same requestId.
 * @throws FLT_MIGRATION_MISMATCH (a file was edited since the plan was frozen; nothing was sent), FLT_REFUSED, FLT_NO_OPEN_ROLLOUT, FLT_NO_WORKFLOW_WORKER
 */
export async function retry(context: ClientContext, options: SteerOptions<'retry'>): Promise<SteerResult> {
  const run = await latestRun(context);
  if (run?.open)
    await askAdmin(context, 'checkFiles', { rolloutId: run.rolloutId }, options.actor === undefined ? {} : { actor: options.actor });
  return steerOrParked(context, 'retry', options);
}
