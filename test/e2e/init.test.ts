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
  const path = join(dir, 'migrations', files[0]!);
  expect(JSON.parse(one.stdout)).toMatchObject({ path, paths: [path] });
  expect(readFileSync(join(dir, 'migrations', files[1]!), 'utf8')).toMatch(
    /^\/\/.*[\s\S]*exports\.up = async \(knex\) => {\n {2}await knex\.schema\.alterTable\('orders'/,
  );
});

it.each([
  ['.ts', {}],
  ['.js', { type: 'module' }],
  ['.js', {}],
])('makes the files of a change in phases in one go, in order, as %s in a package %j', async (extension, pkg) => {
  const { dir, flotilla } = setup({
    'package.json': JSON.stringify({ name: 'shop', ...pkg }),
    ...(extension === '.ts' ? { 'tsconfig.json': '{}' } : {}),
  });
  await flotilla('init');
  const made = await flotilla('make', 'users_full_name', '--template', 'zero-downtime', '--table', 'users', '--json');
  const { path, paths } = JSON.parse(made.stdout) as { path?: string; paths: string[] };
  const files = readdirSync(join(dir, 'migrations')).sort();
  expect(path).toBeUndefined();
  expect(paths).toEqual(files.map((file) => join(dir, 'migrations', file)));
  const ends = ['expanded', 'filled', 'constrained', 'contracted'].map((part) => `users_full_name_${part}${extension}`);
  expect(files.map((file) => file.slice(15))).toEqual(ends);
  expect(new Set(files.map((file) => file.slice(0, 14))).size).toBe(4);
  const [expanded, , constrained, contracted] = files.map((file) => file.slice(0, -extension.length));
  const text = readFileSync(paths[3]!, 'utf8');
  expect(text).toContain(`'./${expanded}.js'`);
  expect(text).toContain(`after: ['${constrained}']`);

  const again = await flotilla('make', 'more', '--template', 'zero-downtime', '--table', 'users');
  const later = readdirSync(join(dir, 'migrations')).sort();
  expect(later.slice(0, 4)).toEqual(files);
  const more = later.slice(4).map((file) => `migrations/${file}`);
  const upTo = more[2]!.slice('migrations/'.length, -extension.length);
  expect(again.stdout).toBe([...more.map((file) => `Wrote ${file}`), `next  flotilla plan --to ${upTo}`].join('\n'));
  expect(contracted! < upTo).toBe(true);
});

it('makes none of several files when one of them is there', async () => {
  const { dir, flotilla } = setup();
  await flotilla('init');
  // A name without a stamp behind all others: the next stamp is the present second, or one of the next
  const migrations = join(dir, 'migrations');
  const now = Date.now();
  const stamps = Array.from({ length: 60 }, (_, s) => new Date(now + s * 1_000).toISOString().replace(/[-:T]/g, '').slice(0, 14));
  const mine = [...stamps.map((stamp) => `${stamp}_it_contracted.mjs`), 'zz.mjs'];
  for (const name of mine) writeFileSync(join(migrations, name), '');
  const refused = await flotilla('make', 'it', '--template', 'zero-downtime', '--json');
  expect([refused.exitCode, JSON.parse(refused.stdout).error.code]).toEqual([3, 'FLT_FILE_EXISTS']);
  expect(readdirSync(migrations).sort()).toEqual(mine);
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
