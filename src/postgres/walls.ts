/**
 * What a migration touched outside its tenant, asked of the server before COMMIT.
 *
 * Relations: the session's own locks tell, not `xmin`: they cover savepoints, rows and reads, and cost about a millisecond. Objects that are
 * no relations (functions, schemas, roles, extensions…): the transaction's own counters over their catalogs tell that something was
 * written; only then the catalog is read, for rows of a transaction that is still in progress, which can be ours alone. What was dropped
 * has no name here any more: its lock names it, and a second connection still sees whose it was.
 *
 * Not seen: `docs/security.md`.
 */

import { LEDGER } from './ledger.js';
import { ident, literal } from './quote.js';

export interface Walls {
  /** Schemas whose objects may be touched; undefined: the whole database is the tenant's. */
  readonly ownSchemas: readonly string[] | undefined;
  /** Name of Knex's history table: a schema that has one is another tenant's. */
  readonly historyTable: string;
  /** Objects outside that may be locked, up to the given mode; other objects are named as the refusal names them. */
  readonly shared: readonly { readonly object: string; readonly maxLock: string }[];
  /** What `countersSql` answered when the transaction began. */
  readonly counters: string;
  /** What was dropped has been looked up by the caller. */
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
/** `ShareRowExclusiveLock` → `SHARE ROW EXCLUSIVE`, as SQL. */
const wordsOf = (mode: string): string => `upper(trim(regexp_replace(replace(${mode}, 'Lock', ''), '([A-Z])', ' \\1', 'g')))`;

/** A catalog of objects that are no relations. Its oid is the same in every version of Postgres. */
interface Catalog {
  readonly oid: number;
  readonly name: string;
  /** Of the whole server, not of this database. */
  readonly cluster?: true;
  /** SQL that tells the namespace of row `c`; none: the object belongs to the whole database. */
  readonly namespace?: string;
  /** SQL that names row `c`; none: `pg_identify_object` does. */
  readonly label?: string;
  /** SQL: row `c` may be touched all the same; `own` holds the oids of the tenant's schemas. */
  readonly unless?: string;
}

const ofType = (column: string): string => `(select typnamespace from pg_type t where t.oid = c.${column})`;

const CATALOGS: readonly Catalog[] = [
  { oid: 1260, name: 'pg_authid', cluster: true },
  { oid: 1261, name: 'pg_auth_members', cluster: true, label: `'membership in role ' || pg_get_userbyid(c.roleid)` },
  { oid: 1262, name: 'pg_database', cluster: true, unless: `whole and c.datname = current_database()` },
  { oid: 1213, name: 'pg_tablespace', cluster: true },
  {
    oid: 2964,
    name: 'pg_db_role_setting',
    cluster: true,
    label: `'settings of ' || case c.setrole when 0 then 'the database' else 'role ' || pg_get_userbyid(c.setrole) end`,
    unless: `whole and c.setdatabase = (select d.oid from pg_database d where d.datname = current_database())`,
  },
  { oid: 6100, name: 'pg_subscription', cluster: true },
  { oid: 6243, name: 'pg_parameter_acl', cluster: true, label: `'privileges on parameter ' || c.parname` },
  { oid: 6000, name: 'pg_replication_origin', cluster: true, label: `'replication origin ' || c.roname` },
  {
    oid: 2615,
    name: 'pg_namespace',
    // The server makes a session's own for its temporary tables; names that begin so are nobody else's
    unless: `c.oid = any (own) or c.nspname ~ '^pg_(toast_)?temp_'`,
  },
  { oid: 3079, name: 'pg_extension' },
  { oid: 6104, name: 'pg_publication' },
  { oid: 6106, name: 'pg_publication_rel' },
  { oid: 6237, name: 'pg_publication_namespace' },
  { oid: 3466, name: 'pg_event_trigger' },
  { oid: 2328, name: 'pg_foreign_data_wrapper' },
  { oid: 1417, name: 'pg_foreign_server' },
  { oid: 1418, name: 'pg_user_mapping' },
  { oid: 2612, name: 'pg_language' },
  { oid: 2605, name: 'pg_cast' },
  { oid: 2601, name: 'pg_am' },
  { oid: 3576, name: 'pg_transform' },
  { oid: 2995, name: 'pg_largeobject_metadata', label: `'large object ' || c.oid` },
  { oid: 2613, name: 'pg_largeobject', label: `'large object ' || c.loid` },
  { oid: 826, name: 'pg_default_acl', namespace: 'c.defaclnamespace' },
  { oid: 1255, name: 'pg_proc', namespace: 'c.pronamespace' },
  { oid: 2617, name: 'pg_operator', namespace: 'c.oprnamespace' },
  { oid: 2616, name: 'pg_opclass', namespace: 'c.opcnamespace' },
  { oid: 2753, name: 'pg_opfamily', namespace: 'c.opfnamespace' },
  { oid: 3456, name: 'pg_collation', namespace: 'c.collnamespace' },
  { oid: 2607, name: 'pg_conversion', namespace: 'c.connamespace' },
  { oid: 3602, name: 'pg_ts_config', namespace: 'c.cfgnamespace' },
  { oid: 3600, name: 'pg_ts_dict', namespace: 'c.dictnamespace' },
  { oid: 3601, name: 'pg_ts_parser', namespace: 'c.prsnamespace' },
  { oid: 3764, name: 'pg_ts_template', namespace: 'c.tmplnamespace' },
  { oid: 3381, name: 'pg_statistic_ext', namespace: 'c.stxnamespace' },
  { oid: 3501, name: 'pg_enum', namespace: ofType('enumtypid'), label: `'type ' || c.enumtypid::regtype` },
  { oid: 3541, name: 'pg_range', namespace: ofType('rngtypid'), label: `'type ' || c.rngtypid::regtype` },
];
/** Domains and composite types leave no row but here; every table does too, so it is not counted, only its locks are looked at. */
const PG_TYPE = 1247;

const watched = (walls: Pick<Walls, 'ownSchemas'>): readonly Catalog[] =>
  walls.ownSchemas === undefined ? CATALOGS.filter((catalog) => catalog.cluster) : CATALOGS;

/** Rows that this transaction has written into each catalog so far, as an array. Earlier transactions' are in it too: compare two readings. */
export const countersSql = (walls: Pick<Walls, 'ownSchemas'>): string =>
  `array(select pg_stat_get_xact_tuples_inserted(o) + pg_stat_get_xact_tuples_updated(o) + pg_stat_get_xact_tuples_deleted(o)
    from unnest('{${watched(walls).map((catalog) => catalog.oid)}}'::oid[]) o)`;

const list = (values: readonly string[]): string => `array[${values.map(literal).join(',')}]`;
/** As `pg_identify_object` prints names: quoted where they must be. */
const quotedList = (values: readonly string[]): string => `array(select quote_ident(s) from unnest(${list(values)}) s)`;
const ownNames = (walls: Walls): readonly string[] => ['pg_catalog', 'pg_toast', 'information_schema', ...(walls.ownSchemas ?? [])];

/** Relations outside, that this session has locked: more than ACCESS SHARE, or another tenant's at all. A relation that is gone was dropped in this transaction. */
function foreignRelations(walls: Walls): string {
  const shared = walls.shared.length
    ? `and not exists (select from (values ${walls.shared.map((s) => `(${literal(s.object)}, ${literal(modeOf(s.maxLock))})`).join(', ')}) a (object, mode)
         where coalesce(ix.indrelid, c.oid) = to_regclass(a.object) and ${rank('l.mode')} <= ${rank('a.mode')})`
    : '';
  const anotherTenants = `exists (select from pg_class k where k.relnamespace = n.oid and (k.relname = ${literal(LEDGER)} or k.relname = ${literal(walls.historyTable)} and n.nspname <> 'public'))`;
  return `select distinct l.relation, n.nspname, c.relname, l.mode from pg_locks l left join pg_class c on c.oid = l.relation left join pg_namespace n on n.oid = c.relnamespace
    left join pg_index ix on ix.indexrelid = c.oid
    where l.pid = pg_backend_pid() and l.locktype = 'relation' and l.database <> 0
      and (c.oid is null or n.nspname <> all (${list(ownNames(walls))}::name[]))
      and (n.oid is null or (n.oid <> pg_my_temp_schema() and n.nspname not like 'pg\\_toast\\_temp\\_%'))
      and (l.mode <> 'AccessShareLock' or ${anotherTenants}) ${shared}`;
}

/** Other objects that this session has locked for a change: outside, or gone. Objects that belong to a relation go with its lock. */
function foreignObjects(walls: Walls): string {
  const classes = [...watched(walls).map((catalog) => catalog.oid), ...(walls.ownSchemas === undefined ? [] : [PG_TYPE])];
  const own = quotedList(ownNames(walls));
  return `select l.classid, l.objid, i.type, i.identity from pg_locks l cross join lateral pg_identify_object(l.classid, l.objid, 0) i
    where l.pid = pg_backend_pid() and l.locktype = 'object' and l.mode <> 'AccessShareLock' and l.classid = any ('{${classes}}'::oid[])
      and (i.identity is null or not (coalesce(i.schema, '') = any (${own}) or (i.type = 'schema' and i.name = any (${own})) or coalesce(i.schema, '') ~ '^pg_(toast_)?temp'))
      ${walls.ownSchemas === undefined ? `and not (i.type = 'database' and i.name = current_database())` : ''}`;
}

/** The look at one catalog as a format string: label, catalog, what is inside. $1 = oids of the tenant's schemas, $2 = our transaction, $3 = the whole database is ours. */
const ROWS_OF_OURS = `select array_agg(distinct %s) from pg_catalog.%I c, (select $1 as own, $2 as xid, $3 as whole) p where not coalesce(%s, false) and age(c.xmin) <= 0
    and pg_xact_status((xid + ((c.xmin::text::bigint - xid %% 4294967296 + 4294967296) %% 4294967296))::text::xid8) = 'in progress'`;
const labelOf = ({ oid, label }: Catalog): string =>
  label ?? `(select i.type || ' ' || i.identity from pg_identify_object(${oid}, c.oid, 0) i)`;
const insideOf = ({ namespace, unless }: Catalog): string => (namespace === undefined ? (unless ?? 'false') : `${namespace} = any (own)`);

/** Declarations for `locksSql` and `wallsSql`. */
export const WALLS_DECLARE = 'me int := pg_backend_pid(); touched oid[]; changed boolean; running xid[]; home oid[];';

/** One look at the locks: what this session holds, and which other transactions are in progress (`running`). */
export function locksSql(walls: Pick<Walls, 'ownSchemas'>): string {
  const classes = [...watched(walls).map((catalog) => catalog.oid), ...(walls.ownSchemas === undefined ? [] : [PG_TYPE])];
  return `select array_agg(relation) filter (where pid = me and locktype = 'relation' and relation >= ${FIRST_NORMAL_OID}),
    coalesce(bool_or(pid = me and locktype = 'object' and mode <> 'AccessShareLock' and classid = any ('{${classes}}'::oid[])), false),
    coalesce(array_agg(transactionid) filter (where pid <> me and locktype = 'transactionid' and mode = 'ExclusiveLock'), '{}')
    into touched, changed, running from pg_locks;`;
}

/**
 * Statements of a DO block, behind `locksSql`, that refuse what was touched outside: FL002 names it, FL004 asks the caller to look dropped objects up first.
 *
 * Almost every migration stays inside. One look at the locks and one at the counters tell so; only otherwise the rest, a string until then, is
 * parsed and planned.
 */
export function wallsSql(walls: Walls): string {
  const relations =
    walls.ownSchemas === undefined
      ? ''
      : `or exists (select from unnest(touched) t (relation) where coalesce((select c.relnamespace from pg_class c where c.oid = t.relation), 0) <> all (home))`;
  return `home := array[${PG_TOAST}, ${(walls.ownSchemas ?? []).map((schema) => `to_regnamespace(${literal(ident(schema))})::oid, `).join('')} pg_my_temp_schema()];
  if changed ${relations} or ${countersSql(walls)} <> ${literal(walls.counters)}::bigint[] then execute ${literal(closerLook(walls))}; end if;`;
}

/** The system's own relations have smaller ones. https://github.com/postgres/postgres/blob/master/src/include/access/transam.h */
const FIRST_NORMAL_OID = 16384;
/** Schema of every TOAST table but those of temporary tables. */
const PG_TOAST = 99;

/** Names what was touched outside, if anything was. A function body, so that it is parsed only when it is needed. */
function closerLook(walls: Walls): string {
  const catalogs = watched(walls);
  const whole = walls.ownSchemas === undefined;
  const relations = whole
    ? ''
    : `select coalesce(array_agg(format('%I.%I (%s)', nspname, relname, ${wordsOf('mode')}) order by nspname, relname) filter (where relname is not null), '{}'), coalesce(bool_or(relname is null), false)
    into escaped, dropped from (${foreignRelations(walls)}) f;`;
  return `do $walls$
declare escaped text[] := '{}'; dropped boolean := false; part text[]; hit int; own_oids oid[]; xid bigint := pg_current_xact_id()::text::bigint;
begin
  ${relations}
  select coalesce(array_agg(distinct type || ' ' || identity) filter (where identity is not null), '{}'), dropped or coalesce(bool_or(identity is null), false) into part, dropped from (${foreignObjects(walls)}) f;
  escaped := escaped || part;
  if ${countersSql(walls)} <> ${literal(walls.counters)}::bigint[] then
    own_oids := array(select oid from pg_namespace where nspname = any (${list(ownNames(walls))}::name[]) or oid = pg_my_temp_schema());
    for hit in select i from unnest(${countersSql(walls)}, ${literal(walls.counters)}::bigint[]) with ordinality u (a, b, i) where a is distinct from b loop
      execute format(${literal(ROWS_OF_OURS)}, (${list(catalogs.map(labelOf))})[hit], (${list(catalogs.map((it) => it.name))})[hit], (${list(catalogs.map(insideOf))})[hit])
        into part using own_oids, xid, ${whole};
      escaped := escaped || coalesce(part, '{}');
    end loop;
  end if;
  ${walls.shared.length ? `escaped := array(select distinct e from unnest(escaped) e where e <> all (${list(walls.shared.map((s) => s.object))}));` : ''}
  if cardinality(escaped) > 0 then raise exception '%', array_to_string(escaped, '; ') using errcode = 'FL002'; end if;
  ${walls.dropsChecked ? '' : `if dropped then raise exception 'dropped' using errcode = 'FL004'; end if;`}
end $walls$`;
}

/** A dropped object, by catalog and oid. */
export interface Dropped {
  readonly classid: string;
  readonly objid: string;
}

/** What this transaction has dropped: to be looked up on another connection, which still sees it. */
export const droppedSql = (walls: Walls): string =>
  `${walls.ownSchemas === undefined ? '' : `select 1259::text as classid, relation::text as objid from (${foreignRelations(walls)}) f where relname is null union `}
   select classid::text, objid::text from (${foreignObjects(walls)}) g where identity is null`;

/** Asked on the other connection: those that were outside, as the refusal names them. */
export function droppedOutsideSql(walls: Walls, dropped: readonly Dropped[]): string {
  const own = quotedList(ownNames(walls));
  return `select i.type || ' ' || i.identity || ' (dropped)' as name from (values ${dropped.map((it) => `(${Number(it.classid)}::oid, ${Number(it.objid)}::oid)`).join(', ')}) d (classid, objid)
    cross join lateral pg_identify_object(d.classid, d.objid, 0) i
    where i.identity is not null and not (coalesce(i.schema, '') = any (${own}) or (i.type = 'schema' and i.name = any (${own})) or coalesce(i.schema, '') ~ '^pg_(toast_)?temp')
      ${walls.shared.length ? `and i.type || ' ' || i.identity <> all (${list(walls.shared.map((s) => s.object))})` : ''}`;
}
