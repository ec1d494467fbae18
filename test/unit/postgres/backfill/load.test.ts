import { expect, it } from 'vitest';
import type { Send } from '../../../../src/postgres/backfill/door.js';
import { createLoadProbe } from '../../../../src/postgres/backfill/load.js';

interface Seen {
  readonly lag?: number;
  readonly waits?: number;
  readonly vacuum?: number | null;
}

/** A probe of table 4711, and what it reads next. */
function setup() {
  let seen: Seen = {};
  const asked: string[] = [];
  const send: Send = async <R>(sql: string) => {
    asked.push(sql);
    const rows = [{ lag: 0, waits: 0, vacuum: null, ...seen }] as R[];
    return { selects: [rows], rows, rowCount: 0 };
  };
  const probe = createLoadProbe(send, 4711);
  return {
    asked,
    at(nowMs: number, next: Seen = {}) {
      seen = next;
      return probe(nowMs);
    },
  };
}

it('[B-gap] reads the lag of the replica that is furthest behind, the lock waits, and the vacuum of its own table, in one question', async () => {
  const { at, asked } = setup();
  expect(await at(0, { lag: 1_234.5, waits: 3 })).toEqual({ replicationLagMs: 1_234.5, lockWaits: 3 });
  expect(asked).toHaveLength(1);
  expect(asked[0]).toContain('relid = 4711');
});

it('[B-gap] a vacuum is as old as the first look that saw it, for as long as it is the same one', async () => {
  const { at } = setup();
  expect(await at(1_000)).not.toHaveProperty('vacuumSinceMs');
  expect(await at(2_000, { vacuum: 7 })).toMatchObject({ vacuumSinceMs: 2_000 });
  expect(await at(9_000, { vacuum: 7, waits: 1, lag: 5 })).toEqual({ replicationLagMs: 5, lockWaits: 1, vacuumSinceMs: 2_000 });
});

it('[B-gap] another process, or the same one after a look without it, is another vacuum and waited for anew', async () => {
  const { at } = setup();
  await at(1_000, { vacuum: 7 });
  expect(await at(2_000, { vacuum: 8 })).toMatchObject({ vacuumSinceMs: 2_000 });
  expect(await at(3_000)).not.toHaveProperty('vacuumSinceMs');
  expect(await at(4_000, { vacuum: 8 })).toMatchObject({ vacuumSinceMs: 4_000 });
});

it('[B-gap] a question that fails is told, and does not become a quiet database', async () => {
  const probe = createLoadProbe(async () => Promise.reject(new Error('connection lost')), 4711);
  await expect(probe(0)).rejects.toThrow('connection lost');
});
