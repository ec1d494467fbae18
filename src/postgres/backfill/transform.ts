/** `transform` over the rows of one chunk, and what of them is to be written. */

import { FlotillaError, ourError } from '../../domain/errors.js';
import type { Backfill, Row } from '../../migration/backfill.js';
import { longLiteral } from '../quote.js';
import { arrayText, valueText } from './array-text.js';
import type { BackfillSql, Range } from './sql.js';
import { type Column, type Target, writesKey } from './target.js';

/** Rows that get the same columns. */
interface Group {
  readonly names: readonly string[];
  readonly rows: { readonly row: Row; readonly change: Row }[];
}

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
  const groups = new Map<string, Group>();
  const { keys, version } = sql.readNames;
  const given = Object.keys(rows[0] ?? {}).filter((name) => !keys.includes(name) && name !== version);
  let count = 0;
  for (const row of rows) {
    const change = applied(transform, Object.fromEntries(given.map((name) => [name, row[name]])), who);
    if (!change) continue;
    const names = Object.keys(change);
    const unknown = names.filter((name) => !target.written.has(name));
    if (names.length === 0 || unknown.length > 0)
      throw new FlotillaError(
        'FLT_BACKFILL_INVALID',
        `${who}: transform answers ${unknown.length > 0 ? `${unknown.map((name) => `"${name}"`).join(', ')}, and there is no such column` : 'no column'}.`,
      );
    const moved = !into ? names.filter((name) => target.key.some((column) => column.name === name)) : [];
    if (moved.length > 0) throw writesKey(who, moved);
    const id = names.join('\0');
    if (!groups.has(id)) groups.set(id, { names, rows: [] });
    groups.get(id)!.rows.push({ row, change });
    count++;
  }
  const statements = [...groups.values()].map((group) => {
    const array = (of: (row: Group['rows'][number]) => string | null) => longLiteral(arrayText(group.rows.map(of)));
    return sql.writeRows(
      range,
      keys.map((name) => array(({ row }) => row[name] as string)),
      array(({ row }) => row[version] as string),
      group.names,
      group.names.map((name) => array(({ change }) => written(change[name], target.written.get(name)!, who))),
    );
  });
  return { statements, rows: count };
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
