import { expect, it } from 'vitest';
import { holdsBack, type Load } from '../../../../src/domain/backfill/pace.js';

const limits = { rest: 2, maxReplicationLagMs: 10_000, maxLockWaits: 5, maxVacuumWaitMs: 60_000 };
const NOW = 1_000_000;
const why = (load: Partial<Load>) => holdsBack({ replicationLagMs: 0, lockWaits: 0, ...load }, limits, NOW);

it.each<[string, Partial<Load>, string | undefined]>([
  ['does not wait when nothing is the matter', {}, undefined],
  ['does not wait for a replica that is as far behind as it may be', { replicationLagMs: 10_000 }, undefined],
  ['waits for a replica that is further behind', { replicationLagMs: 10_060 }, 'a replica is 10.1 s behind (at most 10 s)'],
  ['does not wait for as many lock waits as there may be', { lockWaits: 5 }, undefined],
  ['waits for one more', { lockWaits: 6 }, '6 statements wait for locks (at most 5)'],
  ['waits for a vacuum of its table that begins', { vacuumSinceMs: NOW }, 'the table is being vacuumed'],
  ['waits for it up to the longest wait', { vacuumSinceMs: NOW - 59_999 }, 'the table is being vacuumed'],
  ['then goes on beside it: its own writes call for the next one', { vacuumSinceMs: NOW - 60_000 }, undefined],
  [
    'waits for a replica also when it has waited long enough for a vacuum',
    { replicationLagMs: 20_000, vacuumSinceMs: NOW - 60_000 },
    'a replica is 20 s behind (at most 10 s)',
  ],
])('[B-gap] a backfill %s', (_, load, reason) => {
  expect(why(load)).toBe(reason);
});

it('[B-gap] a limit of 0 bears no lock wait, and waits for no vacuum', () => {
  const none = { ...limits, maxLockWaits: 0, maxVacuumWaitMs: 0 };
  expect(holdsBack({ replicationLagMs: 0, lockWaits: 1 }, none, NOW)).toBe('1 statements wait for locks (at most 0)');
  expect(holdsBack({ replicationLagMs: 0, lockWaits: 0, vacuumSinceMs: NOW }, none, NOW)).toBeUndefined();
});
