import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { inspect } from 'node:util';
import type { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FlotillaError } from '../../../src/domain/errors.js';
import type { MigrationEngine, MigrationFile, Ran, RunOnTenant } from '../../../src/engines/engine.js';
import { createKnexEngine, type KnexEngineOptions } from '../../../src/engines/knex/knex-engine.js';
import { classify, describePostgresError } from '../../../src/postgres/sqlstate.js';
import { createDatabase, type TestDatabase } from '../../support/postgres.js';

let db: TestDatabase;
let client: Client;
let schema: string;
let dir: string;
let serial = 0;

beforeAll(async () => {
  db = await createDatabase('engine');
});
afterAll(() => db.drop());
beforeEach(async () => {
  client = await db.client();
  schema = `t${++serial}`;
  await client.query(`create schema ${schema}; set search_path to ${schema}`);
  dir = mkdtempSync(join(tmpdir(), 'flotilla-engine-'));
});
afterEach(async () => {
  await client.end();
  rmSync(dir, { recursive: true, force: true });
});

function write(files: Readonly<Record<string, string>>, base = dir): void {
  for (const [name, source] of Object.entries(files)) {
    mkdirSync(dirname(join(base, name)), { recursive: true });
    writeFileSync(join(base, name), source);
  }
}
/** Files go into `migrations/` unless they name another folder. */
function engineOf(files: Readonly<Record<string, string>>, options: Partial<KnexEngineOptions> = {}, base = dir): MigrationEngine {
  write(
    Object.fromEntries(Object.entries(files).map(([name, source]) => [name.includes('/') ? name : `migrations/${name}`, source])),
    base,
  );
  return createKnexEngine({ directories: [join(base, 'migrations')], inputs: [], baseDir: base, ...options });
}
async function only(engine: MigrationEngine): Promise<MigrationFile> {
  const { files, problems } = await engine.list();
  expect(problems).toEqual([]);
  expect(files).toHaveLength(1);
  return files[0]!;
}
/** Sends every statement as it comes. */
const plainly: RunOnTenant['around'] = (_, send) => send();
/** Runs the engine's only migration as the runner does: inside a transaction, or outside when the file says so. */
async function run(engine: MigrationEngine, direction: 'up' | 'down' = 'up', more: Partial<RunOnTenant> = {}): Promise<Ran> {
  const file = await only(engine);
  if (file.transactional) await client.query('begin');
  try {
    const ran = await engine.run(file, direction, { client, serverVersion: '18.4', schema, tenantId: 'acme', around: plainly, ...more });
    if (file.transactional) await client.query('commit');
    return ran;
  } catch (error) {
    if (file.transactional) await client.query('rollback');
    throw error;
  }
}
const failureOf = (work: Promise<unknown>): Promise<any> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );
const tables = async (): Promise<string[]> =>
  (await client.query<{ tablename: string }>('select tablename from pg_tables where schemaname = $1 order by 1', [schema])).rows.map(
    (row) => row.tablename,
  );
const seen = async (): Promise<Record<string, unknown>> => (await client.query('select * from seen')).rows[0];

describe('migration files', () => {
  it('load as .js, .cjs, .mjs and .ts, with import and with require, oldest first', async () => {
    const create = (name: string) => `(knex) => knex.schema.createTable('${name}', (t) => { t.increments(); })`;
    const engine = engineOf({
      '04_typed.ts': `import type { Knex } from 'knex';
        import type { FlotillaMigration } from 'flotilla/migration';
        export const flotilla: FlotillaMigration = { irreversible: 'it sends mail', sideEffects: 'a mail', owner: 'billing' };
        export async function up(knex: Knex): Promise<void> { await knex.schema.createTable('typed', (t) => { t.increments(); }); }`,
      '01_plain.js': `exports.up = ${create('plain')}; exports.down = (knex) => knex.schema.dropTable('plain');`,
      '03_module.mjs': `export const up = ${create('module')}; export const config = { transaction: false };`,
      '02_common.cjs': `const { name } = { name: 'common' }; module.exports = { config: { transaction: false }, up: (knex) => knex.raw('create table ' + name + ' ()') };`,
      '05_esm.js': `export const up = ${create('esm')}; export async function down() {}`,
      '06_default.mts': `const migration: object = { config: { transaction: false }, up: ${create('defaulted').replace('(knex)', '(knex: any)').replace('(t)', '(t: any)')} }; export default migration;`,
      'notes.md': 'no migration',
      'types.d.ts': 'export declare const up: 1;',
    });
    const { files, problems } = await engine.list();
    expect(problems).toEqual([]);
    expect(files.map(({ fileName, name, transactional, hasDown }) => [fileName, name, transactional, hasDown])).toEqual([
      ['01_plain.js', '01_plain', true, true],
      ['02_common.cjs', '02_common', false, false],
      ['03_module.mjs', '03_module', false, false],
      ['04_typed.ts', '04_typed', true, false],
      ['05_esm.js', '05_esm', true, true],
      ['06_default.mts', '06_default', false, false],
    ]);
    expect(files.map((file) => file.declares?.irreversible)).toEqual([
      undefined,
      undefined,
      undefined,
      'it sends mail',
      undefined,
      undefined,
    ]);
    expect(files[3]).toMatchObject({ declares: { sideEffects: 'a mail', owner: 'billing' } });
    for (const file of files) await engine.run(file, 'up', { client, serverVersion: '18.4', schema, tenantId: 'acme', around: plainly });
    expect(await tables()).toEqual(['common', 'defaulted', 'esm', 'module', 'plain', 'typed']);
  });

  it('are found in several folders, and in those extensions only that the config names', async () => {
    write({ 'one/b.js': 'exports.up = () => {};', 'two/a.ts': 'export const up = () => {};', 'two/c.js': 'exports.up = () => {};' });
    const directories = [join(dir, 'one'), join(dir, 'two')];
    const names = async (options: Partial<KnexEngineOptions>) =>
      (await createKnexEngine({ directories, inputs: [], baseDir: dir, ...options }).list()).files.map((file) => file.fileName);
    expect(await names({})).toEqual(['a.ts', 'b.js', 'c.js']);
    expect(await names({ loadExtensions: ['.js'] })).toEqual(['b.js', 'c.js']);
  });

  it('that cannot be used are named together, each with its reason, and do not hide the others', async () => {
    const engine = engineOf({
      'a_syntax.js': 'exports.up = (knex => ;',
      'b_no_up.ts': 'export const down = () => {};',
      'c_throws.js': `throw new Error('at load');`,
      'd_missing.js': `const x = require('./nowhere'); exports.up = () => x;`,
      'e_fact.js': `exports.flotilla = { sidEffects: 'a mail', owner: 7 }; exports.up = () => {};`,
      'e_good.js': 'exports.up = () => {};',
      'e_good.ts': 'export const up = () => {};',
    });
    const { files, problems } = await engine.list();
    expect(files.map((file) => file.fileName)).toEqual(['e_good.js']);
    expect(problems.map((problem) => [problem.file, problem.message])).toEqual([
      ['a_syntax.js', expect.stringMatching(/^it does not load: .*(Unexpected token|ParseError)/)],
      ['b_no_up.ts', 'it does not load: it exports no function "up"'],
      ['c_throws.js', 'it does not load: at load'],
      ['d_missing.js', expect.stringMatching(/^it does not load: .*nowhere/)],
      [
        'e_fact.js',
        'it does not load: flotilla.owner: expected string; found 7; flotilla.sidEffects: there is no such field; is it misspelt?',
      ],
      ['e_good.ts', 'another file has the same name without its extension: e_good.js'],
    ]);
    expect(problems.every((problem) => !problem.message.includes('\n'))).toBe(true);
  });

  it('are a problem altogether when their folder is not there', async () => {
    const { files, problems } = await createKnexEngine({ directories: [join(dir, 'nowhere')], inputs: [], baseDir: dir }).list();
    expect(files).toEqual([]);
    expect(problems).toEqual([{ file: join(dir, 'nowhere'), message: 'the folder cannot be read: ENOENT' }]);
  });

  it('that change on disk after they were loaded are a problem until the worker restarts', async () => {
    const engine = engineOf({ 'a.js': 'exports.up = () => {};', 'b.js': 'exports.up = () => {};' });
    expect((await engine.list()).problems).toEqual([]);
    write({ 'migrations/a.js': 'exports.up = () => 1;' });
    await expect
      .poll(async () => (await engine.list()).problems)
      .toEqual([{ file: 'a.js', message: 'it has changed on disk since this worker loaded it; restart the worker' }]);
    expect((await engine.list()).files.map((file) => file.name)).toEqual(['b']);
    expect((await engineOf({}).list()).problems).toEqual([]);
  });

  it('that did not load are tried again once they are corrected', async () => {
    const engine = engineOf({ 'a.js': 'exports.up = (' });
    expect((await engine.list()).problems).toHaveLength(1);
    write({ 'migrations/a.js': 'exports.up = () => {};' });
    await expect.poll(async () => (await engine.list()).problems).toEqual([]);
  });
});

describe("a file's checksum", () => {
  it('is the same with the line ends of Windows, and another for any other change', async () => {
    const source = `exports.up = (knex) =>\n  knex.raw('select 1');\n`;
    const of = async (text: string) => {
      const base = mkdtempSync(join(dir, 'copy-'));
      return only(engineOf({ 'a.js': text }, {}, base));
    };
    const unix = await of(source);
    const windows = await of(source.replaceAll('\n', '\r\n'));
    const spaced = await of(`${source}\n`);
    expect(unix.checksum).toMatch(/^[0-9a-f]{64}$/);
    expect(windows.checksum).toBe(unix.checksum);
    expect(windows.closure).toBe(unix.closure);
    expect(spaced.checksum).not.toBe(unix.checksum);
    expect(spaced.closure).not.toBe(unix.closure);
  });
});

describe("a file's closure", () => {
  /** The closure in a checkout of its own with the given files. */
  async function closure(files: Readonly<Record<string, string>>, options: Partial<KnexEngineOptions> = {}): Promise<string> {
    return (await only(engineOf(files, options, mkdtempSync(join(dir, 'checkout-'))))).closure;
  }
  const IMPORTS: Record<string, Record<string, string>> = {
    'import in .ts': { 'a.ts': `import { t } from '../lib/names.ts'; export const up = () => t;` },
    'import without an extension': { 'a.ts': `import { t } from '../lib/names'; export const up = () => t;` },
    'import of something that imports it': {
      'a.ts': `import { t } from '../lib/again'; export const up = () => t;`,
      'lib/again.ts': `export * from './names';`,
    },
    'a re-export': { 'a.ts': `export * from '../lib/names'; export const up = () => {};` },
    'require in .cjs': { 'a.cjs': `const { t } = require('../lib/names.ts'); exports.up = () => t;` },
    'import()': { 'a.ts': `export const up = async () => (await import('../lib/names')).t;` },
    'an alias of the tsconfig': {
      'a.ts': `import { t } from '@lib/names'; export const up = () => t;`,
      'lib/../tsconfig.json': '{ "compilerOptions": { "paths": { "@lib/*": ["./lib/*"] } } }',
    },
    "the package's imports": {
      'a.ts': `import { t } from '#lib/names.ts'; export const up = () => t;`,
      'lib/../package.json': '{ "name": "shop", "imports": { "#lib/*": "./lib/*" } }',
    },
  };

  it.each(Object.entries(IMPORTS))('covers local imports: %s', async (_, files) => {
    const one = await closure({ ...files, 'lib/names.ts': `export const t = 'one';` });
    expect(await closure({ ...files, 'lib/names.ts': `export const t = 'one';` })).toBe(one);
    expect(await closure({ ...files, 'lib/names.ts': `export const t = 'two';` })).not.toBe(one);
  });

  it('covers no file that is not imported, and no package', async () => {
    const file = {
      'a.ts': `import type { Knex } from 'knex'; import { basename } from 'node:path'; export const up = (knex: Knex) => knex.raw(basename('x'));`,
    };
    expect(await closure({ ...file, 'lib/names.ts': '1' })).toBe(await closure({ ...file, 'lib/names.ts': '2' }));
  });

  it('covers the inputs that the config names, and nothing else that lies there', async () => {
    const file = { 'a.js': `exports.up = (knex) => knex.raw(require('node:fs').readFileSync('sql/a.sql', 'utf8'));` };
    const options = { inputs: ['sql/**/*.sql'] };
    const one = await closure({ ...file, 'sql/deep/a.sql': 'select 1' }, options);
    expect(await closure({ ...file, 'sql/deep/a.sql': 'select 1', 'sql/readme.md': 'x', 'node_modules/sql/b.sql': 'x' }, options)).toBe(
      one,
    );
    expect(await closure({ ...file, 'sql/deep/a.sql': 'select 2' }, options)).not.toBe(one);
    expect(await closure({ ...file, 'sql/deep/a.sql': 'select 1', 'sql/b.sql': '' }, options)).not.toBe(one);
  });
});

describe('a migration', () => {
  it('builds Postgres SQL, sees the client by its usual name, its user params and the tenant that they are for', async () => {
    const engine = engineOf(
      {
        'a.js': `exports.up = async (knex) => {
          await knex.schema.createTable('seen', (t) => { t.text('client'); t.text('dialect'); t.text('param'); t.text('version'); });
          await knex('seen').insert({ client: knex.client.config.client, dialect: knex.client.dialect, param: knex.userParams.tenant, version: knex.client.version });
        };`,
      },
      { userParams: (tenant) => ({ tenant: `for ${tenant}` }) },
    );
    expect(await run(engine)).toEqual({ statements: 2, rows: 1 });
    expect(await seen()).toEqual({ client: 'pg', dialect: 'postgresql', param: 'for acme', version: '18.4' });
  });

  it('sees its user params outside a transaction and in a transaction of its own too', async () => {
    const engine = engineOf(
      {
        'a.js': `exports.config = { transaction: false };
        exports.up = async (knex) => {
          await knex.schema.createTable('seen', (t) => { t.text('outer'); t.text('inner'); });
          await knex.transaction((trx) => trx('seen').insert({ outer: knex.userParams.p, inner: trx.userParams.p }));
        };`,
      },
      { userParams: () => ({ p: 'x' }) },
    );
    await run(engine);
    expect(await seen()).toEqual({ outer: 'x', inner: 'x' });
  });

  it("goes through the config's own names and answers", async () => {
    const engine = engineOf(
      {
        'a.js': `exports.up = async (knex) => {
          await knex.schema.createTable('seen', (t) => { t.text('firstName'); });
          await knex('seen').insert({ firstName: (await knex.raw('select 1')).wrapped });
        };`,
      },
      {
        wrapIdentifier: (value, next) => next(value.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)),
        postProcessResponse: () => ({ wrapped: 'processed' }),
      },
    );
    await run(engine);
    expect(await seen()).toEqual({ first_name: 'processed' });
  });

  it('runs inside the transaction of its caller, which alone ends it', async () => {
    const engine = engineOf({ 'a.js': `exports.up = (knex) => knex.schema.createTable('made', () => {});` });
    await client.query('begin');
    await engine.run(await only(engine), 'up', { client, serverVersion: '18.4', schema, tenantId: 'acme', around: plainly });
    expect(await tables()).toEqual(['made']);
    await client.query('rollback');
    expect(await tables()).toEqual([]);
  });

  it('with config.transaction false runs outside any transaction, and what it did before it failed stays', async () => {
    const engine = engineOf({
      'a.js': `exports.config = { transaction: false };
        exports.up = async (knex) => {
          await knex.raw('create table made (id int)');
          await knex.raw('create index concurrently made_id on made (id)');
          await knex.raw('select 1 / 0');
        };`,
    });
    expect(await failureOf(run(engine))).toMatchObject({ code: '22012' });
    expect(await tables()).toEqual(['made']);
    expect((await client.query('select indexname from pg_indexes where schemaname = $1', [schema])).rows).toEqual([
      { indexname: 'made_id' },
    ]);
  });

  it('may open a transaction inside: a savepoint that can be rolled back alone', async () => {
    const engine = engineOf({
      'a.js': `exports.up = async (knex) => {
        await knex.schema.createTable('kept', () => {});
        await knex.transaction(async (trx) => { await trx.schema.createTable('gone', () => {}); throw new Error('inner'); }).catch(() => {});
        await knex.transaction((trx) => trx.schema.createTable('inner', () => {}));
      };`,
    });
    await run(engine);
    expect(await tables()).toEqual(['inner', 'kept']);
  });

  it('[K4] counts the rows that its statements write, several in one text as well, and none that they read', async () => {
    const engine = engineOf({
      'a.js': `exports.up = async (knex) => {
        await knex.raw('create table moved (id int primary key, n int)');
        await knex.raw('insert into moved select i from generate_series(1, 20) i; update moved set n = 1 where id > 15');
        await knex('moved').where('id', '>', 18).del();
        await knex.raw('merge into moved m using (select 1 as id) s on m.id = s.id when matched then update set n = 2');
        await knex('moved').select('*');
      };`,
    });
    expect(await run(engine)).toMatchObject({ rows: 20 + 5 + 2 + 1 });
  });

  it('sends its statements one after the other, counts them, and is told before each', async () => {
    const engine = engineOf({
      'a.js': `exports.up = (knex) => Promise.all([knex.raw('select 1'), knex.raw('select 2'), knex.raw('select 3')]);`,
    });
    const told: string[] = [];
    expect(
      await run(engine, 'up', {
        around: ({ sql, index }, send) => {
          told.push(`${index}: ${sql}`);
          return send();
        },
      }),
    ).toEqual({ statements: 3, rows: 0 });
    expect(told).toEqual(['0: select 1', '1: select 2', '2: select 3']);
  });

  it('does not get a statement through that is vetoed', async () => {
    const engine = engineOf({ 'a.js': `exports.up = (knex) => knex.raw('create table made ()');` });
    const veto = new FlotillaError('FLT_FENCED', 'no');
    expect(await failureOf(run(engine, 'up', { around: () => Promise.reject(veto) }))).toBe(veto);
    expect(await tables()).toEqual([]);
  });

  it('runs its down, and says so when it has none', async () => {
    const engine = engineOf({
      'a.js': `exports.up = (knex) => knex.raw('create table made ()'); exports.down = (knex) => knex.raw('drop table made');`,
    });
    await run(engine);
    await run(engine, 'down');
    expect(await tables()).toEqual([]);
    rmSync(join(dir, 'migrations'), { recursive: true });
    expect(await failureOf(run(engineOf({ 'b.js': 'exports.up = () => {};' }), 'down'))).toMatchObject({ code: 'FLT_MIGRATION_MISMATCH' });
  });

  it('cannot open another connection', async () => {
    const engine = engineOf({ 'a.js': 'exports.up = (knex) => knex.client.acquireRawConnection();' });
    expect(await failureOf(run(engine))).toMatchObject({ code: 'FLT_CONNECTION_ESCAPE' });
  });

  it('has no statement get past the checks through the raw connection of its handle', async () => {
    const engine = engineOf({
      'a.js': `exports.up = async (knex) => { const raw = await knex.client.acquireConnection(); await raw.query('create table past ()'); };`,
    });
    expect(await failureOf(run(engine))).toMatchObject({ code: 'FLT_CONNECTION_ESCAPE' });
    expect(await tables()).toEqual([]);
  });

  it.each([
    ['is refused', { around: () => Promise.reject(new FlotillaError('FLT_CONNECTION_ESCAPE', 'no')) }, 'FLT_CONNECTION_ESCAPE'],
    ['lacks the package that it needs', {}, 'FLT_MIGRATION_FAILED'],
  ] as const)('is told that a stream %s, and does not wait for its rows for ever', async (_, more, code) => {
    const engine = engineOf({
      'a.js': `exports.up = async (knex) => { for await (const row of knex.raw('select 1').stream()) void row; };`,
    });
    expect(await failureOf(run(engine, 'up', more))).toMatchObject({ code });
  });

  it('waits for its handle as long as a statement of its own takes', async () => {
    const engine = engineOf(
      {
        'a.js': `exports.config = { transaction: false }; exports.up = (knex) => Promise.all([knex.raw('select pg_sleep(0.3)'), knex.raw('create table made ()')]);`,
      },
      { acquireTimeoutMs: 50 },
    );
    await run(engine);
    expect(await tables()).toEqual(['made']);
  });

  it('that waits for its own handle inside a transaction of its own is told so', async () => {
    const engine = engineOf(
      {
        'a.js': `exports.config = { transaction: false }; exports.up = (knex) => knex.transaction(async () => { await knex.raw('select 1'); });`,
      },
      { acquireTimeoutMs: 50 },
    );
    expect(await failureOf(run(engine))).toMatchObject({ code: 'FLT_HANDLE_BUSY' });
    expect((await client.query('select 1 as alive')).rows).toEqual([{ alive: 1 }]);
  });
});

describe('after its end a migration', () => {
  /** The test and the migration share a process: the migration leaves a function that uses its handle. */
  const left = globalThis as unknown as { flotillaTestLeft?: () => Promise<unknown> };
  afterEach(() => {
    delete left.flotillaTestLeft;
  });

  it.each([
    ['inside a transaction', ''],
    ['outside a transaction', 'exports.config = { transaction: false };'],
  ])('gets no statement through any more: %s', async (_, config) => {
    const engine = engineOf({
      'a.js': `${config} exports.up = async (knex) => { globalThis.flotillaTestLeft = () => knex.raw('create table late ()').then((it) => it); };`,
    });
    expect(await run(engine)).toEqual({ statements: 0, rows: 0 });
    expect(await failureOf(left.flotillaTestLeft!())).toBeInstanceOf(Error);
    expect(await tables()).toEqual([]);
  });

  it('is refused with a code that says why', async () => {
    const engine = engineOf({
      'a.js': `exports.config = { transaction: false }; exports.up = async (knex) => { globalThis.flotillaTestLeft = () => knex.raw('select 1').then((it) => it); };`,
    });
    await run(engine);
    expect(await failureOf(left.flotillaTestLeft!())).toMatchObject({
      code: 'FLT_HANDLE_CLOSED',
      message: expect.stringContaining('a used'),
    });
  });

  it('has no statement on the way: one that was sent and not awaited is over before the run is', async () => {
    const engine = engineOf({
      'a.js': `exports.config = { transaction: false };
        exports.up = async (knex) => { await knex.raw('select 1'); void knex.raw('select pg_sleep(0.05)').then(() => {}, () => {}); await new Promise(setImmediate); };`,
    });
    expect(await run(engine)).toEqual({ statements: 2, rows: 0 });
    expect((client as unknown as { readyForQuery: boolean }).readyForQuery).toBe(true);
  });
});

describe('an error', () => {
  const SECRET = 'ana@example.com';

  it('of the server keeps its code and says no row values, whatever Knex puts in front of it', async () => {
    const engine = engineOf({
      'a.js': `exports.up = async (knex) => {
        await knex.schema.createTable('people', (t) => { t.text('mail').unique(); });
        await knex('people').insert([{ mail: '${SECRET}' }, { mail: '${SECRET}' }]);
      };`,
    });
    const error = await failureOf(run(engine));
    expect(error).toMatchObject({ code: '23505', constraint: 'people_mail_unique' });
    expect(classify(error)).toMatchObject({ code: 'FLT_UNIQUE_VIOLATION', trouble: 'tenant' });
    expect(describePostgresError(error)).toBe(
      'unique violation (23505) on constraint "people_mail_unique", table "people"; the values stay in the database',
    );
  });

  it('of the server whose text quotes no row is shown without the statement and its bindings', async () => {
    const engine = engineOf({ 'a.js': `exports.up = (knex) => knex('nowhere').insert({ mail: '${SECRET}' });` });
    const error = await failureOf(run(engine));
    expect(describePostgresError(error)).toBe('relation "nowhere" does not exist');
  });

  it.each([
    ['raises it in a function', `knex.raw("do $$ begin raise exception 'found ${SECRET}'; end $$")`],
    ['casts it', `knex.raw("select '${SECRET}'::int")`],
    ['leaves a column out that may not be null', `knex.raw("create table p (a text, b int not null); insert into p values ('${SECRET}')")`],
    ['breaks a check', `knex.raw("create table p (a text check (a <> '${SECRET}')); insert into p values ('${SECRET}')")`],
  ])('of the server does not repeat the value of a migration that %s', async (_, statement) => {
    const error = await failureOf(run(engineOf({ 'a.js': `exports.up = (knex) => ${statement};` })));
    expect(describePostgresError(error)).not.toContain(SECRET);
  });

  it.each([
    ['an error', `throw new TypeError('no ${SECRET}')`, 'TypeError'],
    ['something that is no error', `throw { mail: '${SECRET}' }`, 'object'],
    ['a text', `throw '${SECRET}'`, 'string'],
    ['an error of a name that quotes', `throw Object.assign(new Error('x'), { name: '${SECRET}' })`, 'an error'],
    ['an error with a code of its own', `throw Object.assign(new Error('${SECRET}'), { code: 'E1234' })`, 'Error'],
    ['an error of the file system', `require('node:fs').readFileSync('/nowhere/${SECRET}')`, 'Error'],
  ])("of the migration's own names the file and the place, not its text: %s", async (_, statement, name) => {
    const error = await failureOf(run(engineOf({ 'a.js': `exports.up = async (knex) => {\n  ${statement};\n};` })));
    expect(error).toBeInstanceOf(FlotillaError);
    expect(error.code).toBe('FLT_MIGRATION_FAILED');
    expect(error.message).toMatch(/^migrations\/a\.js(:2:\d+)? threw /);
    expect(error.message).toContain(`threw ${name};`);
    expect(inspect(error, { depth: 10 }).replaceAll(dir, '')).not.toContain(SECRET);
  });

  it('of our own is shown without the statement that Knex puts in front of it', async () => {
    const engine = engineOf({ 'a.js': `exports.up = (knex) => knex.raw("select 'SECRET'");` });
    const veto = () => Promise.reject(new FlotillaError('FLT_TENANT_ESCAPE', 'acme: not sent'));
    expect(await failureOf(run(engine, 'up', { around: veto }))).toMatchObject({ code: 'FLT_TENANT_ESCAPE', message: 'acme: not sent' });
  });

  it('of the connection goes on as it is, so that it can be tried again', async () => {
    const { rows } = await client.query('select pg_backend_pid() as pid');
    const killer = await db.client();
    const engine = engineOf({ 'a.js': `exports.config = { transaction: false }; exports.up = (knex) => knex.raw('select pg_sleep(60)');` });
    let killed: Promise<unknown> = Promise.resolve();
    const failed = failureOf(
      run(engine, 'up', {
        around: (_, send) => {
          killed = killer.query('select pg_terminate_backend($1)', [rows[0].pid]);
          return send();
        },
      }),
    );
    expect(classify(await failed)).toMatchObject({ code: 'FLT_CONNECTION_LOST' });
    await killed;
  });
});
