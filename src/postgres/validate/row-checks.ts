/** Checks that count rows which should not be there. */

import type { Custom, NoOrphans, NullCount, Range } from '../../migration/validations.js';
import { ident, literal } from '../quote.js';
import { type Kind, over, rows, rowsOf, table, written } from './kind.js';

export const noOrphans: Kind<NoOrphans> = {
  label: (it) => `noOrphans ${over(it.table, it.columns)} → ${over(it.references.table, it.references.columns)}`,
  sql(schema, { columns, references, ...from }) {
    const own = columns.map((column) => `own.${ident(column)}`);
    const same = own.map((column, n) => `other.${ident(references.columns[n]!)} = ${column}`).join(' and ');
    return `select jsonb_build_object('orphans', count(*)) from ${rowsOf(schema, from)} own
      where ${own.map((column) => `${column} is not null`).join(' and ')}
        and not exists (select from ${table(schema, references.table)} other where ${same})`;
  },
  wrong: (_check, { orphans }) => (orphans === 0 ? undefined : `0 orphans expected, ${orphans} found`),
};

export const nullCount: Kind<NullCount> = {
  label: (it) => `nullCount ${it.table}.${it.column}`,
  sql: (schema, { column, ...from }) =>
    `select jsonb_build_object('nulls', count(*)) from ${rowsOf(schema, from)} own where own.${ident(column)} is null`,
  wrong: ({ max = 0 }, { nulls }) =>
    Number(nulls) <= max ? undefined : `${max === 0 ? '0 nulls' : `at most ${max} nulls`} expected, ${nulls} found`,
};

/** A literal without a type takes on the column's. */
const bound = (it: number | string): string => (typeof it === 'number' ? String(it) : literal(it));

export const range: Kind<Range> = {
  label: (it) => `range ${it.table}.${it.column}`,
  sql(schema, { column, min, max, ...from }) {
    const own = `own.${ident(column)}`;
    const outside = (test: string | undefined) => (test === undefined ? '0' : `count(*) filter (where ${test})`);
    return `select jsonb_build_object('below', ${outside(min === undefined ? undefined : `${own} < ${bound(min)}`)},
      'above', ${outside(max === undefined ? undefined : `${own} > ${bound(max)}`)}) from ${rowsOf(schema, from)} own`;
  },
  wrong({ min, max }, { below, above }) {
    if (below === 0 && above === 0) return undefined;
    const inside = min === undefined ? `at most ${max}` : max === undefined ? `at least ${min}` : `${min} to ${max}`;
    return `${inside} expected, ${rows(below!)} below and ${rows(above!)} above`;
  },
};

export const custom: Kind<Custom> = {
  label: (it) => `custom ${it.name}`,
  sql: (_schema, { sql }) => `select jsonb_build_object('found', ${written(sql.replace(/;\s*$/, ''))}::numeric)`,
  wrong: ({ expect = 0 }, { found }) => (found === expect ? undefined : `${expect} expected, ${found ?? 'nothing'} found`),
};
