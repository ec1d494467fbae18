import fc from 'fast-check';
import { expect, it } from 'vitest';
import { backoffMs } from '../../../src/domain/backoff.js';

const defaults = { minBackoffMs: 1_000, maxBackoffMs: 60_000 };
const least = () => 0;
const most = () => 1 - Number.EPSILON;

it.each([
  [1, 1_000, 2_000],
  [2, 1_000, 4_000],
  [5, 1_000, 32_000],
  [6, 1_000, 60_000],
  [100, 1_000, 60_000],
  [5_000, 1_000, 60_000],
])('waits before try %d between %d and %d ms', (attempt, from, to) => {
  expect(backoffMs(attempt, defaults, least)).toBe(from);
  expect(backoffMs(attempt, defaults, most)).toBe(to);
});

const limits = fc.tuple(fc.nat(120_000), fc.nat(600_000)).map(([a, b]) => ({ minBackoffMs: Math.min(a, b), maxBackoffMs: Math.max(a, b) }));
const attempts = fc.integer({ min: 1, max: 100 });
const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

it('stays within both limits, in whole milliseconds', () => {
  fc.assert(
    fc.property(attempts, limits, chance, (attempt, its, random) => {
      const wait = backoffMs(attempt, its, () => random);
      expect(Number.isInteger(wait)).toBe(true);
      expect(wait).toBeGreaterThanOrEqual(its.minBackoffMs);
      expect(wait).toBeLessThanOrEqual(its.maxBackoffMs);
    }),
  );
});

it('never waits less for a later try, chance being equal', () => {
  fc.assert(
    fc.property(attempts, limits, chance, (attempt, its, random) => {
      expect(backoffMs(attempt + 1, its, () => random)).toBeGreaterThanOrEqual(backoffMs(attempt, its, () => random));
    }),
  );
});

it('keeps to the upper limit when it is below the lower one', () => {
  expect(backoffMs(3, { minBackoffMs: 5_000, maxBackoffMs: 100 }, least)).toBe(100);
  expect(backoffMs(3, { minBackoffMs: 5_000, maxBackoffMs: 100 }, most)).toBe(100);
});
