/** The package as a user gets it: packed, installed into an empty folder, without anything that this repository has beyond it. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';

const repository = fileURLToPath(new URL('../../', import.meta.url));
let dir: string;
let packed: { filename: string; files: { path: string }[] };

const flotilla = (...args: string[]) => execa(join(dir, 'node_modules/.bin/flotilla'), args, { cwd: dir, reject: false, stdin: 'ignore' });

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'flotilla-pack-'));
  // The build is the one under test; prepack would make it again.
  const { stdout } = await execa('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', dir], { cwd: repository });
  [packed] = JSON.parse(stdout) as [typeof packed];
  writeFileSync(join(dir, 'package.json'), JSON.stringify({ name: 'shop', private: true, type: 'module' }));
  await execa('npm', ['install', '--omit=dev', '--no-audit', '--no-fund', '--prefer-offline', `./${packed.filename}`], { cwd: dir });
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

it('holds the build, the control migrations and the front page, and no sources or tests', () => {
  const paths = packed.files.map((file) => file.path);
  expect(paths).toEqual(
    expect.arrayContaining([
      'README.md',
      'LICENSE',
      'CHANGELOG.md',
      'dist/cli.js',
      'dist/index.d.ts',
      'dist/migration/index.d.ts',
      'dist/workflow-bundle.cjs',
    ]),
  );
  expect(paths.filter((path) => path.startsWith('migrations/')).length).toBeGreaterThan(0);
  expect(paths.filter((path) => /^(src|test|bench|examples|node_modules)\//.test(path))).toEqual([]);
});

it('answers --help and --version', async () => {
  const help = await flotilla('--help');
  expect([help.exitCode, help.stderr]).toEqual([0, '']);
  for (const verb of ['init', 'dev', 'plan', 'start', 'rollback']) expect(help.stdout).toContain(`  ${verb}`);
  const { version } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as { version: string };
  expect((await flotilla('--version')).stdout).toBe(version);
});

it('writes a config and a migration that load from the installed package', async () => {
  const made = await flotilla('init', '--yes', '--json');
  expect(made.exitCode, made.stderr + made.stdout).toBe(0);
  expect((await flotilla('make', 'create_orders', '--template', 'create-table')).exitCode).toBe(0);
  // Loads the config and gets as far as Temporal, which is not there.
  const plan = await execa(join(dir, 'node_modules/.bin/flotilla'), ['plan', '--json'], {
    cwd: dir,
    reject: false,
    env: { TEMPORAL_ADDRESS: '127.0.0.1:1' },
  });
  expect([plan.exitCode, (JSON.parse(plan.stdout) as { error: { code: string } }).error.code]).toEqual([8, 'FLT_TEMPORAL_UNAVAILABLE']);
});

it('has types that resolve and that know a mistake', async () => {
  writeFileSync(
    join(dir, 'flotilla.types.ts'),
    `import { defineFleet, FlotillaClient, type FleetConfig, fromSchemas, type TenantState } from 'flotilla';
import type { FlotillaMigration } from 'flotilla/migration';
const config: FleetConfig = defineFleet({
  name: 'shop',
  control: { connection: 'env:A' },
  hosts: { main: { connection: 'env:B', maxConcurrency: 8 } },
  tenants: [fromSchemas({ host: 'main', like: 'tenant_*' })],
  migrations: { directory: './migrations' },
});
// @ts-expect-error a field that does not exist
defineFleet({ ...config, nmae: 'shop' });
// @ts-expect-error the fleet is missing
const client: Promise<FlotillaClient> = FlotillaClient.connect({});
// @ts-expect-error not a state
const state: TenantState = 'fine';
export const flotilla = { irreversible: 'drops data' } satisfies FlotillaMigration;
export { client, config, state };
`,
  );
  writeFileSync(
    join(dir, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: { strict: true, noEmit: true, module: 'NodeNext', target: 'ES2022', skipLibCheck: true, types: [] },
      files: ['flotilla.types.ts'],
    }),
  );
  const tsc = await execa(process.execPath, [join(repository, 'node_modules/typescript/bin/tsc'), '-p', dir], { cwd: dir, reject: false });
  expect(tsc.stdout + tsc.stderr).toBe('');
  expect(tsc.exitCode).toBe(0);
});
