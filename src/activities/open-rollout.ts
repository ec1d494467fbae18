import { recordEvents } from '../control/events.js';
import { freezeOf, pinsWithin } from '../control/holds.js';
import { countStates } from '../control/plan-tenants.js';
import { overtakenBy } from '../control/plans.js';
import { openTenants } from '../control/rollout-tenants.js';
import { openRollout, rolloutById } from '../control/rollouts.js';
import { isErrorCode } from '../domain/error-codes.js';
import { FlotillaError } from '../domain/errors.js';
import type { PlanSummary } from '../domain/plan.js';
import type { Activities } from './contract.js';
import type { ActivityDeps } from './deps.js';
import { judgePhases } from './judge-phases.js';

/** Opens the rollout's rows and answers its frozen plan. Safe to repeat. */
export const createOpenRollout =
  (deps: ActivityDeps): Activities['openRollout'] =>
  async ({ fleet, rolloutId, planId, actor, reason, requestId }) => {
    const summary = await deps.plans.summary(planId);
    if (summary.fleet !== fleet)
      throw new FlotillaError('FLT_PLAN_NOT_FOUND', `Plan ${planId} is one of another fleet, "${summary.fleet}".`, { planId });
    const later = await overtakenBy(deps.control, fleet, planId);
    if (later !== undefined && later !== rolloutId)
      throw new FlotillaError(
        'FLT_PLAN_STALE',
        `Rollout ${later} was started after plan ${planId} was frozen; what it says may not hold any more.`,
        {
          planId,
          rolloutId: later,
        },
      );
    const opened = await rolloutById(deps.control, fleet, rolloutId);
    if (!opened && summary.rollbackOf === undefined && summary.operation === undefined) await refuseContracts(deps, summary);
    await openRollout(deps.control, { rolloutId, fleet, planId, requestId, actor, ...(reason === undefined ? {} : { reason }) });
    await openTenants(deps.control, rolloutId, planId, summary.rollbackOf?.rolloutId);
    await recordEvents(deps.control, fleet, rolloutId, [
      { actor, ...(reason === undefined ? {} : { reason }), requestId, verb: 'start', subject: planId, atMs: Date.now() },
    ]);
    const { pending: _, ...outside } = await countStates(deps.control, planId);
    const freeze = await freezeOf(deps.control, fleet);
    const pins = await pinsWithin(deps.control, fleet, planId);
    return { summary, outside, pins, ...(freeze ? { freeze } : {}), ...(deps.fleet.notify?.length ? { notifies: true } : {}) };
  };

/** Between a plan and its start flags are turned off, and old code is deployed again. */
async function refuseContracts(deps: ActivityDeps, { fleet, planId, selection, migrations }: PlanSummary): Promise<void> {
  const scope = { fleet, planId, whole: selection === undefined, ...(selection?.tenants ? { tenants: selection.tenants } : {}) };
  const { findings } = await judgePhases(deps, scope, migrations, 'starting');
  const first = findings.find(({ severity }) => severity === 'error');
  if (first && isErrorCode(first.code)) throw new FlotillaError(first.code, first.message, { planId });
}
