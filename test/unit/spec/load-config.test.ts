import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FlotillaError } from '../../../src/domain/errors.js';
import type { SpecProblem } from '../../../src/spec/describe-issues.js';
import { findConfig, loadConfig } from '../../../src/spec/load-config.js';

const SECRET = 's3cret-pass';
const DSN = `postgres://shop:${SECRET}@db.example/shop`;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'flotilla-config-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const write = (name: string, source: string): string => {
  writeFileSync(join(dir, name), source);
  return join(dir, name);
};
const GOOD = {
  name: 'shop',
  control: { connection: 'env:CONTROL' },
  hosts: { h1: { connection: 'env:H1' } },
  tenants: [{ kind: 'schemas', host: 'h1', like: 'tenant_*' }],
  migrations: { directory: 'migrations' },
};
async function failureOf(work: Promise<unknown>): Promise<FlotillaError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(FlotillaError);
  return error as FlotillaError;
}
/** Every problem of a config as `path: message`. */
async function problemsOf(config: object): Promise<string[]> {
  const error = await failureOf(loadConfig(write('flotilla.config.ts', `export default ${JSON.stringify(config)}`), dir));
  expect(error.code).toBe('FLT_CONFIG_INVALID');
  const problems = error.details.problems as unknown as SpecProblem[];
  for (const problem of problems) expect(error.message).toContain(`  ${problem.path}: ${problem.message}`);
  return problems.map((problem) => `${problem.path}: ${problem.message}`);
}

describe('the config file', () => {
  it('is the one given, from the working folder on', () => {
    const path = write('other.ts', '');
    expect(findConfig('other.ts', dir)).toBe(path);
    expect(findConfig(path, '/')).toBe(path);
  });

  it('is otherwise the first of the usual names', () => {
    for (const extension of ['cjs', 'mjs', 'js', 'mts', 'ts'])
      expect([write(`flotilla.config.${extension}`, ''), findConfig(undefined, dir)]).toEqual([
        join(dir, `flotilla.config.${extension}`),
        join(dir, `flotilla.config.${extension}`),
      ]);
  });

  it('that is not there is named, and so is the folder without one', async () => {
    expect(await failureOf(loadConfig('nowhere.ts', dir))).toMatchObject({
      code: 'FLT_CONFIG_NOT_FOUND',
      message: expect.stringContaining(join(dir, 'nowhere.ts')),
    });
    expect(await failureOf(loadConfig(undefined, dir))).toMatchObject({
      code: 'FLT_CONFIG_NOT_FOUND',
      message: expect.stringContaining(dir),
    });
  });

  it.each([
    [
      'ts',
      `import { defineFleet, fromSchemas } from 'flotilla'; const base: object = BASE; export default defineFleet({ ...base, tenants: [fromSchemas({ host: 'h1', like: 't_*' })] } as never);`,
    ],
    ['mts', 'const it: object = BASE; export default it;'],
    ['mjs', 'export default BASE;'],
    ['js', 'export default BASE;'],
    ['cjs', 'module.exports = BASE;'],
  ])('loads as .%s', async (extension, source) => {
    write(`flotilla.config.${extension}`, source.replace('BASE', JSON.stringify(GOOD)));
    expect((await loadConfig(undefined, dir)).fleet.name).toBe('shop');
  });

  it('may import files of the project', async () => {
    mkdirSync(join(dir, 'lib'));
    write('lib/hosts.ts', `export const hosts: object = { h1: { connection: 'env:H1' } };`);
    write('flotilla.config.ts', `import { hosts } from './lib/hosts'; export default { ...${JSON.stringify(GOOD)}, hosts };`);
    expect((await loadConfig(undefined, dir)).fleet.hosts).toEqual({ h1: { connection: 'env:H1' } });
  });

  it('is where relative paths start', async () => {
    mkdirSync(join(dir, 'deploy'));
    const path = write('deploy/fleet.ts', `export default ${JSON.stringify({ ...GOOD, migrations: { directory: ['../db', '/abs'] } })}`);
    expect(await loadConfig('deploy/fleet.ts', dir)).toMatchObject({
      path,
      baseDir: join(dir, 'deploy'),
      migrationDirectories: [join(dir, 'db'), '/abs'],
      taskQueue: 'flotilla',
    });
  });

  it('names the task queue', async () => {
    write('flotilla.config.ts', `export default ${JSON.stringify({ ...GOOD, temporal: { taskQueue: 'mine' } })}`);
    expect((await loadConfig(undefined, dir)).taskQueue).toBe('mine');
  });

  it.each([
    ['throws', `throw new Error('no luck\\nsecond line');`, 'it does not load: no luck'],
    ['cannot be parsed', 'export default (', /^it does not load: ParseError/],
    ['imports what is not there', `import './nowhere'; export default {};`, /^it does not load: .*nowhere/],
    ['exports a number', 'export default 7;', 'expected "export default defineFleet({ … })"'],
    ['exports a text', 'export default "shop";', 'expected "export default defineFleet({ … })"'],
  ])('that %s is a mistake of the file', async (_, source, message) => {
    const error = await failureOf(loadConfig(write('flotilla.config.ts', source), dir));
    expect(error).toMatchObject({ code: 'FLT_CONFIG_INVALID', message: expect.stringContaining('has a mistake:\n  (file): ') });
    const [problem, ...others] = error.details.problems as unknown as SpecProblem[];
    expect(others).toEqual([]);
    expect(problem).toEqual({ path: '', message: typeof message === 'string' ? message : expect.stringMatching(message) });
  });
});

describe('mistakes', () => {
  it('are told all at once, each with its path and with what was found', async () => {
    expect(
      await problemsOf({
        name: 'a b',
        nam: 'x',
        environment: 1,
        temporal: { taskQueue: '', adress: 'x' },
        control: { schema: 'x'.repeat(64) },
        hosts: { h1: { connection: 'env:H 1', maxConcurrency: 0, cel: 'eu' }, h2: {} },
        tenants: [{ kind: 'schemas', host: 'h1' }, { kind: 'list', tenants: [{ id: '', host: 'h1', lifecycle: 'dead' }] }, 7],
        migrations: { directory: [], loadExtensions: ['ts'] },
        shared: [{ object: 'x', maxLock: 'SHARED' }],
        extensionSchemas: 'extensions',
      }),
    ).toEqual([
      'name: expected 1 to 63 letters, digits, ".", "_" or "-"; found "a b"',
      'environment: expected production, staging, development, test; found 1',
      'temporal.taskQueue: Too small: expected string to have >=1 characters; found ""',
      'temporal.adress: there is no such field; is it misspelt?',
      'control.connection: expected string; found nothing',
      expect.stringMatching(/^control\.schema: Too big/),
      expect.stringMatching(/^hosts\.h1\.connection: expected a reference such as .*; found some text \(not shown\)$/),
      'hosts.h1.maxConcurrency: Too small: expected number to be >=1; found 0',
      'hosts.h1.cel: there is no such field; is it misspelt?',
      expect.stringMatching(/^hosts\.h2\.connection: expected .*; found nothing$/),
      'tenants.0.like: expected string; found nothing',
      'tenants.1.tenants.0.id: Too small: expected string to have >=1 characters; found ""',
      expect.stringMatching(/^tenants\.1\.tenants\.0\.lifecycle: .*"active".*; found "dead"$/),
      expect.stringMatching(/^tenants\.2: expected .*fromSchemas.*; found 7$/),
      expect.stringMatching(/^migrations\.directory: /),
      'migrations.loadExtensions.0: Invalid string: must match pattern /^\\./; found "ts"',
      expect.stringMatching(/^shared\.0\.maxLock: .*; found "SHARED"$/),
      'extensionSchemas: expected array; found "extensions"',
      'nam: there is no such field; is it misspelt?',
    ]);
  });

  it('between fields are told together with those of other fields', async () => {
    expect(
      await problemsOf({
        ...GOOD,
        nam: 'x',
        tenants: [
          { kind: 'schemas', host: 'h2', like: '*' },
          { kind: 'query', host: 'h3', sql: 'select 1' },
          {
            kind: 'list',
            tenants: [
              { id: 'a', host: 'h1' },
              { id: 'b', host: 'h4' },
            ],
          },
        ],
        strategy: 'slow',
        strategies: {
          fast: {},
          mine: { waves: [{ name: 'a' }, { name: 'a' }, { name: 'canary' }] },
        },
      }),
    ).toEqual([
      'nam: there is no such field; is it misspelt?',
      'tenants.0.host: there is no host "h2"; the hosts are "h1"',
      'tenants.1.host: there is no host "h3"; the hosts are "h1"',
      'tenants.2.tenants.1.host: there is no host "h4"; the hosts are "h1"',
      'strategies.fast: this name is a preset; choose another',
      'strategy: there is no strategy "slow"; known are auto, fast, cautious, fast, mine',
      'strategies.mine.waves.1.name: the wave name "a" is taken; give each wave a name of its own',
      'strategies.mine.waves.2.name: "canary" is a name for Flotilla\'s own waves; choose another',
      'strategies.mine.waves.1: wave "a" takes everybody before it; give that wave a selector or a size, or put it last',
    ]);
  });

  it('in one part do not make others up: a strategy that is not right is still there', async () => {
    expect(await problemsOf({ ...GOOD, strategy: 'mine', strategies: { mine: { wave: [] } } })).toEqual([
      'strategies.mine.wave: there is no such field; is it misspelt?',
    ]);
    expect(await problemsOf({ ...GOOD, hosts: {}, tenants: GOOD.tenants })).toEqual(['hosts: expected at least one host; found an object']);
  });

  it.each<[string, object, string]>([
    ['the connection of a host', { hosts: { h1: { connection: DSN } } }, 'hosts.h1.connection'],
    ['the admin of a host', { hosts: { h1: { connection: 'env:H1', admin: DSN } } }, 'hosts.h1.admin'],
    ['a host itself', { hosts: { h1: DSN } }, 'hosts.h1'],
    ['the name of a host', { hosts: { [DSN]: { connection: 'env:H1' } } }, 'hosts'],
    ['all hosts', { hosts: DSN }, 'hosts'],
    ['the control database', { control: DSN }, 'control'],
    ['its connection', { control: { connection: DSN } }, 'control.connection'],
    ['its connection, as libpq has it', { control: `host=db password=${SECRET}` }, 'control'],
    ['a list of hosts', { hosts: [DSN] }, 'hosts'],
    ['the name of the fleet', { name: DSN }, 'name'],
  ])('never repeat a connection string: as %s', async (_, wrong, path) => {
    const problems = await problemsOf({ ...GOOD, ...wrong });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(new RegExp(`^${path}: `));
    expect(problems.join()).not.toContain(SECRET);
  });

  it('in the name of a host are told with what a name is', async () => {
    expect(await problemsOf({ ...GOOD, hosts: { 'pg eu': { connection: 'env:H1' } }, tenants: [{ kind: 'list', tenants: [] }] })).toEqual([
      'hosts: expected 1 to 63 letters, digits, ".", "_" or "-"; found the key "pg eu"',
    ]);
  });
});
