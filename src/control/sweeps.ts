/** Tenants that follow in a wave of their own, after the waves of the plan: who they are, and their rows. */

import { ask, type ControlPool } from './control-pool.js';

export interface SweptTenant {
  readonly id: string;
  readonly host: string;
  readonly cell: string;
  /** The wave of this rollout that held it before; null: none did. */
  readonly before: number | null;
}

/** Pending tenants whom a sweep leaves alone. */
export interface LeftAlone {
  /** They wait for a person. */
  readonly held: readonly { readonly id: string; readonly code: string }[];
  /** The strategy leaves them out. */
  readonly excluded: readonly string[];
}

/**
 * Puts into wave `wave` whom the new scan found pending and the rollout has not settled: those who came, moved, woke up, or are pinned no
 * more. A tenant that lacks older migrations than the plan has is left to the next rollout. Whom a person left out, whom the strategy leaves out
 * and whose failure waits for a person stay where they are. Whoever came and does not follow is on record too, and no wave holds him.
 */
export async function sweepIn(
  pool: ControlPool,
  request: LeftAlone & {
    readonly planId: string;
    readonly rolloutId: string;
    readonly scanId: string;
    readonly wave: number;
    readonly migrations: readonly string[];
  },
): Promise<void> {
  const { planId, rolloutId, scanId, wave, held, excluded, migrations } = request;
  const leaveOut = [...held.map(({ id }) => id), ...excluded];
  await ask(
    pool,
    `with swept as (
       select s.*, t.wave as before,
         (row_number() over (partition by s.host order by s.tenant_id) - 1)::int as place_in_wave
       from plan_tenant s
       left join rollout_tenant t on t.rollout_id = $2 and t.tenant_id = s.tenant_id
       left join plan_tenant p on p.plan_id = $1 and p.tenant_id = s.tenant_id
       where s.plan_id = $3 and s.state = 'pending' and s.tenant_id <> all ($5) and s.pending <@ $6::text[]
         and cardinality(s.pending) > 0 -- who was named and not read yet lacks nothing that is known
         and (t.tenant_id is null
           or t.state in ('gone', 'blocked')
           or (t.state = 'upToDate' and t.wave is null)
           or (t.state = 'skipped' and (t.code = 'FLT_TENANT_INACTIVE' or t.wave is null and p.reason like 'lifecycle:%')))),
     planned as (
       insert into plan_tenant (plan_id, tenant_id, host, cell, database, schema, role, labels, lifecycle, state, position, applied, pending, wave, ordinal)
       select $1, tenant_id, host, cell, database, schema, role, labels, lifecycle, 'pending', position, applied, pending, $4, place_in_wave from swept
       on conflict (plan_id, tenant_id) do update set host = excluded.host, cell = excluded.cell, database = excluded.database,
         schema = excluded.schema, role = excluded.role, labels = excluded.labels, lifecycle = excluded.lifecycle, state = 'pending', reason = null,
         position = excluded.position, applied = excluded.applied, pending = excluded.pending, wave = excluded.wave, ordinal = excluded.ordinal, place = null)
     insert into rollout_tenant (rollout_id, tenant_id, wave, host, state, before, ready)
     select $2, tenant_id, $4, host, 'pending', before, position from swept
     on conflict (rollout_id, tenant_id) do update set before = excluded.before, wave = excluded.wave, host = excluded.host, state = 'pending', code = null, message = null`,
    [planId, rolloutId, scanId, wave, leaveOut, migrations],
  );
  await ask(
    pool,
    `insert into rollout_tenant (rollout_id, tenant_id, host, state, code, message, ready)
     select $1, s.tenant_id, s.host,
       case when s.state <> 'pending' then s.state when h.code is null then 'skipped' else 'blocked' end,
       coalesce(h.code, case when s.reason like 'lifecycle:%' then 'FLT_TENANT_INACTIVE' when s.reason like 'FLT\\_%' then s.reason end),
       case when s.reason not like 'FLT\\_%' then s.reason when s.tenant_id = any ($5) then 'excluded by the strategy'
         when s.state = 'pending' and h.code is null then 'lacks older migrations than this rollout has' end,
       s.position
     from plan_tenant s left join unnest($3::text[], $4::text[]) h (id, code) on h.id = s.tenant_id
     where s.plan_id = $2 and (s.state <> 'pending' or cardinality(s.pending) > 0) on conflict do nothing`,
    [rolloutId, scanId, held.map(({ id }) => id), held.map(({ code }) => code), excluded],
  );
}

/** Who was put into the wave. */
export async function sweptInto(pool: ControlPool, planId: string, rolloutId: string, wave: number): Promise<readonly SweptTenant[]> {
  return ask<SweptTenant>(
    pool,
    `select p.tenant_id id, p.host, p.cell, t.before from plan_tenant p
     join rollout_tenant t on t.rollout_id = $2 and t.tenant_id = p.tenant_id where p.plan_id = $1 and p.wave = $3 order by 1`,
    [planId, rolloutId, wave],
  );
}

/** States of the tenants that no wave of the rollout holds. */
export async function countOutside(pool: ControlPool, rolloutId: string): Promise<Readonly<Record<string, number>>> {
  const rows = await ask<{ state: string; n: number }>(
    pool,
    `select state, count(*)::int n from rollout_tenant where rollout_id = $1 and wave is null group by 1`,
    [rolloutId],
  );
  return Object.fromEntries(rows.map((row) => [row.state, row.n]));
}
