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

it('links to pages that exist', () => {
  for (const [, page] of readme.matchAll(/\]\(((?:docs|[A-Z]+)[^)#]*)\)/g)) expect(existsSync(page!), page).toBe(true);
});
