/** Advisory lock keys, as SQL: 64 bits, per database. The prefix keeps other tools' keys apart. */

import { literal } from './quote.js';

const key = (what: string): string => `hashtextextended(${literal(`flotilla ${what}`)}, 0)`;

/** Held by the one session that migrates this tenant. */
export const tenantKey = (schema: string): string => key(`tenant ${schema}`);

/** Held for a moment, while a fence is counted up. */
export const fenceKey = (schema: string): string => key(`fence ${schema}`);

/**
 * Held by the one session of a database that builds, drops or rebuilds an index CONCURRENTLY: such a statement waits for every older snapshot in
 * the database, so two of them, or one beside a long read of ours, wait for each other.
 */
export const CONCURRENTLY_KEY: string = key('concurrently');

/**
 * Every chunk of a backfill holds it together with the others while it is open. Whoever holds it alone stops all backfills of the database
 * at the edge of their chunks: `select pg_advisory_lock(hashtextextended('flotilla backfills', 0))`, until that session ends.
 */
export const BACKFILLS_KEY: string = key('backfills');
