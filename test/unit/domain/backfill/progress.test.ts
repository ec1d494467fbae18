import { expect, it } from 'vitest';
import { type BackfillProgress, etaMs, progressText, shareDone, smoothedRate } from '../../../../src/domain/backfill/progress.js';

const at = (more: Partial<BackfillProgress> = {}): BackfillProgress => ({
  pass: 1,
  visited: 340_000,
  written: 300_000,
  total: 1_000_000,
  exact: false,
  rowsPerSecond: 12_300,
  ...more,
});
/** Before the rows are counted. */
const uncounted = (more: Partial<BackfillProgress> = {}): BackfillProgress => {
  const { total: _, ...rest } = at(more);
  return rest;
};

it.each<[string, BackfillProgress, string]>([
  ['of an estimate', at(), '340,000 of about 1,000,000 rows, 34 %, 12,300 rows/s, 54 s left'],
  ['of a count', at({ exact: true }), '340,000 of 1,000,000 rows, 34 %, 12,300 rows/s, 54 s left'],
  ['before the first chunk', at({ visited: 0, rowsPerSecond: 0 }), '0 of about 1,000,000 rows, 0 %'],
  ['not counted', uncounted({ visited: 20 }), '20 rows, 12,300 rows/s'],
  ['never 100 % before the last row', at({ visited: 999_999, exact: true, rowsPerSecond: 0 }), '999,999 of 1,000,000 rows, 99 %'],
  ['at the end', at({ visited: 1_000_000, exact: true }), '1,000,000 of 1,000,000 rows, 100 %, 12,300 rows/s, 0 s left'],
  ['of a table that has grown', at({ visited: 1_200_000 }), '1,200,000 of about 1,000,000 rows, 100 %, 12,300 rows/s, 0 s left'],
  ['of an empty table', at({ visited: 0, total: 0, exact: true, rowsPerSecond: 0 }), '0 of 0 rows, 100 %'],
  [
    'waiting: no speed and no time',
    at({ waiting: 'a replica is behind' }),
    '340,000 of about 1,000,000 rows, 34 %, waiting: a replica is behind',
  ],
  ['catching up', at({ pass: 2, visited: 40 }), 'catching up (pass 2), 40 rows seen, 12,300 rows/s'],
])('[B6] says how far it is: %s', (_, progress, text) => expect(progressText(progress)).toBe(text));

it('[B6] knows the time left from the rows left and the speed, and none where one of them is unknown', () => {
  expect(etaMs(at())).toBe(53_659);
  expect(etaMs(at({ visited: 2_000_000 })), 'never below zero').toBe(0);
  expect(etaMs(at({ rowsPerSecond: 0 }))).toBeUndefined();
  expect(etaMs(uncounted())).toBeUndefined();
  expect(etaMs(at({ pass: 2 })), 'nobody knows how many have come').toBeUndefined();
});

it('[B-gap] an empty table is done, and what is not counted has no share', () => {
  expect(shareDone(at({ visited: 0, total: 0 }))).toBe(1);
  expect(shareDone(uncounted())).toBeUndefined();
  expect(shareDone(at({ pass: 2, visited: 0 }))).toBe(1);
  expect(shareDone(at({ visited: 250_000 }))).toBe(0.25);
});

it('[B6] the speed is that of the last chunks: the first counts alone, each later one by three tenths', () => {
  expect(smoothedRate(0, 1_000, 500)).toBe(2_000);
  expect(smoothedRate(2_000, 1_000, 1_000)).toBeCloseTo(1_700);
  expect(smoothedRate(0, 10, 0), 'a chunk that took no time').toBe(10_000);
});
