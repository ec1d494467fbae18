/** One chunk as one message, for the server to go through without waiting for us: what it writes is counted there. */

import { doBlock, dollarQuoted } from '../quote.js';
import { CHUNK_SETTINGS, takeChunkLocks } from './guards.js';

const COUNTS = `current_setting('flotilla.counts')::bigint[]`;

/** SQL: rows written by the open chunk. */
export const WRITTEN = `(select coalesce(sum(n), 0)::bigint from unnest(${COUNTS}) n)`;

/** Answer of `chunkSql`. */
export interface ChunkRow {
  /** Rows that each statement has written, as JSON. */
  readonly counts: readonly number[];
  readonly xid: string;
}

export interface Writes {
  /** Statements of ours that are long, for the values they bring are in them: plpgsql would read and copy them several times over. */
  readonly long: readonly string[];
  /** Statements that come behind them. */
  readonly short: readonly string[];
}

/**
 * Behind BEGIN. Answers a `ChunkRow`, behind whatever else it answers.
 * @param first plpgsql before everything else
 */
export function chunkSql({ long, short }: Writes, first = ''): string {
  const begin = `${first} ${takeChunkLocks}`;
  const counted = long.map(
    (sql) =>
      `with flotilla_written as (${sql} returning 1) select set_config('flotilla.counts', (${COUNTS} || count(*))::text, true) from flotilla_written;`,
  );
  const parts =
    long.length === 0
      ? [inOrder(begin, "'{}'", short)]
      : [inOrder(begin, "'{}'", []), ...counted, ...(short.length === 0 ? [] : [inOrder('', COUNTS, short)])];
  return `${CHUNK_SETTINGS} ${parts.join(' ')} select to_json(${COUNTS}) as counts, pg_current_xact_id()::xid::text as xid;`;
}

/** @param counts SQL: of the statements before them */
function inOrder(begin: string, counts: string, statements: readonly string[]): string {
  const each = statements.map((sql) => `execute ${dollarQuoted(sql)}; get diagnostics n = row_count; counts := counts || n;`);
  return doBlock(`declare n bigint; counts bigint[] := ${counts};
begin
  ${[begin, ...each].join('\n  ')}
  perform set_config('flotilla.counts', counts::text, true);
end`);
}

export const isChunkRow = (row: object | undefined): row is ChunkRow => row !== undefined && 'counts' in row;
