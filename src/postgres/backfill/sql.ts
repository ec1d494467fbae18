/** The statements of one backfill in one tenant. Names are quoted; `where` and the expressions of `set` are SQL of the migration's author. */

import type { Backfill } from '../../migration/backfill.js';
import { ident, literal } from '../quote.js';
import type { Column, Target } from './target.js';

/** Rows behind `after`, up to and with `upTo`: key values as text, by column. undefined: from the first, to the last. */
export interface Range {
  readonly after: readonly string[] | undefined;
  readonly upTo: readonly string[] | undefined;
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
  /** `set` in place: how many rows of the range do. */
  readonly lackingWithin?: (range: Range) => string;
  /** `set`: reads and writes in one statement. Its row count is that of the rows written. */
  write(range: Range, again: boolean): string;
  /** `transform`: which of the next n rows are concerned, with the key as text in `flotilla_k1`… and the row's version in `flotilla_v`. */
  read(after: Range['after'], n: number, again: boolean): string;
  /** `transform`: writes one text array for each column of `names`, behind those of the key and the version. Rows that have changed since are left out. */
  writeRows(range: Range, keys: readonly string[], versions: string, names: readonly string[], values: readonly string[]): string;
  /** `mirror`: rows of the range whose source is gone. */
  deleteRows(range: Range): string;
}

export function backfillSql(backfill: Backfill, target: Target): BackfillSql {
  const { set = {}, where, into } = backfill;
  const source = ident(backfill.table);
  const there = ident(into?.table ?? backfill.table);
  const { key, written, writtenKey } = target;
  const row = (columns: readonly Column[], of = 's') => tuple(columns.map(({ name }) => `${of}.${ident(name)}`));
  const values = (texts: readonly string[]) => tuple(texts.map((text, at) => `${literal(text)}::${key[at]!.type}`));
  const within = ({ after, upTo }: Range, columns = key, of = 's'): string[] => [
    ...(after ? [`${row(columns, of)} > ${values(after)}`] : []),
    ...(upTo ? [`${row(columns, of)} <= ${values(upTo)}`] : []),
  ];
  const concerned = where === undefined ? [] : [`(${where})`];
  const all = (conditions: readonly string[]) => (conditions.length === 0 ? 'true' : conditions.join(' and '));
  const order = key.map(({ name }) => `s.${ident(name)}`).join(', ');
  const cast = (name: string, value: string) => `(${value})::${written.get(name)!.type}`;
  const isThere = `exists (select from ${there} t where ${row(writtenKey, 't')} = ${row(key)})`;

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
      (name) => `t.${ident(name)}`,
      (name) => `excluded.${ident(name)}`,
    );
    return `insert into ${there} as t (${[...keys, ...own.map(ident)].join(', ')}) ${from} on conflict (${keys.join(', ')}) do ${own.length === 0 ? 'nothing' : `update set ${update} where ${changed}`}`;
  };

  const limitOf = (after: Range['after']) => all(within({ after, upTo: undefined }));
  const own = (names: readonly string[]) => names.filter((name) => !into || !writtenKey.some((column) => column.name === name));
  const lacks = into
    ? `not ${isThere}`
    : backfill.transform
      ? 'true'
      : differs(
          Object.keys(set),
          (name) => `s.${ident(name)}`,
          (name) => set[name]!,
        );
  const nth = (columns: string, after: Range['after'], n: number) =>
    `select ${columns} from ${source} s where ${limitOf(after)} order by ${order} offset ${n - 1} limit 1`;
  const orphaned = `not exists (select from ${source} s where ${all([`${row(key)} = ${row(writtenKey, 't')}`, ...concerned])})`;
  return {
    boundary: (after, n) => nth(key.map(({ name }, at) => `s.${ident(name)}::text as k${at + 1}`).join(', '), after, n),
    rest: (after, n) => `select count(*)::float8 as n from (select from ${source} s where ${limitOf(after)} limit ${n}) few`,
    count: `select count(*)::float8 as n from ${source}`,
    ...(into || backfill.transform
      ? {}
      : {
          lackingWithin: (range) => `select count(*)::float8 as n from ${source} s where ${all([...within(range), ...concerned, lacks])}`,
        }),
    lacking: `select exists (select from ${source} s where ${all([...concerned, lacks])})${into?.mirror ? ` or exists (select from ${there} t where ${orphaned})` : ''} as yes`,

    write(range, again) {
      const names = Object.keys(set);
      if (!into) {
        const assign = names.map((name) => `${ident(name)} = ${set[name]}`).join(', ');
        return `update ${source} s set ${assign} where ${all([...within(range), ...concerned, lacks])}`;
      }
      const select = [...key.map(({ name }) => `s.${ident(name)}`), ...own(names).map((name) => `(${set[name]})`)].join(', ');
      // Locked: a copy of what somebody changes at this moment would be older than that change, and overwrite it
      return upsert(
        own(names),
        `select ${select} from ${source} s where ${all([...within(range), ...concerned, ...(again ? [lacks] : [])])} for share`,
      );
    },

    read(after, n, again) {
      const columns = backfill.columns ?? [...target.columns.keys()];
      const keys = key.map(({ name }, at) => `s.${ident(name)}::text as flotilla_k${at + 1}`);
      const next = `select s.*, s.xmin::text as flotilla_v from ${source} s where ${limitOf(after)} order by ${order} limit ${n}`;
      return `select ${[...columns.map((name) => `s.${ident(name)}`), ...keys, 's.flotilla_v'].join(', ')} from (${next}) s where ${all([...concerned, ...(into && again ? [lacks] : [])])}`;
    },

    writeRows(range, keys, versions, names, values) {
      // Arrays of arrays would be unnested to the last value
      const typed = (array: string, { type, array: nested }: Column) => `${array}::${nested ? 'text' : type}[]`;
      const arrays = [
        ...keys.map((array, at) => typed(array, key[at]!)),
        `${versions}::xid[]`,
        ...values.map((array, at) => typed(array, written.get(names[at]!)!)),
      ].join(', ');
      const from = `unnest(${arrays}) as v(${[...keys.map((_, at) => `k${at}`), 'version', ...names.map((_, at) => `c${at}`)].join(', ')})`;
      const value = (name: string) => `v.c${names.indexOf(name)}::${written.get(name)!.type}`;
      // The range says the same once more, for the planner
      const same = [
        ...key.map(({ name, type }, at) => `s.${ident(name)} = v.k${at}::${type}`),
        's.xmin = v.version',
        ...within(range),
      ].join(' and ');
      if (into) {
        const select = [...key.map(({ name }) => `s.${ident(name)}`), ...own(names).map(value)].join(', ');
        return upsert(own(names), `select ${select} from ${source} s join ${from} on ${same} for share of s`);
      }
      return `update ${source} s set ${names.map((name) => `${ident(name)} = ${value(name)}`).join(', ')} from ${from} where ${same}`;
    },

    deleteRows: (range) => `delete from ${there} t where ${all(within(range, writtenKey, 't'))} and ${orphaned}`,
  };
}

/** One value needs no row around it, and an index on one column is found more surely without. */
const tuple = (values: readonly string[]): string => (values.length === 1 ? values[0]! : `(${values.join(', ')})`);
