import fc from 'fast-check';
import { expect, it } from 'vitest';
import { noTotals, TENANT_STATES, type TenantState, unresolved } from '../../../../src/domain/tenant.js';
import { exceeded, room } from '../../../../src/domain/wave/failure-budget.js';

it.each([
  [0, 0, false],
  [1, 0, true],
  [5, 5, false],
  [6, 5, true],
  [0, 5, false],
])('with %d unresolved of %d tolerated a breach is %s', (failures, limit, breach) => expect(exceeded(failures, limit)).toBe(breach));

it.each([
  // canary, tolerated, concurrency, unresolved, lists
  [true, 0, 1, 0, 1],
  [true, 0, 10, 0, 1],
  [true, 2, 10, 0, 3],
  [true, 2, 10, 1, 2],
  [true, 2, 10, 3, 0],
  [true, 2, 10, 9, 0],
  [true, 50, 4, 0, 4],
  [false, 0, 50, 0, 50],
  [false, 3, 50, 3, 50],
])(
  'a wave (canary: %s) that tolerates %d, %d at a time, with %d unresolved, may have %d lists on the way',
  (canary, maxFailures, maxConcurrency, failures, lists) => {
    expect(room({ canary, maxFailures, maxConcurrency }, failures)).toBe(lists);
  },
);

/** Runs tenants as a wave does: fills the room, lets one finish, and stops for good at a breach. */
function runWave(limits: { canary: boolean; maxFailures: number; maxConcurrency: number }, fails: readonly boolean[]) {
  let started = 0;
  let inFlight: boolean[] = [];
  let failures = 0;
  let settled = 0;
  let haltedAt: number | undefined;
  for (;;) {
    while (haltedAt === undefined && started < fails.length && inFlight.length < room(limits, failures)) inFlight.push(fails[started++]!);
    const [next, ...rest] = inFlight;
    if (next === undefined) return { failures, haltedAt, settled, started };
    inFlight = rest;
    settled++;
    if (next) failures++;
    if (haltedAt === undefined && exceeded(failures, limits.maxFailures)) haltedAt = settled;
  }
}

const wave = fc.record({
  canary: fc.boolean(),
  maxFailures: fc.nat(20),
  maxConcurrency: fc.integer({ min: 1, max: 60 }),
});
const outcomes = fc.array(fc.boolean(), { maxLength: 200 });

it('halts exactly when more failures came in than are tolerated', () => {
  fc.assert(
    fc.property(wave, outcomes, (limits, fails) => {
      const { haltedAt, started, settled } = runWave(limits, fails);
      const all = fails.filter(Boolean).length;
      expect(haltedAt !== undefined).toBe(all > limits.maxFailures);
      if (haltedAt !== undefined) expect(fails.slice(0, haltedAt).filter(Boolean).length).toBe(limits.maxFailures + 1);
      else expect(settled).toBe(fails.length);
      expect(settled).toBe(started);
    }),
  );
});

it('[S09] fails no more tenants than tolerated plus those on the way, and in a canary one more than tolerated', () => {
  fc.assert(
    fc.property(wave, outcomes, (limits, fails) => {
      const { failures } = runWave(limits, fails);
      expect(failures).toBeLessThanOrEqual(limits.maxFailures + (limits.canary ? 1 : limits.maxConcurrency));
    }),
  );
});

it('has room for nothing below zero, and never for more than the concurrency', () => {
  fc.assert(
    fc.property(wave, fc.nat(100), (limits, failures) => {
      const lists = room(limits, failures);
      expect(lists).toBeGreaterThanOrEqual(0);
      expect(lists).toBeLessThanOrEqual(limits.maxConcurrency);
    }),
  );
});

it('counts what went wrong and nobody has resolved, and nothing else', () => {
  const counting: TenantState[] = ['failed', 'unknown', 'parked', 'rollbackFailed'];
  for (const state of TENANT_STATES) expect(unresolved({ ...noTotals(), [state]: 3 }), state).toBe(counting.includes(state) ? 3 : 0);
  expect(unresolved({ failed: 1, unknown: 2, parked: 3, rollbackFailed: 4, skipped: 5 })).toBe(10);
});
