import { eventsPage } from '../../control/events.js';
import { loadSummary } from '../../control/plans.js';
import { countStates } from '../../control/rollout-tenants.js';
import { type RolloutRow, rolloutById, rolloutByRequest, rolloutsPage } from '../../control/rollouts.js';
import { backfillOf } from '../../domain/plan.js';
import { noTotals } from '../../domain/tenant.js';
import type { AdminAnswers, AdminArgs, RolloutRecord } from '../../workflows/admin-messages.js';
import type { ActivityDeps } from '../deps.js';
import type { AdminContext } from './answer-admin.js';
import { nextCursor, pageLimit } from './page.js';

/** Past rollouts, newest first. */
export async function readHistory(
  deps: ActivityDeps,
  { fleet }: AdminContext,
  args: AdminArgs['history'],
): Promise<AdminAnswers['history']> {
  const limit = pageLimit(args.limit);
  const rows = await rolloutsPage(deps.control, fleet, args.after, limit);
  return { rollouts: await Promise.all(rows.map((row) => toRecord(deps, row))), ...nextCursor(rows, limit, (row) => row.id) };
}

/** Who did what, newest first. */
export async function readAudit(deps: ActivityDeps, { fleet }: AdminContext, args: AdminArgs['audit']): Promise<AdminAnswers['audit']> {
  const limit = pageLimit(args.limit);
  const filter = {
    ...(args.rolloutId === undefined ? {} : { rolloutId: args.rolloutId }),
    ...(args.after === undefined ? {} : { before: args.after }),
  };
  const rows = await eventsPage(deps.control, fleet, filter, limit);
  const events = rows.map(({ at, actor, verb, reason, subject, rolloutId, requestId }) => ({
    at: at.toISOString(),
    actor,
    verb,
    requestId,
    ...(reason === null ? {} : { reason }),
    ...(subject === null ? {} : { subject }),
    ...(rolloutId === null ? {} : { rolloutId }),
  }));
  return { events, ...nextCursor(rows, limit, (row) => row.id) };
}

/** One rollout with its report: by id, by the request that started it, or the latest. */
export async function readRollout(
  deps: ActivityDeps,
  { fleet }: AdminContext,
  which: { readonly rolloutId?: string; readonly requestId?: string },
): Promise<AdminAnswers['rollout']['rollout']> {
  const row =
    which.requestId !== undefined
      ? await rolloutByRequest(deps.control, fleet, which.requestId)
      : which.rolloutId !== undefined
        ? await rolloutById(deps.control, fleet, which.rolloutId)
        : (await rolloutsPage(deps.control, fleet, undefined, 1))[0];
  if (!row) return null;
  return { ...(await toRecord(deps, row)), ...(row.report ? { progress: row.report } : {}) };
}

async function toRecord(deps: ActivityDeps, row: RolloutRow): Promise<RolloutRecord> {
  // The workflow's own count when there is one; the rows of the tenants for a rollout that was terminated before it reported
  const totals = row.report?.totals ?? { ...noTotals(), ...(await countStates(deps.control, row.id)) };
  const plan = await loadSummary(deps.control, row.planId);
  const filled = plan && backfillOf(plan);
  return {
    rolloutId: row.id,
    planId: row.planId,
    requestId: row.requestId,
    state: row.state,
    actor: row.actor,
    ...(row.reason === null ? {} : { reason: row.reason }),
    to: row.rebuiltTo ?? plan?.to ?? '',
    ...(plan?.rollbackOf ? { rollbackOf: plan.rollbackOf.rolloutId } : {}),
    ...(filled === undefined ? {} : { backfillOf: filled }),
    startedAt: row.startedAt.toISOString(),
    ...(row.finishedAt === null ? {} : { finishedAt: row.finishedAt.toISOString() }),
    totals,
  };
}
