/**
 * The statements of one backfill in one tenant. Names are quoted; `where` and the expressions of `set` are SQL of the migration's author, in which
 * the table goes by its own name. So nothing of ours here goes by a name that a table of theirs may have.
 */

import type { Backfill } from '../../migration/backfill.js';
import { ident, literal, longLiteral } from '../quote.js';
import { arrayText } from './array-text.js';
import type { Column, Target } from './target.js';

/** Rows behind `after`, up to and with `upTo`: key values as text, by column. undefined: from the first, to the last. */
export interface Range {
  readonly after: readonly string[] | undefined;
  readonly upTo: readonly string[] | undefined;
}

/** Rows that get the same columns, column by column: texts that Postgres reads as values. */
export interface RowsToWrite {
  readonly names: readonly string[];
  /** One list for each column of the key. */
  readonly keys: readonly string[][];
  /** As read. */
  readonly versions: string[];
  /** One list for each name. */
  readonly values: readonly (string | null)[][];
}

export interface BackfillSql {
  /** Key of the n-th row of what is left, in columns `k1`, `k2`…; no row: fewer are. */
  boundary(after: Range['after'], n: number): string;
  /** How many rows are left, at most n. */
  rest(after: Range['after'], n: number): string;
  /** All rows. */
  readonly count: string;
  /** Whether a row still lacks something. */
  readonly lacking: string;
  /** `set` in place: how many rows of the range do that this transaction has written, and nobody since. */
  readonly lackingWithin?: (range: Range, xid: string) => string;
  /** `set`: reads and writes in one statement. Its row count is that of the rows written. */
  write(range: Range, again: boolean): string;
  /** `transform`: columns of `read` that are ours: the key as text, and the row's version. */
  readonly readNames: { readonly keys: readonly string[]; readonly version: string };
  /** `transform`: which of the next n rows are concerned. */
  read(after: Range['after'], n: number, again: boolean): string;
  /** `transform`: writes one value for each row and name. Rows that have changed since are left out. */
  writeRows(range: Range, rows: RowsToWrite): string;
  /** `mirror`: rows of the range whose source is gone. */
  deleteRows(range: Range): string;
}

/** The table that is written to, where it is another one. */
const THERE = 'flotilla_into';
/** What `transform` has answered. */
const GIVEN = 'flotilla_given';

export function backfillSql(backfill: Backfill, target: Target): BackfillSql {
  const { set = {}, where, into } = backfill;
  const source = ident(backfill.table);
  const there = ident(into?.table ?? backfill.table);
  const { key, written, writtenKey } = target;
  let prefix = 'flotilla_';
  while ([...target.columns.keys()].some((name) => name.startsWith(prefix))) prefix += '_';
  const columnOf = (name: string) => `${source}.${ident(name)}`;
  const row = (columns: readonly Column[], of = source) => tuple(columns.map(({ name }) => `${of}.${ident(name)}`));
  const values = (texts: readonly string[]) => tuple(texts.map((text, at) => `${literal(text)}::${key[at]!.type}`));
  const within = ({ after, upTo }: Range, columns = key, of = source): string[] => [
    ...(after ? [`${row(columns, of)} > ${values(after)}`] : []),
    ...(upTo ? [`${row(columns, of)} <= ${values(upTo)}`] : []),
  ];
  const concerned = where === undefined ? [] : [enclosed(where)];
  const all = (conditions: readonly string[]) => (conditions.length === 0 ? 'true' : conditions.join(' and '));
  const order = key.map(({ name }) => columnOf(name)).join(', ');
  const cast = (name: string, value: string) => `${enclosed(value)}::${written.get(name)!.type}`;
  const isThere = `exists (select from ${there} ${THERE} where ${row(writtenKey, THERE)} = ${row(key)})`;

  /** Bytes are compared where a type has no `=`, or one that passes over changes: json, numeric, citext. */
  const differs = (names: readonly string[], now: (name: string) => string, then: (name: string) => string) => {
    const one = (name: string) => {
      const [before, after] = [now(name), cast(name, then(name))];
      const { equality } = written.get(name)!;
      if (equality === null) return `row(${before})::record *<> row(${after})::record`;
      const bytewise = equality === 'text' ? ' collate "C"' : '';
      return `${before}${bytewise} is distinct from ${after}${bytewise}`;
    };
    return names.length === 1 ? one(names[0]!) : `(${names.map(one).join(' or ')})`;
  };

  /** Into another table; `from` answers the key's columns first. */
  const upsert = (names: readonly string[], from: string) => {
    const keys = writtenKey.map(({ name }) => ident(name));
    const own = names.filter((name) => !writtenKey.some((column) => column.name === name));
    const update = own.map((name) => `${ident(name)} = excluded.${ident(name)}`).join(', ');
    const changed = differs(
      own,
      (name) => `${THERE}.${ident(name)}`,
      (name) => `excluded.${ident(name)}`,
    );
    return `insert into ${there} as ${THERE} (${[...keys, ...own.map(ident)].join(', ')}) overriding system value ${from} on conflict (${keys.join(', ')}) do ${own.length === 0 ? 'nothing' : `update set ${update} where ${changed}`}`;
  };

  const limitOf = (after: Range['after']) => all(within({ after, upTo: undefined }));
  const own = (names: readonly string[]) => names.filter((name) => !into || !writtenKey.some((column) => column.name === name));
  const lacks = into ? `not ${isThere}` : backfill.transform ? 'true' : differs(Object.keys(set), columnOf, (name) => set[name]!);
  const readNames = { keys: key.map((_, at) => `${prefix}k${at + 1}`), version: `${prefix}v` };
  const orphaned = `not exists (select from ${source} where ${all([`${row(key)} = ${row(writtenKey, THERE)}`, ...concerned])})`;
  return {
    // Of all rows that are passed over only the last becomes text
    boundary: (after, n) =>
      `select ${key.map(({ name }, at) => `${columnOf(name)}::text as k${at + 1}`).join(', ')} from (select ${order} from ${source} where ${limitOf(after)} order by ${order} offset ${n - 1} limit 1) ${source}`,
    rest: (after, n) => `select count(*)::float8 as n from (select from ${source} where ${limitOf(after)} limit ${n}) few`,
    count: `select count(*)::float8 as n from ${source}`,
    ...(into || backfill.transform
      ? {}
      : {
          lackingWithin: (range, xid) =>
            `select count(*)::float8 as n from ${source} where ${all([...within(range), `${source}.xmin = '${xid}'::xid`, ...concerned, lacks])}`,
        }),
    lacking: `select exists (select from ${source} where ${all([...concerned, lacks])})${into?.mirror ? ` or exists (select from ${there} ${THERE} where ${orphaned})` : ''} as yes`,

    write(range, again) {
      const names = Object.keys(set);
      if (!into) {
        const assign = names.map((name) => `${ident(name)} = ${enclosed(set[name]!)}`).join(', ');
        return `update ${source} set ${assign} where ${all([...within(range), ...concerned, lacks])}`;
      }
      const select = [...key.map(({ name }) => columnOf(name)), ...own(names).map((name) => enclosed(set[name]!))].join(', ');
      // Locked: a copy of what somebody changes at this moment would be older than that change, and overwrite it
      return upsert(
        own(names),
        `select ${select} from ${source} where ${all([...within(range), ...concerned, ...(again ? [lacks] : [])])} for share`,
      );
    },

    readNames,
    read(after, n, again) {
      const columns = backfill.columns ?? [...target.columns.keys()];
      const keys = key.map(({ name }, at) => `${columnOf(name)}::text as ${readNames.keys[at]}`);
      const next = `select ${source}.*, ${source}.xmin as ${readNames.version} from ${source} where ${limitOf(after)} order by ${order} limit ${n}`;
      return `select ${[...columns.map(columnOf), ...keys, `${source}.${readNames.version}`].join(', ')} from (${next}) ${source} where ${all([...concerned, ...(into && again ? [lacks] : [])])}`;
    },

    writeRows(range, { names, keys, versions, values }) {
      const array = (texts: readonly (string | null)[], type: string) => `${longLiteral(arrayText(texts))}::${type}[]`;
      // Arrays of arrays would be unnested to the last value
      const typed = (texts: readonly (string | null)[], { uncut, array: nested }: Column) => array(texts, nested ? 'text' : uncut);
      // Whole ranges are often of one transaction: an import, a restore
      const one = versions.every((version) => version === versions[0]);
      const arrays = [
        ...keys.map((texts, at) => `unnest(${typed(texts, key[at]!)}) as k${at}`),
        ...values.map((texts, at) => `unnest(${typed(texts, written.get(names[at]!)!)}) as c${at}`),
        ...(one ? [] : [`unnest(${array(versions, 'xid')}) as version`]),
      ].join(', ');
      const from = `(select ${arrays}) ${GIVEN}`;
      const value = (name: string) => `${GIVEN}.c${names.indexOf(name)}::${written.get(name)!.uncut}`;
      // The range says the same once more, for the planner
      const same = [
        ...key.map(({ name, type }, at) => `${columnOf(name)} = ${GIVEN}.k${at}::${type}`),
        `${source}.xmin = ${one ? `${literal(versions[0]!)}::xid` : `${GIVEN}.version`}`,
        ...within(range),
      ].join(' and ');
      if (into) {
        const select = [...key.map(({ name }) => columnOf(name)), ...own(names).map(value)].join(', ');
        return upsert(own(names), `select ${select} from ${source} join ${from} on ${same} for share of ${source}`);
      }
      return `update ${source} set ${names.map((name) => `${ident(name)} = ${value(name)}`).join(', ')} from ${from} where ${same}`;
    },

    deleteRows: (range) => `delete from ${there} ${THERE} where ${all(within(range, writtenKey, THERE))} and ${orphaned}`,
  };
}

/** The author's SQL may end in a comment: what follows must not become a part of it. */
const enclosed = (sql: string): string => `(${sql}\n)`;

/** One value needs no row around it, and an index on one column is found more surely without. */
const tuple = (values: readonly string[]): string => (values.length === 1 ? values[0]! : `(${values.join(', ')})`);
