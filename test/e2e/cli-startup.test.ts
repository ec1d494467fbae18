import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { CLI } from '../support/fleet.js';

const dir = mkdtempSync(join(tmpdir(), 'flotilla-startup-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
writeFileSync(
  join(dir, 'hook.mjs'),
  'import { writeSync } from "node:fs"; export async function resolve(specifier, context, next) { writeSync(2, "import " + specifier + "\\n"); return next(specifier, context); }',
);
writeFileSync(join(dir, 'log-imports.mjs'), 'import { register } from "node:module"; register("./hook.mjs", import.meta.url);');

const HEAVY = /^import (@temporalio|zod|knex|pg\b|jiti|esbuild|cli-table3|@clack)/m;
const run = (...args: string[]) =>
  spawnSync(process.execPath, ['--import', join(dir, 'log-imports.mjs'), CLI, ...args], { cwd: dir, encoding: 'utf8' });

it('shows the help without loading Temporal, zod, knex or a single verb', () => {
  const ran = run('--help');
  expect(ran.status).toBe(0);
  expect(ran.stdout).toContain('Usage: flotilla');
  expect(ran.stderr).toMatch(/^import commander$/m);
  expect(ran.stderr).not.toMatch(HEAVY);
  expect(ran.stderr).not.toMatch(/^import \.\/commands\/\w+\.js$/m);
});

it('answers a usage error of a verb without loading Temporal, zod or knex', () => {
  const ran = run('pause', '--nope');
  expect(ran.status).toBe(2);
  expect(ran.stderr).toContain("unknown option '--nope'");
  expect(ran.stderr).not.toMatch(/^import (@temporalio|zod|knex|pg\b|jiti)/m);
});

it('prints the help when nothing is asked', () => {
  const ran = run();
  expect(ran.status).toBe(0);
  expect(ran.stdout).toContain('Usage: flotilla');
});

it('says that there is no config, with exit 2', () => {
  const ran = run('status', '--json');
  expect(ran.status).toBe(2);
  expect(JSON.parse(ran.stdout)).toMatchObject({ kind: 'error', fleet: null, error: { code: 'FLT_CONFIG_NOT_FOUND', retryable: false } });
});
