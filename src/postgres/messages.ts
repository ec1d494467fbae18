/**
 * The messages around a migration. Each is one round trip: several statements in one simple query, so every value in them is a quoted
 * literal. What has to be decided between statements is decided in the server, in a DO block. Its refusals have SQLSTATEs of their own:
 * FL001 fenced, FL002 outside the tenant, FL003 not the transaction that we began, FL004 look dropped objects up first, FL005 not the backend
 * that we began on, FL006 Knex's lock row is not ours any more, FL007 look closer, FL008 the ledger's row was suppressed.
 */

import type { TenantRef } from '../domain/tenant.js';
import type { HistoryNames } from './contract.js';
import { fenceKey, tenantKey } from './keys.js';
import { bookkeeping, LEDGER, tenantSchema } from './ledger.js';
import { doBlock, ident, literal, searchPath } from './quote.js';
import { lookSql, RUNNING, SEEN, TOOK_CLOSER_LOOK, type Walls, wallsSql } from './walls.js';

export interface SessionSettings {
  readonly tenant: TenantRef;
  readonly names: HistoryNames;
  readonly extensionSchemas: readonly string[];
  readonly applicationName: string;
  readonly timeouts: { readonly lockMs: number; readonly statementMs: number; readonly idleMs: number };
  /** Schemas whose objects may be touched; undefined: the whole database is the tenant's. */
  readonly ownSchemas: readonly string[] | undefined;
}

/** Timeouts, search_path and role, for the transaction or for the session. */
export function settings(s: SessionSettings, local: boolean): string {
  const set = local ? 'set local' : 'set';
  const role = s.tenant.role === undefined ? '' : `${set} role ${ident(s.tenant.role)};`;
  return `set application_name to ${literal(s.applicationName)};
${set} lock_timeout to ${s.timeouts.lockMs}; ${set} statement_timeout to ${s.timeouts.statementMs}; ${set} idle_in_transaction_session_timeout to ${s.timeouts.idleMs};
${set} search_path to ${searchPathOf(s)}; ${role}
`;
}

/** The tenant's schema, and the extensions behind it. */
export const searchPathOf = (s: Pick<SessionSettings, 'tenant' | 'extensionSchemas'>): string =>
  searchPath([tenantSchema(s.tenant), ...s.extensionSchemas]);

/**
 * A reused connection starts clean. What DISCARD ALL does, which is refused among other statements; RESET ALL leaves the role as it is. In a
 * transaction of its own, so that the locks of dropping the last tenant's temporary tables do not count as this one's.
 */
export const CLEAN =
  'begin; set session authorization default; reset role; reset all; close all; unlisten *; deallocate all; select pg_advisory_unlock_all(); discard temp; discard sequences; commit;';

/** Whatever the role's or the database's default is: a fence that was committed meanwhile must be seen. */
export const BEGIN = 'begin isolation level read committed;';

/** Sends what the session has counted to the statistics once it is idle, for its next transaction to start from nothing; undefined: this server cannot. */
export const flushCounters = (serverVersion: string): string | undefined =>
  Number.parseInt(serverVersion, 10) >= 15 ? 'select pg_stat_force_next_flush();' : undefined;

const STATE = 'flotilla.state';

/**
 * Reads the bookkeeping under the lock, in this order: tenant lock (tried, never waited for: a waiting lock holds a snapshot and deadlocks
 * CREATE INDEX CONCURRENTLY), then Knex's lock row, then the ledger, which nobody writes without the first but for a fence, and the history.
 * Each statement of a DO block sees what committed before it.
 *
 * Knex's lock row is taken by DELETE + INSERT: a `knex migrate:latest` that waits for the row then finds none to update and ends cleanly
 * with "already locked"; after an UPDATE it would go on with a list read before our commit. A row that says locked is somebody else's,
 * unless it is the very row version that our open intent wrote. The same pair puts right the two rows that an ill-timed `migrate:unlock` leaves.
 */
function readState(s: SessionSettings, tryLock: string): string {
  const { schema, history, lock, ledger, step } = bookkeeping(s.tenant, s.names);
  const exists = (table: string) => `to_regclass(${literal(table)}) is not null`;
  const answer = (state: string) => `perform set_config('${STATE}', ${state}, false); return;`;
  const read = {
    ledger: `(select coalesce(json_agg(l order by id), '[]')
      from (select id, kind, tenant, fleet, migration, checksum, rollout, batch, fence, xid, xmin, counter, ours, running from ${ledger}) l)`,
    steps: `(select json_agg(g) from (select migration, direction, count(*) n from ${step} where key <> 'before' group by 1, 2) g)`,
    history: `(select coalesce(json_agg(json_build_array(name, batch) order by id), '[]') from ${history})`,
  };
  return `${doBlock(`declare has_ledger boolean; has_step boolean; has_lock boolean; has_history boolean; ledger json; steps json; history json;
begin
  if to_regnamespace(${literal(ident(schema))}) is null then ${answer(`'{"missing": true}'`)} end if;
  if not ${tryLock}(${tenantKey(schema)}) then ${answer(`'{"busy": true}'`)} end if;
  select ${[ledger, step, lock, history].map(exists)} into has_ledger, has_step, has_lock, has_history;
  if has_lock then
    delete from ${lock} where is_locked is distinct from 1;
    if exists (select from ${lock}) then
      if has_ledger then delete from ${lock} where xmin::text::bigint = ${openIntent(ledger)}; end if;
      if exists (select from ${lock}) then ${answer(`'{"knexLocked": true}'`)} end if;
    end if;
    insert into ${lock} (is_locked) values (0);
  end if;
  -- Almost always; and one statement costs half as much as two
  if has_ledger and has_history and not has_step then
    ${answer(`json_build_object('ledger', ${read.ledger}, 'history', ${read.history})::text`)}
  end if;
  if has_ledger then ledger := ${read.ledger}; end if;
  if has_step then steps := ${read.steps}; end if;
  if has_history then history := ${read.history}; end if;
  ${answer(`json_build_object('ledger', ledger, 'steps', steps, 'history', history)::text`)}
end`)}
select current_setting('${STATE}') as state, pg_backend_pid() as pid, pg_current_xact_id()::text as xid;`;
}

/** SQL: the transaction of the intent that stands open (32 bits); null: none does. */
const openIntent = (ledger: string): string =>
  `(select case kind when 'intent' then xid::text::bigint % 4294967296 end from ${ledger} where kind in ('intent', 'failed', 'applied', 'reverted') order by id desc limit 1)`;

/** Opens a migration's transaction: clean session, BEGIN, timeouts and search_path, lock, Knex's row, identity, fence, history. */
export const openTransaction = (s: SessionSettings): string =>
  `${CLEAN} ${BEGIN} ${settings(s, true)} ${readState(s, 'pg_try_advisory_xact_lock')}`;

/** The same for a migration that runs outside a transaction: settings and lock belong to the session. The transaction holds the bookkeeping. */
export const openSession = (s: SessionSettings): string =>
  `${CLEAN} ${settings(s, false)} ${BEGIN} ${readState(s, 'pg_try_advisory_lock')}`;

const FENCED = `raise exception 'fenced' using errcode = 'FL001';`;
const greatestFence = (ledger: string): string => `(select coalesce(max(fence), 0) from ${ledger})`;
const fenceIs = (ledger: string, fence: number): string => `if ${greatestFence(ledger)} <> ${fence} then ${FENCED} end if;`;

/**
 * Commits a fence of its own, so that an older attempt that wakes up later cannot commit. It must not wait for that attempt's lock, and
 * a bump inside the attempt's own transaction would roll back with it. Answers nothing where the tenant was never touched,
 * or where the ledger is another tenant's: opening will say so.
 * `known`: the fence that this attempt has seen; when another stands there by now, this attempt itself is the older one (FL001).
 */
export function bumpFence(s: SessionSettings, fleet: string, rollout: string, known: number | undefined): string {
  const { schema, ledger } = bookkeeping(s.tenant, s.names);
  return `${CLEAN} ${BEGIN} ${settings(s, true)}
${doBlock(`begin
  perform pg_advisory_xact_lock(${fenceKey(schema)});
  if to_regclass(${literal(ledger)}) is null then perform set_config('${STATE}', '', false); return; end if;
  if (select tenant from ${ledger} where kind = 'identity' order by id desc limit 1) <> ${literal(s.tenant.id)} then perform set_config('${STATE}', '', false); return; end if;
  ${known === undefined ? '' : fenceIs(ledger, known)}
  insert into ${ledger} (kind, tenant, fleet, rollout, fence)
    select 'fence', ${literal(s.tenant.id)}, ${literal(fleet)}, ${literal(rollout)}, coalesce(max(fence), 0) + 1 from ${ledger};
  perform set_config('${STATE}', (select max(fence)::text from ${ledger}), false);
end`)}
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
  readonly actor: string;
  readonly statements: number;
  readonly durationMs: number;
}

/** The row of Knex's history. */
function recordHistory(s: SessionSettings, facts: ClosingFacts, returning = ''): string {
  const { history } = bookkeeping(s.tenant, s.names);
  return facts.direction === 'up'
    ? `insert into ${history} as h (name, batch, migration_time) values (${literal(facts.fileName)}, ${facts.batch}, now()) ${returning};`
    : `delete from ${history} where regexp_replace(name, '\\.(c|m)?(js|ts)$', '') = ${literal(facts.migration)};`;
}

/** The row of the ledger; the moment it names, and what has to hold for it to be written, are given as SQL. */
function recordLedger(
  s: SessionSettings,
  facts: ClosingFacts,
  moment: { readonly counter: string; readonly ours: string; readonly running: string },
  on = '',
): string {
  const { ledger } = bookkeeping(s.tenant, s.names);
  return `insert into ${ledger} (kind, tenant, fleet, migration, direction, checksum, rollout, fence, xid, counter, ours, running, batch, actor, statements, duration_ms)
    select '${facts.direction === 'up' ? 'applied' : 'reverted'}', ${literal(s.tenant.id)}, ${literal(facts.fleet)}, ${literal(facts.migration)}, '${facts.direction}', ${literal(facts.checksum)},
      ${literal(facts.rollout)}, ${facts.fence}, pg_current_xact_id(), ${moment.counter}, ${moment.ours}, ${moment.running}, ${facts.batch}, ${literal(facts.actor)}, ${facts.statements}, ${Math.round(facts.durationMs)}
      ${on};`;
}

/** What is recorded is recorded by the role that began, whichever the migration has taken on since. */
export const asWeBegan = (s: SessionSettings): string =>
  `set local session authorization default; set local role ${s.tenant.role === undefined ? 'none' : ident(s.tenant.role)};`;

/**
 * Closes the transaction that `xid` names: deferred constraints; cursors, for one WITH HOLD would be read at COMMIT; history, fence and
 * ledger; walls, last, so that they see what recording has set off; COMMIT.
 */
export function closeTransaction(s: SessionSettings, facts: ClosingFacts, xid: string, walls: Walls): string {
  const { ledger } = bookkeeping(s.tenant, s.names);
  const own = BigInt(xid);
  // A subtransaction of its own gets the newest id of all that this transaction has used: rows above it were written later
  const newest = `returning set_config('flotilla.newest', h.xmin::text, true)`;
  const above =
    facts.direction === 'up' ? `(current_setting('flotilla.newest')::bigint - ${own % 2n ** 32n} + 4294967296) % 4294967296 +` : '';
  const moment = { counter: `(${above} ${literal(String(own + 1n))}::bigint)::text::xid8`, ours: `'{}'`, running: SEEN.running };
  // Which transactions are in progress is asked after our newest id is known: none below it can be missed
  return `set constraints all immediate; close all; ${asWeBegan(s)}
savepoint flotilla; ${recordHistory(s, facts, newest)} release savepoint flotilla;
${lookSql(walls)}
${recordLedger(s, facts, moment, `where pg_current_xact_id()::text = '${own}' and ${greatestFence(ledger)} = ${facts.fenceSeen} returning set_config('flotilla.recorded', '${own}', true)`)}
${doBlock(`begin
  if current_setting('flotilla.recorded', true) is distinct from '${own}' then
    if pg_current_xact_id()::text <> '${own}' then raise exception 'stray' using errcode = 'FL003'; end if;
    ${fenceIs(ledger, facts.fenceSeen)}
    raise exception 'the row of ${LEDGER} was not written: a trigger or a rule on it has suppressed it' using errcode = 'FL008';
  end if;
  ${wallsSql(walls)}
end`)}
${walls.brief ? '' : TOOK_CLOSER_LOOK} commit;`;
}

/** What a migration outside a transaction holds on to between its statements. */
export interface Hold {
  /** Backend that it began on. */
  readonly pid: number;
  /** Fence of its intent. */
  readonly fence: number;
  /** Transaction of its intent, which also wrote Knex's lock row. */
  readonly xid: string;
}

/** plpgsql: refuses when a pooler has given us another session. */
export const sameBackend = (hold: Hold): string =>
  `if pg_backend_pid() <> ${hold.pid} then raise exception 'another backend' using errcode = 'FL005'; end if;`;

/** Refuses when the session is another one, a later attempt has fenced us, or somebody has freed Knex's lock row. */
function stillHeld(s: SessionSettings, hold: Hold): string {
  const { lock, ledger } = bookkeeping(s.tenant, s.names);
  return `${sameBackend(hold)}
  ${fenceIs(ledger, hold.fence)}
  if not exists (select from ${lock} where is_locked = 1 and xmin::text::bigint = ${BigInt(hold.xid) % 4294967296n}) then raise exception 'unlocked' using errcode = 'FL006'; end if;`;
}

/** Begins a migration outside a transaction: commits the intent and Knex's lock row, so that a stray CLI stays out while it runs. Creates the journal when it is the tenant's first. */
export function commitIntent(s: SessionSettings, facts: ClosingFacts): string {
  const { lock, ledger, step } = bookkeeping(s.tenant, s.names);
  return `${doBlock(`begin
  ${fenceIs(ledger, facts.fenceSeen)}
  insert into ${ledger} (kind, tenant, fleet, migration, direction, checksum, rollout, fence, batch, actor, xid, running)
    values ('intent', ${literal(s.tenant.id)}, ${literal(facts.fleet)}, ${literal(facts.migration)}, '${facts.direction}', ${literal(facts.checksum)}, ${literal(facts.rollout)}, ${facts.fence}, ${facts.batch}, ${literal(facts.actor)}, pg_current_xact_id(), ${RUNNING});
end`)}
create table if not exists ${step} (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  migration text not null,
  direction text not null,
  key text not null,
  occurrence int not null,
  state text not null check (state in ('started', 'done')),
  xid xid8 not null default pg_current_xact_id(),
  statement text not null,
  result bytea,
  unique (migration, direction, key, occurrence)
);
delete from ${lock}; insert into ${lock} (is_locked) values (1);
commit;
select key, occurrence, state, statement, result from ${step} where migration = ${literal(facts.migration)} and direction = '${facts.direction}' order by id;`;
}

/** The start of a transaction between two statements of the file, behind its BEGIN. */
export const startStep = (hold: Hold): string => doBlock(`begin ${sameBackend(hold)} end`);

/** Ends it: `write` (SQL that keeps the journal), walls, hold. COMMIT is the caller's. */
export const closeStep = (s: SessionSettings, hold: Hold, walls: Walls | undefined, write: string): string =>
  `${walls ? 'set constraints all immediate;' : ''} ${asWeBegan(s)} ${write}
${walls ? lookSql(walls) : ''}
${doBlock(`begin
  ${walls ? wallsSql(walls) : ''}
  ${stillHeld(s, hold)}
end`)}`;

/**
 * Closes a migration outside a transaction: hold, history, ledger, journal emptied and Knex's row freed in one transaction; then the lock.
 * Rows that the application wrote while the file was running are younger than the migration: the moment is that of its first intent.
 */
export function closeOutside(s: SessionSettings, facts: ClosingFacts, hold: Hold, walls: Walls): string {
  const { schema, lock, ledger, step } = bookkeeping(s.tenant, s.names);
  const first = (column: string) =>
    `(select ${column} from ${ledger} where kind = 'intent' and migration = ${literal(facts.migration)} and direction = '${facts.direction}'
      and id > coalesce((select max(id) from ${ledger} where migration = ${literal(facts.migration)} and kind in ('applied', 'reverted')), 0) order by id limit 1)`;
  const ours = `array(select xid::xid from ${step} where migration = ${literal(facts.migration)} and direction = '${facts.direction}')`;
  return `${BEGIN} ${asWeBegan(s)}
${doBlock(`begin ${stillHeld(s, hold)} end`)}
${recordHistory(s, facts)}
${recordLedger(s, facts, { counter: first('xid'), ours, running: first('running') })}
delete from ${step} where migration = ${literal(facts.migration)};
update ${lock} set is_locked = 0;
set constraints all immediate;
${lookSql(walls)}
${doBlock(`begin ${wallsSql(walls)} end`)}
commit; select pg_advisory_unlock(${tenantKey(schema)});`;
}

/**
 * After a migration outside a transaction that failed while we are alive: Knex's row is free again if it is still ours, and the ledger says
 * that we freed it. Answers whether the journal holds anything of it (`left`); what the catalog was before is of no use once nothing does.
 */
export function releaseAfterFailure(
  s: SessionSettings,
  hold: Hold,
  of: Pick<ClosingFacts, 'fleet' | 'rollout' | 'migration' | 'direction'>,
): string {
  const { schema, lock, ledger, step } = bookkeeping(s.tenant, s.names);
  const ofIt = `${step} where migration = ${literal(of.migration)} and direction = '${of.direction}'`;
  return `rollback; begin; update ${lock} set is_locked = 0 where xmin::text::bigint = ${BigInt(hold.xid) % 4294967296n};
insert into ${ledger} (kind, tenant, fleet, migration, direction, rollout) values ('failed', ${literal(s.tenant.id)}, ${literal(of.fleet)}, ${literal(of.migration)}, '${of.direction}', ${literal(of.rollout)});
select exists (select from ${ofIt} and key <> 'before') as left;
delete from ${ofIt} and not exists (select from ${ofIt} and key <> 'before');
commit; select pg_advisory_unlock(${tenantKey(schema)});`;
}

export const releaseSession = (s: SessionSettings): string =>
  `select pg_advisory_unlock(${tenantKey(bookkeeping(s.tenant, s.names).schema)});`;

/** Whether the row of an attempt committed: asked after a lost COMMIT, once its transaction is over. */
export function committedRow(s: SessionSettings, facts: Pick<ClosingFacts, 'rollout' | 'migration' | 'fence' | 'direction'>): string {
  const { schema } = bookkeeping(s.tenant, s.names);
  return `select exists (select from ${ident(schema)}.${ident(LEDGER)} where kind = '${facts.direction === 'up' ? 'applied' : 'reverted'}' and migration = ${literal(facts.migration)}
    and rollout = ${literal(facts.rollout)} and fence = ${facts.fence}) as committed`;
}
