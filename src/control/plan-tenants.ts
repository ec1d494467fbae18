/** The tenants of a plan: staged by discovery, completed by the scan, placed into waves when the plan is frozen. All in bulk. */

import type { Candidate, SizeMarks } from '../domain/canaries.js';
import type { Lifecycle, TenantRef, TenantState, Totals } from '../domain/tenant.js';
import type { Placed } from '../domain/wave-plan.js';
import { ask, type ControlPool } from './control-pool.js';

/** Replaces what this cell staged before, so that a repeat stages once. Answers ids that another cell staged already. */
export async function stageTenants(
  pool: ControlPool,
  planId: string,
  cell: string,
  tenants: readonly TenantRef[],
): Promise<readonly string[]> {
  await ask(pool, `delete from plan_tenant where plan_id = $1 and cell = $2`, [planId, cell]);
  const taken: string[] = [];
  for (let from = 0; from < tenants.length; from += 5_000) {
    const page = tenants.slice(from, from + 5_000);
    const column = <T>(pick: (tenant: TenantRef) => T) => page.map(pick);
    const inserted = await ask<{ tenant_id: string }>(
      pool,
      `insert into plan_tenant (plan_id, cell, tenant_id, host, database, schema, role, labels, lifecycle)
       select $1, $2, t.id, t.host, t.database, t.schema, t.role, t.labels, t.lifecycle
       from unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::jsonb[], $9::text[]) as t (id, host, database, schema, role, labels, lifecycle)
       on conflict do nothing returning tenant_id`,
      [
        planId,
        cell,
        column((t) => t.id),
        column((t) => t.host),
        column((t) => t.database ?? null),
        column((t) => t.schema ?? null),
        column((t) => t.role ?? null),
        column((t) => JSON.stringify(t.labels ?? {})),
        column((t) => t.lifecycle ?? 'active'),
      ],
    );
    if (inserted.length < page.length) {
      const fresh = new Set(inserted.map((row) => row.tenant_id));
      taken.push(...page.filter((t) => !fresh.has(t.id)).map((t) => t.id));
    }
  }
  return taken;
}

interface TenantRow {
  readonly tenant_id: string;
  readonly host: string;
  readonly database: string | null;
  readonly schema: string | null;
  readonly role: string | null;
  readonly labels: Record<string, string>;
  readonly lifecycle: Lifecycle;
  readonly place: TenantPlace | null;
}

/** Where a tenant lives. */
export type TenantPlace = Pick<TenantRef, 'host' | 'database' | 'schema' | 'role'>;

const toRef = (row: TenantRow): TenantRef => ({
  id: row.tenant_id,
  ...(row.place ?? {
    host: row.host,
    ...(row.database === null ? {} : { database: row.database }),
    ...(row.schema === null ? {} : { schema: row.schema }),
    ...(row.role === null ? {} : { role: row.role }),
  }),
  labels: row.labels,
  lifecycle: row.lifecycle,
});

const REF_COLUMNS = 'tenant_id, host, database, schema, role, labels, lifecycle, place';

/** Staged tenants of one cell, by id. */
export async function stagedTenants(pool: ControlPool, planId: string, cell: string): Promise<readonly TenantRef[]> {
  const rows = await ask<TenantRow>(pool, `select ${REF_COLUMNS} from plan_tenant where plan_id = $1 and cell = $2 order by tenant_id`, [
    planId,
    cell,
  ]);
  return rows.map(toRef);
}

/** The named tenants of a plan, in the order of the names; unknown ones are left out. */
export async function tenantsById(pool: ControlPool, planId: string, ids: readonly string[]): Promise<readonly TenantRef[]> {
  const rows = await ask<TenantRow>(pool, `select ${REF_COLUMNS} from plan_tenant where plan_id = $1 and tenant_id = any($2)`, [
    planId,
    ids,
  ]);
  const byId = new Map(rows.map((row) => [row.tenant_id, toRef(row)]));
  return ids.flatMap((id) => byId.get(id) ?? []);
}

/** The tenant lives elsewhere than the plan says; the waves keep the place that they were made with. */
export async function setPlace(
  pool: ControlPool,
  planId: string,
  id: string,
  { host, database, schema, role }: TenantPlace,
): Promise<void> {
  await ask(pool, `update plan_tenant set place = $3 where plan_id = $1 and tenant_id = $2`, [
    planId,
    id,
    JSON.stringify({ host, database, schema, role }),
  ]);
}

export interface ScannedTenant {
  readonly id: string;
  readonly state: 'pending' | 'upToDate' | 'blocked' | 'skipped' | 'failed';
  readonly reason?: string;
  /** Newest applied migration. */
  readonly position?: string;
  readonly applied: number;
  readonly pending: readonly string[];
}

/** Stores what the scan found. Most tenants share a list of pending migrations, so each different list is sent once. */
export async function storeScan(pool: ControlPool, planId: string, scanned: readonly ScannedTenant[]): Promise<void> {
  const groups = new Map<string, ScannedTenant[]>();
  for (const tenant of scanned) {
    const key = JSON.stringify([tenant.state, tenant.reason, tenant.position, tenant.applied, tenant.pending]);
    groups.get(key)?.push(tenant) ?? groups.set(key, [tenant]);
  }
  for (const group of groups.values()) {
    const [first] = group;
    await ask(
      pool,
      `update plan_tenant set state = $3, reason = $4, position = $5, applied = $6, pending = $7 where plan_id = $1 and tenant_id = any($2)`,
      [planId, group.map((t) => t.id), first!.state, first!.reason ?? null, first!.position ?? null, first!.applied, first!.pending],
    );
  }
}

/** What canaries are told apart by. */
export async function storeSizes(
  pool: ControlPool,
  planId: string,
  measured: readonly { readonly id: string; readonly bytes: number }[],
  pgVersion: string,
): Promise<void> {
  await ask(
    pool,
    `update plan_tenant t set size_bytes = m.bytes, pg_version = $4 from unnest($2::text[], $3::float8[]) m (id, bytes)
     where t.plan_id = $1 and t.tenant_id = m.id`,
    [planId, measured.map((it) => it.id), measured.map((it) => it.bytes), pgVersion],
  );
}

/** Where the sizes of the pending tenants lie; undefined: none has one. */
export async function sizeMarks(pool: ControlPool, planId: string): Promise<SizeMarks | undefined> {
  const [row] = await ask<{ marks: number[] | null }>(
    pool,
    `select percentile_disc(array[0.4, 0.6, 0.9]) within group (order by size_bytes) as marks from plan_tenant where plan_id = $1 and state = 'pending'`,
    [planId],
  );
  const [p40, p60, p90] = row?.marks ?? [];
  return p40 === undefined || p60 === undefined || p90 === undefined ? undefined : { p40, p60, p90 };
}

const PENDING_PAGE = 2_000;

/** The pending tenants by id, page by page: the material of the waves. */
export async function* pendingPages(pool: ControlPool, planId: string): AsyncGenerator<readonly Candidate[]> {
  for (let after = '', full = true; full; ) {
    const rows = await ask<{
      id: string;
      host: string;
      cell: string;
      labels: Record<string, string>;
      position: string | null;
      size: number | null;
      pgVersion: string | null;
    }>(
      pool,
      `select tenant_id id, host, cell, labels, position, size_bytes size, pg_version "pgVersion" from plan_tenant
       where plan_id = $1 and state = 'pending' and tenant_id > $2 order by tenant_id limit $3`,
      [planId, after, PENDING_PAGE],
    );
    full = rows.length === PENDING_PAGE;
    after = rows.at(-1)?.id ?? after;
    if (rows.length > 0)
      yield rows.map(({ position, size, pgVersion, ...row }) => ({
        ...row,
        ...(position === null ? {} : { position }),
        ...(size === null ? {} : { size }),
        ...(pgVersion === null ? {} : { pgVersion }),
      }));
  }
}

export async function countStates(pool: ControlPool, planId: string): Promise<Partial<Totals>> {
  const rows = await ask<{ state: string; n: number }>(
    pool,
    `select state, count(*)::int n from plan_tenant where plan_id = $1 group by 1`,
    [planId],
  );
  return Object.fromEntries(rows.map((row) => [row.state, row.n]));
}

/** Hosts that hold a tenant of the plan, pending or not. */
export async function countHosts(pool: ControlPool, planId: string): Promise<number> {
  const rows = await ask<{ n: number }>(pool, 'select count(distinct host)::int n from plan_tenant where plan_id = $1', [planId]);
  return rows[0]?.n ?? 0;
}

/** Per migration: tenants that have it, and tenants that wait for it. */
export async function countPositions(
  pool: ControlPool,
  planId: string,
  migrations: readonly string[],
): Promise<Readonly<Record<string, { readonly applied: number; readonly pending: number }>>> {
  // Most tenants share a list of pending migrations: count the lists first
  const groups = await ask<{ pending: string[]; state: string; n: number }>(
    pool,
    `select pending, state, count(*)::int n from plan_tenant where plan_id = $1 and state in ('pending', 'upToDate') group by 1, 2`,
    [planId],
  );
  const counts: Record<string, { applied: number; pending: number }> = {};
  for (const migration of migrations) {
    const of = { applied: 0, pending: 0 };
    for (const group of groups) of[group.state === 'pending' && group.pending.includes(migration) ? 'pending' : 'applied'] += group.n;
    counts[migration] = of;
  }
  return counts;
}

/** Those of the ids that are staged. */
export async function stagedIds(pool: ControlPool, planId: string, ids: readonly string[]): Promise<readonly string[]> {
  const rows = await ask<{ tenant_id: string }>(pool, `select tenant_id from plan_tenant where plan_id = $1 and tenant_id = any ($2)`, [
    planId,
    ids,
  ]);
  return rows.map((row) => row.tenant_id);
}

/** Puts a page of tenants into their groups, which `numberWaves` turns into waves. */
export async function placeTenants(pool: ControlPool, planId: string, placed: readonly Placed[]): Promise<void> {
  await ask(
    pool,
    `update plan_tenant t set wave = p.wave, ordinal = p.ordinal
     from unnest($2::text[], $3::int[], $4::int[]) p (id, wave, ordinal) where t.plan_id = $1 and t.tenant_id = p.id`,
    [planId, placed.map((p) => p.id), placed.map((p) => p.group), placed.map((p) => p.ordinal)],
  );
}

/** Groups without tenants are no waves: those after them move up. */
export async function numberWaves(pool: ControlPool, planId: string, waveOf: readonly (number | undefined)[]): Promise<void> {
  const moved = waveOf.flatMap((wave, group) => (wave === undefined || wave === group ? [] : [{ group, wave }]));
  if (moved.length)
    await ask(
      pool,
      `update plan_tenant t set wave = m.wave from unnest($2::int[], $3::int[]) m (was, wave) where t.plan_id = $1 and t.wave = m.was`,
      [planId, moved.map((it) => it.group), moved.map((it) => it.wave)],
    );
}

/** Marks tenants of a plan that no wave will hold: excluded, held back. */
export async function setStates(pool: ControlPool, planId: string, ids: readonly string[], state: string, reason: string): Promise<void> {
  if (ids.length)
    await ask(pool, `update plan_tenant set state = $3, reason = $4 where plan_id = $1 and tenant_id = any($2)`, [
      planId,
      ids,
      state,
      reason,
    ]);
}

/** Tenants of one wave and host whose ordinals lie in a range; some of a wave may have gone to another since. */
export async function wavePage(
  pool: ControlPool,
  planId: string,
  wave: number,
  host: string,
  from: number,
  limit: number,
): Promise<readonly { readonly id: string; readonly labels: Readonly<Record<string, string>> }[]> {
  return ask(
    pool,
    `select tenant_id id, labels from plan_tenant where plan_id = $1 and wave = $2 and host = $3 and ordinal >= $4 and ordinal < $5 order by ordinal`,
    [planId, wave, host, from, from + limit],
  );
}

/** Takes later migrations out of a plan: whoever lacks nothing else has nothing to do. */
export async function stopAt(pool: ControlPool, planId: string, migration: string): Promise<void> {
  await ask(
    pool,
    `update plan_tenant t set pending = n.pending, state = case when state = 'pending' and n.pending = '{}' then 'upToDate' else state end
     from (select tenant_id, array(select m from unnest(pending) with ordinality p (m, nth) where m collate "C" <= $2 order by nth) as pending
       from plan_tenant where plan_id = $1) n
     where t.plan_id = $1 and n.tenant_id = t.tenant_id`,
    [planId, migration],
  );
}

export interface TenantPosition {
  readonly id: string;
  readonly host: string;
  readonly database: string | null;
  readonly schema: string | null;
  readonly state: TenantState;
  readonly reason: string | null;
  readonly position: string | null;
  readonly applied: number;
  readonly pending: number;
}

/** One page for `tenants`, by id. */
export async function positionsPage(
  pool: ControlPool,
  planId: string,
  states: readonly TenantState[] | undefined,
  after: string,
  limit: number,
): Promise<readonly TenantPosition[]> {
  return ask<TenantPosition>(
    pool,
    `select tenant_id id, host, database, schema, state, reason, position, applied, cardinality(pending) pending
     from plan_tenant where plan_id = $1 and tenant_id > $2 and ($3::text[] is null or state = any ($3)) order by tenant_id limit $4`,
    [planId, after, states?.length ? states : null, limit],
  );
}

/** Where the scan has found one tenant of a plan. */
export async function stagedTenant(
  pool: ControlPool,
  planId: string,
  id: string,
): Promise<{ readonly host: string; readonly cell: string; readonly state: string } | undefined> {
  return (
    await ask<{ host: string; cell: string; state: string }>(
      pool,
      `select host, cell, state from plan_tenant where plan_id = $1 and tenant_id = $2`,
      [planId, id],
    )
  )[0];
}
