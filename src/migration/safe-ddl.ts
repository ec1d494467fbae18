/**
 * Changes of structure in the form that keeps the application going: no strong lock for longer than a moment, no scan of a table under one.
 * Each works in plain Knex too, where a file that was cut off runs again from the top: what is there as it is wanted is done, what is there
 * under its name and is something else stops the file. Within a rollout the runner knows how far it came and goes on there.
 *
 * Names are taken as they are and quoted. They are found by search_path, so a migration says nothing of the tenant's schema.
 *
 * https://www.postgresql.org/docs/current/sql-altertable.html (notes), https://www.postgresql.org/docs/current/sql-createindex.html
 */

import type { Knex } from 'knex';
import { FlotillaError } from '../domain/errors.js';
import { ident, literal } from '../postgres/quote.js';
import { run } from './run.js';
import { runnerOf } from './runner-of.js';
import { type ConstraintName, columnsAre, columnsPrinted, isStanding } from './standing-constraint.js';

export type { ConstraintName };

/** A column by name, or an expression as SQL. */
export type IndexPart = string | { readonly expression: string };

export interface IndexSpec {
  readonly name: string;
  readonly table: string;
  readonly columns: readonly IndexPart[];
  readonly unique?: boolean;
  /** Access method. @defaultValue btree */
  readonly using?: string;
  /** Columns that come along without being searched by. */
  readonly include?: readonly string[];
  /** A partial index: SQL. */
  readonly where?: string;
}

/**
 * CREATE INDEX CONCURRENTLY. An attempt that was cut off leaves an index that is not valid; the next attempt takes it away and builds anew. A
 * valid one of the same definition stays. A build that the server refuses leaves nothing. Safe to repeat.
 * @throws FLT_IN_TRANSACTION, FLT_INDEX_MISMATCH (nothing is changed), FLT_CONCURRENTLY_BUSY
 */
export async function createIndexConcurrently(knex: Knex, spec: IndexSpec): Promise<void> {
  outside(knex, 'createIndexConcurrently');
  const sql =
    `create ${spec.unique ? 'unique ' : ''}index concurrently ${ident(spec.name)} on ${ident(spec.table)}${spec.using ? ` using ${ident(spec.using)}` : ''} (${spec.columns.map(part).join(', ')})` +
    `${spec.include?.length ? ` include (${names(spec.include)})` : ''}${spec.where ? ` where ${spec.where}` : ''}`;
  if (runnerOf(knex)) await run(knex, sql);
  else await (await import('./build-index.js')).buildIndex(knex, sql);
}

/** DROP INDEX CONCURRENTLY; one that is not there is no error, one whose drop was cut off is dropped. Safe to repeat. @throws FLT_IN_TRANSACTION */
export async function dropIndexConcurrently(knex: Knex, { name }: Pick<IndexSpec, 'name'>): Promise<void> {
  outside(knex, 'dropIndexConcurrently');
  await run(knex, `drop index concurrently if exists ${ident(name)}`);
}

export type OnChange = 'cascade' | 'restrict' | 'set null' | 'set default' | 'no action';

export interface ForeignKeySpec extends ConstraintName {
  readonly columns: readonly string[];
  readonly references: { readonly table: string; readonly columns: readonly string[] };
  readonly onDelete?: OnChange;
  readonly onUpdate?: OnChange;
}

/**
 * Adds a foreign key that holds for new rows at once; those that are there are judged by `validateConstraint`, in a later migration. The
 * referencing columns want an index of their own, or every delete from the other table reads this one. One of the same columns, and of the same
 * `onDelete` and `onUpdate` where these are given, stays. Safe to repeat.
 * @throws FLT_CONSTRAINT_MISMATCH (nothing is changed)
 */
export async function addForeignKeyNotValid(knex: Knex, spec: ForeignKeySpec): Promise<void> {
  const { columns, references, onDelete, onUpdate } = spec;
  await addConstraint(knex, spec, {
    definition:
      `foreign key (${names(columns)}) references ${ident(references.table)} (${names(references.columns)})` +
      `${onDelete ? ` on delete ${action(onDelete)}` : ''}${onUpdate ? ` on update ${action(onUpdate)}` : ''}`,
    isSame:
      `contype = 'f' and confrelid = ${literal(ident(references.table))}::regclass and ${columnsAre('con', columns)} and ${columnsAre('conf', references.columns)}` +
      `${onDelete ? ` and confdeltype = '${ACTIONS[onDelete]}'` : ''}${onUpdate ? ` and confupdtype = '${ACTIONS[onUpdate]}'` : ''}`,
  });
}

/**
 * Adds a check that holds for new rows at once; those that are there are judged by `validateConstraint`. One of the same expression stays; an
 * expression that names its own table cannot be compared, and any check of that name stays. Safe to repeat.
 * @throws FLT_CONSTRAINT_MISMATCH (nothing is changed)
 */
export const addCheckNotValid = (knex: Knex, spec: ConstraintName & { /** SQL. */ readonly check: string }): Promise<void> =>
  addConstraint(knex, spec, { definition: `check (${spec.check})`, isSame: `contype = 'c'`, check: spec.check });

/**
 * Judges the rows that are there, under a lock that stops neither reads nor writes. In the transaction that added the constraint it would
 * read the whole table under that statement's lock. Safe to repeat.
 * @throws FLT_IN_TRANSACTION
 */
export async function validateConstraint(knex: Knex, { table, name }: ConstraintName): Promise<void> {
  outside(knex, 'validateConstraint');
  await run(knex, `alter table ${ident(table)} validate constraint ${ident(name)}`);
}

/**
 * NOT NULL without a scan under an exclusive lock: a check that is not valid yet, its validation, then SET NOT NULL, which takes the check as
 * proof, and the check goes. A row that holds null fails the validation; nothing is changed by then but that new rows are checked. Safe to repeat.
 * @throws FLT_IN_TRANSACTION
 */
export async function setNotNullSafely(knex: Knex, { table, column }: { readonly table: string; readonly column: string }): Promise<void> {
  outside(knex, 'setNotNullSafely');
  // Where this is too long the server cuts it, wherever it stands: behind the column's name, so that no two columns share one
  const name = `${column}_not_null_proof`;
  const sql = `alter table ${ident(table)} alter column ${ident(column)} set not null`;
  if (runnerOf(knex)?.isAnswered(sql) || !(await isNotNull(knex, table, column))) {
    await addCheckNotValid(knex, { table, name, check: `${ident(column)} is not null` });
    await validateConstraint(knex, { table, name });
    await run(knex, sql);
  }
  await run(knex, `alter table ${ident(table)} drop constraint if exists ${ident(name)}`);
}

/**
 * A unique constraint whose index is built beforehand, without stopping writes. Rows that are not unique fail the build, and nothing stays.
 * One over the same columns, in the same order, stays. Safe to repeat.
 * @throws FLT_IN_TRANSACTION, FLT_CONSTRAINT_MISMATCH, FLT_INDEX_MISMATCH (nothing is changed), FLT_CONCURRENTLY_BUSY
 */
export async function addUniqueUsingIndex(knex: Knex, spec: ConstraintName & { readonly columns: readonly string[] }): Promise<void> {
  const { table, name, columns } = spec;
  outside(knex, 'addUniqueUsingIndex');
  const sql = `alter table ${ident(table)} add constraint ${ident(name)} unique using index ${ident(name)}`;
  const isSame = `pg_get_constraintdef(oid) = 'UNIQUE (' || ${columnsPrinted(columns)} || ')'`;
  if (await isStanding(knex, { table, name, sql, definition: `unique (${names(columns)})`, isSame })) return;
  await createIndexConcurrently(knex, { name, table, columns, unique: true });
  await run(knex, sql);
}

/**
 * Adds a value to an enum; one that is there already stays. In a migration of its own: the transaction that adds a value cannot use it.
 */
export async function addEnumValue(
  knex: Knex,
  { type, value, before, after }: { readonly type: string; readonly value: string; readonly before?: string; readonly after?: string },
): Promise<void> {
  const where = before === undefined ? (after === undefined ? '' : ` after ${literal(after)}`) : ` before ${literal(before)}`;
  await run(knex, `alter type ${ident(type)} add value if not exists ${literal(value)}${where}`);
}

const part = (it: IndexPart): string => (typeof it === 'string' ? ident(it) : `(${it.expression})`);
const names = (list: readonly string[]): string => list.map(ident).join(', ');

/** With the letters that the catalog has for them. */
const ACTIONS: Readonly<Record<OnChange, string>> = { cascade: 'c', restrict: 'r', 'set null': 'n', 'set default': 'd', 'no action': 'a' };
function action(it: OnChange): string {
  if (!Object.hasOwn(ACTIONS, it)) throw new TypeError(`"${it}" is none of ${Object.keys(ACTIONS).join(', ')}`);
  return it;
}

function outside(knex: Knex, helper: string): void {
  if (knex.isTransaction) throw new FlotillaError('FLT_IN_TRANSACTION', `${helper} does not work inside a transaction.`, { helper });
}

async function addConstraint(
  knex: Knex,
  { table, name }: ConstraintName,
  wanted: { readonly definition: string; readonly isSame: string; readonly check?: string },
): Promise<void> {
  const sql = `alter table ${ident(table)} add constraint ${ident(name)} ${wanted.definition} not valid`;
  if (!(await isStanding(knex, { table, name, sql, ...wanted }))) await run(knex, sql);
}

async function isNotNull(knex: Knex, table: string, column: string): Promise<boolean> {
  const { rows } = await run(
    knex,
    `select attnotnull as yes from pg_attribute where attrelid = ${literal(ident(table))}::regclass and attname = ${literal(column)}`,
  );
  return rows[0]?.yes === true;
}
