/** What the worker's log says of a tenant's backfill, and how often. */

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { logBackfill } from '../../../src/activities/log-backfill.js';
import type { TenantRef } from '../../../src/domain/tenant.js';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

function setup() {
  const lines: { readonly message: string; readonly [field: string]: unknown }[] = [];
  const log = logBackfill({ info: (message, fields) => void lines.push({ message, ...fields }) }, { id: 't01', host: 'h1' } as TenantRef);
  return {
    lines,
    end: log.end,
    /** After so many seconds. */
    hear(visited: number, seconds: number, more: { readonly migration?: string; readonly pass?: number; readonly waiting?: string } = {}) {
      vi.advanceTimersByTime(seconds * 1_000);
      log.heard({ migration: 'm1', pass: 1, visited, written: visited / 2, total: 1_000, exact: true, rowsPerSecond: 40.4, ...more });
    },
  };
}
const run = (name: string) => ({ name, durationMs: 1, statements: 0 });

it('[B6] a short backfill has one line, at its end, with its rows, passes and duration', () => {
  const it = setup();
  it.hear(0, 1);
  it.hear(1_000, 2);
  it.hear(30, 1, { pass: 2 });
  it.end({ runs: [run('m1')] });
  expect(it.lines).toEqual([
    { message: 'backfill done', tenant: 't01', host: 'h1', migration: 'm1', rows: 15, visited: 30, passes: 2, durationMs: 3_000 },
  ]);
});

it('[B6] a long one says every five seconds how far it has come, in percent and time left, and why it waits', () => {
  const it = setup();
  it.hear(0, 0);
  for (let n = 1; n <= 5; n++) it.hear(n * 100, 2);
  it.hear(600, 3, { waiting: 'a replica is behind' });
  it.end({ runs: [run('m1')] });
  const under = { message: 'backfill under way', tenant: 't01', host: 'h1', migration: 'm1', pass: 1, total: 1_000, exact: true };
  expect(it.lines.slice(0, -1)).toEqual([
    { ...under, visited: 300, written: 150, percent: 30, rowsPerSecond: 40, etaMs: 17_327 },
    { ...under, visited: 600, written: 300, percent: 60, rowsPerSecond: 40, etaMs: 9_901, waiting: 'a replica is behind' },
  ]);
  expect(it.lines.at(-1)).toMatchObject({ message: 'backfill done', rows: 300, durationMs: 13_000 });
});

it('[B8] one that stops says where, and the code of what stopped it', () => {
  const it = setup();
  it.hear(400, 0);
  it.end({ runs: [run('m0')], code: 'FLT_MIGRATION_FAILED' });
  expect(it.lines).toMatchObject([{ message: 'backfill stopped', migration: 'm1', rows: 200, visited: 400, code: 'FLT_MIGRATION_FAILED' }]);
});

it('[B6] each of two in one attempt has a last line of its own, and a tenant without any has none', () => {
  const it = setup();
  it.hear(1_000, 0);
  it.hear(0, 2, { migration: 'm2' });
  it.hear(1_000, 1, { migration: 'm2' });
  it.end({ runs: [run('m1'), run('m2')] });
  expect(it.lines).toMatchObject([
    { message: 'backfill done', migration: 'm1', durationMs: 2_000 },
    { message: 'backfill done', migration: 'm2', durationMs: 1_000 },
  ]);
  const none = setup();
  none.end({ runs: [run('m1')] });
  expect(none.lines).toEqual([]);
});
