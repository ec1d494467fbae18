import { expect, it } from 'vitest';
import type { PlannedWave } from '../../../src/domain/plan.js';
import { type SweepMember, sweepEvent, sweepWave } from '../../../src/domain/sweep.js';

const last: PlannedWave = {
  index: 1,
  name: 'rest',
  canary: false,
  tenants: 100,
  hosts: [
    { host: 'h1', cell: 'eu', tenants: 60, window: 4, limit: 8 },
    { host: 'h2', cell: 'eu', tenants: 40, window: 2, limit: 2 },
  ],
  canaries: [],
  maxFailures: 1,
  maxConcurrency: 5,
  worstCaseFailures: 6,
  bakeMs: 120_000,
  approval: true,
};
const member = (id: string, host: string, cell = 'eu'): SweepMember => ({ id, host, cell });

it('makes no wave for nobody', () => {
  expect(sweepWave(1, 2, last, [], () => 8)).toBeUndefined();
});

it('goes by the rules of the last wave, without its bake and its approval, and never above what a host bears', () => {
  const members = [member('a', 'h1'), member('b', 'h1'), member('c', 'h9', 'us'), member('d', 'h2')];
  const wave = sweepWave(1, 2, last, members, (host) => (host === 'h9' ? 3 : 8));
  expect(wave).toEqual({
    index: 2,
    name: 'sweep',
    canary: false,
    tenants: 4,
    hosts: [
      { host: 'h1', cell: 'eu', tenants: 2, window: 4, limit: 8 },
      { host: 'h9', cell: 'us', tenants: 1, window: 3, limit: 3 },
      { host: 'h2', cell: 'eu', tenants: 1, window: 4, limit: 8 },
    ],
    canaries: [],
    maxFailures: 1,
    maxConcurrency: 5,
    worstCaseFailures: 4,
    bakeMs: 0,
    approval: false,
  });
});

it('numbers the sweeps after the first, so that no two waves share a name', () => {
  expect(sweepWave(3, 4, last, [member('a', 'h1')], () => 8)?.name).toBe('sweep-3');
});

it('says in the audit trail whom a sweep took up and what it could not look at', () => {
  const wave = sweepWave(1, 2, last, [member('a', 'h1')], () => 8)!;
  expect(sweepEvent('r-1', 1, { wave, retaken: [], findings: [] }, 7)).toEqual({
    actor: 'flotilla',
    verb: 'sweep',
    subject: '1 tenant',
    requestId: 'r-1-sweep-1',
    atMs: 7,
  });
  const findings = [{ severity: 'warning', code: 'FLT_NO_CELL_WORKER', message: 'nobody looked.' }] as const;
  expect(sweepEvent('r-1', 2, { retaken: [], findings }, 7)).toMatchObject({
    subject: 'nobody',
    reason: 'FLT_NO_CELL_WORKER: nobody looked.',
  });
});
