import { expect, it } from 'vitest';
import { toStatus, withOpenWave } from '../../../src/client/rollout-status.js';
import { countTotals } from '../../../src/domain/tenant.js';
import { START, sampleProgress, sampleStatus, totals, wave } from './samples.js';

it("takes the open wave's own figures, and keeps the sum", () => {
  const before = sampleProgress();
  const live = wave(1, '25%', { tenants: 978, maxFailures: 9, totals: totals({ applied: 600, failed: 2, pending: 376 }) });
  const merged = withOpenWave(before, live);
  expect(merged.waves[1]!.totals.applied).toBe(600);
  expect(merged.totals.applied).toBe(553 + 67);
  expect(countTotals(merged.totals)).toBe(countTotals(before.totals));
});

it('leaves the totals alone while a down run counts only the tenants it reverts', () => {
  const before = sampleProgress();
  const merged = withOpenWave(before, wave(1, '25%', { direction: 'down', tenants: 12, totals: totals({ rolledBack: 5, pending: 7 }) }));
  expect(merged.totals).toEqual(before.totals);
  expect(merged.waves[1]!.direction).toBe('down');
});

it('ignores a wave that it does not know', () => {
  const before = sampleProgress();
  expect(withOpenWave(before, wave(9, 'other', {}))).toBe(before);
  expect(withOpenWave(before, undefined)).toBe(before);
});

it('estimates the time left from the pace so far, while it runs', () => {
  const at = sampleStatus({ totals: totals({ applied: 100, pending: 200 }) }, 10_000);
  expect(at.tenantsPerSecond).toBe(10);
  expect(at.etaMs).toBe(20_000);
  expect(sampleStatus({ state: 'paused' }).etaMs).toBeNull();
  expect(sampleStatus({ totals: totals({ pending: 5 }) }).etaMs).toBeNull();
});

it('is closed once final or terminated', () => {
  expect(sampleStatus({ state: 'rolledBack' }).open).toBe(false);
  const terminated = toStatus(sampleProgress({ state: 'running' }), { source: 'temporal', url: null, nowMs: START, terminated: true });
  expect(terminated).toMatchObject({ open: false, needsPerson: false, terminated: true });
});

it('says with each group of failures what to do', () => {
  expect(sampleStatus().failures[0]!.remedy).toBe('Mend the rows, then retry.');
  expect(sampleStatus({ failures: [{ code: 'SOMETHING', count: 1, tenants: ['a'], sample: '' }] }).failures[0]!.remedy).toBe('');
});

it("takes the open wave's failures in place of what the rollout holds of it", () => {
  const group = (code: string, count: number) => ({ code, count, tenants: ['t'], sample: '' });
  const before = sampleProgress({ failures: [group('A', 5), group('B', 1)], failuresTotal: 6 });
  const known = { ...before.waves[1]!, failures: [group('A', 2)], failuresTotal: 2 };
  const merged = withOpenWave(
    { ...before, waves: [before.waves[0]!, known, before.waves[2]!] },
    { ...known, failures: [group('A', 4), group('C', 9)], failuresTotal: 13 },
  );
  expect(merged.failures.map(({ code, count }) => [code, count])).toEqual([
    ['C', 9],
    ['A', 7],
    ['B', 1],
  ]);
  expect(merged.failuresTotal).toBe(17);
});
