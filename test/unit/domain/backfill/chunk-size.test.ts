import fc from 'fast-check';
import { expect, it } from 'vitest';
import { nextChunk } from '../../../../src/domain/backfill/chunk-size.js';
import { backfill } from '../../../../src/migration/backfill.js';

const limits = { rows: 1_000, maxRows: 20_000, targetMs: 500 };

it.each([
  ['grows twofold, however fast the last chunk was', 1_000, 1, 2_000],
  ['also after one that took no time at all', 1_000, 0, 2_000],
  ['grows by less where twice as many would take too long', 1_000, 400, 1_250],
  ['stays where it takes the time that it shall take', 1_000, 500, 1_000],
  ['shrinks to what fits when it took too long', 1_000, 1_000, 500],
  ['shrinks fourfold at most', 1_000, 60_000, 250],
  ['keeps to the most rows that are allowed', 15_000, 10, 20_000],
  ['comes down at once where fewer are allowed than it had', 90_000, 10, 20_000],
  ['is one row at least', 1, 60_000, 1],
])('[B2] a chunk %s', (_, rows, tookMs, next) => {
  expect(nextChunk(rows, tookMs, limits)).toBe(next);
});

const anyLimits = fc
  .tuple(fc.integer({ min: 1, max: 20_000 }), fc.integer({ min: 1, max: 20_000 }), fc.integer({ min: 1, max: 60_000 }))
  .map(([a, b, targetMs]) => ({ rows: Math.min(a, b), maxRows: Math.max(a, b), targetMs }));

it('[B2] whatever each chunk takes, the next has whole rows, at most twice as many, and never more than allowed', () => {
  fc.assert(
    fc.property(anyLimits, fc.array(fc.double({ min: 0, max: 600_000, noNaN: true }), { maxLength: 40 }), (its, tooks) => {
      let rows = its.rows;
      for (const tookMs of tooks) {
        const next = nextChunk(rows, tookMs, its);
        expect(Number.isInteger(next)).toBe(true);
        expect(next).toBeGreaterThanOrEqual(1);
        expect(next).toBeLessThanOrEqual(Math.min(rows * 2, its.maxRows));
        rows = next;
      }
    }),
  );
});

it('[B2] settles where a chunk takes its time, from whichever side it comes', () => {
  const chunks = fc.record({ first: fc.integer({ min: 1, max: 20_000 }), msPerRow: fc.double({ min: 0.05, max: 5, noNaN: true }) });
  fc.assert(
    fc.property(chunks, ({ first, msPerRow }) => {
      let rows = first;
      for (let n = 0; n < 20; n++) rows = nextChunk(rows, rows * msPerRow, limits);
      expect(Math.abs(rows - 500 / msPerRow)).toBeLessThanOrEqual(1);
    }),
  );
});

it('[B2] without a word of the author a chunk has 20,000 rows at most, and nobody may ask for more', () => {
  const options = { table: 'users', set: { name: 'first' } };
  let rows = backfill(options).chunk.rows;
  for (let n = 0; n < 40; n++) rows = nextChunk(rows, 1, backfill(options).chunk);
  expect(rows).toBe(20_000);
  expect(() => backfill({ ...options, chunk: { maxRows: 20_001 } })).toThrow(/a chunk has at most 20000 rows/);
});
