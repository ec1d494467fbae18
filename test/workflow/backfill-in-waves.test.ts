/** The workflow beside a wave that holds a backfill: how long it lives, and what it costs. */

import { expect, it, vi } from 'vitest';
import { workflowIds } from '../../src/domain/ids.js';
import { filling, inWaves } from '../support/backfill-alone.js';
import { type Fleet, stack, wave } from '../support/temporal.js';

const s = stack();
const test = (title: string, body: () => Promise<void>) => it(title, () => s.watched(body));
const besideOf = (fleet: Fleet, name: string) =>
  s.client().workflow.getHandle(workflowIds.backfill(workflowIds.wave(fleet.name, 'r-1', 0, name)));

test('[B6] continues as new, goes on showing what was seen last, and ends with its wave, which waits for it', async () => {
  let seen = filling();
  const fleet: Fleet = s.fleet(
    inWaves([wave(0, 'all', { h1: 2 }, { maxConcurrency: 1, window: 1 })], s.client, {
      // The wave stands still until it is resumed
      async tenant(id) {
        if (id === 'w0-h1-0') await fleet.send('pause');
        return undefined;
      },
      fakes: { readBackfills: async () => [seen] },
    }),
  );
  await fleet.start({ continueAsNewAfterEvents: 60 });
  const beside = besideOf(fleet, 'all');
  const first = await vi.waitFor(async () => (await beside.describe()).runId, { timeout: 10_000 });
  // Nobody listens to these, and its history grows
  while ((await beside.describe()).historyLength <= 60) await beside.signal('hello');
  await vi.waitFor(async () => expect((await beside.describe()).runId).not.toBe(first), { timeout: 40_000, interval: 200 });
  expect((await beside.describe()).status.name).toBe('RUNNING');
  expect(await beside.query('progress'), 'as the run before has seen it').toEqual([filling()]);
  seen = filling({ done: 1, visited: 1_000, written: 1_000 });
  await fleet.send('resume');
  expect((await fleet.report()).finalState).toBe('succeeded');
  expect((await beside.describe()).status.name).toBe('COMPLETED');
  expect(await beside.result()).toEqual([seen]);
});

test('[B6] 10,000 small tenants cost it no event: it looks every 15 seconds, however many lists there are', async () => {
  let looks = 0;
  const fleet = s.fleet(
    inWaves([wave(0, 'all', { h1: 5_000, h2: 5_000 }, { maxConcurrency: 50, window: 8 })], s.client, {
      fakes: {
        async readBackfills() {
          looks++;
          return [filling()];
        },
      },
    }),
  );
  const began = performance.now();
  await fleet.start();
  expect(await fleet.report()).toMatchObject({ finalState: 'succeeded', totals: { applied: 10_000 } });
  const tookMs = performance.now() - began;
  expect(fleet.lists.length).toBeGreaterThan(300);
  expect(looks, 'the first after two seconds, the last at the end').toBeLessThanOrEqual(2 + tookMs / 15_000);
  const { events } = await besideOf(fleet, 'all').fetchHistory();
  expect(events!.length).toBeLessThan(12 * (looks + 1));
});
