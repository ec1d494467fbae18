/** Taking a closed rollout back: a rollout of its own, over exactly the tenants that the old one moved. */

import { FlotillaError } from '../domain/errors.js';
import { askAdmin } from './admin.js';
import { freshId, toAsk } from './ask.js';
import type { ClientContext } from './context.js';
import type { RolloutRun } from './find-rollout.js';
import type { RollbackOptions } from './rollback.js';
import { firstStatus, openRollout, rolloutOpen, startedBefore } from './start.js';
import type { SteerResult } from './steer.js';

/**
 * Safe to repeat with the same requestId: the rollout it started is answered.
 * @param latest the fleet's latest rollout
 * @throws FLT_ROLLOUT_OPEN, FLT_ROLLOUT_NOT_FOUND, FLT_IRREVERSIBLE, FLT_UNKNOWN_MIGRATION, FLT_REFUSED, FLT_USAGE
 */
export async function rollbackClosed(
  context: ClientContext,
  rolloutId: string,
  latest: RolloutRun | undefined,
  options: RollbackOptions,
): Promise<SteerResult> {
  const { tenants, wave, to, force = false } = options;
  const ask = toAsk(context, options);
  if (options.requestId !== undefined) {
    const same = await startedBefore(context, options.requestId, latest);
    if (same)
      return { ...answered(same.rolloutId, `Rollout ${same.rolloutId} takes it back already.`), state: same.state, next: same.next };
  }
  if (latest?.open) throw rolloutOpen(latest);
  if (options.continueSkipping?.length)
    throw new FlotillaError('FLT_USAGE', `Rollout ${rolloutId} is closed: there is no rollback of it to continue.`, { rolloutId });
  if (force && !ask.reason) throw new FlotillaError('FLT_USAGE', 'A forced rollback loses data: say why.', {});
  const plan = await askAdmin(
    context,
    'planRollback',
    {
      rolloutId,
      planId: freshId('p'),
      force,
      ...(tenants?.length ? { tenants } : {}),
      ...(wave === undefined ? {} : { wave }),
      ...(to === undefined ? {} : { to }),
    },
    { ...ask, requestId: `${ask.requestId}-plan` },
  );
  const opened = await openRollout(context, ask, { planId: plan.planId, rollbackOf: rolloutId }, plan);
  const at = await firstStatus(context, opened.rolloutId);
  const message = `Rollout ${opened.rolloutId} takes back what ${rolloutId} applied to ${plan.totals.tenants} tenants, newest wave first.`;
  return { ...answered(opened.rolloutId, message), state: at.state, next: at.next };
}

const answered = (rolloutId: string, message: string): SteerResult => ({
  rolloutId,
  accepted: true,
  pending: false,
  state: null,
  message,
  next: [],
});
