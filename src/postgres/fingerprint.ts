/**
 * The catalog of a tenant's schema as lines of text, independent of the schema's name, of oids and of the order of creation. Two tenants
 * with equal lines have the same structure; the difference of two readings is a migration's delta.
 *
 * Definitions are read with an empty search_path, so that the server qualifies every name, and our own schema's prefix is taken off
 * afterwards: the same text comes out whichever schema it is and however many are read at once. Only where a view or the like uses the
 * schema's name for a table or an alias too can its prefix not be told from theirs: such a schema's are read again by themselves. Not-null constraints are part of their
 * column's line: Postgres 18 lists them as constraints of their own, 15 does not. Column order is kept apart: reported, never judged.
 */

import { createHash } from 'node:crypto';
import type { Client } from 'pg';
import type { Delta, HistoryNames } from './contract.js';
import { LEDGER, STEP } from './ledger.js';
import { queryEach } from './query-each.js';
import { ident, literal } from './quote.js';

export interface Fingerprint {
  /** `kind object: definition`, sorted. */
  readonly lines: readonly string[];
  /** Column order per table, sorted. */
  readonly order: readonly string[];
  /** Of the lines. 16 hex digits. */
  readonly structure: string;
  /** Of lines and order. */
  readonly exact: string;
}

const ownTables = (names: HistoryNames): readonly string[] => [names.tableName, `${names.tableName}_lock`, LEDGER, STEP];

/** One SELECT (schema, kind, object, text) over any number of schemas; `objects` narrows it to what a delta names. */
function catalogSql(schemas: readonly string[], names: HistoryNames, objects?: readonly string[]): string {
  const list = (values: readonly string[]) => `array[${values.map(literal).join(',')}]::name[]`;
  const only = (column: string) => (objects ? `and ${column} = any (${list(objects)})` : '');
  const own = list(ownTables(names));
  const notExtension = (catalog: string, oid: string) =>
    `not exists (select from pg_depend d where d.classid = '${catalog}'::regclass and d.objid = ${oid} and d.deptype = 'e')`;
  return `with ns as materialized (select oid, nspname from pg_namespace where nspname = any (${list(schemas)})),
rel as materialized (select c.*, ns.nspname from pg_class c join ns on c.relnamespace = ns.oid
  where c.relkind in ('r','p','v','m','f','S','c') and c.relname <> all (${own}) ${only('c.relname')}
  and not exists (select from pg_depend d join pg_class k on k.oid = d.refobjid where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('a','i')
    and d.refclassid = 'pg_class'::regclass and k.relnamespace = c.relnamespace and k.relname = any (${own}))
  and ${notExtension('pg_class', 'c.oid')})
select nspname as schema, kind, object, text from (
 select nspname, 'relation' kind, relname::text object, format('%s persistence=%s options=%s rls=%s/%s identity=%s partition=%s method=%s', relkind, relpersistence,
   (select string_agg(o, ',' order by o) from unnest(reloptions) o), relrowsecurity, relforcerowsecurity, relreplident,
   coalesce(pg_get_partkeydef(r.oid), '') || coalesce(' ' || pg_get_expr(relpartbound, r.oid), ''), (select amname from pg_am where oid = relam)) text from rel r
 union all
 select nspname, 'column', r.relname, format('%I %s notnull=%s default=%s identity=%s generated=%s collation=%s storage=%s stats=%s options=%s', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
   pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attgenerated, (select collname from pg_collation where oid = a.attcollation and collname <> 'default'), a.attstorage, nullif(a.attstattarget, -1), a.attoptions)
   from rel r join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped left join pg_attrdef d on d.adrelid = r.oid and d.adnum = a.attnum where r.relkind <> 'S'
 union all
 select nspname, 'constraint', r.relname, format('%I %s validated=%s', c.conname, pg_get_constraintdef(c.oid, true), c.convalidated) from rel r join pg_constraint c on c.conrelid = r.oid and c.contype <> 'n'
 union all
 select nspname, 'index', r.relname, format('%s valid=%s ready=%s options=%s clustered=%s', pg_get_indexdef(i.indexrelid, 0, true), i.indisvalid, i.indisready, (select reloptions from pg_class where oid = i.indexrelid), i.indisclustered)
   from rel r join pg_index i on i.indrelid = r.oid
 union all
 select nspname, 'sequence', r.relname, format('%s start=%s increment=%s min=%s max=%s cache=%s cycle=%s owned=%s', format_type(s.seqtypid, null), seqstart, seqincrement, seqmin, seqmax, seqcache, seqcycle,
   (select format('%s.%s', refobjid::regclass, a.attname) from pg_depend d join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid where d.classid = 'pg_class'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass and d.deptype in ('a','i')))
   from rel r join pg_sequence s on s.seqrelid = r.oid
 union all
 select nspname, 'view', relname, pg_get_viewdef(r.oid, true) from rel r where relkind in ('v','m')
 union all
 select nspname, 'trigger', r.relname, pg_get_triggerdef(t.oid, true) || ' enabled=' || t.tgenabled::text from rel r join pg_trigger t on t.tgrelid = r.oid and not t.tgisinternal
 union all
 select nspname, 'rule', r.relname, pg_get_ruledef(w.oid, true) from rel r join pg_rewrite w on w.ev_class = r.oid and w.rulename <> '_RETURN'
 union all
 select nspname, 'policy', r.relname, format('%I %s %s roles=%s using=%s check=%s', polname, polcmd, polpermissive, (select string_agg(pg_get_userbyid(x), ',' order by pg_get_userbyid(x)) from unnest(polroles) x), pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
   from rel r join pg_policy p on p.polrelid = r.oid
 union all
 select nspname, 'function', p.proname, format('(%s) %s', pg_get_function_identity_arguments(p.oid), case when prokind = 'a' then 'aggregate' else pg_get_functiondef(p.oid) end)
   from pg_proc p join ns on p.pronamespace = ns.oid where ${notExtension('pg_proc', 'p.oid')} ${only('p.proname')}
 union all
 select nspname, 'type', t.typname, format('%s %s', typtype, case typtype when 'e' then (select string_agg(quote_literal(enumlabel), ',' order by enumsortorder) from pg_enum where enumtypid = t.oid)
   when 'd' then format('%s notnull=%s default=%s %s', format_type(typbasetype, typtypmod), typnotnull, typdefault, (select string_agg(conname || ' ' || pg_get_constraintdef(oid, true), ';' order by conname) from pg_constraint where contypid = t.oid and contype <> 'n')) end)
   from pg_type t join ns on t.typnamespace = ns.oid where typtype in ('e','d','r','b') and typelem = 0 and ${notExtension('pg_type', 't.oid')} ${only('t.typname')}
 union all
 select nspname, 'statistics', s.stxname, pg_get_statisticsobjdef(s.oid) || ' target=' || coalesce(stxstattarget::text, '') from pg_statistic_ext s join ns on s.stxnamespace = ns.oid where true ${only('s.stxname')}
 union all
 select nspname, 'comment', r.relname, format('%s %L', (select attname from pg_attribute where attrelid = r.oid and attnum = d.objsubid and d.objsubid > 0), d.description) from rel r join pg_description d on d.classoid = 'pg_class'::regclass and d.objoid = r.oid
 union all
 select nspname, 'inheritance', r.relname, i.inhparent::regclass::text from rel r join pg_inherits i on i.inhrelid = r.oid
 union all
 select nspname, 'grant', r.relname, (select string_agg(privilege, ',' order by privilege) from (select format('%s:%s', case a.grantee when 0 then 'PUBLIC' else pg_get_userbyid(a.grantee)::text end, a.privilege_type || case when a.is_grantable then '*' else '' end) privilege
   from aclexplode(coalesce(r.relacl, acldefault(case r.relkind when 'S' then 's' else 'r' end::"char", r.relowner))) a where a.grantee <> r.relowner) p) from rel r where r.relacl is not null
) everything`;
}

interface CatalogRow {
  readonly schema: string;
  readonly kind: string;
  readonly object: string;
  readonly text: string | null;
  /** Read with the schema as search_path. */
  readonly unqualified?: boolean;
}

/** The lines of each schema, sorted. One message; one more for each schema whose name stands for something else in its definitions. */
export async function readCatalog(
  client: Client,
  schemas: readonly string[],
  names: HistoryNames,
  objects?: readonly string[],
): Promise<Map<string, string[]>> {
  const rows = await queryCatalog(client, schemas, names, objects, '');
  const namings = new Map(schemas.map((schema) => [schema, namingOf(schema)]));
  const ambiguous = new Set(
    rows.filter((row) => holdsQueries(row) && namings.get(row.schema)!.isAmbiguous(row.text ?? '')).map((row) => row.schema),
  );
  const clear = rows.filter((row) => !(holdsQueries(row) && ambiguous.has(row.schema)));
  for (const schema of ambiguous) {
    const again = await queryCatalog(client, [schema], names, objects, ident(schema));
    clear.push(...again.filter(holdsQueries).map((row) => ({ ...row, unqualified: true })));
  }
  const bySchema = new Map<string, string[]>(schemas.map((schema) => [schema, []]));
  for (const row of clear)
    bySchema.get(row.schema)!.push(`${row.kind} ${quoted(row.object)}: ${namings.get(row.schema)!.strip(row.text ?? '', row.unqualified)}`);
  for (const lines of bySchema.values()) lines.sort();
  return bySchema;
}

/** Runs the catalog query with a search_path and puts the session's own back, also inside a transaction that has set it. */
async function queryCatalog(
  client: Client,
  schemas: readonly string[],
  names: HistoryNames,
  objects: readonly string[] | undefined,
  searchPath: string,
): Promise<CatalogRow[]> {
  const results = await queryEach<CatalogRow>(
    client,
    `select set_config('flotilla.path', current_setting('search_path'), true), set_config('search_path', ${literal(searchPath)}, true);
${catalogSql(schemas, names, objects)};
select set_config('search_path', current_setting('flotilla.path'), true)`,
  );
  return results[1]!.rows;
}

/** Holds queries, in which columns are prefixed by tables and aliases. */
const holdsQueries = ({ kind }: CatalogRow): boolean => ['view', 'rule', 'policy', 'trigger', 'function'].includes(kind);

/** As the server prints names: quoted only where it must be. */
const quoted = (name: string): string => (/^[a-z_][a-z0-9_$]*$/.test(name) ? name : ident(name));

interface Naming {
  /** Takes the schema's name out of a definition. One that was read unqualified has it only where the server always writes it: at its head. */
  strip(text: string, unqualified?: boolean): string;
  /** The name stands for a table, a column or an alias too: there is one without a dot behind it. */
  isAmbiguous(text: string): boolean;
}

/** Prefixes of columns that no definition declares. */
const PSEUDO_TABLES = new Set(['new', 'old', 'excluded']);

function namingOf(schema: string): Naming {
  const quotedName = ident(schema);
  // Inside a string, as in `nextval('"it''s".numbers')`, apostrophes are doubled.
  const spellings = [...new Set([...(/^[a-z_][a-z0-9_$]*$/.test(schema) ? [schema] : []), quotedName, quotedName.replaceAll("'", "''")])];
  const word = `(?:${spellings.map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|')})`;
  const prefix = new RegExp(`(?<![\\w$".])${word}\\.`, 'g');
  const atHead = new RegExp(`^(\\([^\\n]*\\) CREATE OR REPLACE (?:FUNCTION|PROCEDURE) )${word}\\.`);
  const ownPath = new RegExp(`^( SET search_path TO .*?)'${schema.replaceAll("'", "''").replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}'`, 'm');
  const alone = new RegExp(`(?<![\\w$"])${word}(?![\\w$".])`);
  const setPath = (text: string) => text.replace(ownPath, '$1$schema');
  return {
    strip: (text, unqualified) => setPath(unqualified ? text.replace(atHead, '$1') : text.replace(prefix, '')),
    isAmbiguous: (text) => PSEUDO_TABLES.has(schema) || alone.test(setPath(text)),
  };
}

/** Name of the object that a line tells of. */
export function objectOf(line: string): string {
  const match = /^\S+ ("(?:[^"]|"")*"|[^:]+): /.exec(line);
  const name = match?.[1] ?? '';
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
}

const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

/** Reads one schema's fingerprint: one message, about 5 to 10 ms among 10,000 schemas. */
export async function readFingerprint(client: Client, schema: string, names: HistoryNames): Promise<Fingerprint> {
  const lines = (await readCatalog(client, [schema], names)).get(schema)!;
  const { rows } = await client.query<{ line: string }>(
    `select c.relname || ': ' || string_agg(quote_ident(a.attname), ', ' order by a.attnum) as line from pg_class c join pg_namespace n on n.oid = c.relnamespace
     join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where n.nspname = $1 and c.relkind in ('r', 'p') and c.relname <> all ($2::name[]) group by c.relname order by 1`,
    [schema, ownTables(names)],
  );
  const order = rows.map((row) => row.line);
  return { lines, order, structure: hash(lines.join('\n')), exact: hash(`${lines.join('\n')}\n\n${order.join('\n')}`) };
}

/**
 * Reads outside a transaction, and again when an object was dropped under the server's hands while it was reading: its functions that print
 * definitions look at the catalog as it is now, not as the statement's snapshot has it, and answer with an internal error then.
 * https://www.postgresql.org/docs/current/functions-info.html
 */
export async function readAgainWhenDropped<T>(read: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await read();
    } catch (error) {
      if ((error as { code?: string }).code !== INTERNAL_ERROR || tries >= READ_TRIES) throw error;
    }
  }
}
const INTERNAL_ERROR = 'XX000';
const READ_TRIES = 50;

/** The structure of each schema, read in bulk: 16 hex digits, as `readFingerprint` answers them. */
export async function readStructures(
  client: Client,
  schemas: readonly string[],
  names: HistoryNames,
): Promise<ReadonlyMap<string, string>> {
  const catalog = await readAgainWhenDropped(() => readCatalog(client, schemas, names));
  return new Map([...catalog].map(([schema, lines]) => [schema, hash(lines.join('\n'))]));
}

/** Lines that came and went between two readings. */
export function diffLines(before: readonly string[], after: readonly string[]): Delta {
  const had = new Set(before);
  const has = new Set(after);
  return { added: after.filter((line) => !had.has(line)), removed: before.filter((line) => !has.has(line)) };
}

/** Several deltas as one: what was added and removed again leaves no trace. */
export function netDelta(deltas: readonly Delta[]): Delta {
  const added = new Set<string>();
  const removed = new Set<string>();
  for (const delta of deltas) {
    for (const line of delta.removed) if (!added.delete(line)) removed.add(line);
    for (const line of delta.added) if (!removed.delete(line)) added.add(line);
  }
  return { added: [...added].sort(), removed: [...removed].sort() };
}

export const invert = (delta: Delta): Delta => ({ added: delta.removed, removed: delta.added });

export function sameDelta(a: Delta, b: Delta): boolean {
  const key = (delta: Delta) => JSON.stringify([[...delta.added].sort(), [...delta.removed].sort()]);
  return key(a) === key(b);
}
