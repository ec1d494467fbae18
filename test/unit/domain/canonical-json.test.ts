import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { canonicalJson } from '../../../src/domain/canonical-json.js';

it.each([
  [{ b: 1, a: 2 }, '{"a":2,"b":1}'],
  [{ z: { d: 1, c: [{ f: 1, e: 2 }] } }, '{"z":{"c":[{"e":2,"f":1}],"d":1}}'],
  [[3, 1, 2], '[3,1,2]'],
  [{ B: 1, a: 2, Ä: 3 }, '{"B":1,"a":2,"Ä":3}'],
  [{ gone: undefined, here: null }, '{"here":null}'],
  ['text', '"text"'],
  [null, 'null'],
])('writes %j as %s', (value, text) => expect(canonicalJson(value)).toBe(text));

/** The same value with the keys of every object the other way round. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, it]) => [key, reversed(it)]),
  );
}

it('gives one text for one value, whatever the order of its keys', () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => void expect(canonicalJson(reversed(value))).toBe(canonicalJson(value))));
});

it('loses nothing', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => void expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)))),
  );
});

it('tells different values apart', () => {
  const small = fc.jsonValue({ maxDepth: 1, stringUnit: fc.constantFrom('a', 'b') });
  const plain = (value: unknown) => JSON.parse(JSON.stringify(value));
  fc.assert(
    fc.property(small, small, (a, b) => {
      expect(canonicalJson(a) === canonicalJson(b)).toBe(isDeepStrictEqual(plain(a), plain(b)));
    }),
  );
  expect(canonicalJson([1, 2])).not.toBe(canonicalJson([2, 1]));
  expect(canonicalJson({ a: '1' })).not.toBe(canonicalJson({ a: 1 }));
});
