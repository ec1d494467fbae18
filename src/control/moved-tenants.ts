/** Tenants that a rollout moved, as far as its record knows: for taking them back, and for saying beforehand what that would do. */

import type { TenantRef } from '../domain/tenant.js';
import { ask, type ControlPool } from './control-pool.js';

export interface MovedFilter {
  readonly tenants?: readonly string[];
  readonly wave?: number;
}

/**
 * Whoever was dispatched and is not known to be as it was found. Of a rollout that was terminated also those whose lists never said what
 * became of them: their ledgers know. $1 rollout, $2 tenants, $3 wave, $4 terminated.
 */
const MOVED = `
  select t.tenant_id, coalesce(t.wave, 0) as wave, p.ordinal, coalesce(p.place ->> 'host', p.host) as host,
    case when p.place is null then p.database else p.place ->> 'database' end as database,
    case when p.place is null then p.schema else p.place ->> 'schema' end as schema,
    case when p.place is null then p.role else p.place ->> 'role' end as role,
    p.labels, p.lifecycle, p.position, p.applied, p.pending
  from rollout_tenant t join rollout r on r.id = t.rollout_id
  join plan_tenant p on p.plan_id = r.plan_id and p.tenant_id = t.tenant_id
  where t.rollout_id = $1
    and ($2::text[] is null or t.tenant_id = any ($2)) and ($3::int is null or t.wave = $3)
    and (t.state = 'applied' or (t.attempts > 0 and t.state <> all ('{upToDate,rolledBack,gone}'))
      or ($4 and t.wave is not null and t.state in ('pending', 'running', 'deferred')))`;

const values = (rolloutId: string, { tenants, wave }: MovedFilter, terminated: boolean) => [
  rolloutId,
  tenants?.length ? tenants : null,
  wave ?? null,
  terminated,
];

/** How many, by wave and by the host where they live now. @param terminated the rollout is over and has not said how it ended */
export async function countMoved(
  pool: ControlPool,
  rolloutId: string,
  filter: MovedFilter,
  terminated: boolean,
): Promise<readonly { readonly wave: number; readonly host: string; readonly tenants: number }[]> {
  return ask(
    pool,
    `select wave, host, count(*)::int tenants from (${MOVED}) moved group by 1, 2 order by 1, 2`,
    values(rolloutId, filter, terminated),
  );
}

/** Those on one host, the last waves first; at most `limit`. */
export async function movedOn(
  pool: ControlPool,
  rolloutId: string,
  filter: MovedFilter,
  host: string,
  limit: number,
): Promise<readonly TenantRef[]> {
  const rows = await ask<{ tenant_id: string; host: string; database: string | null; schema: string | null; role: string | null }>(
    pool,
    `select tenant_id, host, database, schema, role from (${MOVED}) moved where host = $5 order by wave desc, tenant_id limit $6`,
    [...values(rolloutId, filter, false), host, limit],
  );
  return rows.map(({ tenant_id, host: on, database, schema, role }) => ({
    id: tenant_id,
    host: on,
    ...(database === null ? {} : { database }),
    ...(schema === null ? {} : { schema }),
    ...(role === null ? {} : { role }),
  }));
}

/**
 * Puts them into a plan of their own, in their waves, with what the old plan's canaries have taught. Safe to repeat.
 * @param waveOf the new index of each old wave @param cellOf the cell of each host
 */
export async function planMoved(
  pool: ControlPool,
  planId: string,
  old: { readonly rolloutId: string; readonly planId: string },
  filter: MovedFilter,
  terminated: boolean,
  waveOf: ReadonlyMap<number, number>,
  cellOf: ReadonlyMap<string, string>,
): Promise<void> {
  await ask(
    pool,
    `insert into plan_tenant (plan_id, tenant_id, host, cell, database, schema, role, labels, lifecycle, state, position, applied, pending, wave, ordinal)
     select $5, m.tenant_id, m.host, c.cell, m.database, m.schema, m.role, m.labels, m.lifecycle, 'pending', m.position, m.applied, m.pending, w.wave,
       (row_number() over (partition by w.wave, m.host order by m.ordinal, m.tenant_id) - 1)::int
     from (${MOVED}) m join unnest($6::int[], $7::int[]) w (was, wave) on w.was = m.wave join unnest($8::text[], $9::text[]) c (host, cell) on c.host = m.host
     on conflict do nothing`,
    [
      ...values(old.rolloutId, filter, terminated),
      planId,
      [...waveOf.keys()],
      [...waveOf.values()],
      [...cellOf.keys()],
      [...cellOf.values()],
    ],
  );
  await ask(
    pool,
    `insert into delta (plan_id, migration, tenant_id, added, removed, at)
     select $1, migration, tenant_id, added, removed, at from delta where plan_id = $2 on conflict do nothing`,
    [planId, old.planId],
  );
}

/** A later rollout that moved some of them, and how many: what it applied lies above. One that only filled rows again has moved nobody. */
export async function movedSince(
  pool: ControlPool,
  rolloutId: string,
  filter: MovedFilter,
  terminated: boolean,
): Promise<{ readonly rolloutId: string; readonly tenants: number } | undefined> {
  const [row] = await ask<{ rolloutId: string; tenants: number }>(
    pool,
    `with latest as (
       select distinct on (n.tenant_id) n.tenant_id, n.rollout_id, n.state, n.partial, n.ready, q.position
       from (${MOVED}) m join rollout o on o.id = $1
       join rollout_tenant n on n.tenant_id = m.tenant_id and n.rollout_id > o.id and n.attempts > 0
       join rollout later on later.id = n.rollout_id and later.fleet = o.fleet
       join plan of on of.id = later.plan_id and of.summary ->> 'operation' is distinct from 'backfill'
       left join plan_tenant q on q.plan_id = later.plan_id and q.tenant_id = n.tenant_id
       order by n.tenant_id, n.rollout_id desc)
     select rollout_id "rolloutId", count(*)::int tenants from latest
     where state <> 'rolledBack' and (state in ('applied', 'unknown', 'rollbackFailed') or partial or ready is distinct from position)
     group by 1 order by 1 desc limit 1`,
    values(rolloutId, filter, terminated),
  );
  return row;
}

/** Those that the old rollout has left to a person, and that the one which takes it back has returned, or found as they were. */
export async function returnedParked(pool: ControlPool, oldRolloutId: string, rolloutId: string): Promise<readonly string[]> {
  const rows = await ask<{ id: string }>(
    pool,
    `select o.tenant_id id from rollout_tenant o join rollout_tenant n on n.rollout_id = $2 and n.tenant_id = o.tenant_id
     where o.rollout_id = $1 and o.state in ('parked', 'rollbackFailed', 'failed', 'unknown') and n.state in ('rolledBack', 'upToDate') order by 1`,
    [oldRolloutId, rolloutId],
  );
  return rows.map((row) => row.id);
}
