import { expect, it } from 'vitest';
import { ERROR_CODES, type ErrorCode, type ErrorCodeRow, isErrorCode } from '../../../src/domain/error-codes.js';
import { FlotillaError } from '../../../src/domain/errors.js';

const rows = Object.entries(ERROR_CODES) as [ErrorCode, ErrorCodeRow][];

it.each(rows)('%s says in sentences what it means and what to do', (code, { meaning, remedy }) => {
  expect(code).toMatch(/^FLT(_[A-Z]+)+$/);
  for (const text of [meaning, remedy]) expect(text).toMatch(/^[A-Z].*[.]$/);
});

it('gives no two codes the same meaning', () => {
  expect(new Set(rows.map(([, { meaning }]) => meaning)).size).toBe(rows.length);
});

it('tries again by itself only what may pass by itself', () => {
  const again = rows.filter(([, { retried }]) => retried !== 'no');
  for (const [code, { family }] of again) expect(['TransientError', 'OutcomeUnknownError', 'PreflightError'], code).toContain(family);
  for (const [code, { family, retried }] of rows)
    if (['MigrationError', 'SpecError', 'VerificationError', 'DriftError', 'RollbackError'].includes(family))
      expect(retried, code).toBe('no');
});

it('never tries again by itself what stops the verb or the rollout', () => {
  for (const [code, { effect, retried }] of rows) if (effect === 'stops') expect(retried, code).toBe('no');
});

it('comes back to whatever waits', () => {
  for (const [code, { effect, retried }] of rows) if (effect === 'waits') expect(retried, code).not.toBe('no');
});

it('has no failure of a host or a connection count against the budget', () => {
  const hosts: ErrorCode[] = [
    'FLT_HOST_UNAVAILABLE',
    'FLT_AUTH_FAILED',
    'FLT_CONNECTION_LOST',
    'FLT_TOO_MANY_CONNECTIONS',
    'FLT_READ_ONLY',
    'FLT_HOST_RESOURCES',
    'FLT_CONTROL_UNAVAILABLE',
  ];
  for (const code of hosts) expect(ERROR_CODES[code].effect, code).toBe('waits');
});

it.each([
  ['FLT_USAGE', true],
  ['FLT_NOT_A_CODE', false],
  ['toString', false],
  ['', false],
])('takes %j for a code: %s', (text, known) => expect(isErrorCode(text)).toBe(known));

it('carries its family, its remedy, details and cause', () => {
  const cause = new Error('lower down');
  const error = new FlotillaError('FLT_LOCK_TIMEOUT', 'acme: lock not granted', { tenant: 'acme' }, { cause });
  expect(error).toBeInstanceOf(Error);
  expect(error).toMatchObject({ name: 'TransientError', family: 'TransientError', code: 'FLT_LOCK_TIMEOUT', details: { tenant: 'acme' } });
  expect(error.message).toBe('acme: lock not granted');
  expect(error.remedy).toBe(ERROR_CODES.FLT_LOCK_TIMEOUT.remedy);
  expect(error.cause).toBe(cause);
});

it('has empty details when none are given', () => expect(new FlotillaError('FLT_USAGE', 'x').details).toEqual({}));
