/** One CONCURRENTLY statement at a time in a database, over all workers: the slot is a lock in that database, tried and never waited for. */

import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from 'pg';
import { NotNow } from '../attempt.js';
import { CONCURRENTLY_KEY } from '../keys.js';

const FIRST_WAIT_MS = 20;
const LONGEST_WAIT_MS = 500;

/**
 * Runs `work` while this session holds the slot. Waits as long as it takes: whoever holds it is at work, or its session ends within a second
 * of its process. Between two tries the session holds no snapshot, so that it does not hold up the one who has the slot.
 * @throws NotNow FLT_CONCURRENTLY_BUSY when `stop` says so
 */
export async function inSlot<T>(
  client: Client,
  wait: { readonly stop: () => boolean; readonly onWait: () => void },
  work: () => Promise<T>,
): Promise<T> {
  for (let pause = FIRST_WAIT_MS; ; pause = Math.min(pause * 2, LONGEST_WAIT_MS)) {
    const { rows } = await client.query<{ got: boolean }>(`select pg_try_advisory_lock(${CONCURRENTLY_KEY}) as got`);
    if (rows[0]!.got) break;
    if (wait.stop()) throw new NotNow('FLT_CONCURRENTLY_BUSY', 'another tenant of its database builds or drops an index CONCURRENTLY');
    wait.onWait();
    await delay(pause / 2 + Math.random() * pause);
  }
  try {
    return await work();
  } finally {
    // A session that has broken has lost the slot already
    await client.query(`select pg_advisory_unlock(${CONCURRENTLY_KEY})`).catch(() => undefined);
  }
}
