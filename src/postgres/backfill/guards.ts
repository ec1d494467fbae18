/**
 * What every chunk asks for when it begins: locks of the database that it holds together with other chunks until it commits. Whoever takes
 * one of them alone has no chunk running from that moment on, and none begins.
 */

import { SKIP_DUAL_WRITE_BACK } from '../../migration/dual-write/skip.js';
import { BACKFILLS_KEY, CONCURRENTLY_KEY } from '../keys.js';

/** SQLSTATEs of a chunk that does not begin. */
const HELD_BACK: Readonly<Record<string, string>> = {
  FL009: 'somebody holds the lock that stops all backfills of its database',
  FL010: 'an index of its database is being built or dropped CONCURRENTLY',
};

/** plpgsql: the locks, not waited for. */
export const takeChunkLocks = `if not pg_try_advisory_xact_lock_shared(${BACKFILLS_KEY}) then raise exception 'stopped' using errcode = 'FL009'; end if;
  if not pg_try_advisory_xact_lock_shared(${CONCURRENTLY_KEY}) then raise exception 'concurrently' using errcode = 'FL010'; end if;`;

/** Of the transaction. A role from whom row-level security hides rows is refused: it would fill a part, and call that all. */
export const CHUNK_SETTINGS = `set local ${SKIP_DUAL_WRITE_BACK} to on; set local row_security to off;`;

/** Why a chunk did not begin, when that was it. */
export const heldBackBy = (error: unknown): string | undefined => HELD_BACK[(error as { code?: string } | null)?.code ?? ''];
