/** Catalogs of the server whose rows are no relations: what a transaction has written into them tells what it has touched. */

import { literal } from './quote.js';

/** Its oid is the same in every version of Postgres. */
export interface Catalog {
  readonly oid: number;
  readonly name: string;
  /** Of the whole server, not of this database. */
  readonly cluster?: true;
  /** Its rows are parts of other objects, or `pg_identify_object` does not know them. */
  readonly parts?: true;
  /** SQL that tells the namespace of row `c`; none: the object belongs to the whole database. */
  readonly namespace?: string;
  /** SQL that names row `c`; none: `pg_identify_object` does. */
  readonly label?: string;
  /** The server makes some of its objects as parts of another one, which tells: the functions of a range type. */
  readonly madeWithAnother?: true;
  /** SQL: row `c` may be touched all the same. `ours`: oids of the tenant's schemas; `entire`: the whole database is the tenant's. */
  readonly unless?: string;
}

const ofType = (column: string): string => `(select t.typnamespace from pg_type t where t.oid = c.${column})`;
const ofFamily = (column: string): string => `(select f.opfnamespace from pg_opfamily f where f.oid = c.${column})`;
const nameOf = (oid: number, column: string): string =>
  `(select i.type || ' ' || i.identity from pg_identify_object(${oid}, c.${column}, 0) i)`;
const THIS_DATABASE = '(select d.oid from pg_database d where d.datname = current_database())';

const TYPE: Catalog = {
  oid: 1247,
  name: 'pg_type',
  namespace: 'c.typnamespace',
  // The row type of a table goes with its table, an array type with the type of its elements
  unless: `c.typcategory = 'A' or c.typrelid <> 0 and (select r.relkind from pg_class r where r.oid = c.typrelid) <> 'c'`,
};

/** Whatever is written into these counts: it is rare. */
const RARELY_WRITTEN: readonly Catalog[] = [
  { oid: 1260, name: 'pg_authid', cluster: true },
  { oid: 1261, name: 'pg_auth_members', cluster: true, parts: true, label: `'membership in role ' || pg_get_userbyid(c.roleid)` },
  { oid: 1262, name: 'pg_database', cluster: true, unless: `entire and c.datname = current_database()` },
  { oid: 1213, name: 'pg_tablespace', cluster: true },
  {
    oid: 2964,
    name: 'pg_db_role_setting',
    parts: true,
    cluster: true,
    label: `'settings of ' || case c.setrole when 0 then 'the database' else 'role ' || pg_get_userbyid(c.setrole) end`,
    unless: `entire and c.setdatabase = ${THIS_DATABASE}`,
  },
  { oid: 6100, name: 'pg_subscription', cluster: true, unless: `entire and c.subdbid = ${THIS_DATABASE}` },
  { oid: 6243, name: 'pg_parameter_acl', cluster: true, label: `'privileges on parameter ' || c.parname` },
  {
    oid: 6000,
    name: 'pg_replication_origin',
    cluster: true,
    parts: true,
    label: `'replication origin ' || c.roname`,
    // The server makes one for each subscription
    unless: `entire and c.roname in (select 'pg_' || s.oid from pg_subscription s where s.subdbid = ${THIS_DATABASE})`,
  },
  {
    oid: 2615,
    name: 'pg_namespace',
    // The server makes a session's own for its temporary tables; names that begin so are nobody else's
    unless: `c.oid = any (ours) or c.nspname ~ '^pg_(toast_)?temp_'`,
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
  // A cast or transform is its tenant's when a type of it is
  {
    oid: 2605,
    name: 'pg_cast',
    unless: `${ofType('castsource')} = any (ours) or ${ofType('casttarget')} = any (ours)`,
    madeWithAnother: true,
  },
  { oid: 3576, name: 'pg_transform', unless: `${ofType('trftype')} = any (ours)` },
  { oid: 2601, name: 'pg_am' },
  { oid: 2995, name: 'pg_largeobject_metadata', label: `'large object ' || c.oid` },
  { oid: 2613, name: 'pg_largeobject', label: `'large object ' || c.loid` },
  { oid: 826, name: 'pg_default_acl', namespace: 'c.defaclnamespace' },
  { oid: 1255, name: 'pg_proc', namespace: 'c.pronamespace', madeWithAnother: true },
  { oid: 2617, name: 'pg_operator', namespace: 'c.oprnamespace' },
  { oid: 2616, name: 'pg_opclass', namespace: 'c.opcnamespace' },
  { oid: 2753, name: 'pg_opfamily', namespace: 'c.opfnamespace' },
  { oid: 2602, name: 'pg_amop', namespace: ofFamily('amopfamily'), label: nameOf(2753, 'amopfamily') },
  { oid: 2603, name: 'pg_amproc', namespace: ofFamily('amprocfamily'), label: nameOf(2753, 'amprocfamily') },
  { oid: 3456, name: 'pg_collation', namespace: 'c.collnamespace' },
  { oid: 2607, name: 'pg_conversion', namespace: 'c.connamespace' },
  { oid: 3602, name: 'pg_ts_config', namespace: 'c.cfgnamespace' },
  {
    oid: 3603,
    name: 'pg_ts_config_map',
    parts: true,
    namespace: '(select f.cfgnamespace from pg_ts_config f where f.oid = c.mapcfg)',
    label: nameOf(3602, 'mapcfg'),
  },
  { oid: 3600, name: 'pg_ts_dict', namespace: 'c.dictnamespace' },
  { oid: 3601, name: 'pg_ts_parser', namespace: 'c.prsnamespace' },
  { oid: 3764, name: 'pg_ts_template', namespace: 'c.tmplnamespace' },
  { oid: 3381, name: 'pg_statistic_ext', namespace: 'c.stxnamespace' },
  { oid: 3501, name: 'pg_enum', parts: true, namespace: ofType('enumtypid'), label: `'type ' || c.enumtypid::regtype` },
  { oid: 3541, name: 'pg_range', parts: true, namespace: ofType('rngtypid'), label: `'type ' || c.rngtypid::regtype` },
];

/** Whose rows go without a lock that would name them: those that are gone are looked for by a second connection. */
const GO_UNLOCKED: readonly string[] = [
  'pg_replication_origin',
  'pg_auth_members',
  'pg_db_role_setting',
  'pg_parameter_acl',
  'pg_largeobject',
  'pg_ts_config_map',
];

/** Objects that belong to a relation, and how to find it. */
const OF_RELATIONS: Readonly<Record<number, string>> = {
  2620: 'select r.relnamespace from pg_trigger c join pg_class r on r.oid = c.tgrelid',
  2618: 'select r.relnamespace from pg_rewrite c join pg_class r on r.oid = c.ev_class',
  3256: 'select r.relnamespace from pg_policy c join pg_class r on r.oid = c.polrelid',
};
/** Of relations and of domains. */
export const CONSTRAINT = 2606;

/** The whole database is the tenant's: only what is the server's counts. */
export interface Reach {
  readonly ownSchemas: readonly string[] | undefined;
}
const onlyCluster = ({ ownSchemas }: Reach, catalogs: readonly Catalog[]): readonly Catalog[] =>
  ownSchemas === undefined ? catalogs.filter((catalog) => catalog.cluster) : catalogs;

/** Catalogs that are read when something was written into them. */
export const watched = (reach: Reach): readonly Catalog[] => [
  ...onlyCluster(reach, RARELY_WRITTEN),
  // Every table writes a row there, so that only changes of a row are counted: renamed, handed over, granted, moved, another default
  ...(reach.ownSchemas === undefined ? [] : [TYPE]),
];

/** Catalogs that a second connection reads for rows that are gone, or were elsewhere. */
export const unlocked = (reach: Reach): readonly Catalog[] => [
  ...onlyCluster(reach, RARELY_WRITTEN).filter(({ name }) => GO_UNLOCKED.includes(name)),
  ...(reach.ownSchemas === undefined ? [] : [TYPE]),
];

/** Locks of objects in these catalogs are looked at. */
export const lockedClasses = (reach: Reach): readonly number[] => [
  ...watched(reach)
    .filter(({ parts }) => !parts)
    .map(({ oid }) => oid),
  ...(reach.ownSchemas === undefined ? [] : [CONSTRAINT, ...goWithRelation]),
];
/** Of these, what is gone went with its relation. */
export const goWithRelation: readonly number[] = Object.keys(OF_RELATIONS).map(Number);

const written = (what: 'inserted' | 'updated' | 'deleted', oid: string): string => `pg_stat_get_xact_tuples_${what}(${oid})`;
/** SQL: catalog `o` has lost rows. */
export const lostRows = (oid: string): string => `${written('deleted', oid)} > 0`;
/** SQL: the dependency of an object was changed, which only a move to another schema does. */
export const MOVED = `${written('updated', '2608')} > 0`;
/** SQL: rows were written into the watched catalog `oid`. */
export const wroteInto = (oid: string): string =>
  `${written('updated', oid)} > 0 or ${oid} <> ${TYPE.oid} and (${written('inserted', oid)} > 0 or ${written('deleted', oid)} > 0)`;

/**
 * SQL: this transaction has written into a watched catalog, or moved something. The server counts for the session, until it hands on what it
 * has counted: whoever writes there has it do so at the end (`flushCounters`). Where it does not, a closer look is taken for nothing.
 */
export const somethingWritten = (reach: Reach): string =>
  `exists (select from unnest('{${watched(reach).map(({ oid }) => oid)}}'::oid[]) o where ${wroteInto('o')}) or ${MOVED}`;

/** SQL: row `c` of the catalog is inside, where `ours` and `entire` are columns. */
function insideOf({ oid, namespace, unless, madeWithAnother }: Catalog): string | undefined {
  const allowed = [
    namespace && `${namespace} = any (ours)`,
    unless,
    madeWithAnother && `exists (select from pg_depend d where d.classid = ${oid} and d.objid = c.oid and d.deptype = 'i')`,
  ].filter(Boolean);
  return allowed.length ? allowed.join(' or ') : undefined;
}
const isInside = (catalog: Catalog): string => `coalesce(${insideOf(catalog) ?? false}, false)`;

/** The watched catalogs as JSON, for a format string: oid, SQL of what is inside, SQL of the label. */
export const watchedJson = (reach: Reach): string =>
  JSON.stringify(watched(reach).map((catalog) => [catalog.oid, insideOf(catalog) ?? 'false', ...(catalog.label ? [catalog.label] : [])]));

/** SQL: rows of the catalog that are outside, with their names; `where` says which. `ours`: SQL for the oids of the tenant's schemas. */
export const rowsOutside = (reach: Reach, catalog: Catalog, ours: string, where: string): string =>
  `select '${catalog.name}' as catalog, c.ctid::text as ctid, ${catalog.label ?? nameOf(catalog.oid, 'oid')} as name
    from pg_catalog.${catalog.name} c, (select ${ours} as ours, ${reach.ownSchemas === undefined} as entire) p where not ${isInside(catalog)} and ${where}`;

/** Catalogs whose objects `pg_identify_object` gives no schema, or that know more than it does. */
const knowMore = ({ name, parts, namespace, unless }: Catalog): boolean =>
  !parts && (unless !== undefined || name === 'pg_default_acl' || (namespace !== undefined && !namespace.startsWith('c.')));

/**
 * SQL: the object `x` (classid, objid), which `pg_identify_object` calls `i`, is inside. `ours`: SQL for the oids of the tenant's schemas.
 */
export function objectInside(reach: Reach, ours: string): string {
  const entire = reach.ownSchemas === undefined;
  const cases = [
    ...(entire ? [] : Object.entries(OF_RELATIONS)).map(
      ([oid, namespace]) => `when ${oid} then (${namespace} where c.oid = x.objid) = any (ours)`,
    ),
    ...watched(reach)
      .filter((catalog) => knowMore(catalog) && (entire || !catalog.unless?.startsWith('entire')))
      .map((catalog) => `when ${catalog.oid} then (select ${isInside(catalog)} from pg_catalog.${catalog.name} c where c.oid = x.objid)`),
  ];
  return `(select coalesce(case x.classid ${cases.join(' ')} else (select n.oid from pg_namespace n where quote_ident(n.nspname) = i.schema) = any (ours) end, false)
    from (select ${ours} as ours, ${entire} as entire) p)`;
}

export const textList = (values: readonly string[]): string => `array[${values.map(literal).join(',')}]::text[]`;
