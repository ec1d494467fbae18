/** Checks that look whether something is there. They go by the table, which is the tenant's, and by whole names. */

import type { Numbers } from '../../domain/validation.js';
import type { ConstraintValid, Index, UniqueConstraint } from '../../migration/validations.js';
import { literal } from '../quote.js';
import { type Kind, over, tableOid } from './kind.js';

const names = (list: readonly string[]): string => `array[${list.map(literal).join(', ')}]::name[]`;

/** SQL: names of a table's columns by their numbers, in that order; null where a number stands for an expression. */
const columnsAt = (numbers: string, relation: string, first: string): string =>
  `(select array_agg(a.attname order by n.place) from unnest(${numbers}) with ordinality n (attnum, place)
     left join pg_attribute a on a.attrelid = ${relation} and a.attnum = n.attnum where n.place <= ${first})`;

/** SQL: of the candidates, those that fit, those that fit but are not valid, and those that only look like it. */
const tally = (candidates: string): string =>
  `select jsonb_build_object('found', count(*) filter (where fits and valid), 'notValid', count(*) filter (where fits and not valid),
     'different', count(*) filter (where not fits)) from (${candidates}) candidate`;

function notFound(_check: unknown, { found, notValid, different }: Numbers): string | undefined {
  if (found !== 0) return undefined;
  const near = [notValid ? `${notValid} that is not valid` : '', different ? `${different} that is different` : ''].filter(Boolean);
  return `1 expected, 0 found${near.length ? `, and ${near.join(' and ')}` : ''}`;
}

const named = (name: string | undefined, what: string): string => (name === undefined ? what : `${name} on ${what}`);

export const uniqueConstraint: Kind<UniqueConstraint> = {
  label: ({ table, columns, name }) => `uniqueConstraint ${named(name, over(table, columns))}`,
  sql(schema, { table, columns, name }) {
    const fits = `(c.contype in ('u', 'p') and ${columnsAt('c.conkey', 'c.conrelid', 'cardinality(c.conkey)')} = ${names(columns)})`;
    return tally(`select ${fits} as fits, coalesce(i.indisvalid, false) as valid
      from pg_constraint c left join pg_index i on i.indexrelid = c.conindid
      where c.conrelid = ${tableOid(schema, table)} and ${name === undefined ? fits : `c.conname = ${literal(name)}`}`);
  },
  wrong: notFound,
};

export const index: Kind<Index> = {
  label: ({ table, columns, name, unique }) =>
    `index ${named(name, columns === undefined ? table : over(table, columns))}${unique ? ' (unique)' : ''}`,
  sql(schema, { table, columns, name, unique }) {
    const sameColumns =
      columns === undefined
        ? 'true'
        : `coalesce(${columnsAt('i.indkey::int2[]', 'i.indrelid', 'i.indnkeyatts')} = ${names(columns)}, false)`;
    const fits = [sameColumns, ...(unique ? ['i.indisunique'] : []), ...(name === undefined ? ['i.indpred is null'] : [])].join(' and ');
    return tally(`select ${fits} as fits, i.indisvalid and i.indisready and i.indislive as valid
      from pg_index i join pg_class x on x.oid = i.indexrelid
      where i.indrelid = ${tableOid(schema, table)} and ${name === undefined ? sameColumns : `x.relname = ${literal(name)}`}`);
  },
  wrong: notFound,
};

export const constraintValid: Kind<ConstraintValid> = {
  label: ({ table, name }) => `constraintValid ${named(name, table)}`,
  sql: (schema, { table, name }) =>
    tally(`select true as fits, c.convalidated as valid from pg_constraint c
      where c.conrelid = ${tableOid(schema, table)} and c.conname = ${literal(name)}`),
  wrong: notFound,
};
