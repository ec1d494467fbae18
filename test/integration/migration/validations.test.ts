/** Checks that migration files declare, made by the runner on a real server. */

import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { ValidationResult } from '../../../src/domain/validation.js';
import type { AttemptInput } from '../../../src/postgres/contract.js';
import { exampleOf } from '../../support/example-of.js';
import { createDatabase, createFixture, ident, query, type RunnerFixture, type TestDatabase } from '../../support/postgres.js';

let db: TestDatabase;
const fixtures: RunnerFixture[] = [];
let serial = 0;
beforeAll(async () => {
  db = await createDatabase('validations');
});
afterEach(async () => {
  for (const fixture of fixtures.splice(0)) await fixture.close();
});
afterAll(() => db.drop());

const USERS = `create table users (id int primary key, email text, theme text, age int);
  insert into users values (1, 'a', 'dark', 20), (2, 'b', 'light', 30), (3, 'c', 'dark', 40), (4, 'd', null, 50);`;

interface Setup {
  /** SQL that the migration runs. */
  readonly up?: string;
  readonly transaction?: boolean;
  /** SQL that fills the tenant's schema beforehand. */
  readonly before?: string;
}

/** A tenant, and one migration that runs SQL and declares checks, as source. */
async function setup(validate: string, { up = '', transaction = true, before = USERS }: Setup = {}) {
  const schema = `t${++serial}`;
  await query(db.url, `create schema ${schema}; set search_path to ${schema}; ${before}`);
  const fixture = createFixture(db.url, {
    '01_moved.mjs': `import * as m from 'flotilla/migration';
      export const config = { transaction: ${transaction} };
      export const up = async (knex) => { for (const sql of ${JSON.stringify(up ? [up] : [])}) await knex.raw(sql); };
      ${validate && `export const flotilla = { validate: [${validate}] };`}`,
  });
  fixtures.push(fixture);
  const tenant = { id: schema, host: 'h1', schema };
  return {
    schema,
    fixture,
    tenant,
    attempt: (more: Partial<AttemptInput> = {}) => fixture.attempt(tenant, 'up', { fenceFirst: true, ...more }),
    sql: (text: string) => query(db.url, `set search_path to ${schema}; ${text}`),
    history: async () =>
      (await query<{ there: boolean }>(db.url, `select to_regclass('${schema}.knex_migrations') is not null as there`))[0]!.there
        ? (await query<{ name: string }>(db.url, `select name from ${schema}.knex_migrations`)).map(({ name }) => name)
        : [],
  };
}

/** What the checks came to, in the order in which they are declared. */
async function results(validate: string, given: Setup = {}): Promise<readonly ValidationResult[]> {
  const { attempt } = await setup(validate, given);
  const result = await attempt();
  expect(result.validations, JSON.stringify(result)).toHaveLength(1);
  return result.validations![0]!.results;
}
const wrong = async (validate: string, given: Setup = {}) => (await results(validate, given)).map((it) => it.message ?? 'passed');

const PROFILES = 'create table profiles (id serial, user_id int, theme text);';
const move = (where: string) => `${PROFILES} insert into profiles (user_id, theme) select id, theme from users where ${where};`;

it('[V1] runs the checks of a file at the end of its up, and rolls the migration back when one does not pass', async () => {
  const it = await setup(
    `m.sameCount({ source: { table: 'users' }, target: { table: 'profiles' } }), m.nullCount({ table: 'users', column: 'email' })`,
    { up: move('id < 4') },
  );
  const failed = await it.attempt();
  expect(failed).toMatchObject({
    outcome: 'failed',
    code: 'FLT_VALIDATION_FAILED',
    message: `${it.schema}: 01_moved does not pass a check of its own (sameCount users → profiles: 4 expected, 3 found).`,
    runs: [],
  });
  expect(failed.partial).toBeUndefined();
  expect(await it.history()).toEqual([]);
  expect(await query(db.url, `select from pg_class where relnamespace = '${it.schema}'::regnamespace and relname = 'profiles'`)).toEqual(
    [],
  );
  await it.sql('delete from users where id = 4');
  expect(await it.attempt()).toMatchObject({
    outcome: 'applied',
    validations: [{ migration: '01_moved', results: [{ passed: true }, { passed: true }] }],
  });
  expect(await it.history()).toEqual(['01_moved.mjs']);
});

it('[V1] leaves what a migration outside a transaction did, without counting it as applied, and goes on once the data is mended', async () => {
  const it = await setup(`m.nullCount({ table: 'users', column: 'theme' })`, {
    up: 'create index by_theme on users (theme)',
    transaction: false,
  });
  expect(await it.attempt()).toMatchObject({
    outcome: 'failed',
    code: 'FLT_VALIDATION_FAILED',
    partial: true,
    message: expect.stringContaining('nullCount users.theme: 0 nulls expected, 1 found'),
    validations: [{ results: [{ passed: false, numbers: { nulls: 1 } }] }],
  });
  expect(await it.history()).toEqual([]);
  await it.sql(`update users set theme = 'dark' where theme is null`);
  expect(await it.attempt()).toMatchObject({ outcome: 'applied', runs: [{ name: '01_moved' }] });
  expect(await it.history()).toEqual(['01_moved.mjs']);
});

it('[V1] does not look on the way down, and not again at what is applied', async () => {
  const schema = `t${++serial}`;
  await query(db.url, `create schema ${schema}; create table ${schema}.users (email text)`);
  const fixture = createFixture(db.url, {
    '01_notes.mjs': `import { nullCount } from 'flotilla/migration';
      export const up = (knex) => knex.schema.createTable('notes', (t) => t.text('body')); export const down = (knex) => knex.schema.dropTable('notes');
      export const flotilla = { validate: [nullCount({ table: 'users', column: 'email' })] };`,
  });
  fixtures.push(fixture);
  const tenant = { id: schema, host: 'h1', schema };
  expect(await fixture.attempt(tenant)).toMatchObject({ outcome: 'applied' });
  await query(db.url, `insert into ${schema}.users values (null)`);
  const again = await fixture.attempt(tenant, 'up', { fenceFirst: true });
  expect([again.outcome, again.validations]).toEqual(['applied', undefined]);
  const back = await fixture.attempt(tenant, 'down');
  expect([back.outcome, back.validations], JSON.stringify(back)).toEqual(['rolledBack', undefined]);
});

it('[V2] tells orphans as a foreign key would: by all columns, and not where one of them is null', async () => {
  const orders = `create table lines (a int, b int); insert into lines values (1, 1), (1, 2), (9, 1), (9, null); create table orders (x int, y int); insert into orders values (1, 1), (1, 2);`;
  const to = `references: { table: 'orders', columns: ['x', 'y'] }`;
  expect(
    await wrong(
      `m.noOrphans({ table: 'lines', columns: ['a', 'b'], ${to} }), m.noOrphans({ table: 'lines', columns: ['a', 'b'], where: 'a < 9 -- old', ${to} }), m.noOrphans({ table: 'lines', columns: ['b', 'a'], ${to} })`,
      { before: orders },
    ),
  ).toEqual(['0 orphans expected, 1 found', 'passed', '0 orphans expected, 2 found']);
});

it('[V2] finds unique constraints by exactly their columns in order, primary keys too, and by whole names', async () => {
  const before = `create table users (id int primary key, email text, tenant int, constraint users_email unique (email, tenant)); create unique index by_tenant on users (tenant);`;
  const check = (more: string) => `m.uniqueConstraint({ table: 'users', ${more} })`;
  expect(
    await wrong(
      [
        check(`columns: ['email', 'tenant']`),
        check(`columns: ['email', 'tenant'], name: 'users_email'`),
        check(`columns: ['id']`),
        check(`columns: ['tenant', 'email']`),
        check(`columns: ['email']`),
        check(`columns: ['email'], name: 'users_email'`),
        check(`columns: ['email', 'tenant'], name: 'users_emai_'`),
        check(`columns: ['email', 'tenant'], name: 'Users_Email'`),
        check(`columns: ['tenant']`), // an index alone is no constraint
      ].join(),
      { before },
    ),
  ).toEqual([
    'passed',
    'passed',
    'passed',
    '1 expected, 0 found',
    '1 expected, 0 found',
    '1 expected, 0 found, and 1 that is different',
    '1 expected, 0 found',
    '1 expected, 0 found',
    '1 expected, 0 found',
  ]);
});

it('[V2] finds indexes by columns, name and uniqueness, and none that is not valid or holds only some of the rows', async () => {
  const before = `create table users (id int, email text, age int);
    create index by_both on users (email, age) include (id); create unique index by_email on users (lower(email)); create unique index young on users (email) where age < 20;
    create index half_built on users (age); update pg_index set indisvalid = false where indexrelid = 'half_built'::regclass;`;
  const check = (more: string) => `m.index({ table: 'users', ${more} })`;
  expect(
    await wrong(
      [
        check(`columns: ['email', 'age']`),
        check(`columns: ['email', 'age'], name: 'by_both'`),
        check(`name: 'by_email', unique: true`),
        check(`name: 'young', columns: ['email'], unique: true`),
        check(`columns: ['email', 'age'], unique: true`),
        check(`columns: ['email']`),
        check(`columns: ['age', 'email']`),
        check(`columns: ['email', 'age', 'id']`),
        check(`columns: ['age']`),
        check(`name: 'by'`),
        check(`name: 'by_email', columns: ['email']`),
      ].join(),
      { before },
    ),
  ).toEqual([
    'passed',
    'passed',
    'passed',
    'passed',
    '1 expected, 0 found, and 1 that is different',
    '1 expected, 0 found, and 1 that is different',
    '1 expected, 0 found',
    '1 expected, 0 found',
    '1 expected, 0 found, and 1 that is not valid',
    '1 expected, 0 found',
    '1 expected, 0 found, and 1 that is different',
  ]);
});

it('[V2] passes a constraint only once every row was found to keep it', async () => {
  const before = `${USERS} alter table users add constraint grown check (age > 10); alter table users add constraint older check (age > 15) not valid;`;
  const check = (name: string) => `m.constraintValid({ table: 'users', name: '${name}' })`;
  expect(await wrong([check('grown'), check('older'), check('old')].join(), { before })).toEqual([
    'passed',
    '1 expected, 0 found, and 1 that is not valid',
    '1 expected, 0 found',
  ]);
});

it('[V2] makes all checks in one message, and a migration without checks sends nothing more', async () => {
  const check = `m.nullCount({ table: 'users', column: 'email' })`;
  const messages = async (validate: string) => {
    const { fixture, tenant, attempt } = await setup(validate);
    let sent = 0;
    await fixture.hosts.withTenant(tenant, async ({ client }) => {
      const send = client.query.bind(client);
      client.query = ((...args: Parameters<typeof send>) => {
        sent++;
        return send(...args);
      }) as typeof client.query;
    });
    expect((await attempt()).outcome).toBe('applied');
    return sent;
  };
  const plain = await messages('');
  expect([await messages(check), await messages([check, check, check].join())]).toEqual([plain + 1, plain + 1]);
});

it('[V3] names every check that failed with its numbers, and answers the numbers of those that passed', async () => {
  const it = await setup(
    `m.nullCount({ table: 'users', column: 'theme' }), m.range({ table: 'users', column: 'age', min: 25, max: 45 }),
     m.sameCount({ source: { table: 'users' }, target: { table: 'users', where: 'id > 1' } }), m.nullCount({ table: 'users', column: 'email' })`,
  );
  const result = await it.attempt();
  expect(result.message).toBe(
    `${it.schema}: 01_moved does not pass 3 checks of its own (nullCount users.theme: 0 nulls expected, 1 found; range users.age: 25 to 45 expected, 1 row below and 1 row above; sameCount users → users: 4 expected, 3 found).`,
  );
  expect(result.validations).toEqual([
    {
      migration: '01_moved',
      results: [
        { check: 'nullCount users.theme', passed: false, numbers: { nulls: 1 }, message: '0 nulls expected, 1 found' },
        { check: 'range users.age', passed: false, numbers: { below: 1, above: 1 }, message: expect.any(String) },
        { check: 'sameCount users → users', passed: false, numbers: { expected: 4, found: 3 }, message: expect.any(String) },
        { check: 'nullCount users.email', passed: true, numbers: { nulls: 0 } },
      ],
    },
  ]);
});

it('[V3] keeps rows to itself: a value that breaks a check, or the query of one, is in no message', async () => {
  const it = await setup(
    `m.custom({ name: 'number', sql: 'select max(email)::int from users' }), m.range({ table: 'users', column: 'age', max: 1 })`,
    {
      before: `create table users (email text, age int); insert into users values ('secret@example.com', 424242)`,
    },
  );
  const result = JSON.stringify(await it.attempt());
  expect(result).toContain('data exception (22P02)');
  expect(result).not.toMatch(/secret|424242/);
});

it('[V4] compares both sides under the same filter, whichever is said', async () => {
  const count = (more: string) => `m.sameCount({ ${more} })`;
  const up = move('theme is not null');
  expect(
    await wrong(
      [
        count(`source: { table: 'users', where: 'theme is not null' }, target: { table: 'profiles' }`),
        count(`source: { table: 'users' }, target: { table: 'profiles' }, where: "theme = 'dark'"`),
        count(`source: { table: 'users' }, target: { table: 'profiles', where: 'true' }, where: "theme = 'dark'"`),
      ].join(),
      { up },
    ),
  ).toEqual(['passed', 'passed', '2 expected, 3 found']);
});

it('[V-gap] accepts a subset that was moved under its own filter, 3 of 4, and rejects one that has lost a row', async () => {
  const check = `m.sameCount({ source: { table: 'users', where: 'theme is not null' }, target: { table: 'profiles' } })`;
  expect(await wrong(check, { up: move('theme is not null') })).toEqual(['passed']);
  expect(await wrong(check, { up: move('theme is not null and id <> 2') })).toEqual(['3 expected, 2 found']);
});

it('[V-gap] lets no row of a hundred go unless a tolerance is declared', async () => {
  const before =
    'create table users (id int); insert into users select generate_series(1, 100); create table moved as select * from users where id > 1;';
  const count = (tolerance: string) =>
    `m.sameCount({ source: { table: 'users' }, target: { table: 'moved' }${tolerance && `, tolerance: ${tolerance}`} })`;
  expect(await wrong(['', '{ share: 0.01 }', '{ share: 0.009 }', '{ rows: 1 }', '{ rows: 0 }'].map(count).join(), { before })).toEqual([
    '100 expected, 99 found',
    'passed',
    '100 expected, 99 found',
    'passed',
    '100 expected, 99 found',
  ]);
});

it("[V-gap] is not satisfied by another tenant's constraints, indexes or tables, nor by those of a schema further along the path", async () => {
  const elsewhere = `u${++serial}`;
  const things = (schema: string) =>
    `create table ${schema}.users (id int, email text, constraint users_email unique (email), constraint grown check (id > 0));`;
  await query(db.url, `create schema ${elsewhere}; ${things(elsewhere)} create table if not exists public.elsewhere (id int primary key);`);
  expect(
    await wrong(
      `m.uniqueConstraint({ table: 'users', columns: ['email'] }), m.uniqueConstraint({ table: 'users', columns: ['email'], name: 'users_email' }),
       m.index({ table: 'users', name: 'users_email' }), m.constraintValid({ table: 'users', name: 'grown' }), m.index({ table: 'elsewhere', columns: ['id'] }),
       m.nullCount({ table: 'elsewhere', column: 'id' })`,
      { before: 'create table users (id int, email text)' },
    ),
  ).toEqual([
    '1 expected, 0 found',
    '1 expected, 0 found',
    '1 expected, 0 found',
    '1 expected, 0 found',
    expect.stringMatching(/^relation "t\d+\.elsewhere" does not exist$/),
    expect.stringMatching(/^relation "t\d+\.elsewhere" does not exist$/),
  ]);
});

it('[V-gap] compares content in any order, with nulls, duplicates and types told apart as text', async () => {
  const before = `create table a (id int, v text, n numeric); insert into a values (1, 'x', 1), (2, null, 2), (3, '', 3), (3, '', 3);
    create table same as select n::int as m, v as w, id::text as k from a order by random();
    create table nulls as select id, coalesce(v, '') as v, n from a; create table fewer as select distinct * from a;
    create table swapped as select id, case id when 1 then null when 2 then 'x' else v end as v, n from a;
    create table odd as select id, v, n::numeric(4, 1) as n from a;`;
  const content = (table: string, columns = `['id', 'v', 'n']`) =>
    `m.sameContent({ source: { table: 'a', columns: ['id', 'v', 'n'] }, target: { table: '${table}', columns: ${columns} } })`;
  const found = await results(
    [
      content('same', `['k', 'w', 'm']`),
      content('nulls'),
      content('fewer'),
      content('swapped'),
      content('odd'),
      content('odd', `['id', 'v', { expression: 'n::int -- as whole numbers' }]`),
    ].join(),
    { before },
  );
  expect(found.map((it) => it.passed)).toEqual([true, false, false, false, false, true]);
  expect(found[2]!.numbers).toMatchObject({ expected: 4, found: 3, foundChecksum: expect.stringMatching(/^-?\d+$/) });
  expect(found[3]!.message).toMatch(/^4 rows with checksum -?\d+ expected, 4 rows with -?\d+ found$/);
});

it('[V-gap] counts by key the rows that are missing, extra and changed, and names none of them', async () => {
  const before = `create table a (id int, part int, v text); insert into a values (1, null, 'x'), (2, 1, 'y'), (3, 1, 'z'), (4, 1, 'same');
    create table b as select id, part, case id when 2 then 'other' else v end as v from a where id <> 3; insert into b values (9, 1, 'new'), (8, 1, 'new');`;
  const side = (table: string) => `{ table: '${table}', columns: ['v'], key: ['id', 'part'] }`;
  const [found] = await results(`m.sameContent({ source: ${side('a')}, target: ${side('b')} })`, { before });
  expect(found).toMatchObject({ passed: false, numbers: { expected: 4, found: 5, missing: 1, extra: 2, changed: 1 } });
  expect(found!.message).toContain('(1 missing, 2 extra, 1 changed)');
  expect(JSON.stringify(found)).not.toMatch(/other|new/);
});

it('[V-gap] gives the same rows another checksum each time, so that none can be looked up', async () => {
  const side = `{ table: 'users', columns: ['email'] }`;
  const sums = async () => (await results(`m.sameContent({ source: ${side}, target: ${side} })`))[0]!.numbers.expectedChecksum;
  expect(await sums()).not.toBe(await sums());
});

it('[V-gap] checks nulls and ranges of numbers, dates and big numbers, both ends inside', async () => {
  const before = `create table t (n int, at date, big bigint, v text); insert into t values (1, '2026-01-01', 9007199254740993, null), (10, '2026-12-31', 1, 'x'), (null, null, null, null);`;
  const range = (more: string) => `m.range({ table: 't', ${more} })`;
  expect(
    await wrong(
      [
        range(`column: 'n', min: 1, max: 10`),
        range(`column: 'n', min: 1.5`),
        range(`column: 'n', max: -3, where: 'n < 10'`),
        range(`column: 'at', min: '2026-01-01', max: '2026-12-30'`),
        range(`column: 'big', max: '9007199254740993'`),
        range(`column: 'big', max: '9007199254740992'`),
        `m.nullCount({ table: 't', column: 'v' })`,
        `m.nullCount({ table: 't', column: 'v', max: 2 })`,
        `m.nullCount({ table: 't', column: 'v', where: 'n = 10' })`,
      ].join(),
      { before },
    ),
  ).toEqual([
    'passed',
    'at least 1.5 expected, 1 row below and 0 rows above',
    'at most -3 expected, 0 rows below and 1 row above',
    '2026-01-01 to 2026-12-30 expected, 0 rows below and 1 row above',
    'passed',
    'at most 9007199254740992 expected, 0 rows below and 1 row above',
    '0 nulls expected, 2 found',
    'passed',
    'passed',
  ]);
});

it('[V-gap] takes checks of the file: hostile names, own SQL, and numbers where two would be called the same', async () => {
  const table = `us"er's?`;
  const before = `create table ${ident(table)} ("e?m'ail" text, constraint "a ""b"" c" unique ("e?m'ail")); insert into ${ident(table)} values ('x');`;
  const name = JSON.stringify(table);
  const found = await results(
    `m.nullCount({ table: ${name}, column: "e?m'ail" }), m.uniqueConstraint({ table: ${name}, columns: ["e?m'ail"], name: 'a "b" c' }),
     m.index({ table: ${name}, columns: ["e?m'ail"], unique: true }), m.sameContent({ source: { table: ${name}, columns: ["e?m'ail"] }, target: { table: ${name}, columns: ["e?m'ail"] } }),
     m.custom({ name: 'one', sql: "select count(*) from " + ${JSON.stringify(JSON.stringify(table).replace('\\"', '""'))} + " -- $flotilla$", expect: 1 }),
     m.custom({ name: 'one', sql: 'select null::int;' }), m.nullCount({ table: ${name}, column: "e?m'ail" })`,
    { before },
  );
  expect(found.map((it) => it.message ?? 'passed')).toEqual([
    'passed',
    'passed',
    'passed',
    'passed',
    'passed',
    '0 expected, nothing found',
    'passed',
  ]);
  expect(found.map((it) => it.check).slice(4)).toEqual(['custom one', 'custom one (2)', `nullCount ${table}.e?m'ail (2)`]);
});

it('[V-gap] fails the check of a table or a column that is missing, and makes the others', async () => {
  expect(
    await wrong(
      `m.nullCount({ table: 'nowhere', column: 'id' }), m.nullCount({ table: 'users', column: 'nothing' }), m.custom({ name: 'c', sql: 'select nonsense()' }), m.nullCount({ table: 'users', column: 'id' })`,
    ),
  ).toEqual([
    expect.stringMatching(/^relation "t\d+\.nowhere" does not exist$/),
    'column own.nothing does not exist',
    'function nonsense() does not exist',
    'passed',
  ]);
});

it('[V-gap] lets a check of its own SQL read and never write, and what the migration set for itself does not lead it astray', async () => {
  const it = await setup(
    `m.custom({ name: 'writes', sql: 'select flee()' }), m.custom({ name: 'ends', sql: 'select 1); commit; select (1' }), m.custom({ name: 'sees', sql: 'select count(*) from users', expect: 4 })`,
    {
      up: `create function flee() returns int language sql as 'delete from users returning 1'; set local search_path to public; create temp table users ()`,
    },
  );
  const result = await it.attempt();
  expect(result.validations![0]!.results.map(({ message = 'passed' }) => message)).toEqual([
    'cannot execute DELETE in a read-only transaction',
    expect.stringContaining('42601'),
    'passed',
  ]);
  expect(await query(db.url, `select count(*)::int as n from ${it.schema}.users`)).toEqual([{ n: 4 }]);
});

it('[V-gap] sees what deferred triggers do before it looks', async () => {
  const up = `create function clear() returns trigger language plpgsql as 'begin update users set theme = null; return null; end';
    create constraint trigger later after insert on users deferrable initially deferred for each row execute function clear(); insert into users values (5, 'e', 'dark', 60);`;
  expect(await wrong(`m.nullCount({ table: 'users', column: 'theme', where: 'id < 4' })`, { up })).toEqual(['0 nulls expected, 3 found']);
});

it('[V-gap] takes a lock that is not granted for no answer: the tenant is deferred, not failed', async () => {
  const it = await setup(`m.nullCount({ table: 'users', column: 'email' })`);
  it.fixture.deltas.set('01_moved', { added: [], removed: [] }); // reading the catalog would wait, too
  const holder = await db.client();
  await holder.query(`begin; lock table ${it.schema}.users in access exclusive mode`);
  expect(await it.attempt()).toMatchObject({
    outcome: 'deferred',
    code: 'FLT_LOCK_TIMEOUT',
    message: expect.stringContaining('its checks'),
  });
  await holder.query('rollback');
  expect(await it.attempt()).toMatchObject({ outcome: 'applied' });
});

it('[V-gap] tells all mistakes of a declaration at once, and loads no such file', async () => {
  const it = await setup(`m.index({ table: 'users' }), m.range({ table: 'users', column: 'age', mn: 3 }), { check: 'sameRows' },
    m.sameContent({ source: { table: 'a', columns: ['x'], key: ['x'] }, target: { table: 'b', columns: ['x', 'y'] } }), m.sameCount({ source: { table: 'a' }, target: { table: 'b' }, tolerance: 0.01 })`);
  const { problems } = await it.fixture.engine.list();
  expect(problems).toHaveLength(1);
  for (const part of [
    'validate.0: expected columns, a name, or both',
    'validate.1.mn: there is no such field',
    'validate.1: expected min, max, or both',
    'validate.2.check: expected a check of flotilla/migration; found "sameRows"',
    'validate.3.target.columns: expected as many columns on both sides',
    'validate.3.target.key: expected as many columns on both sides',
    'validate.4.tolerance: expected { rows } or { share }; found 0.01',
  ])
    expect(problems[0]!.message).toContain(part);
});

it('[V1] [V2] the example of docs/migrations/validation.md passes its checks, and fails them when a nickname is blank', async () => {
  const files = exampleOf('migrations/validation');
  const fixture = createFixture(db.url, files);
  fixtures.push(fixture);
  const tenantWith = async (nickname: string) => {
    const schema = `t${++serial}`;
    await query(
      db.url,
      `create schema ${schema}; create table ${schema}.users (id uuid primary key default gen_random_uuid(), nickname text); insert into ${schema}.users (nickname) values ('Bo'), (${nickname})`,
    );
    return fixture.attempt({ id: schema, host: 'h1', schema });
  };
  const well = await tenantWith('null');
  expect(well, JSON.stringify(well)).toMatchObject({ outcome: 'applied' });
  expect(well.validations![0]!.results).toHaveLength(6);
  const blank = await tenantWith(`' '`);
  expect(blank).toMatchObject({ outcome: 'failed', code: 'FLT_VALIDATION_FAILED' });
  expect(blank.message).toContain('custom no nickname is blank: 0 expected, 1 found');
});
