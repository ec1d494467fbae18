/** Where the whole fleet stands with migrations, and which rollouts have applied them: what a contract is judged by. */

import type { FleetStanding } from '../domain/phases.js';
import { ask, type ControlPool } from './control-pool.js';

const SAMPLE = 5;

/** Whose word counts for whom. */
export interface Knowing {
  readonly fleet: string;
  /** A plan that is being made: what its scan found is the newest word on its tenants. */
  readonly planId?: string;
  /** That plan is one of the whole fleet: there are no other tenants. */
  readonly whole?: boolean;
}

/** The newest plan of the whole fleet; undefined: nobody has looked at it yet. */
export async function newestWhole(pool: ControlPool, fleet: string): Promise<string | undefined> {
  const [row] = await ask<{ id: string }>(
    pool,
    'select id from plan where fleet = $1 and whole and summary is not null order by id desc limit 1',
    [fleet],
  );
  return row?.id;
}

interface Row {
  readonly migration: string;
  readonly has: number;
  readonly lacks: number;
  readonly left: number;
  readonly inUse: number;
  readonly sample: string[] | null;
  readonly rolledOut: boolean;
  readonly succeeded: boolean;
  readonly open: string | null;
  readonly endedAt: Date | null;
}

/**
 * Active tenants count. A tenant's word is what the plan in hand found; of the others, what the newest plan of the whole fleet found or a rollout did
 * since. A rollout counts for a migration when some tenant of its plan lacked it; for the end of the last one only when it lacked in tenants that
 * were there at the first rollout over the whole fleet, so that those who are born later do not start the bake time anew. Of rollouts that were
 * rebuilt from ledgers the first that reached the migration counts, for that end alone.
 */
export async function standings(
  pool: ControlPool,
  { fleet, planId, whole = false }: Knowing,
  migrations: readonly string[],
): Promise<ReadonlyMap<string, FleetStanding>> {
  const rows = await ask<Row>(
    pool,
    `with asked as (select m collate "C" as m from unnest($2::text[]) m),
     carried as (
       select m, r.id, r.state, r.finished_at, p.whole, p.id as plan_id from asked join rollout r on r.fleet = $1 and r.tenant is null and r.rebuilt_to is null
       join plan p on p.id = r.plan_id
       where p.summary -> 'rollbackOf' is null and p.summary -> 'operation' is null and p.summary -> 'migrations' @> jsonb_build_array(jsonb_build_object('name', m))),
     first as (
       select distinct on (m) m, plan_id, finished_at from carried
       where whole and finished_at is not null and state <> 'rolledBack' order by m, finished_at),
     ended as (
       select c.m, max(c.finished_at) as at from carried c left join first f on f.m = c.m
       where c.finished_at is not null and c.state <> 'rolledBack' and (f.m is null or c.finished_at <= f.finished_at or exists (
         select from plan_tenant k join plan_tenant e on e.plan_id = f.plan_id and e.tenant_id = k.tenant_id
         where k.plan_id = c.plan_id and c.m = any (k.pending)))
       group by 1),
     rebuilt as (
       select m, min(finished_at) as at from asked join rollout r on r.fleet = $1 and r.tenant is null and r.rebuilt_to collate "C" >= m group by 1),
     latest as (select id from rollout where fleet = $1 and tenant is null order by id desc limit 1),
     here as (select tenant_id, lifecycle, state, position, pending from plan_tenant where plan_id = $3),
     base as (select id, created_at from plan where fleet = $1 and whole and summary is not null and not $4 order by id desc limit 1),
     planned as (select tenant_id, lifecycle, state, position, pending, created_at from plan_tenant join base on plan_id = base.id),
     rolled as (
       select distinct on (t.tenant_id) t.tenant_id, t.ready, t.state, t.updated_at
       from rollout_tenant t join rollout r on r.id = t.rollout_id where r.fleet = $1 and not $4 order by t.tenant_id, r.id desc),
     elsewhere as (
       select tenant_id, p.state, p.position, p.pending, r.ready, coalesce(r.updated_at > coalesce(p.created_at, '-infinity'), false) as later
       from planned p full join rolled r using (tenant_id)
       where (p.tenant_id is not null or r.updated_at > coalesce((select created_at from base), '-infinity'))
         and coalesce(p.lifecycle, 'active') = 'active' and coalesce(r.state, '') <> 'gone' and tenant_id not in (select tenant_id from here)),
     word as (
       select m, tenant_id, coalesce(position collate "C" >= m and not m = any (pending), false) as has, state = 'pending' and position is null as empty
       from asked, here where lifecycle = 'active'
       union all
       select m, tenant_id,
         case when later then coalesce(ready collate "C" >= m, false) else coalesce(position collate "C" >= m and not m = any (pending), false) end,
         not later and state = 'pending' and position is null
       from asked, elsewhere),
     counted as (
       select w.m, count(*) filter (where has)::int as has, count(*) filter (where not has)::int as lacks, count(*) filter (where not has and not empty)::int as in_use,
         count(*) filter (where not has and was_there)::int as "left",
         (array_agg(w.tenant_id order by was_there desc, w.tenant_id) filter (where not has))[1:$5::int] as sample
       from word w, lateral (select exists (
         select from first f join plan_tenant e on e.plan_id = f.plan_id and e.tenant_id = w.tenant_id where f.m = w.m and not w.has) as was_there) e
       group by 1)
     select m as migration, coalesce(has, 0) as has, coalesce(lacks, 0) as lacks, coalesce("left", 0) as "left", coalesce(in_use, 0) as "inUse", sample,
       exists (select from first where first.m = asked.m) as "rolledOut",
       exists (select from carried c where c.m = asked.m and c.whole and c.state = 'succeeded' and not exists (
         select from plan p join rollout r on r.plan_id = p.id where p.fleet = $1 and p.summary -> 'rollbackOf' ->> 'rolloutId' = c.id)) as succeeded,
       (select c.id from carried c join latest using (id) where c.m = asked.m and c.finished_at is null) as open,
       coalesce((select at from ended where ended.m = asked.m), (select at from rebuilt where rebuilt.m = asked.m)) as "endedAt"
     from asked left join counted using (m) order by m`,
    [fleet, migrations, planId ?? null, whole, SAMPLE],
  );
  return new Map(rows.map((row) => [row.migration, toStanding(row)]));
}

const toStanding = ({ open, endedAt, sample, ...row }: Row): FleetStanding => ({
  ...row,
  sample: sample ?? [],
  ...(open === null ? {} : { open }),
  ...(endedAt === null ? {} : { endedAtMs: endedAt.getTime() }),
});
