/**
 * What a migration touched outside its tenant, asked of the server before COMMIT.
 *
 * Relations: the session's own locks tell, not `xmin`: they cover savepoints, rows and reads, and cost about a millisecond. Objects that are
 * no relations (functions, schemas, roles, extensions…): the transaction's own counters over their catalogs tell that something was
 * written; only then the catalog is read, for rows of a transaction that is still in progress, which can be ours alone. What was dropped or
 * moved here has lost its name: a second connection still sees whose it was (`dropped.ts`). Rights on tables, and domains, are looked for
 * where the texts speak of them (`hints.ts`).
 *
 * What is caught and what is not seen: `docs/security.md`.
 */

import { LOCKS as LOCK_MODES } from '../domain/locks.js';
import {
  CONSTRAINT,
  goWithRelation,
  lockedClasses,
  lostRows,
  MOVED,
  objectInside,
  rowsOutside,
  somethingWritten,
  textList,
  unlocked,
  watchedJson,
  wroteInto,
} from './catalogs.js';
import { LEDGER } from './ledger.js';
import { doBlock, ident, literal } from './quote.js';

export interface Walls {
  /** Schemas whose objects may be touched; undefined: the whole database is the tenant's. */
  readonly ownSchemas: readonly string[] | undefined;
  /** Name of Knex's history table: a schema that has one is another tenant's. */
  readonly historyTable: string;
  /**
   * Relations outside that may be locked, up to the given mode. ACCESS EXCLUSIVE is whatever can be done to an object: drop it, move it, or,
   * where it is no relation and goes by the name that the refusal gives it, make or change it.
   */
  readonly shared: readonly { readonly object: string; readonly maxLock: string }[];
  /** What is gone from outside, as a second connection names it; undefined: nobody has looked. */
  readonly gone: readonly string[] | undefined;
  /** Look for rights on tables that are not the tenant's. */
  readonly grants: boolean;
  /** On their columns, too. */
  readonly columnGrants: boolean;
  /** Look for domains and other types that are not the tenant's. */
  readonly types: boolean;
  /** Say only that something is suspicious (FL007): the closer look is long, and this migration has not needed it in other tenants. */
  readonly brief: boolean;
}

/** SQL behind `wallsSql`: "on" when it took the closer look. */
export const TOOK_CLOSER_LOOK = `select current_setting('flotilla.closer', true) as closer;`;

const LOCKS: readonly string[] = LOCK_MODES;
/** `SHARE ROW EXCLUSIVE` → `ShareRowExclusiveLock`, as `pg_locks` has it. */
const modeOf = (words: string): string =>
  `${words.toLowerCase().replace(/(^|\s)(\w)/g, (_, __, letter: string) => letter.toUpperCase())}Lock`;
const MODES = `array[${LOCKS.map((words) => literal(modeOf(words))).join(',')}]`;

/** Catalogs that somebody may write into by hand, and their oids. The server lets go of them when it has changed a tenant's objects itself. */
const BY_HAND: Readonly<Record<string, number>> = {
  pg_class: 1259,
  pg_attribute: 1249,
  pg_attrdef: 2604,
  pg_index: 2610,
  pg_constraint: 2606,
  pg_enum: 3501,
  pg_trigger: 2620,
  pg_rewrite: 2618,
  pg_policy: 3256,
  pg_sequence: 2224,
  pg_inherits: 2611,
};

/** The name of a relation, as against `function public.f()`, which the server would not read as one. */
const RELATION_NAME = /^(?:(?:"(?:[^"]|"")+"|[^\s".()]+)\.)*(?:"(?:[^"]|"")+"|[^\s".()]+)$/;
/** SQL: relations that the config lets a migration lock, up to a rank in `LOCKS`; undefined: none. */
function sharedRelations({ shared }: Pick<Walls, 'shared'>): string | undefined {
  const relations = shared.filter(({ object }) => RELATION_NAME.test(object));
  if (relations.length === 0) return undefined;
  return `(select to_regclass(v.object)::oid as oid, v.rank from (values ${relations.map(({ object, maxLock }) => `(${literal(object)}, ${LOCKS.indexOf(maxLock) + 1})`).join(', ')}) v (object, rank))`;
}

/** SQL: the config lets a migration lock this relation so much, or the table that it belongs to, as the sequence of a serial column does. */
export function coveredByShared(walls: Pick<Walls, 'shared'>, oid: string, rank: string): string {
  const shared = sharedRelations(walls);
  if (!shared) return 'false';
  return `exists (select from ${shared} s where ${rank} <= s.rank and (s.oid = ${oid} or s.oid in (
    select d.refobjid from pg_depend d where d.classid = 1259 and d.objid = ${oid} and d.refclassid = 1259 and d.deptype in ('a', 'i'))))`;
}

/** Relations outside that this session has locked: more than ACCESS SHARE, or another tenant's at all. Locks of an index are its table's. A relation without a name was dropped in this transaction. */
function foreignRelations(walls: Walls): string {
  const anotherTenants = `exists (select from pg_class k where k.relnamespace = n.oid and (k.relname = ${literal(LEDGER)} or k.relname = ${literal(walls.historyTable)} and n.nspname <> 'public'))`;
  return `select t.oid, n.nspname, t.relname, max(l.rank) as rank
    from (select relation, array_position(${MODES}, mode) as rank from pg_locks where pid = pg_backend_pid() and locktype = 'relation' and database <> 0) l
    left join pg_class c on c.oid = l.relation left join pg_index ix on ix.indexrelid = c.oid
    left join pg_class t on t.oid = coalesce(ix.indrelid, c.oid) left join pg_namespace n on n.oid = t.relnamespace
    where c.oid is null or (n.nspname <> all (${textList(['pg_toast', ...(walls.ownSchemas ?? [])])}) and n.oid <> pg_my_temp_schema() and n.nspname not like 'pg\\_toast\\_temp\\_%'
      and case when l.rank = 1 then ${anotherTenants} else n.nspname <> 'pg_catalog' or t.relname = any (${textList(Object.keys(BY_HAND))}) end
      and not ${coveredByShared(walls, 't.oid', 'l.rank')})
    group by 1, 2, 3 having t.oid is null or max(l.rank) is not null`;
}

/** Other objects that this session has locked for a change: outside, or gone. */
const foreignObjects = (walls: Walls, ours: string): string =>
  `select x.classid, x.objid, i.type, i.identity from pg_locks x cross join lateral pg_identify_object(x.classid, x.objid, 0) i
    where x.pid = pg_backend_pid() and x.locktype = 'object' and x.mode <> 'AccessShareLock' and x.classid = any ('{${lockedClasses(walls)}}'::oid[])
      and case when i.identity is null then x.classid <> all ('{${[CONSTRAINT, ...goWithRelation]}}'::oid[]) else not ${objectInside(walls, ours)} end`;

/** SQL: oids of the schemas whose objects are the tenant's. */
const oursSql = ({ ownSchemas }: Pick<Walls, 'ownSchemas'>): string =>
  `array(select oid from pg_namespace where nspname = any (${textList(ownSchemas ?? [])})) || nullif(pg_my_temp_schema(), 0)`;

/** SQL: the transaction id `x` (32 bits) is not older than `xid` (64 bits), not younger than `newest`, and its transaction has not ended. */
function stillOpen(x: string, xid: string, newest = ''): string {
  const later = `(${x}::text::bigint - ${xid} % 4294967296 + 4294967296) % 4294967296`;
  return `case when ${later} < 2147483648 ${newest && `and ${xid} + ${later} <= ${newest}`} then pg_xact_status((${xid} + ${later})::text::xid8) = 'in progress' else false end`;
}

/** The look at one catalog as a format string: label, catalog, what is inside. $1 = oids of the tenant's schemas, $2 = our transaction, $3 = the whole database is ours. */
const ROWS_OF_OURS = `select array_agg(distinct %s) from %s c, (select $1 as ours, $2 as xid, $3 as entire) p where age(c.xmin) <= 0 and not coalesce(%s, false) and ${stillOpen('c.xmin', 'xid').replaceAll('%', '%%')}`;
const NAME = "(select i.type || ' ' || i.identity from pg_identify_object(%s, c.oid, 0) i)";

/** Rights on tables and columns elsewhere: rows of ours in `pg_class` and `pg_attribute` that no lock explains. */
const foreignRights = (
  { columnGrants }: Walls,
  xid: string,
): string => `select array_agg(distinct 'rights on ' || c.oid::regclass) into part from pg_class c
    where c.oid in (select k.oid from pg_class k where age(k.xmin) <= 0 and ${stillOpen('k.xmin', xid)}
        ${columnGrants ? `union select a.attrelid from pg_attribute a where age(a.xmin) <= 0 and ${stillOpen('a.xmin', xid)}` : ''})
      and c.relkind not in ('i', 'I', 't') and not coalesce(c.relnamespace = any (own_oids), false)
      and not exists (select from pg_locks l where l.pid = pg_backend_pid() and l.relation = c.oid and l.mode <> 'AccessShareLock');
  escaped := escaped || coalesce(part, '{}');`;

/** Domains, and types that no other catalog knows of. */
const foreignTypes = (xid: string): string => `select array_agg(distinct 'type ' || t.oid::regtype) into part from pg_type t
    where t.oid in (select c.oid from pg_type c where age(c.xmin) <= 0 and c.typrelid = 0 and c.typcategory <> 'A' and ${stillOpen('c.xmin', xid)}
        union select c.contypid from pg_constraint c where c.contypid > 0 and age(c.xmin) <= 0 and ${stillOpen('c.xmin', xid)})
      and not coalesce(t.typnamespace = any (own_oids), false);
  escaped := escaped || coalesce(part, '{}');`;

/** Names in a refusal. */
const MOST_NAMES = 20;

const OF_OURS = `pid = pg_backend_pid()`;
const RUNS_ELSEWHERE = `pid <> pg_backend_pid() and locktype = 'transactionid' and mode = 'ExclusiveLock'`;

/** SQL: transactions of others that are in progress, as `xid[]`. */
export const RUNNING = `(select coalesce(array_agg(transactionid), '{}') from pg_lock_status() where ${RUNS_ELSEWHERE})`;

/** What `lookSql` has seen, for the rest of the transaction. */
export const SEEN = {
  running: `current_setting('flotilla.running')::xid[]`,
  suspicious: `current_setting('flotilla.suspicious')::boolean`,
};

/**
 * One look at the locks: whether this transaction may have touched something outside, and which others are in progress. A ledger that somebody has put triggers or rules on is suspicious by itself: our own row sets them off.
 *
 * A statement by itself: inside a DO block the server takes half as long again over it.
 */
export function lookSql(walls: Walls): string {
  const home = [PG_TOAST, ...(walls.ownSchemas ?? []).map((schema) => `to_regnamespace(${literal(ident(schema))})`), 'pg_my_temp_schema()'];
  const inside = `(select c.relnamespace in (${home}) and (c.relname <> '${LEDGER}' or not (c.relhastriggers or c.relhasrules)) from pg_class c where c.oid = relation)`;
  const relation = `locktype = 'relation' and relation >= ${FIRST_NORMAL_OID} and ${inside} is not true or`;
  return `select set_config('flotilla.suspicious', coalesce(bool_or(${OF_OURS}), false)::text, true),
    set_config('flotilla.running', coalesce(array_agg(transactionid) filter (where pid <> pg_backend_pid()), '{}')::text, true) from pg_lock_status()
    where ${RUNS_ELSEWHERE} or ${OF_OURS} and (${walls.ownSchemas === undefined ? '' : relation}
      mode not in ('AccessShareLock', 'SIReadLock') and (locktype = 'object' and classid = any ('{${lockedClasses(walls)}}') or locktype = 'relation' and relation = any ('{${Object.values(BY_HAND)}}')));`;
}

/**
 * Statements of a DO block, some time behind `lookSql`, that refuse what was touched outside: FL002 names it, FL004 asks the caller to look up
 * first what is gone, FL007 to come again with walls that are not brief.
 *
 * The counters are read here, behind our own rows: what those have set off is counted too. Almost every migration stays inside, and that tells so; only otherwise the rest, a string until then, is parsed and planned.
 */
export const wallsSql = (walls: Walls): string =>
  `if ${walls.grants || walls.types || walls.gone?.length ? 'true' : `${SEEN.suspicious} or ${somethingWritten(walls)} or ${BLIND}`} then
    ${walls.brief ? `${FLUSH} raise exception 'suspicious' using errcode = 'FL007';` : takeCloserLook(walls)}
  end if;`;

const takeCloserLook = (walls: Walls): string =>
  `perform set_config('flotilla.closer', 'on', true);
    execute ${literal(closerLook(walls))};`;

/** The system's own relations have smaller ones. https://github.com/postgres/postgres/blob/master/src/include/access/transam.h */
const FIRST_NORMAL_OID = 16384;
/** Schema of every TOAST table but those of temporary tables. */
const PG_TOAST = 99;
/** plpgsql: what this session has counted goes to the statistics when the transaction is over, so that the next one starts from nothing. */
const FLUSH = `if current_setting('server_version_num')::int >= 150000 then perform pg_stat_force_next_flush(); end if;`;
/** The server does not count: every catalog has to be read. */
const BLIND = `not current_setting('track_counts')::boolean`;

/** Names what was touched outside, if anything was. A function body, so that it is parsed only when it is needed. */
function closerLook(walls: Walls): string {
  const entire = walls.ownSchemas === undefined;
  const losing = `unnest('{${losingRows(walls).map(({ oid }) => oid)}}'::oid[]) o`;
  const sharedNames = walls.shared.filter(({ maxLock }) => maxLock === LOCKS.at(-1)).map(({ object }) => object);
  const relations = `select escaped || coalesce(array_agg(format('%I.%I (%s)', nspname, relname, (${textList(LOCKS)})[rank])) filter (where oid is not null), '{}'), look or coalesce(bool_or(oid is null), false)
    into escaped, look from (${foreignRelations(walls)}) f;`;
  return doBlock(`declare escaped text[] := '{}'; look boolean := false; part text[]; one jsonb; own_oids oid[]; xid bigint := pg_current_xact_id()::text::bigint;
begin
  -- Names print in full, and no object of the migration's own making stands for one of the server's
  perform set_config('search_path', 'pg_catalog, pg_temp', true);
  own_oids := ${oursSql(walls)};
  select coalesce(array_agg(type || ' ' || identity) filter (where identity is not null), '{}'), coalesce(bool_or(identity is null), false) into escaped, look from (${foreignObjects(walls, 'own_oids')}) f;
  for one in select c.spec from jsonb_array_elements(${literal(watchedJson(walls))}) c (spec), lateral (select (c.spec ->> 0)::oid as oid) o where ${BLIND} or ${wroteInto('o.oid')} loop
    begin
      execute format(${literal(ROWS_OF_OURS)}, coalesce(one ->> 2, format(${literal(NAME)}, one ->> 0)), (one ->> 0)::oid::regclass, one ->> 1) into part using own_oids, xid, ${entire};
    exception when insufficient_privilege then
      part := array['rows of ' || (one ->> 0)::oid::regclass];
    end;
    escaped := escaped || coalesce(part, '{}');
  end loop;
  look := look or ${MOVED} or ${BLIND} or exists (select from ${losing} where ${lostRows('o')});
  ${FLUSH}
  ${walls.grants && !entire ? foreignRights(walls, 'xid') : ''}
  ${walls.types && !entire ? foreignTypes('xid') : ''}
  ${walls.gone?.length ? `escaped := escaped || ${textList(walls.gone)};` : ''}
  ${sharedNames.length ? `escaped := array(select e from unnest(escaped) e where regexp_replace(e, ' \\((dropped|moved)\\)$', '') <> all (${textList(sharedNames)}));` : ''}
  ${entire ? '' : relations}
  ${walls.gone ? '' : `if look then raise exception 'gone' using errcode = 'FL004'; end if;`}
  if cardinality(escaped) > 0 then
    escaped := array(select distinct e from unnest(escaped) e order by e);
    raise exception '%', array_to_string(escaped[:${MOST_NAMES}], '; ') || case when cardinality(escaped) > ${MOST_NAMES} then '; and ' || cardinality(escaped) - ${MOST_NAMES} || ' more' else '' end using errcode = 'FL002';
  end if;
end`);
}

/** What is gone from where it was, asked of our own session. */
export interface Gone {
  readonly things: readonly { readonly classid: number; readonly objid: number; readonly moved: boolean }[];
  /** Something was moved to another schema. */
  readonly moved: boolean;
  /** Catalogs that lost rows without a lock that would name them. */
  readonly lost: readonly string[];
  /** Our transaction, decimal. */
  readonly xid: string;
  /** Schemas of the tenant, by oid. */
  readonly ours: string;
}

const losingRows = (walls: Walls) => unlocked(walls).filter(({ name }) => name !== 'pg_type');

export function goneSql(walls: Walls): string {
  const losing = losingRows(walls);
  const relations =
    walls.ownSchemas === undefined
      ? ''
      : `select 1259, l.relation, c.oid is not null from pg_locks l left join pg_class c on c.oid = l.relation, now
          where l.pid = pg_backend_pid() and l.locktype = 'relation' and l.database <> 0 and (c.oid is null or moved and l.mode = 'AccessExclusiveLock' and c.relnamespace = any (ours)) union`;
  return `with now as (select ${MOVED} or ${BLIND} as moved, ${oursSql(walls)} as ours)
    select coalesce((select jsonb_agg(jsonb_build_object('classid', classid, 'objid', objid, 'moved', still)) from (${relations}
        select x.classid, x.objid, i.identity is not null from pg_locks x cross join lateral pg_identify_object(x.classid, x.objid, 0) i, now
          where x.pid = pg_backend_pid() and x.locktype = 'object' and x.mode <> 'AccessShareLock' and x.classid = any ('{${lockedClasses(walls)}}'::oid[])
            and (i.identity is null and x.classid <> all ('{${goWithRelation}}'::oid[]) or moved and ${objectInside(walls, 'now.ours')})) f (classid, objid, still)), '[]') as things,
      moved, array(select name from unnest(${textList(losing.map(({ name }) => name))}, '{${losing.map(({ oid }) => oid)}}'::oid[]) u (name, oid)
        where (${lostRows('oid')} or ${BLIND}) and has_table_privilege('pg_catalog.' || name, 'select')) as lost,
      pg_current_xact_id()::text as xid, ours::text as ours from now`;
}

/** Asked on the other connection: of what is gone, that which was outside, as the refusal names it. What went as a part of something else goes under that name. */
export function goneOutsideSql(walls: Walls, { things, ours }: Gone): string {
  const shared = sharedRelations(walls);
  return `with recursive outside as (
      select x.classid, x.objid, x.moved, case x.classid when 1259 then '' else i.type || ' ' end || i.identity as name
      from (values ${things.map((it) => `(${it.classid}::oid, ${it.objid}::oid, ${it.moved})`).join(', ')}) x (classid, objid, moved)
      cross join lateral pg_identify_object(x.classid, x.objid, 0) i
      where i.identity is not null and (x.classid <> ${CONSTRAINT} or i.type = 'domain constraint')
        and not case x.classid when 1259 then (select coalesce(c.relnamespace = any (${literal(ours)}::oid[]), false) or n.nspname ~ '^pg_toast' from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = x.objid)
          else ${objectInside(walls, `${literal(ours)}::oid[]`)} end),
    above as (
      select classid, objid, classid as c, objid as o from outside
      union select a.classid, a.objid, d.refclassid, d.refobjid from above a join pg_depend d on d.classid = a.c and d.objid = a.o and (d.deptype in ('a', 'i', 'e') or d.refclassid = 2615))
    select name || case when moved then ' (moved)' else ' (dropped)' end as name from outside x
    where not exists (select from above a join outside y on y.classid = a.c and y.objid = a.o where a.classid = x.classid and a.objid = x.objid and (a.c, a.o) <> (x.classid, x.objid))
      ${shared ? `and not exists (select from above a join ${shared} s on a.c = 1259 and a.o = s.oid and s.rank = ${LOCKS.length} where a.classid = x.classid and a.objid = x.objid)` : ''}
    order by 1`;
}

/** A row that another connection still sees. */
export interface Row {
  readonly catalog: string;
  readonly ctid: string;
  readonly name: string;
}

/** Asked on the other connection: rows outside that a transaction, not older than ours and still open, has deleted or replaced. */
export function goingRowsSql(walls: Walls, { lost, moved, xid, ours }: Gone): string | undefined {
  const parts = unlocked(walls)
    .filter(({ name }) => (name === 'pg_type' ? moved : lost.includes(name)))
    .map((catalog) =>
      rowsOutside(
        walls,
        catalog,
        `${literal(ours)}::oid[]`,
        `c.xmax::text <> '0' and ${stillOpen('c.xmax', BigInt(xid).toString(), 'pg_current_xact_id()::text::bigint')}`,
      ),
    );
  return parts.length ? parts.join(' union all ') : undefined;
}

/** Which of these rows this connection sees. */
export const seenRowsSql = (rows: readonly Row[]): string =>
  [...new Set(rows.map((row) => row.catalog))]
    .map(
      (catalog) =>
        `select '${catalog}' as catalog, ctid::text as ctid from pg_catalog.${catalog} where ctid = any (${literal(`{${rows.filter((row) => row.catalog === catalog).map((row) => `"${row.ctid}"`)}}`)}::tid[])`,
    )
    .join(' union all ');
