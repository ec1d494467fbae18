import { expect, it } from 'vitest';
import { logPhases } from '../../../src/activities/log-phases.js';
import type { Phased } from '../../../src/domain/phases.js';
import type { TenantRef } from '../../../src/domain/tenant.js';

const files: readonly Phased[] = [
  { name: 'm0' },
  { name: 'm1', declares: { phase: 'expand' } },
  { name: 'm2', declares: { phase: 'backfill', after: ['m1'] } },
];

function said(direction: 'up' | 'down', ...names: readonly string[]) {
  const lines: object[] = [];
  const log = { info: (message: string, fields?: object) => void lines.push({ message, ...fields }) };
  const runs = names.map((name) => ({ name, durationMs: 1, statements: 1 }));
  logPhases(log, { id: 't01', host: 'h1' } as TenantRef, direction, files, runs);
  return lines;
}

it('[Z5] has one line for each phase that a tenant has gone through, or back, and none for plain files', () => {
  const of = { tenant: 't01', host: 'h1', change: 'm1' };
  expect(said('up', 'm0', 'm1', 'm2')).toEqual([
    { message: 'phase done', ...of, phase: 'expand', migration: 'm1' },
    { message: 'phase done', ...of, phase: 'backfill', migration: 'm2' },
  ]);
  expect(said('down', 'm2')).toEqual([{ message: 'phase taken back', ...of, phase: 'backfill', migration: 'm2' }]);
  expect(said('up', 'm0')).toEqual([]);
});
