import { expect, it } from 'vitest';
import { logAttempt } from '../../../src/activities/log-attempt.js';
import type { TenantRef } from '../../../src/domain/tenant.js';
import type { AttemptResult } from '../../../src/postgres/contract.js';

function said(result: Omit<AttemptResult, 'runs' | 'durationMs'>) {
  const lines: object[] = [];
  const at = (level: string) => (message: string, fields?: object) => void lines.push({ level, said: message, ...fields });
  logAttempt({ info: at('info'), warn: at('warn') }, { id: 't01', host: 'h1' } as TenantRef, 'up', { ...result, runs: [], durationMs: 7 });
  return lines;
}

it('[B8] warns of an attempt that failed with its code and migration, mentions one that was put off, and is silent where all went well', () => {
  const at = { tenant: 't01', host: 'h1', direction: 'up', durationMs: 7 };
  const what = { code: 'FLT_CHECK_VIOLATION', message: 't01: m1 …', migration: 'm1', partial: true };
  expect(said({ outcome: 'failed', ...what })).toEqual([{ ...at, ...what, level: 'warn', said: 'attempt failed', outcome: 'failed' }]);
  expect(said({ outcome: 'unknown', code: 'FLT_OUTCOME_UNKNOWN' })).toMatchObject([{ level: 'warn' }]);
  expect(said({ outcome: 'deferred', code: 'FLT_LOCK_TIMEOUT' })).toMatchObject([
    { level: 'info', said: 'attempt deferred', outcome: 'deferred', code: 'FLT_LOCK_TIMEOUT' },
  ]);
  expect(said({ outcome: 'applied', message: 't01: something to know' })).toEqual([]);
});
