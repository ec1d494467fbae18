import { expect, it } from 'vitest';
import { judgeTry, type Try } from '../../../src/domain/on-demand.js';
import type { ListResult, TenantException } from '../../../src/domain/outcome.js';

const answered = (exception: Omit<TenantException, 'id'>): ListResult => ({
  counts: { [exception.outcome]: 1 },
  exceptions: [{ id: 't1', ...exception }],
  next: 1,
});

const cases: [string, ListResult, Try][] = [
  ['applied', { counts: { applied: 1 }, exceptions: [], next: 1 }, { done: 'applied' }],
  ['up to date, told as a count', { counts: { upToDate: 1 }, exceptions: [], next: 1 }, { done: 'upToDate' }],
  ['up to date, told by name', answered({ outcome: 'upToDate' }), { done: 'upToDate' }],
  ['moved', answered({ outcome: 'moved', to: { host: 'h2', cell: 'us', limit: 4 } }), { moved: { host: 'h2', cell: 'us', limit: 4 } }],
  ['not reached', { counts: {}, exceptions: [], next: 0 }, { again: { code: 'FLT_TENANT_BUSY', message: 't1: its turn has not come.' } }],
  [
    'held by somebody else',
    answered({ outcome: 'deferred', code: 'FLT_LOCK_TIMEOUT', message: 't1: busy' }),
    { again: { code: 'FLT_LOCK_TIMEOUT', message: 't1: busy' } },
  ],
  [
    'on a silent host',
    { counts: {}, exceptions: [], next: 0, hostDown: { code: 'FLT_HOST_UNAVAILABLE', message: 'no answer' } },
    { again: { code: 'FLT_HOST_UNAVAILABLE', message: 'no answer' } },
  ],
  [
    'on a busy host',
    { counts: {}, exceptions: [], next: 0, hostBusy: { message: 'all 8 slots are taken' } },
    { again: { code: 'FLT_TENANT_BUSY', message: 't1: all 8 slots are taken.' } },
  ],
  [
    'with a worker of other files',
    { counts: {}, exceptions: [], next: 0, filesDiffer: { build: 'b', message: 'other files' } },
    { again: { code: 'FLT_MIGRATION_MISMATCH', message: 'other files' } },
  ],
  [
    'failed',
    answered({ outcome: 'failed', code: 'FLT_SQL_ERROR', message: 't1: no' }),
    { failed: { code: 'FLT_SQL_ERROR', message: 't1: no', partial: false } },
  ],
  [
    'failed half-way',
    answered({ outcome: 'failed', code: 'FLT_SQL_ERROR', message: 't1: no', partial: true }),
    { failed: { code: 'FLT_SQL_ERROR', message: 't1: no', partial: true } },
  ],
  [
    'of unknown outcome: something may stay behind',
    answered({ outcome: 'unknown', code: 'FLT_OUTCOME_UNKNOWN', message: 't1: lost' }),
    { failed: { code: 'FLT_OUTCOME_UNKNOWN', message: 't1: lost', partial: true } },
  ],
  [
    'deleted meanwhile',
    answered({ outcome: 'gone', code: 'FLT_TENANT_GONE', message: 'deleted' }),
    { failed: { code: 'FLT_TENANT_GONE', message: 'deleted', partial: false } },
  ],
];

it.each(cases)('%s', (_, result, judged) => {
  expect(judgeTry('t1', result)).toEqual(judged);
});
