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
