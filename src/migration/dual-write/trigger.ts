/** One row trigger with its function, and the pieces of PL/pgSQL that all of them are made of. */

import { createHash } from 'node:crypto';
import { ident, literal } from '../../postgres/quote.js';
import { SKIP_DUAL_WRITE_BACK } from './skip.js';
import type { Columns } from './spec.js';

export interface RowTrigger {
  readonly table: string;
  /** Of the trigger and of its function. */
  readonly name: string;
  readonly when: 'before' | 'after';
  readonly events: readonly ('insert' | 'update' | 'delete')[];
  /** PL/pgSQL. */
  readonly body: string;
  /** Statements that are only planned: they fail where the function would fail at the first write. */
  readonly proofs: readonly string[];
}

/**
 * Triggers fire in the order of their names. BEFORE ones come last, to see what the application's own have written; AFTER ones come first,
 * ahead even of foreign keys, so that a row that refers to one that goes is gone by then.
 * https://www.postgresql.org/docs/current/trigger-definition.html
 */
const PREFIX = { before: 'zz', after: '0' };

/** The same for the same parts, different for others, and never longer than the server's limit of 63 bytes. */
export function triggerName(when: RowTrigger['when'], ...parts: readonly string[]): string {
  const hash = createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 8);
  const readable = Buffer.from(`${PREFIX[when]}_dual_write_${parts.join('_')}`);
  // Cut between two characters
  const cut = new TextDecoder().decode(readable.subarray(0, 54), { stream: true });
  return `${cut}_${hash}`;
}

/** `new."a", new."b"` */
export const fields = (record: string, columns: readonly string[]): string =>
  columns.map((column) => `${record}.${ident(column)}`).join(', ');

/** Compared byte by byte: json and xml have no `=`, and that of citext passes over a change. */
export const differ = (a: string, b: string): string => `${a}::record *<> ${b}::record`;

/** Any of these columns has another value in one than in the other. */
export const columnsDiffer = (columns: readonly string[], a: string, b: string): string =>
  differ(`row(${fields(a, columns)})`, `row(${fields(b, columns)})`);

/** A row under its table's name: expressions over it name its columns, qualified or not. */
export const asRowOf = (table: string, rows: string): string => `(select ${rows}) as ${ident(table)}`;

export const values = (columns: Columns): string =>
  Object.values(columns)
    .map((sql) => `(${sql})`)
    .join(', ');

export const backIsOpen = `pg_catalog.current_setting(${literal(SKIP_DUAL_WRITE_BACK)}, true) is distinct from 'on'`;

/**
 * Bare names in an expression mean columns, whatever variables are called. The tenant's own schema is that of the table that was written to:
 * what the caller's search_path names does not count, and a schema that was renamed or copied stays with itself. The function's SET clause
 * takes the path back at its end. https://www.postgresql.org/docs/current/sql-createfunction.html
 */
export const triggerBody = (declarations: string, statements: string): string => `
#variable_conflict use_column
declare ${declarations}
begin
  perform pg_catalog.set_config('search_path', pg_catalog.concat_ws(', ', pg_catalog.quote_ident(tg_table_schema), pg_catalog.current_setting('search_path')), true);
${statements}
end`;
