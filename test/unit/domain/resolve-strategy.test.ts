import fc from 'fast-check';
import { expect, it } from 'vitest';
import { HOST_CHECKS } from '../../../src/domain/host-checks.js';
import { resolveStrategy } from '../../../src/domain/resolve-strategy.js';
import { PRESETS, type StrategySpec } from '../../../src/spec/strategy.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const preset = (name: string | undefined, pending: number) => resolveStrategy({ ...(name ? { name } : {}), pending, noBake: false });
const own = (spec: StrategySpec, more: { noBake?: boolean; onBreach?: 'halt' | 'continue' } = {}) =>
  resolveStrategy({ name: 'mine', strategies: { mine: spec }, pending: 100, noBake: false, ...more });

it.each([
  [0, 'auto (up to 20 pending)'],
  [20, 'auto (up to 20 pending)'],
  [21, 'auto (up to 500 pending)'],
  [500, 'auto (up to 500 pending)'],
  [501, 'auto (more than 500 pending)'],
  [20_000, 'auto (more than 500 pending)'],
])('chooses by the number of pending tenants when no strategy is named: %d is %s', (pending, label) => {
  expect(preset(undefined, pending).policy.strategy).toBe(label);
  expect(preset('auto', pending)).toEqual(preset(undefined, pending));
});

it('auto up to 20: one tenant, then the rest; no failure is tolerated, no bake', () => {
  const { canary, waves, approval } = preset('auto', 20);
  expect(canary).toMatchObject({ count: 1, bakeMs: 0 });
  expect(waves).toMatchObject([{ name: 'rest', maxFailures: 0, minFailures: 0, bakeMs: 0 }]);
  expect(approval).toBe('never');
});

it('auto up to 500: a canary per host, a bake of a minute, the rest at 1%', () => {
  const { canary, waves } = preset('auto', 500);
  expect(canary).toEqual({ include: [], exclude: [], bakeMs: MINUTE });
  expect(waves).toMatchObject([{ name: 'rest', maxFailures: '1%', minFailures: 1, bakeMs: 0 }]);
});

it('auto above 500: a canary per host, a bake of ten minutes, then 5%, 25% and the rest with two minutes each, at 1%', () => {
  const { canary, waves } = preset('auto', 501);
  expect(canary).toEqual({ include: [], exclude: [], bakeMs: 10 * MINUTE });
  expect(waves).toMatchObject([
    { name: '5%', size: '5%', maxFailures: '1%', minFailures: 1, bakeMs: 2 * MINUTE },
    { name: '25%', size: '25%', maxFailures: '1%', minFailures: 1, bakeMs: 2 * MINUTE },
    { name: 'rest', maxFailures: '1%', minFailures: 1, bakeMs: 2 * MINUTE },
  ]);
  expect(waves[2]).not.toHaveProperty('size');
});

it('cautious: a day of bake after each wave, approval after the canary, enterprise tenants last', () => {
  const { canary, waves, approval } = preset('cautious', 100);
  expect(canary).toMatchObject({ bakeMs: 24 * HOUR });
  expect(waves.map(({ name, bakeMs }) => [name, bakeMs])).toEqual([
    ['5%', 24 * HOUR],
    ['25%', 24 * HOUR],
    ['rest', 24 * HOUR],
    ['enterprise', 24 * HOUR],
  ]);
  expect(waves.map((wave) => wave.selector !== undefined)).toEqual([true, true, true, false]);
  expect(approval).toBe('afterCanary');
});

it('fast: no bakes and no approval, but canaries all the same', () => {
  const { canary, waves, approval, policy } = preset('fast', 10_000);
  expect(canary).toMatchObject({ bakeMs: 0 });
  expect(waves).toMatchObject([{ name: 'rest', bakeMs: 0 }]);
  expect([approval, policy.finalBakeMs]).toEqual(['never', 0]);
});

it('leaves no tenant of a preset without a wave', () => {
  for (const name of PRESETS)
    for (const pending of [1, 100, 1_000]) {
      const last = preset(name, pending).waves.at(-1)!;
      expect([last.selector, last.size], name).toEqual([undefined, undefined]);
    }
});

it('gives every rule its default', () => {
  const { policy, ...rest } = own({});
  const { gates, ...rules } = policy;
  expect(gates.map(({ name }) => name)).toEqual([...HOST_CHECKS]);
  expect({ ...rest, policy: rules }).toEqual({
    policy: {
      strategy: 'mine',
      onBreach: 'rollbackWave',
      onGateFail: 'halt',
      onTenantFailure: 'park',
      sameError: { count: 5, window: 20 },
      ramp: { initial: 1, factor: 2 },
      finalBakeMs: 0,
      approvalTimeoutMs: 72 * HOUR,
      approvalOnTimeout: 'halt',
      windows: [],
      deadlines: { progressMs: 30 * MINUTE },
      membership: 'catchUp',
      retry: { quickTries: 3, maxAttempts: 10, minBackoffMs: 1_000, maxBackoffMs: MINUTE },
      timeouts: { lockMs: 500, statementMs: 15 * MINUTE, idleMs: 30_000 },
      outOfOrder: 'refuse',
    },
    canary: { include: [], exclude: [], bakeMs: 0 },
    waves: [{ name: 'rest', maxFailures: 0, minFailures: 0, maxConcurrency: 50, maxConcurrencyPerHost: 4, bakeMs: 0 }],
    unmatched: 'error',
    exclude: [],
    approval: 'never',
  });
});

it('takes over what is written, in milliseconds', () => {
  const resolved = own({
    canary: { count: 2, stratifyBy: ['host'], include: ['a'], exclude: ['b'], seed: 's', bakeTime: '90s' },
    ramp: { initial: 3 },
    sameErrorThreshold: false,
    onGateFail: 'rollbackWave',
    gates: [{ type: 'builtin', check: 'walQueue', off: true }],
    windows: [{ kind: 'deny', schedule: '0 8 * * *', duration: '10h', onClose: 'cancel' }],
    deadlines: { wave: '4h' },
    membership: 'snapshot',
    waves: [{ name: 'eu', selector: { names: ['a'] }, size: '10%', maxFailures: 3, bakeTime: '2h' }],
    unmatched: 'ignore',
    maxFailures: '2%',
    timeouts: { lock: '1s', statement: '2m', idle: '3s', tenant: '1h' },
    retry: { quickTries: 1, maxAttempts: 4, minBackoff: '5s', maxBackoff: '10s' },
    onBreach: 'halt',
    finalBakeTime: '1d',
    approval: { when: ['eu'], timeout: '1h', onTimeout: 'abort' },
    exclude: ['z'],
    outOfOrder: 'allow',
  });
  expect(resolved).toMatchObject({
    policy: {
      onBreach: 'halt',
      finalBakeMs: 24 * HOUR,
      approvalTimeoutMs: HOUR,
      approvalOnTimeout: 'abort',
      retry: { quickTries: 1, maxAttempts: 4, minBackoffMs: 5_000, maxBackoffMs: 10_000 },
      timeouts: { lockMs: 1_000, statementMs: 2 * MINUTE, idleMs: 3_000, tenantMs: HOUR },
      onGateFail: 'rollbackWave',
      ramp: { initial: 3, factor: 2 },
      windows: [{ kind: 'deny', schedule: '0 8 * * *', durationMs: 10 * HOUR, timeZone: 'UTC', onClose: 'cancel' }],
      deadlines: { waveMs: 4 * HOUR, progressMs: 30 * MINUTE },
      membership: 'snapshot',
      outOfOrder: 'allow',
    },
    canary: { count: 2, stratifyBy: ['host'], include: ['a'], exclude: ['b'], seed: 's', bakeMs: 90_000 },
    waves: [{ name: 'eu', selector: { names: ['a'] }, size: '10%', maxFailures: 3, minFailures: 0, bakeMs: 2 * HOUR }],
    unmatched: 'ignore',
    maxFailures: '2%',
    approval: ['eu'],
    exclude: ['z'],
  });
});

it("bakes canary and waves as long as the strategy says, where they say nothing themselves; 0s is the wave's own word", () => {
  const { canary, waves } = own({ bakeTime: '5m', waves: [{ name: 'a' }, { name: 'b', bakeTime: '0s' }] });
  expect(canary).toMatchObject({ bakeMs: 5 * MINUTE });
  expect(waves.map(({ bakeMs }) => bakeMs)).toEqual([5 * MINUTE, 0]);
});

it("takes a wave's concurrency as a ceiling under the strategy's", () => {
  const { waves } = own({
    maxConcurrency: 10,
    waves: [{ name: 'a' }, { name: 'b', maxConcurrency: 3 }, { name: 'c', maxConcurrency: 99 }],
  });
  expect(waves.map(({ maxConcurrency }) => maxConcurrency)).toEqual([10, 3, 10]);
});

it('has no canary wave when the strategy wants none', () => expect(own({ canary: false }).canary).toBe(false));

it('takes the onBreach of the command line before the one of the strategy', () => {
  expect(own({ onBreach: 'rollbackRollout' }, { onBreach: 'halt' }).policy.onBreach).toBe('halt');
  expect(own({}, { onBreach: 'continue' }).policy.onBreach).toBe('continue');
});

it('lets no percentage of an own strategy round up to one failure', () => {
  expect(own({ waves: [{ name: 'a', maxFailures: '1%' }] }).waves[0]).toMatchObject({ maxFailures: '1%', minFailures: 0 });
});

it('prefers an own strategy to the preset of its name', () => {
  const resolved = resolveStrategy({ name: 'fast', strategies: { fast: { bakeTime: '1h' } }, pending: 5, noBake: false });
  expect(resolved.waves[0]!.bakeMs).toBe(HOUR);
  expect(resolved.policy.strategy).toBe('fast');
});

it.each(['slow', '', 'constructor', '__proto__'])('refuses the unknown strategy %j', (name) => {
  expect(() => resolveStrategy({ name, strategies: { mine: {} }, pending: 5, noBake: false })).toThrow(RangeError);
});

it('never bakes where bakes are off', () => {
  const request = fc.record({
    name: fc.constantFrom(...PRESETS, 'mine'),
    pending: fc.nat(2_000),
    noBake: fc.constant(true),
    strategies: fc.constant({ mine: { bakeTime: '1h', finalBakeTime: '1d', canary: { bakeTime: '2h' } } }),
  });
  fc.assert(
    fc.property(request, (it) => {
      const { canary, waves, policy } = resolveStrategy(it);
      expect(
        [canary === false ? 0 : canary.bakeMs, policy.finalBakeMs, ...waves.map(({ bakeMs }) => bakeMs)].every((bake) => bake === 0),
      ).toBe(true);
    }),
  );
});
