/** Which tenants are not at a migration yet: the newest plan of the whole fleet, overlaid with what rollouts did since. */

import { ask, type ControlPool } from './control-pool.js';

export interface NotReady {
  /** Tenants that are known at all (of those asked for). */
  readonly known: number;
  readonly missing: number;
  readonly sample: readonly string[];
}

/**
 * A tenant's word is its row in the latest rollout that held it, unless the plan is younger than that row. Whom neither the plan nor a later
 * rollout names is no tenant any more, and neither are those that are deleted, templates or not provisioned yet.
 */
export async function notReady(
  pool: ControlPool,
  fleet: string,
  migration: string,
  tenant: string | undefined,
  sample: number,
): Promise<NotReady> {
  const [row] = await ask<{ known: number; missing: number; sample: string[] | null }>(
    pool,
    `with base as (select id, created_at from plan where fleet = $1 and whole and summary is not null order by id desc limit 1),
     planned as (
       select tenant_id, lifecycle, position, pending, created_at from plan_tenant join base on plan_id = base.id
       where $3::text is null or tenant_id = $3),
     rolled as (
       select distinct on (t.tenant_id) t.tenant_id, t.ready, t.state, t.updated_at
       from rollout_tenant t join rollout r on r.id = t.rollout_id
       where r.fleet = $1 and ($3::text is null or t.tenant_id = $3) order by t.tenant_id, r.id desc),
     word as (
       select tenant_id,
         case when r.updated_at > coalesce(p.created_at, '-infinity') then coalesce(r.ready >= $2, false)
           else coalesce(p.position >= $2 and not $2 = any (p.pending), false) end as ready
       from planned p full join rolled r using (tenant_id)
       where (p.tenant_id is not null or r.updated_at > coalesce((select created_at from base), '-infinity'))
         and coalesce(p.lifecycle, 'active') not in ('deleted', 'template', 'provisioning') and coalesce(r.state, '') <> 'gone')
     select count(*)::int known, (count(*) filter (where not ready))::int missing,
       (array_agg(tenant_id order by tenant_id) filter (where not ready))[1:$4::int] sample
     from word`,
    [fleet, migration, tenant ?? null, sample],
  );
  return { known: row?.known ?? 0, missing: row?.missing ?? 0, sample: row?.sample ?? [] };
}
