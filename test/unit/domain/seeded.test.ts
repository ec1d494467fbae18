import fc from 'fast-check';
import { expect, it } from 'vitest';
import { seededHash, seededOrder } from '../../../src/domain/seeded.js';

const names = fc.uniqueArray(fc.string(), { maxLength: 50 });
const order = (items: readonly string[], seed: string) => seededOrder(items, seed, (it) => it);

it.each([
  ['', '', 0x578ab1b],
  ['p-1', 'acme', 0x12058cd9],
])('hashes %j and %j to the same number for ever, since plans live on across releases', (seed, text, hash) => {
  expect(seededHash(seed, text)).toBe(hash);
});

it('is a 32-bit number', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (seed, text) => {
      const hash = seededHash(seed, text);
      expect(Number.isInteger(hash) && hash >= 0 && hash <= 0xffffffff).toBe(true);
    }),
  );
});

it('keeps seed and text apart', () => {
  expect(seededHash('ab', 'c')).not.toBe(seededHash('a', 'bc'));
});

it('orders all items, each once', () => {
  fc.assert(fc.property(names, fc.string(), (items, seed) => void expect(order(items, seed).sort()).toEqual([...items].sort())));
});

it('gives the same order for the same seed, however the items came', () => {
  fc.assert(
    fc.property(
      names.chain((items) => fc.tuple(fc.constant(items), fc.shuffledSubarray(items, { minLength: items.length }))),
      fc.string(),
      ([items, shuffled], seed) => void expect(order(shuffled, seed)).toEqual(order(items, seed)),
    ),
  );
});

it('leaves the items that it was given as they were', () => {
  const items = ['c', 'a', 'b'];
  order(items, 'x');
  expect(items).toEqual(['c', 'a', 'b']);
});

it('puts each of ten items first for about a tenth of the seeds', () => {
  const items = Array.from({ length: 10 }, (_, n) => `tenant-${n}`);
  const first = new Map<string, number>();
  for (let n = 0; n < 2_000; n++) {
    const [top] = order(items, `p-${n}`);
    first.set(top!, (first.get(top!) ?? 0) + 1);
  }
  for (const item of items) {
    expect(first.get(item), item).toBeGreaterThan(120);
    expect(first.get(item), item).toBeLessThan(280);
  }
});
