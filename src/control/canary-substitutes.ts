/** Who may be a canary in the place of one that proved nothing. */

import { ask, type ControlPool } from './control-pool.js';

export interface Substitute {
  readonly id: string;
  readonly host: string;
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
  const [row] = await ask<Substitute & { wave: number }>(
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
