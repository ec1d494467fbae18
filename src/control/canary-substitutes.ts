/** Who may be a canary in the place of one that proved nothing, and the step from a later wave into theirs. */

import { ask, type ControlPool } from './control-pool.js';

export interface Substitute {
  readonly id: string;
  readonly host: string;
  /** The wave that it leaves. */
  readonly wave: number;
}

/** A tenant of a later wave that nobody has touched, on the same host, as like the canary as can be: history first, then labels. */
export async function substituteFor(
  pool: ControlPool,
  planId: string,
  rolloutId: string,
  canary: string,
  taken: readonly string[],
): Promise<Substitute | undefined> {
  const [row] = await ask<Substitute>(
    pool,
    `select t.tenant_id id, t.host, t.wave from plan_tenant c
     join rollout_tenant ct on ct.rollout_id = $2 and ct.tenant_id = c.tenant_id
     join rollout_tenant t on t.rollout_id = $2 and t.state = 'pending' and t.host = c.host and t.wave > ct.wave and t.tenant_id <> all ($4)
     join plan_tenant p on p.plan_id = $1 and p.tenant_id = t.tenant_id
     where c.plan_id = $1 and c.tenant_id = $3
     order by p.position is not distinct from c.position desc, p.labels = c.labels desc,
       p.labels ->> 'plan' is not distinct from c.labels ->> 'plan' desc, t.wave, t.tenant_id limit 1`,
    [planId, rolloutId, canary, taken],
  );
  return row;
}

/** They are canaries from now on, behind those that the wave has on their hosts. */
export async function takeIntoWave(
  pool: ControlPool,
  planId: string,
  rolloutId: string,
  wave: number,
  substitutes: readonly Substitute[],
): Promise<void> {
  await ask(
    pool,
    `with s as (
       select id, host, (row_number() over (partition by host order by nth))::int as nth
       from unnest($4::text[], $5::text[]) with ordinality u (id, host, nth)),
     planned as (
       update plan_tenant p set wave = $3,
         ordinal = s.nth + (select coalesce(max(q.ordinal), -1) from plan_tenant q where q.plan_id = $1 and q.wave = $3 and q.host = s.host)
       from s where p.plan_id = $1 and p.tenant_id = s.id)
     update rollout_tenant t set before = t.wave, wave = $3 from s where t.rollout_id = $2 and t.tenant_id = s.id`,
    [planId, rolloutId, wave, substitutes.map(({ id }) => id), substitutes.map(({ host }) => host)],
  );
}

/** Those who came into the wave of the canaries and have not had their turn. */
export async function substitutesWaiting(pool: ControlPool, rolloutId: string, wave: number): Promise<readonly Substitute[]> {
  return ask<Substitute>(
    pool,
    `select tenant_id id, host, before wave from rollout_tenant
     where rollout_id = $1 and wave = $2 and before is not null and state = 'pending' order by 1`,
    [rolloutId, wave],
  );
}
