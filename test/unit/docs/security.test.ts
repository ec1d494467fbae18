import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { ATTEMPTS } from '../../chaos/support/escape-attempts.js';
import { HARMLESS } from '../../chaos/support/harmless-migrations.js';

const page = readFileSync(new URL('../../../docs/security.md', import.meta.url), 'utf8');
const section = (title: string) => page.split(`\n### ${title}\n`)[1]!.split(/\n##+ /)[0]!;
/** Names in backticks in one column of a section's table. */
const listed = (title: string, column: number) =>
  section(title)
    .split('\n')
    .filter((line) => line.startsWith('| ') && line.includes('`'))
    .flatMap((line) => [...line.split(' | ')[column]!.matchAll(/`([a-z-]+)`/g)].map((match) => match[1]!));
const idsOf = (caught: boolean) => ATTEMPTS.filter((attempt) => attempt.caught === caught).map(({ id }) => id);

it('lists each attempt that is caught, and no other', () => {
  expect(listed('Caught', 1).sort()).toEqual(idsOf(true).sort());
});

it('lists each attempt that is not seen or not undone, and no other', () => {
  expect(listed('Not seen, or not undone', 0).sort()).toEqual(idsOf(false).sort());
});

it('counts the harmless migrations as the tests do', () => {
  expect(page).toContain(` ${HARMLESS.length} harmless migrations`);
});

it('has attempts with a name and a title of their own, and a reason and a proof for each that is not seen', () => {
  for (const field of ['id', 'title'] as const) {
    const values = ATTEMPTS.map((attempt) => `${attempt.id.startsWith('outside-')} ${attempt[field]}`);
    expect(values.filter((value, at) => values.indexOf(value) !== at)).toEqual([]);
  }
  for (const { id, caught, why, proof } of ATTEMPTS)
    if (!caught) expect([id, Boolean(why), id === 'notify' || Boolean(proof)]).toEqual([id, true, true]);
});

it('names tests that exist', () => {
  const tests = ['chaos', 'integration/engines', 'e2e'].flatMap((folder) => readdirSync(`test/${folder}`));
  for (const [, names] of page.matchAll(/`(?:ESCAPES_SERVER=\S+ )?npx vitest run --project chaos ((?:[a-z]+ ?)+)/g))
    for (const name of names!.trim().split(' ')) expect(tests).toContain(`${name}.test.ts`);
  for (const [, name] of page.matchAll(/`npm run test:\w+ -- ([a-z-]+)`/g)) expect(tests).toContain(`${name}.test.ts`);
});
