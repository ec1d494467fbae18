/**
 * `flotilla_ledger`: one append-only table in each tenant's own schema. Its first row says which tenant this is, its greatest fence is the
 * current attempt's, and a row of kind `applied` or `reverted` commits together with the migration it tells of.
 */

import type { TenantRef } from '../domain/tenant.js';
import type { HistoryNames } from './contract.js';
import { ident, literal } from './quote.js';

export const LEDGER = 'flotilla_ledger';

/** Qualified names of the tables that belong to one tenant's bookkeeping. */
export interface Bookkeeping {
  readonly schema: string;
  readonly history: string;
  readonly lock: string;
  readonly ledger: string;
}

export const tenantSchema = (tenant: TenantRef): string => tenant.schema ?? 'public';

export function bookkeeping(tenant: TenantRef, names: HistoryNames): Bookkeeping {
  const schema = tenantSchema(tenant);
  const home = names.schemaName ?? schema;
  return {
    schema,
    history: `${ident(home)}.${ident(names.tableName)}`,
    lock: `${ident(home)}.${ident(`${names.tableName}_lock`)}`,
    ledger: `${ident(schema)}.${ident(LEDGER)}`,
  };
}

/** Creates what is missing, as Knex itself would create its two tables, and the identity row. Part of the first migration's transaction. */
export function createBookkeeping(tenant: TenantRef, fleet: string, names: HistoryNames): string {
  const { history, lock, ledger } = bookkeeping(tenant, names);
  return `create table if not exists ${history} (id serial primary key, name varchar(255), batch integer, migration_time timestamptz);
create table if not exists ${lock} (index serial primary key, is_locked integer);
insert into ${lock} (is_locked) select 0 where not exists (select from ${lock});
create table if not exists ${ledger} (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  kind text not null check (kind in ('identity', 'fence', 'intent', 'failed', 'applied', 'reverted')),
  tenant text not null,
  fleet text not null,
  migration text,
  direction text,
  checksum text,
  rollout text,
  fence bigint not null default 0,
  xid xid8,
  counter xid8,
  batch integer,
  actor text,
  statements integer,
  duration_ms integer
);
insert into ${ledger} (kind, tenant, fleet, xid) select 'identity', ${literal(tenant.id)}, ${literal(fleet)}, pg_current_xact_id() where not exists (select from ${ledger});
`;
}

export interface LedgerRow {
  readonly kind: 'applied' | 'reverted' | 'intent';
  readonly migration: string;
  readonly checksum: string;
  readonly rollout: string;
  readonly batch: number;
  readonly fence: number;
  /** Decimal text of the 64-bit transaction counter at the end of the migration. */
  readonly counter: string;
}

/** A tenant's bookkeeping as it stands under the lock. */
export interface TenantState {
  /** Another session holds the tenant's lock. */
  readonly busy?: boolean;
  /** Knex's own lock row is taken, by somebody else. */
  readonly knexLocked?: boolean;
  readonly missing?: boolean;
  readonly pid: number;
  readonly xid: string;
  readonly hasLedger: boolean;
  readonly hasHistory: boolean;
  readonly tenant: string | null;
  readonly fleet: string | null;
  readonly fence: number;
  /** name as Knex wrote it, and batch, in order. */
  readonly history: readonly (readonly [string, number])[];
  readonly rows: readonly LedgerRow[];
}

/** Names in Knex's history hold an extension; ours do not, so that `.ts` and `.js` builds agree. */
export const withoutExtension = (name: string): string => name.replace(/\.(c|m)?(js|ts)$|\.(coffee|co|eg|iced|litcoffee|ls|sql)$/, '');

/** The latest effect on a migration: applied and not reverted since. */
export function effectOf(state: TenantState, migration: string): LedgerRow | undefined {
  let effect: LedgerRow | undefined;
  for (const row of state.rows) {
    if (row.migration !== migration) continue;
    if (row.kind === 'applied') effect = row;
    if (row.kind === 'reverted') effect = undefined;
  }
  return effect;
}
