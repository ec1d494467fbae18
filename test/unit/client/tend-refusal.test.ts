import { expect, it } from 'vitest';
import { exitOfError } from '../../../src/client/exit-codes.js';
import { tendRefusal } from '../../../src/client/tend-refusal.js';
import { sampleBaseline } from './samples.js';

const counts = { tenants: 10, done: 10, unchanged: 0, skipped: 0, refused: 0, unreached: 0 };

it.each([
  ['everybody was done', {}, undefined, undefined],
  ['some needed nothing, or are not active', { done: 7, unchanged: 2, skipped: 1 }, undefined, undefined],
  ['some were refused', { done: 9, refused: 1 }, 'FLT_TENANTS_REFUSED', 3],
  ['some were not reached: a repeat may do', { done: 9, unreached: 1 }, 'FLT_TENANTS_UNREACHED', 8],
  ['some were refused and some not reached: a repeat does not do', { done: 8, refused: 1, unreached: 1 }, 'FLT_TENANTS_REFUSED', 3],
] as const)('when %s', (_, some, code, exit) => {
  const refusal = tendRefusal({ counts: { ...counts, ...some }, left: [] });
  expect(refusal?.code).toBe(code);
  if (refusal) expect(exitOfError(refusal.code)).toBe(exit);
});

it('names the codes, the first tenants of each, and what was said of one', () => {
  const refusal = tendRefusal(sampleBaseline())!;
  expect(refusal.message).toBe('3 of 315 tenants were left alone: 2 refused, 1 not reached.');
  expect(refusal.details.left).toMatchObject([
    { code: 'FLT_HAS_HISTORY', sample: ['acme', 'globex'], tenants: 2, message: expect.stringContaining('acme') },
    { code: 'FLT_TENANT_BUSY' },
  ]);
});
