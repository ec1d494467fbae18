import { expect, it } from 'vitest';
import { CanaryChoice, type CanaryRules, type Candidate, type SizeMarks, STRATIFY_BY } from '../../../src/domain/canaries.js';

const tenant = (id: string, over: Partial<Candidate> = {}): Candidate => ({ id, host: 'h1', cell: 'eu', ...over });

function choose(tenants: readonly Candidate[], rules: Partial<CanaryRules> = {}, marks?: SizeMarks) {
  const choice = new CanaryChoice({ stratifyBy: STRATIFY_BY, include: [], exclude: [], seed: 's', ...rules }, marks);
  for (const it of tenants) choice.see(it);
  return choice.choose().canaries;
}

it('goes to every host before it tells anything else apart', () => {
  const tenants = [
    ...Array.from({ length: 50 }, (_, n) => tenant(`a${n}`, { labels: { plan: `p${n}` } })),
    tenant('lonely', { host: 'h2', labels: { plan: 'p0' } }),
  ];
  const canaries = choose(tenants);
  expect(canaries.map(({ host }) => host).sort()).toEqual(['h1', 'h2']);
});

it('covers plans, schema versions, Postgres versions and sizes with as few tenants as it may take', () => {
  const tenants = [
    ...Array.from({ length: 100 }, (_, n) => tenant(`plain${n}`, { labels: { plan: 'free' }, position: 'm2', pgVersion: '18', size: 10 })),
    tenant('old', { labels: { plan: 'free' }, position: 'm1', pgVersion: '18', size: 10 }),
    tenant('gold', { labels: { plan: 'gold' }, position: 'm2', pgVersion: '18', size: 10 }),
    tenant('large', { labels: { plan: 'free' }, position: 'm2', pgVersion: '18', size: 900 }),
  ];
  const canaries = choose(tenants, { count: 4 }, { p40: 10, p60: 10, p90: 500 });
  expect(canaries.map((it) => it.tenant).sort()).toEqual(['gold', 'large', 'old', expect.stringMatching(/^plain/)]);
  const reasons = canaries.map(({ reason }) => reason).join(' ');
  for (const told of ['plan=gold', 'at m1', 'large (p90 and up)']) expect(reasons).toContain(told);
});

it('prefers a tenant of median size or a large one to the smallest', () => {
  const tenants = Array.from({ length: 100 }, (_, n) => tenant(`t${n}`, { size: n }));
  for (let seed = 0; seed < 30; seed++) {
    const [canary] = choose(tenants, { count: 1, seed: String(seed) }, { p40: 40, p60: 60, p90: 90 });
    expect(Number(canary!.tenant.slice(1))).toBeGreaterThanOrEqual(40);
  }
});

it('says of each what made it the choice', () => {
  const [first, second] = choose([tenant('a', { labels: { plan: 'free' } }), tenant('b', { labels: { plan: 'gold' } })], { count: 2 });
  expect(first!.reason).toMatch(/^first of 2 pending on its host; first plan=(free|gold), no migration yet; drawn by the seed$/);
  expect(second!.reason).toMatch(/^first plan=(free|gold); drawn by the seed$/);
});

it('tells apart only what the strategy names', () => {
  const tenants = [tenant('a', { labels: { region: 'eu' } }), tenant('b', { labels: { region: 'us' } })];
  const reasons = choose(tenants, { count: 2, stratifyBy: ['labels.region'] }).map(({ reason }) => reason);
  expect(reasons.join()).toContain('region=eu');
  expect(reasons.join()).toContain('region=us');
});

it('keeps its memory small when a label tells every tenant apart, and still goes to every host', () => {
  const tenants = Array.from({ length: 20_000 }, (_, n) => tenant(`t${n}`, { host: `h${n < 19_990 ? 0 : n}`, labels: { plan: `p${n}` } }));
  const canaries = choose(tenants);
  expect(new Set(canaries.map(({ host }) => host)).size).toBe(11);
});
