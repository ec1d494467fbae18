import { expect, it } from 'vitest';
import { exitOfValidate, validateRefusal } from '../../../src/client/validate.js';
import { sampleValidate } from './samples.js';

const counts = { tenants: 10, passed: 10, failed: 0, unchecked: 0, unasked: 0 };
const error = { severity: 'error', code: 'FLT_HOST_UNAVAILABLE', message: 'Host "h" does not answer.' } as const;

it.each([
  ['everybody passes', { counts, failed: [], left: [] }, 0],
  ['some do not', { counts: { ...counts, passed: 9, failed: 1 }, left: [] }, 7],
  ['some could not be asked', { counts: { ...counts, passed: 9, unasked: 1 }, failed: [] }, 8],
  ['a host is silent, and nobody knows whom it holds', { counts, failed: [], left: [], findings: [error] }, 8],
  ['some do not and some could not be asked', {}, 7],
] as const)('when %s', (_, some, exit) => {
  expect(exitOfValidate(sampleValidate(some))).toBe(exit);
});

it('says why the answer is not about everybody', () => {
  expect(validateRefusal(sampleValidate())?.message).toBe('1 of 4000 tenants could not be asked. stark: a lock is held.');
  expect(validateRefusal(sampleValidate({ counts, left: [], findings: [error] }))?.message).toBe(
    'Some tenants could not be asked. Host "h" does not answer.',
  );
});
