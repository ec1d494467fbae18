/** How one kind of check is made: SQL that answers numbers, and what the numbers mean. Everything in the SQL is qualified or quoted. */

import type { Numbers } from '../../domain/validation.js';
import type { Rows, Value } from '../../migration/validations.js';
import { ident, literal } from '../quote.js';

export interface Kind<Check> {
  /** Names the check in messages and records. */
  label(check: Check): string;
  /** A query that answers one jsonb object of numbers. */
  sql(schema: string, check: Check): string;
  /** What is wrong; undefined: it holds. */
  wrong(check: Check, found: Numbers): string | undefined;
}

/** The tenant's own table of this name and no other's. */
export const table = (schema: string, name: string): string => `${ident(schema)}.${ident(name)}`;

/** Its oid; an error when there is no such table. */
export const tableOid = (schema: string, name: string): string => `${literal(table(schema, name))}::regclass`;

/** SQL that a person wrote, in parentheses: a comment at its end reaches no further than its line. */
export const written = (sql: string): string => `(${sql}\n)`;

/** For FROM. */
export const rowsOf = (schema: string, { table: name, where }: Rows): string =>
  where === undefined ? table(schema, name) : `(select * from ${table(schema, name)} where ${written(where)})`;

export const value = (it: Value): string => (typeof it === 'string' ? ident(it) : written(it.expression));

/** `users(email, tenant)` */
export const over = (name: string, columns: readonly string[]): string => `${name}(${columns.join(', ')})`;

/** `1 row`, `3 rows` */
export const rows = (n: Numbers[string]): string => `${n} ${n === 1 ? 'row' : 'rows'}`;
