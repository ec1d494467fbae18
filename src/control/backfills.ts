/** Progress of backfills, as their workers last told it. */

import type { FleetBackfill, TenantBackfill } from '../domain/backfill/fleet-progress.js';
import type { BackfillProgress } from '../domain/backfill/progress.js';
import { ask, type ControlPool } from './control-pool.js';

export interface BackfillRow extends BackfillProgress {
  readonly rolloutId: string;
  readonly wave: number;
  readonly migration: string;
  readonly tenant: string;
  readonly host: string;
  readonly done: boolean;
}

/** Later word replaces earlier word. */
export async function recordBackfill(pool: ControlPool, it: BackfillRow): Promise<void> {
  await ask(
    pool,
    `insert into backfill (rollout_id, wave, migration, tenant_id, host, pass, visited, written, total, exact, rows_per_second, waiting, done)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
     on conflict (rollout_id, migration, tenant_id) do update set wave = excluded.wave, host = excluded.host, pass = excluded.pass, visited = excluded.visited,
       written = excluded.written, total = excluded.total, exact = excluded.exact, rows_per_second = excluded.rows_per_second, waiting = excluded.waiting,
       done = excluded.done, updated_at = now()`,
    [
      it.rolloutId,
      it.wave,
      it.migration,
      it.tenant,
      it.host,
      it.pass,
      it.visited,
      it.written,
      it.total ?? null,
      it.exact,
      it.rowsPerSecond,
      it.waiting ?? null,
      it.done,
    ],
  );
}

/** Whoever has said nothing for so long is not at work now. */
const AT_WORK_S = 30;

/** Each backfill of the rollout (or of one wave), with the tenants that have the most left. */
export async function backfillsOf(
  pool: ControlPool,
  rolloutId: string,
  wave: number | undefined,
  most: number,
): Promise<readonly FleetBackfill[]> {
  return ask<FleetBackfill>(
    pool,
    `select migration, count(*)::int as tenants, (count(*) filter (where done))::int as done, sum(case when pass > 1 then coalesce(total, visited) else visited end)::float8 as visited,
       sum(written)::float8 as written, coalesce(sum(total), 0)::float8 as total, bool_and(exact) as exact,
       coalesce(sum(rows_per_second) filter (where not done and updated_at > now() - interval '${AT_WORK_S} s'), 0)::float8 as "rowsPerSecond",
       coalesce((select json_agg(r) from (select tenant_id as tenant, host, pass, visited, written, total, exact, rows_per_second as "rowsPerSecond", waiting
         from backfill o where o.rollout_id = b.rollout_id and o.migration = b.migration and not done and ($2::int is null or wave = $2)
         order by coalesce(total, 0) - visited desc, tenant_id limit $3) r), '[]') as running
     from backfill b where rollout_id = $1 and ($2::int is null or wave = $2) group by rollout_id, migration order by migration`,
    [rolloutId, wave ?? null, most],
  );
}

/**
 * The backfill of this rollout that one tenant has begun and not come to the end of; undefined: there is none. Where nobody is at work its speed is 0,
 * and it waits for nothing.
 */
export async function backfillOfTenant(
  pool: ControlPool,
  rolloutId: string,
  tenant: string,
): Promise<{ readonly backfill: TenantBackfill; readonly atWork: boolean } | undefined> {
  const [found] = await ask<TenantBackfill & { atWork: boolean }>(
    pool,
    `select migration, tenant_id as tenant, host, pass, visited::float8, written::float8, total::float8, exact,
       case when at_work then rows_per_second else 0 end as "rowsPerSecond", case when at_work then waiting end as waiting, at_work as "atWork"
     from backfill, lateral (select updated_at > now() - interval '${AT_WORK_S} s' as at_work) now
     where rollout_id = $1 and tenant_id = $2 and not done order by updated_at desc limit 1`,
    [rolloutId, tenant],
  );
  if (!found) return undefined;
  const { atWork, ...backfill } = found;
  return { backfill, atWork };
}
