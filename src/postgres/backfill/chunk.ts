/** One chunk as one message, for the server to go through without waiting for us: what it writes is counted there. */

import { doBlock, dollarQuoted } from '../quote.js';
import { CHUNK_SETTINGS, takeChunkLocks } from './guards.js';

/** SQL: rows written by the open chunk. */
export const WRITTEN = `current_setting('flotilla.written')::bigint`;

/** Answers of `chunkSql`. */
export interface ChunkRow {
  /** Rows that each statement has written, as JSON. */
  readonly counts: readonly number[];
  readonly xid: string;
}

/**
 * Behind BEGIN. Answers a `ChunkRow`.
 * @param first plpgsql before everything else
 */
export function chunkSql(writes: readonly string[], first = ''): string {
  const each = writes.map(
    (sql) => `execute ${dollarQuoted(sql)}; get diagnostics n = row_count; counts := counts || n; total := total + n;`,
  );
  return `${CHUNK_SETTINGS} ${doBlock(`declare n bigint; counts bigint[] := '{}'; total bigint := 0;
begin
  ${first}
  ${takeChunkLocks}
  ${each.join('\n  ')}
  perform set_config('flotilla.written', total::text, true), set_config('flotilla.counts', to_json(counts)::text, true);
end`)} select current_setting('flotilla.counts')::json as counts, pg_current_xact_id()::xid::text as xid;`;
}
