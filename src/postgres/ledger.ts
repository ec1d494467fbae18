/**
 * `flotilla_ledger`: one append-only table in each tenant's own schema. Its first row says which tenant this is, its greatest fence is the
 * current attempt's, and a row of kind `applied` or `reverted` commits together with the migration it tells of.
 */

import type { PlannedMigration } from '../domain/plan.js';
import type { TenantRef } from '../domain/tenant.js';
import type { Direction, HistoryNames } from './contract.js';
import { doBlock, ident, literal } from './quote.js';
import type { Moment } from './rows-written.js';

export const LEDGER = 'flotilla_ledger';
/** Journal of migrations outside a transaction: made with a tenant's first one, empty unless one has stopped half-way. */
export const STEP = 'flotilla_step';

/** Qualified names of the tables that belong to one tenant's bookkeeping. */
export interface Bookkeeping {
  readonly schema: string;
  readonly history: string;
  readonly lock: string;
  readonly ledger: string;
  readonly step: string;
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
    step: `${ident(schema)}.${ident(STEP)}`,
  };
}

const KIND = 'flotilla_ledger_kind_check';
const IS_A_KIND = `kind in ('identity', 'baseline', 'fence', 'intent', 'failed', 'applied', 'reverted', 'filled')`;

/** Creates what is missing, as Knex itself would create its two tables, and the identity row. Part of the first migration's transaction. */
export function createBookkeeping(tenant: TenantRef, fleet: string, names: HistoryNames): string {
  const { history, lock, ledger } = bookkeeping(tenant, names);
  return `create table if not exists ${history} (id serial primary key, name varchar(255), batch integer, migration_time timestamptz);
create table if not exists ${lock} (index serial primary key, is_locked integer);
insert into ${lock} (is_locked) select 0 where not exists (select from ${lock});
create table if not exists ${ledger} (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  kind text not null constraint ${KIND} check (${IS_A_KIND}),
  tenant text not null,
  fleet text not null,
  migration text,
  direction text,
  checksum text,
  rollout text,
  fence bigint not null default 0,
  xid xid8,
  counter xid8,
  ours xid[] not null default '{}',
  running xid[] not null default '{}',
  batch integer,
  actor text,
  statements integer,
  duration_ms integer,
  rows_written bigint
);
${identityRow(tenant, fleet, names, `where not exists (select from ${ledger})`)}
`;
}

/** For a ledger of an earlier build, which knows no row of kind `filled`. Part of the transaction of a backfill's intent. */
export function widenLedger(tenant: TenantRef, names: HistoryNames): string {
  const { ledger } = bookkeeping(tenant, names);
  return doBlock(`begin
  if exists (select from pg_attribute where attrelid = ${literal(ledger)}::regclass and attname = 'rows_written' and not attisdropped) then return; end if;
  alter table ${ledger} drop constraint if exists ${KIND}, add constraint ${KIND} check (${IS_A_KIND}), add column rows_written bigint;
end`);
}

/** Says whose schema this is from now on. A row whose own `xmin` is not the transaction it names was not written here: dumped and restored, or copied. */
export const identityRow = (tenant: TenantRef, fleet: string, names: HistoryNames, where = ''): string =>
  `insert into ${bookkeeping(tenant, names).ledger} (kind, tenant, fleet, xid) select 'identity', ${literal(tenant.id)}, ${literal(fleet)}, pg_current_xact_id() ${where};`;

export interface LedgerRow extends Moment {
  readonly kind: 'identity' | 'baseline' | 'applied' | 'reverted' | 'filled' | 'intent' | 'failed';
  readonly migration: string;
  readonly checksum: string;
  readonly rollout: string;
  readonly batch: number;
  readonly fence: number;
}

/** Statements of a half-way migration that the journal holds. */
export interface HalfWay {
  readonly migration: string;
  readonly direction: Direction;
  readonly n: number;
}

/** A tenant's bookkeeping as it stands under the lock. */
export interface TenantState {
  readonly pid: number;
  readonly xid: string;
  readonly hasLedger: boolean;
  readonly hasHistory: boolean;
  readonly tenant: string | null;
  readonly fleet: string | null;
  /** The ledger came here by a dump or a copy: its transaction ids are another server's, or another time's. */
  readonly copied: boolean;
  readonly fence: number;
  /** name as Knex wrote it, and batch, in order. */
  readonly history: readonly (readonly [string, number])[];
  readonly rows: readonly LedgerRow[];
  readonly steps: readonly HalfWay[];
}

/** Names in Knex's history hold an extension; ours do not, so that `.ts` and `.js` builds agree. */
export const withoutExtension = (name: string): string => name.replace(/\.(c|m)?(js|ts)$|\.(coffee|co|eg|iced|litcoffee|ls|sql)$/, '');

/** Migrations of the history. */
export const applied = (state: Pick<TenantState, 'history'>): Set<string> => new Set(state.history.map(([name]) => withoutExtension(name)));

/** Checksums of the sources that a migration may have been applied from. */
export const sourcesOf = ({ checksum, accepted = [] }: PlannedMigration): readonly string[] => [checksum, ...accepted];

export const halfWay = (
  state: Pick<TenantState, 'steps'>,
  direction: HalfWay['direction'],
  migrations: readonly Pick<PlannedMigration, 'name'>[],
): HalfWay | undefined =>
  state.steps.find((step) => step.direction === direction && migrations.some(({ name }) => name === step.migration));

/** What a ledger row tells of this tenant's own past: a row from before an adoption was written elsewhere, or in another time. */
export interface Effect extends LedgerRow {
  readonly foreign: boolean;
}

/**
 * What Flotilla did to a migration and what still stands: applied, not reverted since, and in Knex's history too. A person who ran
 * `knex migrate:rollback` has taken it back as truly as we would have.
 */
export function effectOf(state: Pick<TenantState, 'rows' | 'history' | 'copied'>, migration: string): Effect | undefined {
  let effect: Effect | undefined;
  for (const row of state.rows) {
    if (row.kind === 'identity' && effect) effect = { ...effect, foreign: true };
    if (row.migration !== migration) continue;
    if (row.kind === 'applied') effect = { ...row, foreign: state.copied };
    if (row.kind === 'reverted') effect = undefined;
  }
  return effect && state.history.some(([name]) => withoutExtension(name) === migration) ? effect : undefined;
}

/** Checksum of the source that a migration in the history came from, where the ledger knows it. */
export function checksumOf(state: TenantState, migration: string): string | undefined {
  const row = state.rows.findLast(
    (it) => it.migration === migration && (it.kind === 'applied' || it.kind === 'baseline' || it.kind === 'reverted'),
  );
  return row?.kind === 'reverted' ? undefined : row?.checksum;
}
