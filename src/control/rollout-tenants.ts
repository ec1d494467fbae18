/** What happened to each tenant of a rollout: written by the lists as they go, one statement per list. */

import type { TenantState, Totals } from '../domain/tenant.js';
import { ask, type ControlPool } from './control-pool.js';

export interface TenantOutcomeRow {
  readonly id: string;
  readonly state: TenantState;
  readonly code?: string;
  readonly message?: string;
  readonly partial?: boolean;
  readonly durationMs?: number;
  /** Newest migration the tenant has now; null withdraws readiness; undefined leaves it. */
  readonly ready?: string | null;
}

/** Records outcomes of one list. A repeat overwrites with the same; attempts count dispatches. */
export async function recordOutcomes(
  pool: ControlPool,
  rolloutId: string,
  wave: number,
  host: string,
  rows: readonly TenantOutcomeRow[],
): Promise<void> {
  if (rows.length === 0) return;
  const column = <T>(pick: (row: TenantOutcomeRow) => T) => rows.map(pick);
  await ask(
    pool,
    `insert into rollout_tenant as t (rollout_id, wave, host, tenant_id, state, code, message, partial, duration_ms, ready, attempts)
     select $1, $2, $3, r.id, r.state, r.code, r.message, r.partial, r.duration_ms, r.ready, 1
     from unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::boolean[], $9::int[], $10::text[])
       as r (id, state, code, message, partial, duration_ms, ready)
     on conflict (rollout_id, tenant_id) do update set
       wave = excluded.wave, host = excluded.host, state = excluded.state, code = excluded.code, message = excluded.message, partial = excluded.partial,
       duration_ms = coalesce(excluded.duration_ms, t.duration_ms), attempts = t.attempts + 1, updated_at = now(),
       ready = case when excluded.tenant_id = any ($11::text[]) then excluded.ready else t.ready end`,
    [
      rolloutId,
      wave,
      host,
      column((r) => r.id),
      column((r) => r.state),
      column((r) => r.code ?? null),
      column((r) => r.message ?? null),
      column((r) => r.partial ?? false),
      column((r) => r.durationMs ?? null),
      column((r) => r.ready ?? null),
      rows.filter((r) => r.ready !== undefined).map((r) => r.id),
    ],
  );
}

/** Marks tenants without touching them. */
export async function markTenants(
  pool: ControlPool,
  rolloutId: string,
  ids: readonly string[],
  state: string,
  code?: string,
  reason?: string,
): Promise<void> {
  if (ids.length === 0) return;
  await ask(
    pool,
    `update rollout_tenant set state = $3, updated_at = now(),
       code = case when $3 in ('applied', 'upToDate', 'rolledBack') then null else coalesce($4, code) end,
       message = case when $3 in ('applied', 'upToDate', 'rolledBack') then null else coalesce($5, message) end
     where rollout_id = $1 and tenant_id = any($2)`,
    [rolloutId, ids, state, code ?? null, reason ?? null],
  );
}

export interface RolloutTenant {
  readonly id: string;
  /** null: no wave holds it. */
  readonly wave: number | null;
  readonly host: string;
  readonly state: TenantState;
  readonly code: string | null;
  readonly message: string | null;
  readonly partial: boolean;
  readonly attempts: number;
  readonly durationMs: number | null;
  readonly updatedAt: Date;
}

const COLUMNS = `tenant_id id, wave, host, state, code, message, partial, attempts, duration_ms "durationMs", updated_at "updatedAt"`;

const PLACED_COLUMNS = `t.tenant_id id, t.wave, t.host, t.state, t.code, t.message, t.partial, t.attempts, t.duration_ms "durationMs",
  t.updated_at "updatedAt", p.database, p.schema`;

export interface TenantFilter {
  readonly states?: readonly string[];
  readonly tenants?: readonly string[];
  readonly error?: string;
  readonly host?: string;
  readonly wave?: number;
}

/** Tenants of a rollout that fit every part of the filter, by id. */
export async function findTenants(
  pool: ControlPool,
  rolloutId: string,
  filter: TenantFilter,
  after = '',
  limit = 100_000,
): Promise<readonly RolloutTenant[]> {
  return ask<RolloutTenant>(
    pool,
    `select ${COLUMNS} from rollout_tenant
     where rollout_id = $1 and tenant_id > $2
       and ($3::text[] is null or state = any($3)) and ($4::text[] is null or tenant_id = any($4))
       and ($5::text is null or code = $5) and ($6::text is null or host = $6) and ($7::int is null or wave = $7)
     order by tenant_id limit $8`,
    [
      rolloutId,
      after,
      filter.states ?? null,
      filter.tenants ?? null,
      filter.error ?? null,
      filter.host ?? null,
      filter.wave ?? null,
      limit,
    ],
  );
}

export interface PlacedTenant extends RolloutTenant {
  readonly database: string | null;
  readonly schema: string | null;
}

/** One page of a rollout's tenants with their places, by id. */
export async function rolloutTenantsPage(
  pool: ControlPool,
  fleet: string,
  rolloutId: string,
  states: readonly TenantState[] | undefined,
  after: string,
  limit: number,
): Promise<readonly PlacedTenant[]> {
  return ask<PlacedTenant>(
    pool,
    `select ${PLACED_COLUMNS} from rollout_tenant t join rollout r on r.id = t.rollout_id
     left join plan_tenant p on p.plan_id = r.plan_id and p.tenant_id = t.tenant_id
     where r.fleet = $1 and t.rollout_id = $2 and t.tenant_id > $3 and ($4::text[] is null or t.state = any($4)) order by t.tenant_id limit $5`,
    [fleet, rolloutId, after, states?.length ? states : null, limit],
  );
}

/** What the latest rollout that held this tenant says of it. */
export async function latestOfTenant(
  pool: ControlPool,
  fleet: string,
  tenant: string,
  rolloutId?: string,
): Promise<(PlacedTenant & { readonly rolloutId: string }) | undefined> {
  const rows = await ask<PlacedTenant & { rolloutId: string }>(
    pool,
    `select ${PLACED_COLUMNS}, r.id "rolloutId" from rollout_tenant t join rollout r on r.id = t.rollout_id
     left join plan_tenant p on p.plan_id = r.plan_id and p.tenant_id = t.tenant_id
     where r.fleet = $1 and t.tenant_id = $2 and ($3::text is null or r.id = $3) order by r.id desc limit 1`,
    [fleet, tenant, rolloutId ?? null],
  );
  return rows[0];
}

/** Tenants whose latest outcome waits for a person, over all rollouts of the fleet. */
export async function parkedTenants(
  pool: ControlPool,
  fleet: string,
  filter: Pick<TenantFilter, 'states' | 'tenants' | 'error' | 'host'>,
): Promise<readonly { readonly id: string; readonly rolloutId: string }[]> {
  return ask(
    pool,
    `select t.tenant_id id, max(t.rollout_id) "rolloutId" from rollout_tenant t join rollout r on r.id = t.rollout_id
     where r.fleet = $1 and t.state = any ($5)
       and ($2::text[] is null or t.tenant_id = any($2)) and ($3::text is null or t.code = $3) and ($4::text is null or t.host = $4)
     group by 1 order by 1`,
    [
      fleet,
      filter.tenants?.length ? filter.tenants : null,
      filter.error ?? null,
      filter.host ?? null,
      filter.states ?? ['parked', 'rollbackFailed'],
    ],
  );
}

/** Pending tenants of a plan whose last outcome is unclear: something of it may stay behind, so a person decides before anything else runs. */
export async function unclearTenants(
  pool: ControlPool,
  fleet: string,
  planId: string,
): Promise<readonly { readonly id: string; readonly state: TenantState; readonly rolloutId: string }[]> {
  return ask(
    pool,
    `select t.tenant_id id, t.state, t.rollout_id "rolloutId" from rollout_tenant t
     join rollout r on r.id = t.rollout_id and r.fleet = $1
     join plan_tenant p on p.plan_id = $2 and p.tenant_id = t.tenant_id and p.state = 'pending'
     where (t.state in ('unknown', 'rollbackFailed') or (t.partial and t.state in ('failed', 'parked')))
       and not exists (select from rollout_tenant l join rollout lr on lr.id = l.rollout_id and lr.fleet = $1
         where l.tenant_id = t.tenant_id and l.rollout_id > t.rollout_id and l.state in ('applied', 'upToDate', 'rolledBack'))`,
    [fleet, planId],
  );
}

/**
 * Gives every tenant of the plan its row, so that counts and lists hold all of them from the start. Safe to repeat.
 * @param rollbackOf until they are taken back, its tenants are as ready as that rollout has left them
 */
export async function openTenants(pool: ControlPool, rolloutId: string, planId: string, rollbackOf?: string): Promise<void> {
  await ask(
    pool,
    `insert into rollout_tenant (rollout_id, tenant_id, wave, host, state, code, message, ready)
     select $1, p.tenant_id, p.wave, p.host, p.state, case when p.reason like 'FLT\\_%' then p.reason end,
       case when p.reason not like 'FLT\\_%' then p.reason end, case when $3::text is null then p.position else o.ready end
     from plan_tenant p left join rollout_tenant o on o.rollout_id = $3 and o.tenant_id = p.tenant_id where p.plan_id = $2 on conflict do nothing`,
    [rolloutId, planId, rollbackOf ?? null],
  );
}

/** From now on these tenants are not ready: done before the first \`down\`. */
export async function withdrawReadiness(pool: ControlPool, rolloutId: string, ids: readonly string[]): Promise<void> {
  await ask(
    pool,
    `update rollout_tenant set ready = null, updated_at = now() where rollout_id = $1 and tenant_id = any ($2) and ready is not null`,
    [rolloutId, ids],
  );
}

/** These tenants are back where the plan found them. @param to no further than to this migration, which stays */
export async function restoreReadiness(
  pool: ControlPool,
  rolloutId: string,
  planId: string,
  ids: readonly string[],
  to: string | undefined,
): Promise<void> {
  if (ids.length === 0) return;
  await ask(
    pool,
    `update rollout_tenant t set ready = greatest(p.position collate "C", $4), updated_at = now() from plan_tenant p
     where t.rollout_id = $1 and t.tenant_id = any ($3) and p.plan_id = $2 and p.tenant_id = t.tenant_id`,
    [rolloutId, planId, ids, to ?? null],
  );
}

/** Marks tenants as parked; one whose rollback failed keeps saying so. */
export async function markParked(
  pool: ControlPool,
  rolloutId: string,
  tenants: readonly { readonly tenant: string; readonly code: string; readonly message: string; readonly partial: boolean }[],
): Promise<void> {
  await ask(
    pool,
    `update rollout_tenant t set state = case when state = 'rollbackFailed' then state else 'parked' end, updated_at = now(),
       code = p.code, message = p.message, partial = p.partial
     from unnest($2::text[], $3::text[], $4::text[], $5::boolean[]) as p (id, code, message, partial)
     where t.rollout_id = $1 and t.tenant_id = p.id`,
    [
      rolloutId,
      tenants.map((it) => it.tenant),
      tenants.map((it) => it.code),
      tenants.map((it) => it.message),
      tenants.map((it) => it.partial),
    ],
  );
}

export async function countStates(pool: ControlPool, rolloutId: string): Promise<Partial<Totals>> {
  const rows = await ask<{ state: TenantState; n: number }>(
    pool,
    `select state, count(*)::int n from rollout_tenant where rollout_id = $1 group by 1`,
    [rolloutId],
  );
  return Object.fromEntries(rows.map((row) => [row.state, row.n]));
}

/** Who was not started in a wave whose rest was left out. */
export async function skipLeftovers(pool: ControlPool, rolloutId: string, waves: readonly number[]): Promise<void> {
  if (waves.length)
    await ask(
      pool,
      `update rollout_tenant set state = 'skipped', message = 'its wave was left out', updated_at = now()
       where rollout_id = $1 and wave = any ($2) and state in ('pending', 'deferred')`,
      [rolloutId, waves],
    );
}

/** Whom the rollout had not settled when it ended becomes cancelled. Those held back (blocked) stay what they are. */
export async function cancelLeftovers(pool: ControlPool, rolloutId: string): Promise<void> {
  await ask(
    pool,
    `update rollout_tenant set state = 'cancelled', updated_at = now() where rollout_id = $1 and state in ('pending', 'running', 'deferred')`,
    [rolloutId],
  );
}
