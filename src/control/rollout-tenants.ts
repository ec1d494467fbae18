/** What happened to each tenant of a rollout: written by the lists as they go, one statement per list. */

import type { TenantState } from '../domain/tenant.js';
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
       state = excluded.state, code = excluded.code, message = excluded.message, partial = excluded.partial,
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
    `update rollout_tenant set state = $3, code = coalesce($4, code), message = coalesce($5, message), updated_at = now()
     where rollout_id = $1 and tenant_id = any($2)`,
    [rolloutId, ids, state, code ?? null, reason ?? null],
  );
}

export interface RolloutTenant {
  readonly id: string;
  readonly wave: number;
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

export interface TenantFilter {
  readonly states?: readonly string[];
  readonly tenants?: readonly string[];
  readonly error?: string;
  readonly host?: string;
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
       and ($5::text is null or code = $5) and ($6::text is null or host = $6)
     order by tenant_id limit $7`,
    [rolloutId, after, filter.states ?? null, filter.tenants ?? null, filter.error ?? null, filter.host ?? null, limit],
  );
}

/** What the latest rollout that touched this tenant says of it. */
export async function latestOfTenant(
  pool: ControlPool,
  fleet: string,
  tenant: string,
): Promise<(RolloutTenant & { rolloutId: string; planId: string }) | undefined> {
  const rows = await ask<RolloutTenant & { rolloutId: string; planId: string }>(
    pool,
    `select t.tenant_id id, t.wave, t.host, t.state, t.code, t.message, t.partial, t.attempts, t.duration_ms "durationMs", t.updated_at "updatedAt",
       r.id "rolloutId", r.plan_id "planId"
     from rollout_tenant t join rollout r on r.id = t.rollout_id where r.fleet = $1 and t.tenant_id = $2 order by r.id desc limit 1`,
    [fleet, tenant],
  );
  return rows[0];
}

/** Tenants whose latest outcome still needs a person: a new plan holds the unclear ones back. */
export async function unresolvedTenants(
  pool: ControlPool,
  fleet: string,
): Promise<readonly { id: string; state: TenantState; partial: boolean; code: string | null }[]> {
  return ask(
    pool,
    `select distinct on (t.tenant_id) t.tenant_id id, t.state, t.partial, t.code from rollout_tenant t join rollout r on r.id = t.rollout_id
     where r.fleet = $1 and r.id in (select id from rollout where fleet = $1 order by id desc limit 50)
       and t.tenant_id in (select tenant_id from rollout_tenant where state in ('parked', 'unknown', 'rollbackFailed', 'failed'))
     order by t.tenant_id, r.id desc`,
    [fleet],
  );
}

/** Everything still on the way when the rollout ended becomes cancelled. */
export async function cancelLeftovers(pool: ControlPool, rolloutId: string): Promise<void> {
  await ask(
    pool,
    `update rollout_tenant set state = 'cancelled', updated_at = now() where rollout_id = $1 and state in ('pending', 'running', 'deferred', 'blocked')`,
    [rolloutId],
  );
}
