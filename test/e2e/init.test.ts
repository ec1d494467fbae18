/** `flotilla init` and `flotilla make`, as a person or a script calls them. */

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, expect, it } from 'vitest';
import { CLI } from '../support/fleet.js';

const open: string[] = [];
const setup = (files: Readonly<Record<string, string>> = {}) => {
  const dir = mkdtempSync(join(tmpdir(), 'flotilla-init-'));
  open.push(dir);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  const flotilla = (...args: string[]) => execa(process.execPath, [CLI, ...args], { cwd: dir, reject: false, stdin: 'ignore' });
  return { dir, flotilla };
};
afterEach(() => {
  for (const dir of open.splice(0)) rmSync(dir, { recursive: true, force: true });
});

it('takes over a knexfile, asks nothing without a terminal, and leaves an existing config alone', async () => {
  const { dir, flotilla } = setup({
    'package.json': '{"name":"@acme/shop","devDependencies":{"typescript":"7"}}',
    'knexfile.js': `module.exports = { production: { client: 'pg', connection: 'postgres://u:topsecret@h/d', migrations: { directory: './db', tableName: 'm' } } };`,
  });
  const made = await flotilla('init', '--from-knexfile', '--knex-env', 'production');
  expect([made.exitCode, made.stderr]).toEqual([0, '']);
  const text = readFileSync(join(dir, 'flotilla.config.ts'), 'utf8');
  expect(text).toContain(`migrations: { directory: './db', tableName: 'm' }`);
  expect(text).toContain(`name: 'shop'`);
  expect(text).not.toContain('topsecret');
  expect(existsSync(join(dir, 'db'))).toBe(true);

  const again = await flotilla('init', '--json');
  expect([again.exitCode, JSON.parse(again.stdout).error.code]).toEqual([3, 'FLT_FILE_EXISTS']);
  expect(readFileSync(join(dir, 'flotilla.config.ts'), 'utf8')).toBe(text);
  expect((await flotilla('init', '--force', '--name', 'other')).exitCode).toBe(0);
  expect(readFileSync(join(dir, 'flotilla.config.ts'), 'utf8')).toContain(`name: 'other'`);
});

it('writes .mjs where there is no TypeScript, and says what is wrong with a knexfile', async () => {
  const { dir, flotilla } = setup({ 'knexfile.mjs': `export default { client: 'mysql2' }` });
  const refused = await flotilla('init', '--from-knexfile', '--json');
  expect([refused.exitCode, JSON.parse(refused.stdout).error.code]).toEqual([2, 'FLT_KNEXFILE_UNUSABLE']);
  expect(readdirSync(dir)).toEqual(['knexfile.mjs']);
  expect((await flotilla('init')).exitCode).toBe(0);
  expect(readdirSync(dir).sort()).toEqual(['flotilla.config.mjs', 'knexfile.mjs', 'migrations']);
});

it('makes migrations in the flavour of their neighbours, in order', async () => {
  const { dir, flotilla } = setup({ 'package.json': '{"name":"shop"}' });
  await flotilla('init');
  const one = await flotilla('make', 'create_orders', '--template', 'create-table', '--json');
  const two = await flotilla('make', 'add_status_to_orders', '--template', 'add-columns', '--json');
  expect([one.exitCode, two.exitCode]).toEqual([0, 0]);
  const files = readdirSync(join(dir, 'migrations')).sort();
  expect(files.map((file) => file.replace(/^\d{14}_/, ''))).toEqual(['create_orders.js', 'add_status_to_orders.js']);
  expect(JSON.parse(one.stdout).path).toBe(join(dir, 'migrations', files[0]!));
  expect(readFileSync(join(dir, 'migrations', files[1]!), 'utf8')).toMatch(
    /^\/\/.*[\s\S]*exports\.up = async \(knex\) => {\n {2}await knex\.schema\.alterTable\('orders'/,
  );
});

it.each([
  [['make'], 2],
  [['make', '../x'], 2],
  [['make', 'a', '--template', 'nope'], 2],
  [['make', "o'x"], 2],
  [['make', 'fine', '--table', 'a"b'], 2],
])('refuses %j', async (args, code) => {
  const { dir, flotilla } = setup();
  await flotilla('init');
  expect((await flotilla(...args)).exitCode).toBe(code);
  expect(readdirSync(join(dir, 'migrations'))).toEqual([]);
});
