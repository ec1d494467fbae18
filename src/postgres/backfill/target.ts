/** What the catalog says of the tables of a backfill, in the tenant that the session is bound to. */

import { FlotillaError } from '../../domain/errors.js';
import type { Backfill } from '../../migration/backfill.js';
import { ident, literal } from '../quote.js';
import type { Send } from './door.js';

export interface Column {
  readonly name: string;
  /** With modifiers, e.g. `numeric(10,2)`. */
  readonly type: string;
  /** Without them: a cast to it never cuts a text to fit, as one to `varchar(3)` does. */
  readonly uncut: string;
  /** An array, or a domain over one. */
  readonly array: boolean;
  /** json or jsonb. */
  readonly json: boolean;
  /** What tells any two values apart most cheaply: `text` bytewise, `plain` by `=`; else only their bytes do. */
  readonly equality: 'text' | 'plain' | null;
}

export interface Target {
  readonly columns: ReadonlyMap<string, Column>;
  /** Columns of `table` that it is paged by. */
  readonly key: readonly Column[];
  /** Whatever the database's settings are, the text of a key is the same. */
  readonly plainKey: boolean;
  /** Columns of the table that is written to: of `into`, or of `table`. */
  readonly written: ReadonlyMap<string, Column>;
  /** Columns there that hold the key. */
  readonly writtenKey: readonly Column[];
  /** The table that is written to has rewrite rules: WITH does not write to it. */
  readonly rules: boolean;
  readonly oid: number;
  /** The statistics' estimate; undefined: there are none. */
  readonly estimate?: number;
}

const PLAIN = ['smallint', 'integer', 'bigint', 'numeric', 'boolean', 'uuid', 'text', 'character varying'];

interface Table {
  readonly oid: number;
  readonly kind: string;
  readonly tuples: number;
  readonly rules: boolean;
  readonly columns: readonly Column[];
  readonly primary: readonly string[] | null;
  /** Columns of each index that makes them unique as a whole, none of them null. */
  readonly unique: readonly (readonly string[])[] | null;
}

/** @throws FLT_BACKFILL_KEY, FLT_BACKFILL_INVALID */
export async function readTarget(send: Send, who: string, backfill: Backfill): Promise<Target> {
  const { into } = backfill;
  const source = await readTable(send, who, backfill.table);
  const there = into ? await readTable(send, who, into.table) : source;
  const columns = byName(source.columns);
  const written = byName(there.columns);
  const names = backfill.key ?? source.primary;
  if (!names) throw noKey(who, `table "${backfill.table}" has no primary key; name columns that are unique together in "key"`);
  const unique = (table: Table, key: readonly string[]) => table.unique?.some((of) => sameColumns(of, key)) ?? false;
  if (!unique(source, names))
    throw noKey(who, `no unique index of "${backfill.table}" holds exactly ${list(names)}, all of them not null, without a condition`);
  const intoNames = into ? (into.key ?? names) : names;
  if (into && (intoNames.length !== names.length || !unique(there, intoNames)))
    throw noKey(who, `no unique index of "${into.table}" holds exactly ${list(intoNames)}, all of them not null, without a condition`);
  const missing = [
    ...missingIn(backfill.table, columns, [...names, ...(backfill.columns ?? [])]),
    ...missingIn(into?.table ?? backfill.table, written, [...intoNames, ...Object.keys(backfill.set ?? {})]),
  ];
  if (missing.length > 0) throw new FlotillaError('FLT_BACKFILL_INVALID', `${who}: ${missing.join('; ')}.`, { missing });
  const moved = into ? [] : Object.keys(backfill.set ?? {}).filter((name) => names.includes(name));
  if (moved.length > 0) throw writesKey(who, moved);
  const pick = (from: ReadonlyMap<string, Column>, of: readonly string[]) => of.map((name) => from.get(name)!);
  return {
    columns,
    key: pick(columns, names),
    plainKey: pick(columns, names).every(({ uncut }) => PLAIN.includes(uncut)),
    written,
    writtenKey: pick(written, intoNames),
    rules: there.rules,
    oid: source.oid,
    ...(source.tuples >= 0 && source.kind === 'r' ? { estimate: source.tuples } : {}),
  };
}

async function readTable(send: Send, who: string, table: string): Promise<Table> {
  const keyOf = `array(select a.attname::text from unnest(i.indkey::int2[]) with ordinality k(n, place) join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.n where k.place <= i.indnkeyatts order by k.place)`;
  const { rows } = await send<Table>(
    `select c.oid::int8::float8 as oid, c.relkind::text as kind, c.reltuples::float8 as tuples, c.relhasrules as rules,
      (select json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'uncut', format_type(a.atttypid, -1),
         'json', (select coalesce(nullif(t.typbasetype, 0), t.oid) in ('json'::regtype, 'jsonb'::regtype) from pg_type t where t.oid = a.atttypid),
         'array', (select t.typcategory = 'A' from pg_type t where t.oid = a.atttypid),
         'equality', case when a.atttypid in ('text'::regtype, 'varchar'::regtype) then 'text'
           when a.atttypid = any ('{bool,int2,int4,int8,uuid,date,timestamp,timestamptz,bytea}'::regtype[]) then 'plain' end)
         order by a.attnum) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
      (select to_json(${keyOf}) from pg_index i where i.indrelid = c.oid and i.indisprimary) as primary,
      (select json_agg(${keyOf}) from pg_index i where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
         and not exists (select from unnest(i.indkey::int2[]) with ordinality k(n, place) join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.n
           where k.place <= i.indnkeyatts and (not a.attnotnull
             or exists (select from pg_constraint n where n.conrelid = a.attrelid and n.contype = 'n' and not n.convalidated and a.attnum = any (n.conkey))))) as unique
     from pg_class c where c.oid = to_regclass(${literal(ident(table))})`,
  );
  const found = rows[0];
  if (!found) throw new FlotillaError('FLT_BACKFILL_INVALID', `${who}: there is no table "${table}".`, { table });
  if (!['r', 'p'].includes(found.kind)) throw new FlotillaError('FLT_BACKFILL_INVALID', `${who}: "${table}" is no table.`, { table });
  return found;
}

const byName = (columns: readonly Column[]): ReadonlyMap<string, Column> => new Map(columns.map((column) => [column.name, column]));
const sameColumns = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((name) => other.includes(name));
const list = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ');
const noKey = (who: string, what: string): FlotillaError => new FlotillaError('FLT_BACKFILL_KEY', `${who}: ${what}.`);
/** In place: its rows would come again under their new keys, without an end. */
export const writesKey = (who: string, columns: readonly string[]): FlotillaError =>
  new FlotillaError('FLT_BACKFILL_INVALID', `${who}: it is paged by ${list(columns)}, and cannot write there.`, { columns });
const missingIn = (table: string, columns: ReadonlyMap<string, Column>, wanted: readonly string[]): string[] =>
  wanted.filter((name) => !columns.has(name)).map((name) => `"${table}" has no column "${name}"`);
