import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Candidate, SizeMarks } from '../../../src/domain/canaries.js';
import { resolveStrategy } from '../../../src/domain/resolve-strategy.js';
import { matchesSelector } from '../../../src/domain/selectors.js';
import { resolveCount, WavePlanner } from '../../../src/domain/wave-plan.js';
import type { StrategySpec } from '../../../src/spec/strategy.js';

const tenant = (id: string, host: string, labels: Record<string, string> = {}): Candidate => ({
  id,
  host,
  cell: `cell of ${host}`,
  labels,
});

/** n tenants, spread over the hosts in turn. */
const fleet = (n: number, hosts = 1): Candidate[] =>
  Array.from({ length: n }, (_, i) => tenant(`t${String(i).padStart(4, '0')}`, `h${i % hosts}`));

const ids = (tenants: readonly { readonly id: string }[]): string[] => tenants.map(({ id }) => id);

function plan(
  pending: readonly Candidate[],
  spec: StrategySpec | 'auto' | 'cautious' | 'fast',
  more: { planId?: string; hosts?: Record<string, { maxConcurrency?: number }>; sizes?: SizeMarks } = {},
) {
  const strategy =
    typeof spec === 'string'
      ? resolveStrategy({ name: spec, pending: pending.length, noBake: false })
      : resolveStrategy({ name: 'mine', strategies: { mine: spec }, pending: pending.length, noBake: false });
  const { sizes } = more;
  const planner = new WavePlanner({ hosts: more.hosts ?? {}, strategy, planId: more.planId ?? 'p-1', ...(sizes ? { sizes } : {}) });
  const pages = [pending.slice(0, 7), pending.slice(7)];
  for (const page of pages) planner.see(page);
  planner.choose();
  const placed = pages.map((page) => planner.place(page));
  const planned = planner.finish();
  const placements = placed.flatMap((it) => it.placed).map(({ id, group, ordinal }) => ({ id, wave: planned.waveOf[group]!, ordinal }));
  const unmatched = placed.flatMap((it) => it.unmatched);
  const members = planned.waves.map(({ index }) => ids(placements.filter(({ wave }) => wave === index)));
  return { ...planned, placements, unmatched, members, canaries: planned.waves[0]?.canary ? planned.waves[0].canaries : [] };
}
const codes = ({ findings }: ReturnType<typeof plan>) => findings.map(({ severity, code }) => [severity, code]);

// ── Integers and percentages ──────────────────────────────────────────────────────────────────────────────────────────

it.each([
  [5, 100, 5],
  [0, 100, 0],
  [500, 100, 500],
  ['1%', 50, 0],
  ['10%', 50, 5],
  ['1%', 99, 0],
  ['1%', 100, 1],
  ['1%', 199, 1],
  ['100%', 37, 37],
  ['0%', 37, 0],
  ['33.3%', 10, 3],
  ['0.1%', 1_000, 1],
  ['29%', 100, 29],
  ['57%', 100, 57],
  ['100%', 0, 0],
] as const)('takes %s of %d as %d', (value, whole, count) => expect(resolveCount(value, whole)).toBe(count));

it('rounds a percentage down to what exact arithmetic gives: never below zero, never above the whole', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 100_000 }), fc.nat(50_000), (thousandths, whole) => {
      const count = resolveCount(`${thousandths / 1_000}%`, whole);
      expect(count).toBe(Number((BigInt(thousandths) * BigInt(whole)) / 100_000n));
      expect(count).toBeGreaterThanOrEqual(0);
      expect(count).toBeLessThanOrEqual(whole);
    }),
  );
});

// ── The failure budget of a wave (cases 9 and 10) ─────────────────────────────────────────────────────────────────────

const oneWave = (maxFailures: number | `${number}%`): StrategySpec => ({ canary: false, waves: [{ name: 'all', maxFailures }] });

it('[S10] 1% of 50 tenants tolerates none, and the plan warns of it', () => {
  const planned = plan(fleet(50), oneWave('1%'));
  expect(planned.waves[0]!.maxFailures).toBe(0);
  expect(codes(planned)).toEqual([['warning', 'FLT_TOLERANCE_ZERO']]);
  expect(planned.findings[0]!.message).toContain('1% of 50 tenants is 0');
});

it('[S10] 10% of 50 tenants tolerates five', () => {
  const planned = plan(fleet(50), oneWave('10%'));
  expect(planned.waves[0]!.maxFailures).toBe(5);
  expect(planned.findings).toEqual([]);
});

it('[S10] 100% tolerates all, and 0 or 0% none without a warning', () => {
  expect(plan(fleet(50), oneWave('100%')).waves[0]!.maxFailures).toBe(50);
  for (const none of [0, '0%', '0.0%' as '0%'] as const) {
    expect(plan(fleet(50), oneWave(none)).waves[0]!.maxFailures).toBe(0);
    expect(plan(fleet(50), oneWave(none)).findings).toEqual([]);
  }
});

it('bears one failure in a wave of a preset, however small, but none where the preset says none', () => {
  expect(plan(fleet(50), 'auto').waves.map(({ maxFailures }) => maxFailures)).toEqual([0, 1]);
  expect(plan(fleet(20), 'auto').waves.map(({ maxFailures }) => maxFailures)).toEqual([0, 0]);
  expect(plan(fleet(50), 'auto').findings).toEqual([]);
});

it.each([
  // tenants, hosts, tolerated, at a time, per host, worst case
  [100, 10, 3, 50, 4, 43],
  [100, 10, 3, 5, 4, 8],
  [100, 1, 3, 50, 4, 7],
  [5, 5, 3, 50, 4, 5],
])(
  '9: %d tenants on %d hosts, %d tolerated, %d at a time and %d per host: at most %d can fail',
  (n, hosts, maxFailures, maxConcurrency, maxConcurrencyPerHost, worst) => {
    const spec: StrategySpec = { canary: false, waves: [{ name: 'all', maxFailures, maxConcurrency, maxConcurrencyPerHost }] };
    expect(plan(fleet(n, hosts), spec).waves[0]!.worstCaseFailures).toBe(worst);
  },
);

it('9: in a canary one more than tolerated can fail, and none is', () => {
  const [canary] = plan(fleet(100, 8), 'auto').waves;
  expect(canary).toMatchObject({ canary: true, tenants: 8, maxFailures: 0, maxConcurrency: 1, worstCaseFailures: 1 });
});

it('takes the limit of the whole rollout from all its pending tenants', () => {
  expect(plan(fleet(250), { maxFailures: '2%' }).maxFailures).toBe(5);
  expect(plan(fleet(250), { maxFailures: 7 }).maxFailures).toBe(7);
  expect(plan(fleet(250), {})).not.toHaveProperty('maxFailures');
});

// ── Canaries ──────────────────────────────────────────────────────────────────────────────────────────────────────────

it.each([
  [1, 30, 1],
  [8, 80, 8],
  [20, 80, 20],
  [35, 80, 20],
])('with %d hosts and %d tenants draws %d canaries, each on a host of its own', (hosts, n, expected) => {
  const { canaries } = plan(fleet(n, hosts), {});
  expect(canaries).toHaveLength(expected);
  expect(new Set(canaries.map(({ host }) => host)).size).toBe(expected);
});

it('draws as many as asked for: one per host first, then round again', () => {
  expect(plan(fleet(80, 8), { canary: { count: 3 } }).canaries).toHaveLength(3);
  const { canaries } = plan(fleet(80, 8), { canary: { count: 11 } });
  expect(canaries).toHaveLength(11);
  expect(new Set(canaries.slice(0, 8).map(({ host }) => host)).size).toBe(8);
  expect(plan(fleet(80, 40), { canary: { count: 30 } }).canaries).toHaveLength(30);
  expect(plan(fleet(5), { canary: { count: 30 } }).canaries).toHaveLength(5);
});

it('takes the named ones first, and draws none from a host that has one', () => {
  const { canaries } = plan(fleet(40, 4), { canary: { include: ['t0004', 'not pending'] } });
  expect(canaries[0]).toEqual({ tenant: 't0004', host: 'h0', reason: 'named by canary.include' });
  expect(canaries.map(({ host }) => host).sort()).toEqual(['h0', 'h1', 'h2', 'h3']);
});

it('says of each canary why it was picked', () => {
  const { canaries } = plan(fleet(40, 4), { canary: { count: 6, include: ['t0004'] } });
  for (const { reason } of canaries) expect(reason).toMatch(/named by|first of 10 pending on its host|one more of 10 pending on its host/);
});

it('never makes a canary of an excluded tenant, even of a named one', () => {
  const exclude = ['t0000', 't0004', 't0008'];
  const { canaries, members } = plan(fleet(12, 4), { canary: { exclude, include: ['t0000'] } });
  expect(canaries.map(({ tenant }) => tenant)).not.toEqual(expect.arrayContaining([expect.stringMatching(/t000[048]/)]));
  expect(canaries).toHaveLength(3); // all of host h0 are excluded
  expect(members.flat()).toEqual(expect.arrayContaining(exclude));
});

it('15: a canary wave that would be empty is a mistake in the plan, not a rollout without canaries', () => {
  const planned = plan(fleet(2), { canary: { exclude: ['t0000', 't0001'] } });
  expect(codes(planned)).toEqual([['error', 'FLT_NO_CANARY']]);
});

it('has no canary wave when the strategy wants none, or when nothing is pending', () => {
  expect(plan(fleet(30), { canary: false }).waves.map(({ name }) => name)).toEqual(['rest']);
  const nothing = plan([], {});
  expect([nothing.waves, nothing.placements, nothing.findings]).toEqual([[], [], []]);
});

it('draws by the seed of the strategy where it has one, whatever the plan', () => {
  const drawn = (seed: string, planId: string) => plan(fleet(500, 5), { canary: { seed } }, { planId }).canaries;
  expect(drawn('s', 'p-1')).toEqual(drawn('s', 'p-2'));
  expect(drawn('s', 'p-1')).not.toEqual(drawn('other', 'p-1'));
});

it('rotates between plans: over many, nearly every tenant has been first', () => {
  const pending = fleet(20);
  const first = new Set(Array.from({ length: 200 }, (_, n) => plan(pending, 'auto', { planId: `p-${n}` }).canaries[0]!.tenant));
  expect(first.size).toBe(20);
});

// ── Waves ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

it('puts a tenant into the first wave that selects it', () => {
  const pending = [tenant('a', 'h', { plan: 'gold' }), tenant('b', 'h', { plan: 'free' }), tenant('c', 'h')];
  const { members, waves } = plan(pending, {
    canary: false,
    waves: [
      { name: 'free', selector: { matchLabels: { plan: 'free' } } },
      { name: 'labelled', selector: { matchExpressions: [{ key: 'plan', operator: 'Exists' }] } },
      { name: 'rest' },
    ],
  });
  expect(waves.map(({ name }) => name)).toEqual(['free', 'labelled', 'rest']);
  expect(members).toEqual([['b'], ['a'], ['c']]);
});

it('puts enterprise tenants last when cautious', () => {
  const pending = fleet(400, 4).map((it, n) => (n % 10 === 0 ? { ...it, labels: { tier: 'enterprise' } } : it));
  const { members, waves } = plan(pending, 'cautious');
  const enterprise = new Set(ids(pending.filter((it) => it.labels?.tier === 'enterprise')));
  const at = (name: string) => members[waves.findIndex((wave) => wave.name === name)]!;
  for (const name of ['5%', '25%', 'rest']) expect(at(name).filter((id) => enterprise.has(id))).toEqual([]);
  expect(at('enterprise').every((id) => enterprise.has(id))).toBe(true);
});

it.each([
  // pending on 10 hosts, tenants per wave
  [1_010, [10, 50, 250, 700]],
  [2_010, [10, 100, 500, 1_400]],
  [501, [10, 24, 122, 345]],
])('auto: %d tenants go in waves of %j', (n, sizes) => {
  expect(plan(fleet(n, 10), 'auto').waves.map(({ tenants }) => tenants)).toEqual(sizes);
});

it('takes the size of a wave from the tenants that its selector means', () => {
  const pending = fleet(200).map((it, n) => ({ ...it, labels: { tier: n < 20 ? 'free' : 'paid' } }));
  const free = { matchLabels: { tier: 'free' } };
  const { waves } = plan(pending, {
    canary: false,
    waves: [{ name: 'some', selector: free, size: '50%' }, { name: 'all-free', selector: free }, { name: 'rest' }],
  });
  expect(waves.map(({ tenants }) => tenants)).toEqual([10, 10, 180]);
});

it('takes at least one tenant when a percentage is a fraction of one, and none for 0', () => {
  const sizes = (size: number | `${number}%`) =>
    plan(fleet(10), { canary: false, waves: [{ name: 'some', size }, { name: 'rest' }] }).waves.map(({ tenants }) => tenants);
  expect(sizes('1%')).toEqual([1, 9]);
  expect(sizes(3)).toEqual([3, 7]);
  expect(sizes(99)).toEqual([10]);
  for (const none of [0, '0%', '0.0%' as '0%'] as const) expect(sizes(none)).toEqual([10]);
});

it('15: leaves an empty wave out, with its bake and its approval', () => {
  const { waves } = plan(fleet(4), {
    canary: false,
    waves: [{ name: 'none', selector: { names: ['nobody'] }, bakeTime: '1h' }, { name: 'rest' }],
    approval: { when: ['none'] },
  });
  expect(waves).toMatchObject([{ index: 0, name: 'rest', bakeMs: 0, approval: false }]);
});

const halfMatched: StrategySpec = { canary: false, waves: [{ name: 'one', selector: { names: ['t0000'] } }] };

it('reports pending tenants that are in no wave, with a sample', () => {
  const planned = plan(fleet(8), halfMatched);
  expect(codes(planned)).toEqual([['error', 'FLT_UNMATCHED_TENANTS']]);
  expect(planned.findings[0]).toMatchObject({ tenants: 7, sample: ['t0001', 't0002', 't0003', 't0004', 't0005'] });
  expect(planned.unmatched).toHaveLength(7);
});

it('puts them into a last wave of their own where the strategy says remainder', () => {
  const planned = plan(fleet(8), { ...halfMatched, unmatched: 'remainder' });
  expect(planned.waves.map(({ name, tenants }) => [name, tenants])).toEqual([
    ['one', 1],
    ['remainder', 7],
  ]);
  expect([planned.unmatched, planned.findings]).toEqual([[], []]);
});

it('leaves them out where the strategy says ignore, and names them', () => {
  const planned = plan(fleet(8), { ...halfMatched, unmatched: 'ignore' });
  expect(planned.waves.map(({ tenants }) => tenants)).toEqual([1]);
  expect([planned.unmatched.length, planned.findings]).toEqual([7, []]);
});

it.each([
  ['never', undefined, [false, false, false]],
  ['after the canary', 'afterCanary', [false, true, false]],
  ['before every wave but the first', 'everyWave', [false, true, true]],
  ['before the named waves', ['rest'], [false, false, true]],
] as const)('asks for approval %s', (_, when, asked) => {
  const { waves } = plan(fleet(30), {
    waves: [{ name: 'some', size: 5 }, { name: 'rest' }],
    ...(when ? { approval: { when: typeof when === 'string' ? when : [...when] } } : {}),
  });
  expect(waves.map(({ approval }) => approval)).toEqual(asked);
});

it('asks for no approval after a canary that there is not', () => {
  const { waves } = plan(fleet(30), { canary: false, approval: { when: 'afterCanary' } });
  expect(waves.map(({ approval }) => approval)).toEqual([false]);
});

it("keeps each host's window under the host's own limit", () => {
  const { waves } = plan(
    fleet(30, 3),
    { canary: false, waves: [{ name: 'all', maxConcurrencyPerHost: 6 }] },
    { hosts: { h0: { maxConcurrency: 2 }, h1: { maxConcurrency: 40 } } },
  );
  expect(waves[0]!.hosts).toEqual([
    { host: 'h0', cell: 'cell of h0', tenants: 10, window: 2, limit: 2 },
    { host: 'h1', cell: 'cell of h1', tenants: 10, window: 6, limit: 40 },
    { host: 'h2', cell: 'cell of h2', tenants: 10, window: 6, limit: 8 },
  ]);
});

// ── What holds for every plan ─────────────────────────────────────────────────────────────────────────────────────────

const label = fc.constantFrom('free', 'gold', 'enterprise');
const pendingTenants = fc
  .uniqueArray(fc.tuple(fc.stringMatching(/^[a-z]{1,6}$/), fc.nat(30), fc.option(label)), { selector: ([id]) => id, maxLength: 120 })
  .map((rows) => rows.map(([id, host, tier]) => tenant(id, `h${host}`, tier ? { tier } : {})));
const count = fc.oneof(
  fc.nat(60),
  fc.nat(100).map((n) => `${n}%` as const),
);
const waveSpec = fc.record(
  {
    name: fc.constantFrom('a', 'b', 'c', 'd'),
    selector: fc.oneof(
      fc.record({ matchLabels: fc.record({ tier: label }) }),
      fc.record({
        matchExpressions: fc.tuple(fc.record({ key: fc.constant('tier'), operator: fc.constantFrom('Exists', 'DoesNotExist') })),
      }),
    ),
    size: count,
    maxFailures: count,
    maxConcurrency: fc.integer({ min: 1, max: 60 }),
    maxConcurrencyPerHost: fc.integer({ min: 1, max: 10 }),
  },
  { requiredKeys: ['name'] },
);
const strategies = fc.record(
  {
    canary: fc.oneof(
      fc.constant(false as const),
      fc.record({ count: fc.integer({ min: 1, max: 40 }), exclude: fc.array(fc.stringMatching(/^[a-z]$/)) }, { requiredKeys: [] }),
    ),
    waves: fc.array(waveSpec, { minLength: 1, maxLength: 5 }),
    unmatched: fc.constantFrom('error', 'remainder', 'ignore'),
    approval: fc.record({ when: fc.constantFrom('afterCanary', 'everyWave') }),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<StrategySpec>;
const specs = fc.oneof(strategies, fc.constantFrom('auto' as const, 'cautious' as const, 'fast' as const));

it('puts every pending tenant into exactly one wave, or names it as unmatched', () => {
  fc.assert(
    fc.property(pendingTenants, specs, (pending, spec) => {
      const { placements, unmatched } = plan(pending, spec);
      expect([...ids(placements), ...unmatched].sort()).toEqual(ids(pending).sort());
      if (typeof spec === 'string' || spec.unmatched === 'remainder') expect(unmatched).toEqual([]);
    }),
  );
});

it('counts out the tenants of each wave and host, none of them empty, and numbers them from 0', () => {
  fc.assert(
    fc.property(pendingTenants, specs, (pending, spec) => {
      const { waves, placements } = plan(pending, spec);
      const hostOf = new Map(pending.map(({ id, host }) => [id, host]));
      waves.forEach((wave, index) => {
        expect(wave.index).toBe(index);
        expect(wave.tenants).toBeGreaterThan(0);
        expect(wave.hosts.reduce((n, { tenants }) => n + tenants, 0)).toBe(wave.tenants);
        for (const { host, tenants } of wave.hosts) {
          const placed = placements.filter((it) => it.wave === index && hostOf.get(it.id) === host);
          expect(placed.map(({ ordinal }) => ordinal).sort((a, b) => a - b)).toEqual(Array.from({ length: tenants }, (_, n) => n));
        }
      });
    }),
  );
});

it('puts no tenant into a wave whose selector does not fit it', () => {
  fc.assert(
    fc.property(pendingTenants, strategies, (pending, spec) => {
      const named = new Map((spec.waves ?? []).map(({ name, selector }) => [name, selector]));
      fc.pre(named.size === (spec.waves ?? []).length);
      const { waves, members } = plan(pending, spec);
      const byId = new Map(pending.map((it) => [it.id, it]));
      waves.forEach(({ name }, index) => {
        const selector = named.get(name);
        if (selector) for (const id of members[index]!) expect(matchesSelector(selector, byId.get(id)!)).toBe(true);
      });
    }),
  );
});

it('gives limits that make sense: nothing negative, at least one at a time, a worst case between tolerance and size', () => {
  fc.assert(
    fc.property(pendingTenants, specs, (pending, spec) => {
      for (const wave of plan(pending, spec).waves) {
        expect(wave.maxFailures).toBeGreaterThanOrEqual(0);
        expect(wave.maxConcurrency).toBeGreaterThanOrEqual(1);
        for (const { window } of wave.hosts) expect(window).toBeGreaterThanOrEqual(1);
        expect(wave.worstCaseFailures).toBeGreaterThanOrEqual(Math.min(wave.maxFailures + 1, wave.tenants));
        expect(wave.worstCaseFailures).toBeLessThanOrEqual(wave.tenants);
      }
    }),
  );
});

it('draws one canary per host and at most 20 when no number is asked for, all in the first wave', () => {
  fc.assert(
    fc.property(pendingTenants, fc.constantFrom('cautious' as const, 'fast' as const), (pending, spec) => {
      const { canaries, members, waves } = plan(pending, spec);
      const hosts = new Set(pending.map(({ host }) => host)).size;
      expect(canaries).toHaveLength(Math.min(hosts, 20));
      expect(new Set(canaries.map(({ host }) => host)).size).toBe(canaries.length);
      expect([...(members[0] ?? [])].sort()).toEqual(canaries.map(({ tenant }) => tenant).sort());
      expect(waves.slice(1).every((wave) => !wave.canary && wave.canaries.length === 0)).toBe(true);
    }),
  );
});

it('comes out the same for the same plan id, with the same canaries however the tenants were listed', () => {
  fc.assert(
    fc.property(
      pendingTenants.chain((pending) => fc.tuple(fc.constant(pending), fc.shuffledSubarray(pending, { minLength: pending.length }))),
      specs,
      fc.string(),
      ([pending, shuffled], spec, planId) => {
        expect(plan(pending, spec, { planId })).toEqual(plan(pending, spec, { planId }));
        expect(plan(shuffled, spec, { planId }).canaries).toEqual(plan(pending, spec, { planId }).canaries);
      },
    ),
  );
});
