/**
 * Backfills: fill columns, or another table, row by row in small transactions while the application goes on.
 *
 * Pages through the table by its key, never by offset: rows that come and go meanwhile move nobody else's place. Where it stands is written in
 * the transaction of the rows themselves. After the last row it goes through the table again for rows that came, or changed, behind it.
 */

import type { Knex } from 'knex';
import type { ChunkLimits } from '../domain/backfill/chunk-size.js';
import type { PaceLimits } from '../domain/backfill/pace.js';
import { FlotillaError } from '../domain/errors.js';

export type Row = Readonly<Record<string, unknown>>;

export interface BackfillOptions {
  /** Read from it; also written to, unless `into` names another. */
  readonly table: string;
  /** Column or columns to page by: unique together, none of them null. @defaultValue the primary key */
  readonly key?: string | readonly string[];
  /** SQL: the rows that lack something. Needed with `transform`, and wherever a second visit would give another value (`now()`).
   *  @defaultValue all rows */
  readonly where?: string;
  /** SQL by column, over the columns of `table`. A row that has the value already is left alone. */
  readonly set?: Readonly<Record<string, string>>;
  /** In place of `set`: answers what to write by column, or undefined to leave the row alone. A row that
   *  somebody changes meanwhile is left to the next pass. What it throws ends the backfill of this tenant. Values come as Knex gives them: bigint and numeric as text, timestamps as Date. */
  readonly transform?: (row: Row) => Row | undefined;
  /** Columns that `transform` gets. @defaultValue all */
  readonly columns?: readonly string[];
  /** Writes to this table instead: a row for each row of `table`, found again by its key. */
  readonly into?: {
    readonly table: string;
    /** Holds the value of `key`, column by column; unique. @defaultValue columns of the same names */
    readonly key?: string | readonly string[];
    /** The table holds nothing else: rows whose source is gone are deleted. @defaultValue false */
    readonly mirror?: boolean;
  };
  /** @defaultValue rows 1000, maxRows 20000, targetMs 500 */
  readonly chunk?: Partial<ChunkLimits>;
  /** @defaultValue rest 9, maxReplicationLagMs 10000, maxLockWaits 5, maxVacuumWaitMs 60000 */
  readonly pace?: Partial<PaceLimits>;
}

/** What `backfill` answers: plain data, and `up` for the migration file. */
export interface Backfill extends Omit<BackfillOptions, 'key' | 'into' | 'chunk' | 'pace'> {
  readonly kind: 'backfill';
  readonly key?: readonly string[];
  readonly into?: { readonly table: string; readonly key?: readonly string[]; readonly mirror: boolean };
  readonly chunk: ChunkLimits;
  readonly pace: PaceLimits;
  /** For plain Knex, and for a script: all of it, from the first row. Safe to repeat. Flotilla runs its own, which goes on where it was cut off.
   *  @throws FLT_IN_TRANSACTION, FLT_BACKFILL_KEY, FLT_BACKFILL_UNSTABLE */
  readonly up: (knex: Knex) => Promise<void>;
}

const CHUNK: ChunkLimits = { rows: 1_000, maxRows: 20_000, targetMs: 500 };
const PACE: PaceLimits = { rest: 9, maxReplicationLagMs: 10_000, maxLockWaits: 5, maxVacuumWaitMs: 60_000 };

/**
 * Describes a backfill. In a migration file of its own:
 *
 * ```ts
 * const fill = backfill({ table: 'users', set: { full_name: `first_name || ' ' || last_name` } });
 * export const config = { transaction: false };
 * export const flotilla = { backfill: fill };
 * export const up = fill.up;
 * export const down = async () => {};
 * ```
 * @throws FLT_BACKFILL_INVALID with all mistakes
 */
export function backfill(options: BackfillOptions): Backfill {
  const mistakes = mistakesIn(options);
  if (mistakes.length > 0)
    throw new FlotillaError('FLT_BACKFILL_INVALID', `This backfill cannot run: ${mistakes.join('; ')}.`, { mistakes });
  const { key, into, chunk, pace, ...rest } = options;
  const it: Backfill = {
    ...rest,
    kind: 'backfill',
    ...(key === undefined ? {} : { key: listOf(key) }),
    ...(into === undefined
      ? {}
      : { into: { table: into.table, ...(into.key === undefined ? {} : { key: listOf(into.key) }), mirror: into.mirror ?? false } }),
    chunk: { ...CHUNK, ...chunk },
    pace: { ...PACE, ...pace },
    up: async (knex) => (await import('../postgres/backfill/on-knex.js')).backfillOnKnex(knex, it),
  };
  return it;
}

const listOf = (columns: string | readonly string[]): readonly string[] => (typeof columns === 'string' ? [columns] : columns);

const isName = (value: unknown): boolean => typeof value === 'string' && value !== '' && !value.includes('\0');
const isKey = (value: unknown): boolean =>
  value === undefined || isName(value) || (Array.isArray(value) && value.length > 0 && value.every(isName));

function mistakesIn(options: BackfillOptions): string[] {
  const { table, key, where, set, transform, columns, into, chunk = {}, pace = {} } = options;
  const known = ['table', 'key', 'where', 'set', 'transform', 'columns', 'into', 'chunk', 'pace'];
  const rows = [chunk.rows, chunk.maxRows, chunk.targetMs];
  const rules: readonly (readonly [boolean, string])[] = [
    ...Object.keys(options).map((field) => [known.includes(field), `there is no field "${field}"`] as const),
    [isName(table), 'table is the name of a table'],
    [isKey(key) && isKey(into?.key), 'key is a column, or a list of columns'],
    [where === undefined || (typeof where === 'string' && where.trim() !== ''), 'where is SQL'],
    [(set === undefined) !== (transform === undefined), 'it has either set or transform'],
    [
      set === undefined || (Object.keys(set).length > 0 && Object.values(set).every((sql) => typeof sql === 'string' && sql.trim() !== '')),
      'set has SQL for at least one column',
    ],
    [transform === undefined || typeof transform === 'function', 'transform is a function of a row'],
    [transform === undefined || where !== undefined || into !== undefined, 'transform wants where: the rows that lack what it answers'],
    [
      columns === undefined || (transform !== undefined && columns.length > 0 && columns.every(isName)),
      'columns are those that transform gets',
    ],
    [into === undefined || isName(into.table), 'into.table is the name of a table'],
    [rows.every((n) => n === undefined || (Number.isInteger(n) && n > 0)), 'chunk.rows, maxRows and targetMs are whole numbers above 0'],
    [(chunk.maxRows ?? 1) <= CHUNK.maxRows, `a chunk has at most ${CHUNK.maxRows} rows`],
    [(chunk.rows ?? 1) <= (chunk.maxRows ?? CHUNK.maxRows), 'chunk.rows is at most chunk.maxRows'],
    [Object.values(pace).every((n) => n === undefined || (Number.isFinite(n) && n >= 0)), 'the limits of pace are numbers, 0 or more'],
  ];
  return rules.flatMap(([holds, what]) => (holds ? [] : [what]));
}
