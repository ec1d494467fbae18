import { expect, it } from 'vitest';
import { ListOutcomes } from '../../../src/activities/list-outcomes.js';

const there = { host: 'h2', cell: 'us', limit: 4 };

it('[S20] tells the wave where a tenant has moved to, and keeps it pending until it is migrated there', () => {
  const outcomes = new ListOutcomes('up');
  outcomes.add({ id: 't1', outcome: 'moved', code: 'FLT_TENANT_MOVED', message: 'it lives on "h2"', to: there, durationMs: 0 });
  expect(outcomes.result(1).exceptions).toMatchObject([{ id: 't1', outcome: 'moved', to: there }]);
  expect(outcomes.rows()).toMatchObject([{ id: 't1', state: 'pending' }]);
});

it('[S20] leaves a tenant on record as it was while nothing of it is taken back: not found yet, busy, or without anything', () => {
  const outcomes = new ListOutcomes('down');
  outcomes.add({ id: 't1', outcome: 'moved', code: 'FLT_TENANT_MOVED', to: there, durationMs: 0 });
  outcomes.add({ id: 't2', outcome: 'deferred', code: 'FLT_LOCK_TIMEOUT', durationMs: 0 });
  outcomes.add({ id: 't3', outcome: 'upToDate', durationMs: 0 });
  outcomes.add({ id: 't4', outcome: 'rolledBack', durationMs: 0 });
  outcomes.add({ id: 't5', outcome: 'rollbackFailed', code: 'FLT_REVERT_INEXACT', durationMs: 0 });
  expect(outcomes.rows().map(({ id, state }) => [id, state])).toEqual([
    ['t4', 'rolledBack'],
    ['t5', 'rollbackFailed'],
  ]);
  expect(outcomes.result(5).exceptions).toHaveLength(5);
});
