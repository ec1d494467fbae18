/** `transform` over the rows of one chunk, and what of them is to be written. */

import { FlotillaError, ourError } from '../../domain/errors.js';
import type { Backfill, Row } from '../../migration/backfill.js';
import { valueText } from './array-text.js';
import type { BackfillSql, Range, RowsToWrite } from './sql.js';
import { type Column, type Target, writesKey } from './target.js';

export interface Changes {
  readonly statements: readonly string[];
  /** Rows that the statements write, unless somebody changes them first. */
  readonly rows: number;
}

/** @throws FLT_MIGRATION_FAILED, FLT_BACKFILL_INVALID */
export function transformRows(
  rows: readonly Row[],
  { transform, into }: Backfill & Required<Pick<Backfill, 'transform'>>,
  target: Target,
  sql: BackfillSql,
  range: Range,
  who: string,
): Changes {
  const groups = new Map<string, RowsToWrite>();
  const { keys, version } = sql.readNames;
  const given = Object.keys(rows[0] ?? {}).filter((name) => !keys.includes(name) && name !== version);
  const blank = Object.fromEntries(given.map((name): [string, unknown] => [name, null]));
  let count = 0;
  for (const row of rows) {
    const copy = { ...blank };
    for (const name of given) copy[name] = row[name];
    const change = applied(transform, copy, who);
    if (!change) continue;
    const group = groupOf(Object.keys(change));
    for (const [at, name] of keys.entries()) group.keys[at]!.push(row[name] as string);
    group.versions.push(row[version] as string);
    for (const [at, name] of group.names.entries()) group.values[at]!.push(written(change[name], target.written.get(name)!, who));
    count++;
  }
  return { statements: [...groups.values()].map((group) => sql.writeRows(range, group)), rows: count };

  /** @throws FLT_BACKFILL_INVALID */
  function groupOf(names: readonly string[]): RowsToWrite {
    const id = names.join('\0');
    const found = groups.get(id);
    if (found) return found;
    const unknown = names.filter((name) => !target.written.has(name));
    if (names.length === 0 || unknown.length > 0)
      throw new FlotillaError(
        'FLT_BACKFILL_INVALID',
        `${who}: transform answers ${unknown.length > 0 ? `${unknown.map((name) => `"${name}"`).join(', ')}, and there is no such column` : 'no column'}.`,
      );
    const moved = !into ? names.filter((name) => target.key.some((column) => column.name === name)) : [];
    if (moved.length > 0) throw writesKey(who, moved);
    const group: RowsToWrite = { names, keys: keys.map(() => []), versions: [], values: names.map(() => []) };
    groups.set(id, group);
    return group;
  }
}

/** @throws FLT_BACKFILL_INVALID: an invalid Date, a circle, a text that Postgres cannot hold */
function written(value: unknown, column: Column, who: string): string | null {
  let text: string | null | undefined;
  try {
    text = valueText(value, column);
  } catch {
    // told below: what it threw may quote the value
  }
  if (text === undefined || text?.includes('\0'))
    throw new FlotillaError(
      'FLT_BACKFILL_INVALID',
      `${who}: transform answers a value for "${column.name}" that cannot be written: an invalid date, an object that is no JSON, or a text with a NUL in it.`,
      { column: column.name },
    );
  return text;
}

/** What it throws may quote the row, so only the kind of the error goes on. */
function applied(transform: NonNullable<Backfill['transform']>, row: Row, who: string): Row | undefined {
  try {
    return transform(row);
  } catch (error) {
    if (ourError(error)) throw error;
    const name = error instanceof Error && /^[A-Za-z]+$/.test(error.name) ? error.name : 'an error';
    throw new FlotillaError('FLT_MIGRATION_FAILED', `${who}: transform threw ${name}; its text may quote rows and is not repeated.`);
  }
}
