/** Rule 2 of a revert: has anybody written into what the migration added, since it committed? */

import type { Client } from 'pg';
import type { Delta } from './contract.js';
import { objectOf } from './fingerprint.js';
import { ident, literal } from './quote.js';

/** What tells rows that a migration found, or wrote itself, from rows that were written since. */
export interface Moment {
  /** Decimal text of a 64-bit transaction id: a row version at or above it is younger. */
  readonly counter: string;
  /** Ids at or above it that are the migration's own (32 bits, decimal). */
  readonly ours: readonly string[];
  /** Ids below it that were still in progress then: what they wrote later is younger too. */
  readonly running: readonly string[];
}

/**
 * Names the added tables that hold a row version written since the moment, and the added columns where such a row version holds something
 * else than the column's default. `xmin` has 32 bits, so it is compared by its age: the distance below this transaction's own id. Runs inside
 * the caller's transaction, under the tenant's lock, after it was given an id.
 */
export async function writtenSince(client: Client, schema: string, delta: Delta, moment: Moment): Promise<readonly string[]> {
  const ids = (of: readonly string[]) => `(array[${of.map(literal).join(',')}]::xid[])`;
  const newer = `((age(t.xmin) <= (select pg_current_xact_id()::text::bigint - ${BigInt(moment.counter)}) and t.xmin <> all ${ids(moment.ours)}) or t.xmin = any ${ids(moment.running)})`;
  const written: string[] = [];
  const ask = async (name: string, table: string, where: string) => {
    const found = await client.query(`select from ${ident(schema)}.${ident(table)} t where ${where} limit 1`);
    if (found.rowCount) written.push(name);
  };
  const tables = addedTables(delta);
  const columns = addedColumns(delta, tables);
  const defaults = await currentColumns(client, schema, [...tables, ...columns.map((c) => c.table)]);
  for (const table of tables) if (defaults.has(table)) await ask(table, table, newer);
  for (const { table, column } of columns) {
    const found = defaults.get(table)?.get(column);
    if (found !== undefined) await ask(`${table}.${column}`, table, `${newer} and ${differs(`t.${ident(column)}`, found)}`);
  }
  return written;
}

/** Bytes are compared, not values: json and xml have no `=`, that of a box means its area, and that of citext passes over a change. */
const differs = (value: string, initial: Initial): string =>
  initial.default === null
    ? `${value} is distinct from null`
    : `row(${value})::record *<> row((${initial.default})::${initial.type})::record`;

/** Ordinary and partitioned tables; a partition's rows are also seen through its parent. */
const addedTables = (delta: Delta): readonly string[] =>
  delta.added.filter((line) => /^relation /.test(line) && /: [rp] persistence=/.test(line)).map(objectOf);

function addedColumns(delta: Delta, tables: readonly string[]): readonly { table: string; column: string }[] {
  const columns = (lines: readonly string[]) =>
    lines.filter((line) => line.startsWith('column ')).map((line) => ({ table: objectOf(line), column: columnOf(line) }));
  const views = new Set(delta.added.filter((line) => line.startsWith('relation ')).map(objectOf));
  const before = columns(delta.removed); // a changed column shows as removed and added: it was there already
  return columns(delta.added).filter(
    (c) => !tables.includes(c.table) && !views.has(c.table) && !before.some((b) => b.table === c.table && b.column === c.column),
  );
}

/** What a row that nobody wrote into has in a column. */
interface Initial {
  readonly type: string;
  /** As SQL. */
  readonly default: string | null;
}

/** Columns of the tables that exist now. What is no table has no rows to lose: views, composite types. */
async function currentColumns(
  client: Client,
  schema: string,
  tables: readonly string[],
): Promise<ReadonlyMap<string, ReadonlyMap<string, Initial>>> {
  const all = new Map<string, Map<string, Initial>>();
  if (tables.length === 0) return all;
  const { rows } = await client.query<{ table: string; column: string } & Initial>(
    `select c.relname as table, a.attname as column, format_type(a.atttypid, a.atttypmod) as type, pg_get_expr(d.adbin, d.adrelid) as default from pg_class c join pg_namespace n on n.oid = c.relnamespace
     join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
     where n.nspname = ${literal(schema)} and c.relkind in ('r', 'p') and c.relname = any (array[${tables.map(literal).join(',')}]::name[])`,
  );
  for (const row of rows) {
    const of = all.get(row.table) ?? new Map<string, Initial>();
    of.set(row.column, row);
    all.set(row.table, of);
  }
  return all;
}

/** `"my col" text …` → `my col` */
function columnOf(line: string): string {
  const name = /^("(?:[^"]|"")*"|\S+)/.exec(line.slice(`column ${objectText(line)}: `.length))![1]!;
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
}

/** The object's name as the line spells it, quotes included. */
const objectText = (line: string): string => /^\S+ ("(?:[^"]|"")*"|[^:]+): /.exec(line)![1]!;
