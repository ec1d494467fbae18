/** What `flotilla make --template` writes, and the examples of docs/migrations, run by the runner on a real server. */

import { readFileSync } from 'node:fs';
import type { Client } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type Flavour,
  migrationSource,
  migrationSources,
  namesOf,
  type SingleTemplateName,
  TEMPLATES,
} from '../../../src/dev/scaffold/migration-templates.js';
import type { TemplateText } from '../../../src/dev/scaffold/templates/template.js';
import { changesOf, PHASES } from '../../../src/domain/phases.js';
import { readFingerprint } from '../../../src/postgres/fingerprint.js';
import { createDatabase, createFixture, query, type RunnerFixture, type TestDatabase } from '../../support/postgres.js';

const [ADA, BOB, CY] = [1, 2, 3].map((n) => `00000000-0000-4000-8000-00000000000${n}`) as [string, string, string];

/** A tenant as it is before any of the migrations. Of what moves, Ada has all, Bob one half, Cy nothing. */
const TENANT = `
  create table users (id uuid primary key, name text, theme text, font_size int, nickname text);
  insert into users values ('${ADA}', 'Ada', 'dark', 16, 'Countess'), ('${BOB}', 'Bob', null, 12, null), ('${CY}', 'Cy', null, null, 'C');
  create table customers (id int primary key);
  create type order_status as enum ('open', 'paid');
  create table orders (id int primary key, number int, customer_id int, created_at timestamptz not null);
  insert into customers values (1), (2);
  insert into orders values (1, 101, 1, now() - interval '2 years'), (2, 102, 2, now() - interval '1 day');`;

/** What a file from the template is about. */
const ABOUT: Readonly<Record<Exclude<SingleTemplateName, 'backfill'>, string>> = {
  plain: 'orders',
  'create-table': 'folders',
  'add-columns': 'orders',
  'move-data': 'user_preferences',
  index: 'orders',
  'foreign-key': 'orders',
  'not-null': 'orders',
  unique: 'orders',
  'enum-value': 'order_status',
  'dual-write': 'users',
  validation: 'profiles',
};
const text = (name: keyof typeof ABOUT): TemplateText => TEMPLATES[name].text(ABOUT[name]);
/** `backfill` has its page, and its tests, in backfill.test.ts. */
const ALL = Object.keys(ABOUT) as (keyof typeof ABOUT)[];
const OUTSIDE = ALL.filter((name) => text(name).outside);
const written = (name: keyof typeof ABOUT) => ({ '01_it.ts': migrationSource(name, ABOUT[name], 'ts') });

/** The files that a page shows, by name. */
const shown = (page: string): Record<string, string> => {
  const markdown = readFileSync(new URL(`../../../docs/migrations/${page}.md`, import.meta.url), 'utf8');
  return Object.fromEntries([...markdown.matchAll(/```ts\n\/\/ (\S+)\n([\s\S]*?)```/g)].map(([, name, source]) => [name!, source!]));
};

let db: TestDatabase;
let client: Client;
const fixtures: RunnerFixture[] = [];
let serial = 0;
beforeAll(async () => {
  db = await createDatabase('techniques');
  client = await db.client();
  // A tenant may say what shall be counted when an index is built, and at which change of structure a backend dies
  await client.query(
    `create function public.counts() returns event_trigger language plpgsql as $$ declare found int; begin
       if to_regclass('at_index') is null then return; end if;
       execute (select counts from at_index) into found;
       update at_index set n = found;
     end $$;
     create event trigger counts on ddl_command_end when tag in ('CREATE INDEX') execute function public.counts();
     create function public.dies() returns event_trigger language plpgsql as $$ begin
       if to_regclass('changes_left') is null then return; end if;
       if nextval('changes_left') = 0 then perform pg_terminate_backend(pg_backend_pid()); end if;
     end $$;
     create event trigger dies on ddl_command_start when tag in ('CREATE INDEX', 'ALTER TABLE') execute function public.dies();`,
  );
});
afterEach(async () => {
  for (const fixture of fixtures.splice(0)) await fixture.close();
});
afterAll(() => db.drop());

/** A tenant that stands where `seed` has brought it, and the files. */
async function setup(files: Readonly<Record<string, string>>, seed = TENANT) {
  const schema = `t${++serial}`;
  const tenant = { id: schema, host: 'h1', schema };
  await query(db.url, `create schema ${schema}; set search_path to ${schema}; ${seed}`);
  const fixture = createFixture(db.url, files);
  fixtures.push(fixture);
  const sql = async <T>(one: string): Promise<T[]> => {
    await client.query(`set search_path to ${schema}`);
    return (await client.query(one)).rows as T[];
  };
  const rows = async (table: string) =>
    (
      await sql<{ row: object }>(`select to_jsonb(t) - '{created_at,updated_at,archived_at}'::text[] as row from ${table} t order by 1`)
    ).map(({ row }) => row);
  const state = async () => ({
    structure: (await readFingerprint(client, schema, { tableName: 'knex_migrations' })).lines,
    users: await rows('users'),
    orders: await rows('orders'),
  });
  return {
    fixture,
    tenant,
    sql,
    rows,
    state,
    up: (rolloutId = 'r-1') => fixture.attempt(tenant, 'up', { rolloutId, fenceFirst: true }),
    down: (more: { readonly force?: boolean; readonly rolloutId?: string } = {}) => fixture.attempt(tenant, 'down', more),
  };
}
type Scene = Awaited<ReturnType<typeof setup>>;

/** Up, down, up: as before after the way back, as after the first time at the end. */
async function roundTrip(it: Scene): Promise<void> {
  const before = await it.state();
  expect(await it.up()).toMatchObject({ outcome: 'applied' });
  const after = await it.state();
  expect(await it.down({ force: true })).toMatchObject({ outcome: 'rolledBack' });
  expect(await it.state()).toEqual(before);
  expect(await it.up('r-2')).toMatchObject({ outcome: 'applied' });
  expect(await it.state()).toEqual(after);
}

describe('a file from a template', () => {
  it.each(ALL.filter((name) => text(name).down))('[K1] goes up, comes back exactly, and goes up again: %s', async (name) =>
    roundTrip(await setup(written(name))),
  );

  it.each(ALL.filter((name) => !text(name).down))('[K1] says why there is no way back: %s', async (name) => {
    const it = await setup(written(name));
    expect(await it.up()).toMatchObject({ outcome: 'applied' });
    expect(await it.sql('select enum_range(null::order_status)::text as values')).toEqual([{ values: '{open,paid,archived}' }]);
    expect(await it.fixture.migrations()).toMatchObject([{ reversible: { verdict: 'no', code: 'FLT_IRREVERSIBLE' } }]);
    expect(await it.down()).toMatchObject({ outcome: 'rollbackFailed' });
  });

  it('[K1] needs nothing in a tenant that is empty: create-table, and add-columns behind it', async () => {
    const files = {
      '01_create_orders.ts': migrationSource('create-table', 'orders', 'ts'),
      '02_add_status_to_orders.ts': migrationSource('add-columns', 'orders', 'ts'),
    };
    expect(await (await setup(files, 'select')).up()).toMatchObject({ outcome: 'applied', runs: [{}, {}] });
  });

  it.each(['create-table', 'add-columns', 'move-data'] as const)(
    '[K-gap] that runs a second time, for the history was emptied, changes nothing: %s',
    async (name) => {
      const it = await setup(written(name));
      await it.up();
      await it.sql(`update orders set number = 7`);
      const after = await it.state();
      await it.sql('delete from knex_migrations');
      expect(await it.up('r-2')).toMatchObject({ outcome: 'failed', code: 'FLT_SQL_ERROR' });
      expect(await it.state()).toEqual(after);
    },
  );

  it.each(OUTSIDE)('[K-gap] that runs a second time takes what is there for done: %s', async (name) => {
    const it = await setup(written(name));
    await it.up();
    const after = await it.state();
    await it.sql('delete from knex_migrations');
    expect(await it.up('r-2')).toMatchObject({ outcome: 'applied' });
    expect(await it.state()).toEqual(after);
  });

  it.each(OUTSIDE)('[K-gap] goes on where it stopped when its backend dies at any of its changes: %s', async (name) => {
    const whole = await setup(written(name));
    await whole.up();
    const wanted = await whole.state();
    let deaths = 0;
    for (let died = true; died; deaths += Number(died)) {
      const it = await setup(written(name), `${TENANT} create sequence changes_left minvalue -9 start -9`);
      // Knex's tables and ours are there: only the changes of the file are counted
      await it.fixture.attempt(it.tenant, 'up', { migrations: [] });
      await it.sql(`alter sequence changes_left restart with ${-deaths}`);
      expect(await it.up()).toMatchObject({ outcome: 'applied' });
      const [left] = await it.sql<{ last: number }>('select last_value::int as last from changes_left');
      died = left!.last >= 0;
      await it.sql('drop sequence changes_left');
      expect(await it.state()).toEqual(wanted);
      expect(await it.sql('select is_locked from knex_migrations_lock')).toEqual([{ is_locked: 0 }]);
    }
    expect(deaths).toBeGreaterThan(0);
  });
});

describe('the files of --template zero-downtime', () => {
  const names = namesOf('zero-downtime', 'users_full_name').map((name, at) => `2026010100000${at}_${name}`);
  const filesAs = (flavour: Flavour, extension: string) => {
    const sources = migrationSources('zero-downtime', 'users', names, flavour, extension);
    return Object.fromEntries(names.map((name, at) => [`${name}${extension}`, sources[at]!]));
  };

  it.each([
    ['ts', '.ts'],
    ['ts', '.mts'],
    ['esm', '.mjs'],
    ['cjs', '.cjs'],
  ] as const)(
    '[Z5] are one change in four phases, that goes up, comes back exactly, and goes up again: %s as %s',
    async (flavour, extension) => {
      const it = await setup(filesAs(flavour, extension));
      const { files, problems } = await it.fixture.engine.list();
      expect(problems).toEqual([]);
      expect(changesOf(files).map(({ migrations }) => migrations.map(({ name, declares }) => [name, declares?.phase]))).toEqual([
        names.map((name, at) => [name, PHASES[at]]),
      ]);
      await roundTrip(it);
      expect(await it.sql('select full_name from users order by id')).toEqual(['Ada', 'Bob', 'Cy'].map((full_name) => ({ full_name })));
    },
  );

  it('[Z1] [Z3] keep old and new code going up to the contract', async () => {
    const it = await setup(filesAs('ts', '.ts'));
    const before = (await it.fixture.migrations()).slice(0, TEMPLATES['zero-downtime'].first);
    expect(await it.fixture.attempt(it.tenant, 'up', { migrations: before })).toMatchObject({ outcome: 'applied' });
    await it.sql(`update users set name = 'Ada L.' where id = '${ADA}'`);
    await it.sql(`update users set full_name = 'Bob M.' where id = '${BOB}'`);
    expect(await it.sql('select name, full_name from users order by id')).toEqual(
      ['Ada L.', 'Bob M.', 'Cy'].map((name) => ({ name, full_name: name })),
    );
    expect(await it.up('r-2')).toMatchObject({ outcome: 'applied', runs: [{ name: names[3] }] });
  });

  it('[Z-gap] what old code writes after the backfill stops no later phase, and is there after the contract', async () => {
    const it = await setup(filesAs('ts', '.ts'));
    const upTo = async (n: number) =>
      it.fixture.attempt(it.tenant, 'up', {
        rolloutId: `r-${n}`,
        fenceFirst: true,
        migrations: (await it.fixture.migrations()).slice(0, n),
      });
    expect(await upTo(2)).toMatchObject({ outcome: 'applied' });
    await it.sql(`insert into users (id, name) values ('00000000-0000-4000-8000-000000000004', 'Dee')`);
    await it.sql(`update users set name = 'Ada L.' where id = '${ADA}'`);
    for (const n of [3, 4]) expect(await upTo(n)).toMatchObject({ outcome: 'applied', runs: [{}] });
    expect(await it.sql('select full_name from users order by id')).toEqual(
      ['Ada L.', 'Bob', 'Cy', 'Dee'].map((full_name) => ({ full_name })),
    );
  });

  it('[Z-gap] a row whose source is null is told at the end of the backfill, before anything is constrained', async () => {
    const [it, other] = [await setup(filesAs('ts', '.ts')), await setup(filesAs('ts', '.ts'))];
    await it.sql(`update users set name = null where id = '${CY}'`);
    const failed = await it.up();
    expect(failed).toMatchObject({ outcome: 'failed', code: 'FLT_VALIDATION_FAILED' });
    expect(failed.message).toContain('nullCount users.full_name: 0 nulls expected, 1 found');
    expect(await it.sql(`select attnotnull from pg_attribute where attrelid = 'users'::regclass and attname = 'full_name'`)).toEqual([
      { attnotnull: false },
    ]);
    expect(await other.up()).toMatchObject({ outcome: 'applied' });
    await it.sql(`update users set name = 'Cy' where id = '${CY}'`);
    expect(await it.up('r-2')).toMatchObject({ outcome: 'applied' });
    expect(await it.sql('select full_name from users order by id')).toEqual(['Ada', 'Bob', 'Cy'].map((full_name) => ({ full_name })));
  });
});

describe('the pages', () => {
  it.each([
    ['create-table', 'create-table'],
    ['add-columns', 'add-columns'],
    ['fold-columns', 'move-data'],
    ['validation', 'validation'],
  ] as const)('%s.md shows what --template %s writes', (page, name) => {
    expect(Object.values(shown(page))[0]).toBe(migrationSource(name, ABOUT[name], 'ts'));
  });

  it('[K5] fold-columns.md: the columns are dropped in a later file, and come back with what they held', async () => {
    await roundTrip(await setup(shown('fold-columns')));
  });
});

describe('a table of its own', () => {
  it('[K2] has keys that the database makes, rows that go with what they belong to, a document and stamps without being asked', async () => {
    const it = await setup(written('create-table'));
    await it.up();
    await it.sql('insert into folders default values');
    await it.sql('insert into folders (parent_id) select id from folders');
    expect(await it.sql('select settings, id is not null as keyed, created_at <= updated_at as stamped from folders')).toEqual(
      [1, 2].map(() => ({ settings: {}, keyed: true, stamped: true })),
    );
    await it.sql('delete from folders where parent_id is null');
    expect(await it.rows('folders')).toEqual([]);
  });
});

describe('columns folded into JSON', () => {
  const folded = [
    { user_id: ADA, settings: { theme: 'dark', fontSize: 16 } },
    { user_id: BOB, settings: { fontSize: 12 } },
  ];

  it('[K3] are rows of those who have something to move, and nulls stay out', async () => {
    const it = await setup(written('move-data'));
    await it.up();
    expect(await it.rows('user_preferences')).toEqual(folded);
  });

  it('[K4] are counted', async () => {
    const it = await setup(written('move-data'));
    expect(await it.up()).toMatchObject({ runs: [{ rows: 2 }] });
  });

  it('[K5] come back with casts, also what was changed since; who has no row keeps the old columns', async () => {
    const it = await setup(written('move-data'));
    await it.up();
    await it.sql(`update user_preferences set settings = '{"theme": "light", "fontSize": 20}' where user_id = '${ADA}'`);
    await it.sql(`update users set theme = 'system' where id = '${CY}'`);
    expect(await it.down()).toMatchObject({ outcome: 'rollbackFailed', code: 'FLT_REVERT_REMOVES_DATA' });
    expect(await it.down({ force: true })).toMatchObject({ outcome: 'rolledBack' });
    expect(await it.rows('users')).toMatchObject([
      { name: 'Ada', theme: 'light', font_size: 20 },
      { name: 'Bob', theme: null, font_size: 12 },
      { name: 'Cy', theme: 'system', font_size: null },
    ]);
  });

  it('[K5] come back nowhere when the table is gone already', async () => {
    const it = await setup(written('move-data'));
    await it.up();
    await it.sql('drop table user_preferences');
    it.fixture.deltas.clear(); // what the canary recorded would make it an inexact return
    expect(await it.down({ force: true })).toMatchObject({ outcome: 'rolledBack' });
    expect(await it.rows('users')).toHaveLength(3);
  });

  it('[K-gap] come back null where one of them was null, and not as a default', async () => {
    const it = await setup(written('move-data'));
    await it.sql(`insert into users values (gen_random_uuid(), 'Dee', 'light', null)`);
    await it.up();
    expect(await it.down()).toMatchObject({ outcome: 'rolledBack' });
    expect(await it.sql(`select theme, font_size from users where name in ('Bob', 'Dee') order by name`)).toEqual([
      { theme: null, font_size: 12 },
      { theme: 'light', font_size: null },
    ]);
  });

  it.each([
    ['theme', { theme: null, font_size: 16 }],
    ['fontSize', { theme: 'dark', font_size: null }],
  ] as const)('[K-gap] come back null where one of them was taken away since, and not as a default: %s', async (taken, left) => {
    const it = await setup(written('move-data'));
    await it.up();
    await it.sql(`update user_preferences set settings = settings - '${taken}' where user_id = '${ADA}'`);
    expect(await it.down({ force: true })).toMatchObject({ outcome: 'rolledBack' });
    expect(await it.sql(`select theme, font_size from users where name = 'Ada'`)).toEqual([left]);
  });

  it('[K-gap] are filled in once: the load, sent again, doubles nobody and overwrites nothing newer', async () => {
    const source = migrationSource('move-data', ABOUT['move-data'], 'esm');
    const load = /await knex\.raw\(\s+`insert into[\s\S]*?\);/.exec(source)![0];
    const it = await setup({ '01_it.mjs': source, '02_again.mjs': `export const up = async (knex) => { ${load} };` });
    const first = (await it.fixture.migrations()).slice(0, 1);
    await it.fixture.attempt(it.tenant, 'up', { migrations: first });
    await it.sql(`update user_preferences set settings = '{"theme": "light"}' where user_id = '${ADA}'`);
    expect(await it.up()).toMatchObject({ outcome: 'applied', runs: [{ rows: 0 }] });
    expect(await it.rows('user_preferences')).toEqual([{ user_id: ADA, settings: { theme: 'light' } }, folded[1]]);
  });
});

describe('columns with a backfill', () => {
  it('[K6] are filled in by age: some have a default, some are null', async () => {
    const it = await setup(written('add-columns'));
    expect(await it.up()).toMatchObject({ runs: [{ rows: 1 }] });
    expect(await it.sql('select id, status, archived_at is not null as stamped from orders order by id')).toEqual([
      { id: 1, status: 'archived', stamped: true },
      { id: 2, status: 'active', stamped: false },
    ]);
  });

  it('[K7] go back the other way round: the index, which would go with its column, and then the columns', async () => {
    const it = await setup(written('add-columns'));
    const before = await it.state();
    await it.up();
    expect(await it.down()).toMatchObject({ outcome: 'rolledBack' });
    expect(await it.state()).toEqual(before);
  });
});

it.each([
  ['add-columns', `select count(*) from orders where status = 'archived'`, 1],
  ['move-data', 'select count(*) from user_preferences', 2],
] as const)('[K-gap] the index comes after the load: %s', async (name, counts, n) => {
  const it = await setup(
    written(name),
    `${TENANT} create table at_index (counts text, n int); insert into at_index values ($q$${counts}$q$)`,
  );
  expect(await it.up()).toMatchObject({ outcome: 'applied' });
  expect(await it.sql('select n from at_index')).toEqual([{ n }]);
});
