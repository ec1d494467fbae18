import { expect, it } from 'vitest';
import { refuseMistakes } from '../../../src/commands/shared/mistakes.js';
import { describeSelection, selectionMistakes } from '../../../src/commands/shared/tenant-selection.js';

it.each([
  [{ all: true }, 0],
  [{ tenant: ['a'] }, 0],
  [{ selector: 'plan=gold' }, 0],
  [{ tenant: ['a'], selector: 'plan=gold' }, 0],
  [{}, 1],
  [{ all: true, tenant: ['a'] }, 1],
  [{ all: true, selector: 'plan gold' }, 2],
] as const)('%j holds %d mistakes', (flags, n) => {
  expect(selectionMistakes(flags, 'eject')).toHaveLength(n);
});

it('tells every mistake at once, under the code for usage', () => {
  expect(() => refuseMistakes([false, undefined])).not.toThrow();
  expect(() => refuseMistakes([false, 'One.'])).toThrow(expect.objectContaining({ code: 'FLT_USAGE', message: 'One.' }));
  expect(() => refuseMistakes(['One.', undefined, 'Two.'])).toThrow(
    expect.objectContaining({ code: 'FLT_USAGE', message: '2 mistakes:\n  One.\n  Two.' }),
  );
});

it.each([
  [{ all: true }, 'every tenant'],
  [{ tenant: ['a', 'b'] }, 'a, b'],
  [{ selector: 'plan=gold' }, 'tenants with plan=gold'],
  [{ tenant: ['a'], selector: 'plan=gold' }, 'a, of tenants with plan=gold'],
])('describes %j as "%s"', (flags, text) => {
  expect(describeSelection(flags)).toBe(text);
});
