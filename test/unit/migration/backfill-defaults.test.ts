import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { backfill } from '../../../src/migration/backfill.js';

it('[B7] rests nine times as long as a chunk took unless told otherwise, and the page says the same defaults', () => {
  const { pace } = backfill({ table: 'users', set: { name: "'x'" } });
  expect(pace).toEqual({ rest: 9, maxReplicationLagMs: 10_000, maxLockWaits: 5, maxVacuumWaitMs: 60_000 });
  const line = readFileSync('docs/migrations/backfill.md', 'utf8')
    .split('\n')
    .find((it) => it.startsWith('| `pace` |'));
  const { rest, maxReplicationLagMs, maxLockWaits, maxVacuumWaitMs } = pace;
  expect(line).toContain(`| ${[rest, maxReplicationLagMs, maxLockWaits, maxVacuumWaitMs].map((value) => `\`${value}\``).join(', ')} |`);
});
