import { expect, it } from 'vitest';
import { createJudge, judgeIdentity } from '../../../src/activities/judge-position.js';
import type { Position } from '../../../src/postgres/contract.js';

const file = (name: string, extension = '.js') => ({ name, fileName: `${name}${extension}`, checksum: `sum of ${name}` });
const files = [file('01_a'), file('02_b'), file('03_c')];
const position = (written: readonly string[], checksums: Record<string, string> = {}): Position => ({
  id: 't',
  applied: [...new Set(written.map((name) => name.replace(/\.\w+$/, '')))],
  written,
  checksums,
  halfWay: [],
});
const judge = createJudge({ files, accepted: new Set() });
const clean = { edited: [], accepted: [], missing: [], outOfOrder: [], renamed: [], doubled: [] };

it.each([
  ['nothing applied', [], { pending: ['01_a', '02_b', '03_c'] }],
  ['some applied', ['01_a.js'], { pending: ['02_b', '03_c'], position: '01_a' }],
  ['all applied', ['01_a.js', '02_b.js', '03_c.js'], { pending: [], position: '03_c' }],
  ['an older file pending', ['02_b.js'], { pending: ['01_a', '03_c'], position: '02_b', outOfOrder: ['01_a'] }],
  ['a file that is gone', ['01_a.js', '00_old.js'], { pending: ['02_b', '03_c'], position: '01_a', missing: ['00_old'] }],
  [
    'another extension',
    ['01_a.ts', '02_b.ts', '03_c.mjs'],
    {
      pending: [],
      position: '03_c',
      renamed: [
        { from: '.ts', to: '.js' },
        { from: '.mjs', to: '.js' },
      ],
    },
  ],
  ['the same row twice', ['01_a.js', '02_b.js', '02_b.js', '02_b.js'], { pending: ['03_c'], position: '02_b', doubled: ['02_b'] }],
  [
    'the same migration under both extensions',
    ['01_a.ts', '01_a.js'],
    { pending: ['02_b', '03_c'], position: '01_a', renamed: [{ from: '.ts', to: '.js' }], doubled: ['01_a'] },
  ],
])('judges a history with %s', (_, written, expected) => {
  expect(judge(position(written))).toEqual({ ...clean, ...expected });
});

it('takes a migration as edited when the ledger names another source, and never one that the ledger does not know', () => {
  const written = ['01_a.js', '02_b.js', '03_c.js'];
  expect(judge(position(written, { '01_a': 'sum of 01_a', '02_b': 'older' })).edited).toEqual(['02_b']);
});

it('takes an edit for none where the file was accepted as it stands, and keeps other edits', () => {
  const judged = createJudge({ files, accepted: new Set(['02_b']) })(
    position(['01_a.js', '02_b.js', '03_c.js'], { '01_a': 'older', '02_b': 'older', '03_c': 'sum of 03_c' }),
  );
  expect(judged).toMatchObject({ edited: ['01_a'], accepted: ['02_b'] });
});

it('does not call a file edited that is not there, or that the tenant does not have', () => {
  expect(judge(position(['00_old.js'], { '00_old': 'x', '01_a': 'x' })).edited).toEqual([]);
});

it('leaves what is newer than the target out of what is pending', () => {
  expect(createJudge({ files, to: '02_b', accepted: new Set() })(position(['01_a.js'])).pending).toEqual(['02_b']);
});

it.each([
  [undefined, 'own'],
  [{ tenant: 't', copied: false }, 'own'],
  [{ tenant: 't', copied: true }, 'restored'],
  [{ tenant: 'u', copied: false }, 'another'],
  [{ tenant: 'u', copied: true }, 'another'],
])('a ledger of %j is %s', (identity, expected) => {
  expect(judgeIdentity({ id: 't', ...(identity ? { identity } : {}) })).toBe(expected);
});
