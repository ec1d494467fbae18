/**
 * The two messages around a migration. Each is one round trip: several statements in one simple query, so every value in them is a quoted
 * literal. What has to be decided between statements is decided in the server, in a DO block.
 */

import type { TenantRef } from '../domain/tenant.js';
import type { HistoryNames } from './contract.js';
import { bookkeeping, LEDGER } from './ledger.js';
import { ident, literal } from './quote.js';

export interface SessionSettings {
  readonly tenant: TenantRef;
  readonly names: HistoryNames;
  readonly extensionSchemas: readonly string[];
  readonly applicationName: string;
  readonly timeouts: { readonly lockMs: number; readonly statementMs: number; readonly idleMs: number };
}

/** Advisory keys are per database: the schema's name alone would do, the prefix keeps other tools' keys apart. 64 bits. */
export const lockKey = (schema: string): string => `hashtextextended(${literal(`flotilla tenant ${schema}`)}, 0)`;
const fenceKey = (schema: string): string => `hashtextextended(${literal(`flotilla fence ${schema}`)}, 0)`;

function settings(s: SessionSettings, local: boolean): string {
  const { schema } = bookkeeping(s.tenant, s.names);
  const set = local ? 'set local' : 'set';
  const role = s.tenant.role === undefined ? '' : `${set} role ${ident(s.tenant.role)};`;
  return `set application_name to ${literal(s.applicationName)};
${set} lock_timeout to ${s.timeouts.lockMs}; ${set} statement_timeout to ${s.timeouts.statementMs}; ${set} idle_in_transaction_session_timeout to ${local ? s.timeouts.idleMs : 0};
${set} search_path to ${[schema, ...s.extensionSchemas].map(ident).join(', ')}; ${role}
`;
}

/** A reused connection starts clean: the tenant before left temp tables and settings behind. */
const CLEAN = 'discard temp; reset all;';

const STATE = 'flotilla.state';

/**
 * Reads the bookkeeping under the lock, in this order: tenant lock (tried, never waited for: a waiting lock holds a snapshot and deadlocks
 * CREATE INDEX CONCURRENTLY), then Knex's lock row, then the history. Each statement of a DO block sees what committed before it.
 *
 * Knex's lock row is taken by DELETE + INSERT: a `knex migrate:latest` that waits for the row then finds none to update and ends cleanly
 * with "already locked"; after an UPDATE it would go on with a list read before our commit. A row that says locked is somebody else's,
 * unless an intent of ours is open. The same pair puts right the two rows that an ill-timed `migrate:unlock` leaves.
 */
function readState(s: SessionSettings, tryLock: string): string {
  const { schema, history, lock, ledger } = bookkeeping(s.tenant, s.names);
  return `do $flotilla$
declare has_ledger boolean; has_history boolean; ours boolean := false; state jsonb := '{}'; part jsonb;
begin
  if to_regnamespace(${literal(ident(schema))}) is null then perform set_config('${STATE}', '{"missing": true}', false); return; end if;
  if not ${tryLock}(${lockKey(schema)}) then perform set_config('${STATE}', '{"busy": true}', false); return; end if;
  has_ledger := to_regclass(${literal(ledger)}) is not null;
  has_history := to_regclass(${literal(history)}) is not null;
  if has_ledger then
    select coalesce((select kind = 'intent' from ${ledger} where kind in ('intent', 'failed', 'applied', 'reverted') order by id desc limit 1), false) into ours;
  end if;
  if to_regclass(${literal(lock)}) is not null then
    delete from ${lock} where is_locked is distinct from 1 or ours;
    if exists (select from ${lock}) then perform set_config('${STATE}', '{"knexLocked": true}', false); return; end if;
    insert into ${lock} (is_locked) values (0);
  end if;
  if has_history then
    select jsonb_build_object('history', coalesce(jsonb_agg(jsonb_build_array(name, batch) order by id), '[]')) into part from ${history};
    state := state || part;
  end if;
  if has_ledger then
    select jsonb_build_object('fence', coalesce(max(fence), 0), 'tenant', min(tenant) filter (where kind = 'identity'), 'fleet', min(fleet) filter (where kind = 'identity'),
      'rows', coalesce(jsonb_agg(jsonb_build_object('kind', kind, 'migration', migration, 'checksum', checksum, 'rollout', rollout, 'batch', batch, 'fence', fence, 'counter', counter::text) order by id)
        filter (where kind in ('applied', 'reverted', 'intent')), '[]')) into part from ${ledger};
    state := state || part;
  end if;
  perform set_config('${STATE}', (state || jsonb_build_object('hasLedger', has_ledger, 'hasHistory', has_history))::text, false);
end $flotilla$;
select current_setting('${STATE}') as state, pg_backend_pid() as pid, pg_current_xact_id()::text as xid;`;
}

/** Opens a migration's transaction: clean session, BEGIN, timeouts and search_path, lock, Knex's row, identity, fence, history. */
export const openTransaction = (s: SessionSettings): string =>
  `${CLEAN} begin; ${settings(s, true)} ${readState(s, 'pg_try_advisory_xact_lock')}`;

/** The same for a migration that runs outside a transaction: settings and lock belong to the session. */
export const openSession = (s: SessionSettings): string =>
  `${CLEAN} ${settings(s, false)} begin; set local lock_timeout to '1s'; ${readState(s, 'pg_try_advisory_lock')}`;

/**
 * Commits a fence of its own, so that an older attempt that wakes up later cannot commit. It must not wait for that attempt's lock, and
 * a bump inside the attempt's own transaction would roll back with it. Answers no row where the tenant was never touched.
 */
export function bumpFence(s: SessionSettings, fleet: string, rollout: string): string {
  const { schema, ledger } = bookkeeping(s.tenant, s.names);
  return `${CLEAN} begin; ${settings(s, true)}
do $flotilla$ begin
  perform pg_advisory_xact_lock(${fenceKey(schema)});
  if to_regclass(${literal(ledger)}) is null then perform set_config('${STATE}', '', false); return; end if;
  insert into ${ledger} (kind, tenant, fleet, rollout, fence)
    select 'fence', ${literal(s.tenant.id)}, ${literal(fleet)}, ${literal(rollout)}, coalesce(max(fence), 0) + 1 from ${ledger};
  perform set_config('${STATE}', (select max(fence)::text from ${ledger}), false);
end $flotilla$;
select nullif(current_setting('${STATE}'), '') as fence; commit;`;
}

export interface ClosingFacts {
  readonly fleet: string;
  readonly rollout: string;
  readonly direction: 'up' | 'down';
  readonly migration: string;
  /** As Knex writes it: with the extension. */
  readonly fileName: string;
  readonly checksum: string;
  readonly batch: number;
  /** The greatest fence that may stand in the ledger now. */
  readonly fenceSeen: number;
  /** The fence that this row carries. */
  readonly fence: number;
  /** Transaction that the opening message began; undefined outside a transaction. */
  readonly xid: string | undefined;
  readonly actor: string;
  readonly statements: number;
  readonly durationMs: number;
  /** Schemas whose relations may be locked; undefined: the whole database is the tenant's. */
  readonly ownSchemas: readonly string[] | undefined;
  /** Objects outside that may be locked, up to the given mode. */
  readonly shared: readonly { readonly object: string; readonly maxLock: string }[];
  /** Relations dropped by the migration have been looked up by the caller. */
  readonly dropsChecked: boolean;
}

const LOCK_RANK = [
  'AccessShareLock',
  'RowShareLock',
  'RowExclusiveLock',
  'ShareUpdateExclusiveLock',
  'ShareLock',
  'ShareRowExclusiveLock',
  'ExclusiveLock',
  'AccessExclusiveLock',
];
const rank = (mode: string): string => `array_position(array[${LOCK_RANK.map(literal).join(',')}], ${mode})`;
const modeOf = (words: string): string =>
  `${words.toLowerCase().replace(/(^|\s)(\w)/g, (_, __, letter: string) => letter.toUpperCase())}Lock`;

/**
 * Relations outside the tenant's schemas on which this session holds more than ACCESS SHARE. The session's own locks tell, not `xmin`:
 * they cover savepoints and cost about a millisecond. A relation that is gone was dropped in this transaction.
 */
function foreignLocks(facts: ClosingFacts): string {
  const own = ['pg_catalog', 'pg_toast', 'information_schema', ...(facts.ownSchemas ?? [])];
  const shared = facts.shared.length
    ? `and not exists (select from (values ${facts.shared.map((s) => `(${literal(s.object)}, ${literal(modeOf(s.maxLock))})`).join(', ')}) a (object, mode)
         where c.oid = to_regclass(a.object) and ${rank('l.mode')} <= ${rank('a.mode')})`
    : '';
  return `select distinct l.relation, n.nspname, c.relname, l.mode from pg_locks l left join pg_class c on c.oid = l.relation left join pg_namespace n on n.oid = c.relnamespace
    where l.pid = pg_backend_pid() and l.locktype = 'relation' and l.database <> 0 and l.mode <> 'AccessShareLock'
      and (c.oid is null or n.nspname <> all (array[${own.map(literal).join(',')}]::name[]))
      and (n.oid is null or (n.oid <> pg_my_temp_schema() and n.nspname not like 'pg\\_toast\\_temp\\_%')) ${shared}`;
}

/** Relations dropped in this transaction, to be looked up on another connection, which still sees them. */
export const droppedRelations = (facts: ClosingFacts): string =>
  `select relation::text from (${foreignLocks(facts)}) f where relname is null`;

/** Closes the transaction: deferred constraints, walls, fence, history and ledger, COMMIT. A refusal is raised as FL001–FL004. */
export function closeTransaction(s: SessionSettings, facts: ClosingFacts): string {
  const { history, lock, ledger } = bookkeeping(s.tenant, s.names);
  const walls =
    facts.ownSchemas === undefined
      ? ''
      : `select string_agg(format('%I.%I (%s)', nspname, relname, mode), ', ' order by nspname, relname) filter (where relname is not null), bool_or(relname is null) into escaped, dropped
    from (${foreignLocks(facts)}) f;
  if escaped is not null then raise exception '%', escaped using errcode = 'FL002'; end if;
  ${facts.dropsChecked ? '' : `if dropped then raise exception 'dropped' using errcode = 'FL004'; end if;`}`;
  const stray =
    facts.xid === undefined
      ? ''
      : `if pg_current_xact_id()::text <> ${literal(facts.xid)} then raise exception 'stray' using errcode = 'FL003'; end if;`;
  const record =
    facts.direction === 'up'
      ? // A subtransaction of its own gets the newest id of all that this transaction has used: rows above it were written later
        `begin insert into ${history} as h (name, batch, migration_time) values (${literal(facts.fileName)}, ${facts.batch}, now()) returning h.xmin::text::bigint into newest;
  exception when others then raise; end;`
      : `delete from ${history} where regexp_replace(name, '\\.(c|m)?(js|ts)$', '') = ${literal(facts.migration)};`;
  const begin = facts.xid === undefined ? `begin; ` : '';
  const unlock = facts.xid === undefined ? `update ${lock} set is_locked = 0; ` : '';
  return `${begin}set constraints all immediate;
do $flotilla$
declare escaped text; dropped boolean; newest bigint; own bigint := pg_current_xact_id()::text::bigint;
begin
  ${stray}
  ${walls}
  if (select coalesce(max(fence), 0) from ${ledger}) <> ${facts.fenceSeen} then raise exception 'fenced' using errcode = 'FL001'; end if;
  ${record}
  insert into ${ledger} (kind, tenant, fleet, migration, direction, checksum, rollout, fence, xid, counter, batch, actor, statements, duration_ms)
    values ('${facts.direction === 'up' ? 'applied' : 'reverted'}', ${literal(s.tenant.id)}, ${literal(facts.fleet)}, ${literal(facts.migration)}, '${facts.direction}', ${literal(facts.checksum)},
      ${literal(facts.rollout)}, ${facts.fence}, pg_current_xact_id(), (own + coalesce((newest - own % 4294967296 + 4294967296) % 4294967296, 0) + 1)::text::xid8, ${facts.batch}, ${literal(facts.actor)}, ${facts.statements}, ${Math.round(facts.durationMs)});
  ${unlock}
end $flotilla$;
commit;`;
}

/** Begins a non-transactional migration: commits the intent and Knex's lock row, so that a stray CLI stays out while it runs. */
export function commitIntent(
  s: SessionSettings,
  facts: Pick<ClosingFacts, 'fleet' | 'rollout' | 'migration' | 'checksum' | 'fence' | 'fenceSeen' | 'batch' | 'actor'>,
): string {
  const { lock, ledger } = bookkeeping(s.tenant, s.names);
  return `do $flotilla$ begin
  if (select coalesce(max(fence), 0) from ${ledger}) <> ${facts.fenceSeen} then raise exception 'fenced' using errcode = 'FL001'; end if;
end $flotilla$;
update ${lock} set is_locked = 1;
insert into ${ledger} (kind, tenant, fleet, migration, checksum, rollout, fence, batch, actor)
  values ('intent', ${literal(s.tenant.id)}, ${literal(facts.fleet)}, ${literal(facts.migration)}, ${literal(facts.checksum)}, ${literal(facts.rollout)}, ${facts.fence}, ${facts.batch}, ${literal(facts.actor)});
commit;`;
}

/** After a non-transactional migration that failed while we are alive: Knex's row is free again, and the ledger says that we freed it. */
export function releaseAfterFailure(s: SessionSettings, fleet: string, rollout: string, migration: string): string {
  const { schema, lock, ledger } = bookkeeping(s.tenant, s.names);
  return `rollback; begin; update ${lock} set is_locked = 0;
insert into ${ledger} (kind, tenant, fleet, migration, rollout) values ('failed', ${literal(s.tenant.id)}, ${literal(fleet)}, ${literal(migration)}, ${literal(rollout)});
commit; select pg_advisory_unlock(${lockKey(schema)});`;
}

export const releaseSession = (s: SessionSettings): string =>
  `select pg_advisory_unlock(${lockKey(bookkeeping(s.tenant, s.names).schema)});`;

/** Whether the row of an attempt committed: asked after a lost COMMIT, once its transaction is over. */
export function committedRow(s: SessionSettings, facts: Pick<ClosingFacts, 'rollout' | 'migration' | 'fence' | 'direction'>): string {
  const { schema } = bookkeeping(s.tenant, s.names);
  return `select exists (select from ${ident(schema)}.${ident(LEDGER)} where kind = '${facts.direction === 'up' ? 'applied' : 'reverted'}' and migration = ${literal(facts.migration)}
    and rollout = ${literal(facts.rollout)} and fence = ${facts.fence}) as committed`;
}
