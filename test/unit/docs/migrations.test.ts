import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { TEMPLATES } from '../../../src/dev/scaffold/migration-templates.js';
import { ERROR_CODES } from '../../../src/domain/error-codes.js';

const root = new URL('../../../', import.meta.url);
const folder = new URL('docs/migrations/', root);
const pages = readdirSync(folder).map((name) => ({ name, text: readFileSync(new URL(name, folder), 'utf8') }));
const index = pages.find(({ name }) => name === 'README.md')!.text;
const all = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, found]) => found!);

it('the index lists each technique once', () => {
  const ids = all(index, /^\| ([KBZV]\d) \|/gm);
  expect(new Set(ids).size).toBe(ids.length);
  const letters = { K: 7, B: 9, Z: 5, V: 4 };
  for (const [letter, n] of Object.entries(letters))
    expect(ids).toEqual(expect.arrayContaining(Array.from({ length: n }, (_, i) => `${letter}${i + 1}`)));
});

it.each(pages)('$name names only files, error codes and templates that exist', ({ text }) => {
  for (const path of all(text, /`((?:src|test)\/[\w./-]+)`/g)) expect(existsSync(new URL(path, root)), path).toBe(true);
  for (const code of all(text, /\b(FLT_[A-Z_]+)\b/g)) expect(Object.keys(ERROR_CODES)).toContain(code);
  for (const name of all(text, /--template ([a-z-]+)/g)) expect(Object.keys(TEMPLATES)).toContain(name);
});

/** By the row's first cell, each test file that its last cell cites; a name without a folder stands in that of the one before it. */
const cited = [...index.matchAll(/^\| ([KBZV]\d?) \|.*\| ([^|]*) \|$/gm)].flatMap(([, first, cell]) => {
  let at = '';
  return all(cell!, /`([\w./-]+\.test\.ts)`/g).map((name) => {
    const path = name.includes('/') ? name : `${at}${name}`;
    at = path.slice(0, path.lastIndexOf('/') + 1);
    return { id: first!.length > 1 ? first! : `${first}-gap`, path };
  });
});

it.each(cited)('a test that carries $id stands in $path', ({ path, id }) => {
  expect(readFileSync(new URL(path, root), 'utf8')).toMatch(new RegExp(`['"\`](?:\\[[\\w-]+\\] )*\\[${id}\\] `));
});

it('each row of the index cites a test', () => {
  const rows = all(index, /^\| ([KBZV]\d?) \|/gm);
  expect(rows.length).toBeGreaterThan(25);
  for (const row of index.split('\n').filter((line) => /^\| [KBZV]\d? \|/.test(line))) expect(row).toMatch(/\.test\.ts` \|$/);
});
