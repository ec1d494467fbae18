/** Plans: the summary of each, kept as it was frozen. */

import type { PlanSummary } from '../domain/plan.js';
import { ask, type ControlPool } from './control-pool.js';

/** Opens a plan's row, so that tenants can be staged under it. Safe to repeat. */
export async function openPlan(pool: ControlPool, plan: { readonly planId: string; readonly fleet: string }): Promise<void> {
  await ask(pool, `insert into plan (id, fleet) values ($1, $2) on conflict (id) do nothing`, [plan.planId, plan.fleet]);
}

/** Stores the summary. A frozen plan is never changed afterwards: a repeat keeps the first, and answers it.
 *  @param whole the plan was made over the whole fleet, not over a selection */
export async function storeSummary(pool: ControlPool, summary: PlanSummary, whole: boolean): Promise<PlanSummary> {
  await ask(pool, `update plan set digest = $2, summary = $3, whole = $4 where id = $1 and summary is null`, [
    summary.planId,
    summary.digest,
    JSON.stringify(summary),
    whole,
  ]);
  return (await loadSummary(pool, summary.planId)) ?? summary;
}

export async function loadSummary(pool: ControlPool, planId: string): Promise<PlanSummary | undefined> {
  const [row] = await ask<{ summary: PlanSummary | null }>(pool, `select summary from plan where id = $1`, [planId]);
  return row?.summary ?? undefined;
}

/** A rollout of another plan that was opened after this plan was frozen, if any. */
export async function overtakenBy(pool: ControlPool, fleet: string, planId: string): Promise<string | undefined> {
  const [row] = await ask<{ id: string }>(
    pool,
    `select r.id from rollout r join plan p on p.id = $2 where r.fleet = $1 and r.tenant is null and r.plan_id <> $2 and r.started_at > p.created_at order by r.id limit 1`,
    [fleet, planId],
  );
  return row?.id;
}

/** Drops tenants that were staged for something else than a plan. */
export async function forgetUnmade(pool: ControlPool, planId: string): Promise<void> {
  await ask(pool, `delete from plan where id = $1 and summary is null`, [planId]);
}

/** Drops scans, checks and refused plans that are older than an hour, all but the newest of the whole fleet and those that a rebuilt rollout goes by: nobody asks for their pages any more. */
export async function forgetOldScans(pool: ControlPool, fleet: string): Promise<void> {
  await ask(
    pool,
    `delete from plan where fleet = $1 and coalesce(summary ->> 'frozen', 'false') = 'false' and created_at < now() - interval '1 hour'
     and id <> coalesce((select max(id) from plan where fleet = $1 and whole and summary is not null), '')
     and not exists (select from rollout where rollout.plan_id = plan.id)`,
    [fleet],
  );
}
