/** Whether a constraint that a helper is to add is there already, and whether it is the same one. */

import type { Knex } from 'knex';
import { FlotillaError } from '../domain/errors.js';
import { ident, literal } from '../postgres/quote.js';
import { run } from './run.js';
import { runnerOf } from './runner-of.js';

export interface ConstraintName {
  readonly table: string;
  readonly name: string;
}

export interface WantedConstraint extends ConstraintName {
  /** The statement that adds it. */
  readonly sql: string;
  /** For a person. */
  readonly definition: string;
  /** SQL over `pg_constraint`: whether it is the one wanted. Where that takes the wanted check as the server prints it, it is asked for as `check`. */
  readonly isSame: string;
  /** The expression of a check. */
  readonly check?: string;
}

/**
 * Whether it is there as it is wanted, valid or not. What an earlier attempt of the runner's has added does not count: the file may have
 * changed it since, further down, and its statement is sent once more and answered from the journal.
 * @throws FLT_CONSTRAINT_MISMATCH
 */
export async function isStanding(knex: Knex, wanted: WantedConstraint): Promise<boolean> {
  if (runnerOf(knex)?.isAnswered(wanted.sql)) return false;
  const { table, name, check } = wanted;
  const { rows } = await run(
    knex,
    `select pg_get_constraintdef(oid) as definition, (${wanted.isSame}) as same from pg_constraint
     where conrelid = ${literal(ident(table))}::regclass and conname = ${literal(name)}`,
  );
  const found = rows[0] as { definition: string; same: boolean } | undefined;
  if (found === undefined) return false;
  const printed = found.same && check !== undefined ? await printedCheck(knex, table, check) : undefined;
  if (found.same && (printed ?? withoutNotValid(found.definition)) === withoutNotValid(found.definition)) return true;
  throw new FlotillaError(
    'FLT_CONSTRAINT_MISMATCH',
    `${ident(table)} has another constraint under the name ${ident(name)}. There: ${found.definition}. Wanted: ${printed ?? wanted.definition}.`,
    { table, constraint: name, found: found.definition, wanted: printed ?? wanted.definition },
  );
}

const withoutNotValid = (definition: string): string => definition.replace(/ NOT VALID$/, '');

/** A mistake in the statement, or no right to do it. */
const REFUSED = /^42/;

/**
 * The check as the server prints it: put on an empty table of the same shape, and rolled back. Undefined where that cannot be: an expression
 * that names its own table, a role that may make no temporary table.
 */
async function printedCheck(knex: Knex, table: string, check: string): Promise<string | undefined> {
  const trx = await knex.transaction();
  try {
    await run(trx, `create temp table flotilla_shape (like ${ident(table)})`);
    await run(trx, `alter table pg_temp.flotilla_shape add constraint flotilla_wanted check (${check})`);
    const { rows } = await run(
      trx,
      `select pg_get_constraintdef(oid) as definition from pg_constraint where conrelid = 'pg_temp.flotilla_shape'::regclass and conname = 'flotilla_wanted'`,
    );
    return rows[0]!.definition as string;
  } catch (error) {
    if (!REFUSED.test(String((error as { code?: unknown }).code))) throw error;
    return undefined;
  } finally {
    await trx.rollback();
  }
}

/** SQL: whether these are the columns of one side of a constraint, in order. Names are cut as the server cuts them. */
export const columnsAre = (side: 'con' | 'conf', columns: readonly string[]): string =>
  `array(select attname from unnest(${side}key) with ordinality k (number, place)
     join pg_attribute on attrelid = ${side}relid and attnum = number order by place) = array[${columns.map(literal).join(', ')}]::name[]`;

/** SQL: how the server prints these columns. */
export const columnsPrinted = (columns: readonly string[]): string =>
  `(select string_agg(quote_ident(name), ', ' order by place) from unnest(array[${columns.map(literal).join(', ')}]::name[]) with ordinality c (name, place))`;
