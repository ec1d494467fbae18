import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { expect, it } from 'vitest';

const readme = readFileSync('README.md', 'utf8');
const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };

it('names scripts that exist, and proofs that name a test or a benchmark', () => {
  const commands = [...readme.matchAll(/npm (?:run )?([a-z0-9:]+)(?: -- ([a-z]+))?/g)].filter(([, name]) => name !== 'ci' && name !== 'i');
  expect(commands.length).toBeGreaterThan(8);
  for (const [command, name, what] of commands) {
    expect(scripts[name!], command).toBeDefined();
    if (!what) continue;
    const folder = name === 'bench' ? 'bench' : `test/${name!.split(':')[1]}`;
    expect(
      readdirSync(folder, { recursive: true, encoding: 'utf8' }).some((file) => basename(file).replace(/(\.test)?\.ts$/, '') === what),
      command,
    ).toBe(true);
  }
});

it('has proofs by vitest alone that run tests', () => {
  const tests = readdirSync('test', { recursive: true, encoding: 'utf8' }).flatMap((file) =>
    file.endsWith('.test.ts') ? [`test/${file}`] : [],
  );
  const proofs = [...readme.matchAll(/`npx vitest run ([^`]+)`/g)].map(([, args]) => args!);
  expect(proofs.length).toBeGreaterThan(4);
  for (const proof of proofs) {
    const [, project = ''] = /--project (\w+)/.exec(proof) ?? [];
    const [, title] = /-t '([^']+)'/.exec(proof) ?? [];
    const among = tests.filter((file) => file.startsWith(`test/${project}`));
    const names = proof
      .replace(/--project \w+|-t '[^']+'/g, '')
      .split(' ')
      .filter(Boolean);
    for (const name of names)
      expect(
        among.filter((file) => file.includes(name)),
        proof,
      ).not.toEqual([]);
    if (title === undefined) continue;
    const titled = new RegExp(`['"\`]${new RegExp(title).source}`);
    expect(among.filter((file) => titled.test(readFileSync(file, 'utf8'))).length, proof).toBeGreaterThan(1);
  }
});

it('links to pages that exist', () => {
  for (const [, page] of readme.matchAll(/\]\(((?:docs|[A-Z]+)[^)#]*)\)/g)) expect(existsSync(page!), page).toBe(true);
});
