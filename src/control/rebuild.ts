/** Rollouts that this database has lost, rebuilt from what the tenants' ledgers say. Rollouts that were kept while they ran are never touched. */

import type { RolloutTrace } from '../postgres/tend/read-rollouts.js';
import { ask, type ControlPool } from './control-pool.js';

const REASON = "rebuilt from the tenants' ledgers; what failed, or was up to date, is not known any more";

/**
 * Stores traces of the tenants of one host. Safe to repeat, in any order and from several workers at once: a rollout's row grows by the
 * tenants that are found. @param planId the scan that found the tenants: where they live, and where they stand, is taken from it
 */
export async function rebuildRollouts(
  pool: ControlPool,
  fleet: string,
  planId: string,
  host: string,
  traces: readonly RolloutTrace[],
): Promise<void> {
  for (let from = 0; from < traces.length; from += 5_000) {
    const page = traces.slice(from, from + 5_000);
    const column = <T>(pick: (trace: RolloutTrace) => T) => page.map(pick);
    const columns = [
      column((t) => t.tenant),
      column((t) => t.rollout),
      column((t) => t.state),
      column((t) => t.newest),
      column((t) => t.actor),
      column((t) => t.firstAt),
      column((t) => t.lastAt),
    ];
    const traced = (first: number) =>
      `unnest(${['text', 'text', 'text', 'text', 'text', 'timestamptz', 'timestamptz'].map((type, n) => `$${first + n}::${type}[]`).join(', ')}) t (tenant, rollout, state, newest, actor, first_at, last_at)`;
    await ask(
      pool,
      `insert into rollout as r (id, fleet, plan_id, request_id, actor, reason, state, started_at, finished_at, rebuilt_to)
       select rollout, $1, $2, rollout, (array_agg(actor order by first_at))[1], $3, 'succeeded', min(first_at), max(last_at), max(newest collate "C") from ${traced(4)} group by rollout order by rollout
       on conflict (id) do update set started_at = least(r.started_at, excluded.started_at), finished_at = greatest(r.finished_at, excluded.finished_at),
         rebuilt_to = greatest(r.rebuilt_to collate "C", excluded.rebuilt_to), plan_id = excluded.plan_id
       where r.rebuilt_to is not null and r.fleet = excluded.fleet`,
      [fleet, planId, REASON, ...columns],
    );
    await ask(
      pool,
      `insert into rollout_tenant as o (rollout_id, tenant_id, host, state, ready, updated_at)
       select t.rollout, t.tenant, $3, t.state, p.position, least(t.last_at, now()) from ${traced(4)}
       join rollout r on r.id = t.rollout and r.fleet = $1 and r.rebuilt_to is not null
       left join plan_tenant p on p.plan_id = $2 and p.tenant_id = t.tenant order by 1, 2
       on conflict (rollout_id, tenant_id) do update set state = excluded.state, ready = excluded.ready, updated_at = excluded.updated_at
       where o.state in ('applied', 'rolledBack')`,
      [fleet, planId, host, ...columns],
    );
  }
}

/** Says of each rebuilt rollout how it came out, once every tenant has been read. Answers how many there are, and how many tenants they hold. */
export async function concludeRebuilt(pool: ControlPool, fleet: string): Promise<{ readonly rollouts: number; readonly tenants: number }> {
  await ask(
    pool,
    `update rollout r set state = case when applied = 0 then 'rolledBack' when applied = n then 'succeeded' else 'completedWithFailures' end
     from (select rollout_id, count(*) n, count(*) filter (where state = 'applied') applied from rollout_tenant group by 1) t
     where t.rollout_id = r.id and r.fleet = $1 and r.rebuilt_to is not null`,
    [fleet],
  );
  const [row] = await ask<{ rollouts: number; tenants: number }>(
    pool,
    `select count(distinct r.id)::int rollouts, count(t.tenant_id)::int tenants from rollout r left join rollout_tenant t on t.rollout_id = r.id
     where r.fleet = $1 and r.rebuilt_to is not null`,
    [fleet],
  );
  return { rollouts: row?.rollouts ?? 0, tenants: row?.tenants ?? 0 };
}
