/** A short storm with a fixed seed; \`npm run test:chaos -- --minutes 20\` is the long one. */

import { expect, inject, it } from 'vitest';
import { storm } from './support/storm.js';

it('random kills of workers and backends, and cut connections, leave every tenant exactly before or exactly after each migration', async () => {
  const { rounds, kills, violations } = await storm({
    server: inject('postgres').url,
    seed: 20261124,
    untilMs: Date.now() + 30_000,
    schemas: 5,
    databases: 1,
    say: () => undefined,
  });
  expect(violations).toEqual([]);
  expect(rounds).toBeGreaterThan(2);
  expect(kills).toBeGreaterThan(10);
});
