import { loadSummary } from '../../control/plans.js';
import { rolloutById } from '../../control/rollouts.js';
import { FlotillaError } from '../../domain/errors.js';
import type { AdminAnswers, AdminArgs } from '../../workflows/admin-messages.js';
import { buildOf } from '../build.js';
import type { ActivityDeps } from '../deps.js';
import { fileDifference } from '../plan-files.js';
import type { AdminContext } from './answer-admin.js';

/** A retry runs the frozen plan: has this worker its files as they were then? @throws FLT_MIGRATION_MISMATCH */
export async function checkFiles(
  deps: ActivityDeps,
  { fleet }: Pick<AdminContext, 'fleet'>,
  { rolloutId }: AdminArgs['checkFiles'],
): Promise<AdminAnswers['checkFiles']> {
  const row = await rolloutById(deps.control, fleet, rolloutId);
  const plan = row && (await loadSummary(deps.control, row.planId));
  if (!plan) return {};
  const difference = fileDifference(plan.migrations, await deps.engine.list(), plan.operation);
  if (difference === undefined) return {};
  const build = await buildOf(deps);
  throw new FlotillaError(
    'FLT_MIGRATION_MISMATCH',
    `Worker build ${build}: ${difference} (digest ${plan.digest.slice(0, 12)}). A retry runs the frozen plan: what was edited since is a new rollout.`,
    { rolloutId, planId: plan.planId, digest: plan.digest, build },
  );
}
