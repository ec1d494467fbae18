import { expect, it } from 'vitest';
import { mergeTends, Tally, validated } from '../../../src/domain/tend.js';

const refused = (id: string) => ({ outcome: 'refused', code: 'FLT_HAS_HISTORY', message: `${id}: has one.` }) as const;

it('counts each tenant once, and groups those that were left alone by code', () => {
  const tally = new Tally();
  tally.add('a', { outcome: 'done' });
  tally.add('b', { outcome: 'unchanged' });
  tally.add('c', { outcome: 'skipped' });
  tally.add('d', refused('d'));
  tally.add('e', refused('e'));
  tally.add('f', { outcome: 'unreached', code: 'FLT_TENANT_BUSY', message: 'f: busy.' });
  const { counts, left } = tally.result();
  expect(counts).toEqual({ tenants: 6, done: 1, unchanged: 1, skipped: 1, refused: 2, unreached: 1 });
  expect(left).toEqual([
    { outcome: 'refused', code: 'FLT_HAS_HISTORY', count: 2, tenants: ['d', 'e'], sample: 'd: has one.' },
    { outcome: 'unreached', code: 'FLT_TENANT_BUSY', count: 1, tenants: ['f'], sample: 'f: busy.' },
  ]);
});

it('tells what is worth knowing of those that were done or needed nothing, and not of those that were left', () => {
  const tally = new Tally();
  tally.add('a', { outcome: 'done', message: 'a: was b.' });
  tally.add('b', { outcome: 'unchanged', message: 'b: is its own.' });
  tally.add('c', refused('c'));
  tally.add('d', { outcome: 'done' });
  expect(tally.result().told).toEqual(['a: was b.', 'b: is its own.']);
});

it('answers the same few bytes for a fleet of any size', () => {
  const tally = new Tally();
  for (let n = 0; n < 20_000; n++) {
    tally.add(`t${n}`, n % 2 ? refused(`t${n}`) : { outcome: 'done', message: `t${n}: was another.` });
    tally.addStructure(`structure ${n % 3_000}`, `t${n}`);
  }
  const result = tally.result();
  expect(result.counts.tenants).toBe(20_000);
  expect([result.left[0]!.count, result.left[0]!.tenants.length, result.told.length, result.groups.length]).toEqual([10_000, 20, 20, 50]);
  expect(result.moreGroups.groups).toBe(2_950);
  expect(JSON.stringify(result).length).toBeLessThan(10_000);
  expect(JSON.stringify(mergeTends(Array.from({ length: 30 }, () => result))).length).toBeLessThan(10_000);
});

it('shows the largest structures first, with a few tenants of each', () => {
  const tally = new Tally();
  for (const id of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) tally.addStructure('common', id);
  tally.addStructure('odd', 'x');
  expect(tally.result()).toMatchObject({
    groups: [
      { fingerprint: 'common', tenants: 7, sample: ['a', 'b', 'c', 'd', 'e'] },
      { fingerprint: 'odd', tenants: 1, sample: ['x'] },
    ],
    moreGroups: { groups: 0, tenants: 0 },
  });
});

it('adds cells up: counts, the same code, the same structure, and what was cut off in each', () => {
  const [one, two] = [new Tally(), new Tally()];
  for (const [tally, prefix] of [
    [one, 'a'],
    [two, 'b'],
  ] as const) {
    tally.add(`${prefix}1`, refused(`${prefix}1`));
    tally.add(`${prefix}2`, { outcome: 'done' });
    tally.addStructure('common', `${prefix}2`);
    for (let n = 0; n < 60; n++) tally.addStructure(`${prefix} ${n}`, `${prefix}-${n}`);
  }
  const merged = mergeTends([one.result(), two.result()]);
  expect(merged.counts).toEqual({ tenants: 4, done: 2, unchanged: 0, skipped: 0, refused: 2, unreached: 0 });
  expect(merged.left).toEqual([{ outcome: 'refused', code: 'FLT_HAS_HISTORY', count: 2, tenants: ['a1', 'b1'], sample: 'a1: has one.' }]);
  expect(merged.groups).toHaveLength(50);
  const seen = merged.groups.reduce((n, group) => n + group.tenants, 0);
  expect(seen + merged.moreGroups.tenants).toBe(122);
});

it('groups checks that failed by migration and check, adds cells up, and tells who failed from who could not be asked', () => {
  const [one, two] = [new Tally(), new Tally()];
  for (const [tally, prefix] of [
    [two, 'b'],
    [one, 'a'],
  ] as const) {
    tally.add(`${prefix}1`, { outcome: 'refused', code: 'FLT_VALIDATION_FAILED' });
    tally.addCheck('m1', 'count', { tenant: `${prefix}1`, message: `${prefix}: 4 expected, 3 found` });
    tally.addCheck('m1', 'nulls');
    tally.addCheck('m2', 'count', { tenant: `${prefix}1`, message: 'other' });
    tally.add(`${prefix}2`, { outcome: 'done' });
    tally.addCheck('m1', 'count');
    tally.add(`${prefix}3`, { outcome: 'unchanged' });
    tally.add(`${prefix}4`, { outcome: 'skipped' });
    tally.add(`${prefix}5`, { outcome: 'refused', code: 'FLT_SCHEMA_MISSING', message: 'gone.' });
    tally.add(`${prefix}6`, { outcome: 'unreached', code: 'FLT_LOCK_TIMEOUT', message: 'held.' });
  }
  expect(validated(mergeTends([one.result(), two.result()]))).toEqual({
    counts: { tenants: 12, passed: 2, failed: 2, unchecked: 4, unasked: 4 },
    checks: 8,
    failed: [
      { migration: 'm1', check: 'count', count: 2, tenants: ['a1', 'b1'], sample: 'a: 4 expected, 3 found' },
      { migration: 'm2', check: 'count', count: 2, tenants: ['a1', 'b1'], sample: 'other' },
    ],
    left: [
      expect.objectContaining({ code: 'FLT_SCHEMA_MISSING', count: 2, tenants: ['a5', 'b5'] }),
      expect.objectContaining({ code: 'FLT_LOCK_TIMEOUT', count: 2 }),
    ],
  });
  expect(validated(mergeTends([]))).toMatchObject({ checks: 0, failed: [], left: [] });
});

it('names the first few of many tenants that fail a check', () => {
  const tally = new Tally();
  for (let n = 0; n < 1_000; n++) tally.addCheck('m', 'c', { tenant: `t${n}`, message: 'wrong' });
  expect(tally.result().checks!.failed).toMatchObject([{ count: 1_000, tenants: { length: 20 } }]);
  expect(mergeTends([tally.result(), tally.result()]).checks).toMatchObject({
    made: 2_000,
    failed: [{ count: 2_000, tenants: { length: 20 } }],
  });
});

it('adds nothing up to nothing', () => {
  expect(mergeTends([])).toEqual({ ...new Tally().result() });
});
