/** Plans: the summary of each, kept as it was frozen. */

import type { PlanSummary } from '../domain/plan.js';
import { ask, type ControlPool } from './control-pool.js';

/** Opens a plan's row, so that tenants can be staged under it. Safe to repeat. */
export async function openPlan(pool: ControlPool, plan: { planId: string; fleet: string; mode: string; actor: string }): Promise<void> {
  await ask(pool, `insert into plan (id, fleet, mode, actor) values ($1, $2, $3, $4) on conflict (id) do nothing`, [
    plan.planId,
    plan.fleet,
    plan.mode,
    plan.actor,
  ]);
}

/** Stores the summary; a frozen plan is never changed afterwards, so a repeat keeps the first. */
export async function storeSummary(pool: ControlPool, summary: PlanSummary): Promise<void> {
  await ask(pool, `update plan set digest = $2, summary = $3 where id = $1 and summary is null`, [
    summary.planId,
    summary.digest,
    JSON.stringify(summary),
  ]);
}

export async function loadSummary(pool: ControlPool, planId: string): Promise<PlanSummary | undefined> {
  const [row] = await ask<{ summary: PlanSummary | null }>(pool, `select summary from plan where id = $1`, [planId]);
  return row?.summary ?? undefined;
}

/** Drops staged tenants of scans and checks that nobody will ask for again. */
export async function forgetOldScans(pool: ControlPool, fleet: string): Promise<void> {
  await ask(pool, `delete from plan where fleet = $1 and mode <> 'freeze' and created_at < now() - interval '1 hour'`, [fleet]);
}
