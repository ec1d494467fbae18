/** Plans this worker works by. A plan never changes once it is frozen; the deltas of its canaries arrive one by one. */

import type { ControlPool } from '../control/control-pool.js';
import { deltasOf } from '../control/deltas.js';
import { loadSummary } from '../control/plans.js';
import { FlotillaError } from '../domain/errors.js';
import type { PlanSummary } from '../domain/plan.js';
import type { Delta } from '../postgres/contract.js';

export interface PlanCache {
  /** @throws FLT_PLAN_NOT_FOUND when there is no such frozen plan */
  summary(planId: string): Promise<PlanSummary>;
  /** The recorded delta of each migration, from the first canary by id; migrations that no tenant has run yet are missing. */
  deltas(planId: string): Promise<Map<string, Delta>>;
  /** Tells of a delta that this worker has just recorded. */
  learn(planId: string, migration: string, delta: Delta): void;
}

interface Entry {
  readonly summary: Promise<PlanSummary>;
  deltas: Map<string, Delta>;
}

/** One rollout is open at a time; a few parked tenants may still go by older plans. */
const KEEP = 4;

export function createPlanCache(control: ControlPool): PlanCache {
  const entries = new Map<string, Entry>();
  const load = async (planId: string): Promise<PlanSummary> => {
    const summary = await loadSummary(control, planId);
    if (!summary?.frozen) throw new FlotillaError('FLT_PLAN_NOT_FOUND', `There is no frozen plan ${planId}.`, { planId });
    return summary;
  };
  const entry = (planId: string): Entry => {
    const known = entries.get(planId);
    if (known) return known;
    const fresh: Entry = { summary: load(planId), deltas: new Map() };
    fresh.summary.catch(() => entries.delete(planId)); // the next caller asks again
    entries.set(planId, fresh);
    for (const oldest of entries.keys()) if (entries.size > KEEP) entries.delete(oldest);
    return fresh;
  };
  return {
    summary: (planId) => entry(planId).summary,
    async deltas(planId) {
      const it = entry(planId);
      const { migrations } = await it.summary;
      if (migrations.some((migration) => !it.deltas.has(migration.name))) {
        const recorded = await deltasOf(control, planId);
        for (const [migration, byTenant] of recorded) it.deltas.set(migration, byTenant.values().next().value!);
      }
      return it.deltas;
    },
    learn: (planId, migration, delta) => {
      const { deltas } = entry(planId);
      if (!deltas.has(migration)) deltas.set(migration, delta);
    },
  };
}
