/** The example of docs/migrations/zero-downtime.md, phase by phase, by the runner on a real server. */

import type { Client } from 'pg';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { changesOf, partsBeforeOf } from '../../../src/domain/phases.js';
import { exampleOf } from '../../support/example-of.js';
import { createDatabase, createFixture, query, type RunnerFixture, type TestDatabase } from '../../support/postgres.js';

const files = exampleOf('migrations/zero-downtime');
const names = Object.keys(files).map((file) => file.replace('.ts', ''));

let db: TestDatabase;
let serial = 0;
const fixtures: RunnerFixture[] = [];
beforeAll(async () => {
  db = await createDatabase('zero_downtime');
});
afterEach(async () => {
  for (const fixture of fixtures.splice(0)) await fixture.close();
});
afterAll(() => db.drop());

/** A tenant with users, at the end of the first `phases` phases. */
async function setup(phases: number, sources = files) {
  const schema = `t${++serial}`;
  await query(
    db.url,
    `create schema ${schema}; create table ${schema}.users (id int primary key, email text constraint users_email_unique unique);
     insert into ${schema}.users values (1, 'Ana@Shop.example'), (2, 'bo@shop.example'), (3, null)`,
  );
  const fixture = createFixture(db.url, sources);
  fixtures.push(fixture);
  const tenant = { id: schema, host: 'h1', schema };
  const upTo = async (n: number) => {
    const migrations = (await fixture.migrations()).slice(0, n);
    return fixture.attempt(tenant, 'up', { migrations, fenceFirst: true });
  };
  if (phases > 0) expect(await upTo(phases)).toMatchObject({ outcome: 'applied' });
  const rows = <T extends Record<string, unknown>>(text: string) => query<T>(db.url, text.replaceAll('%', `${schema}.`));
  return { fixture, tenant, schema, upTo, rows };
}

it('[Z5] ties four files into one change, with no mistakes', async () => {
  const { fixture } = await setup(0);
  const { files: loaded, problems } = await fixture.engine.list();
  expect(problems).toEqual([]);
  expect(changesOf(loaded).map(({ migrations }) => migrations.map(({ declares }) => declares?.phase))).toEqual([
    ['expand', 'backfill', 'constrain', 'contract'],
  ]);
  expect(partsBeforeOf(loaded, names[3]!)).toEqual(names.slice(0, 3));
});

it('[Z1] [Z2] adds the new form beside the old one and fills it, also where the old one holds nothing', async () => {
  const it = await setup(1);
  expect(await it.rows('select count(*)::int n from %users where email_new is not null')).toEqual([{ n: 0 }]);
  await it.upTo(2);
  expect(await it.rows('select email_new from %users order by id')).toEqual([
    { email_new: 'ana@shop.example' },
    { email_new: 'bo@shop.example' },
    { email_new: 'user-3@invalid' },
  ]);
});

/** Where triggers do not fire: a restore, or logical replication. */
const BEHIND_TRIGGERS = 'set session_replication_role = replica;';

it('[Z3] makes it as strict as the old one, fills it for code that knows only the old one, and takes phase by phase back', async () => {
  const it = await setup(3);
  await it.rows(`insert into %users (id, email) values (4, 'Cy@Shop.example')`);
  expect(await it.rows('select email_new from %users where id = 4')).toEqual([{ email_new: 'cy@shop.example' }]);
  await it.rows('delete from %users where id = 4');
  await expect(it.rows(`${BEHIND_TRIGGERS} insert into %users (id, email) values (4, 'x')`)).rejects.toThrow(/null value/);
  await expect(it.rows(`insert into %users (id, email_new) values (4, 'bo@shop.example')`)).rejects.toThrow(/users_email_new_unique/);
  const migrations = (await it.fixture.migrations()).slice(0, 3);
  expect(await it.fixture.attempt(it.tenant, 'down', { migrations, force: true })).toMatchObject({ outcome: 'rolledBack' });
  expect(await it.rows('select * from %users where id = 1')).toEqual([{ id: 1, email: 'Ana@Shop.example' }]);
});

it('[Z-gap] a row that was written without the new form after the backfill stops the next phase in its tenant, and loses nothing', async () => {
  const it = await setup(2);
  await it.rows(`${BEHIND_TRIGGERS} insert into %users (id, email) values (4, 'Late@Shop.example')`);
  expect(await it.upTo(3)).toMatchObject({ outcome: 'failed', code: 'FLT_CHECK_VIOLATION' });
  expect(await it.rows('select email from %users where id = 4')).toEqual([{ email: 'Late@Shop.example' }]);
});

it.each([
  ['a row that says something else in each', `${BEHIND_TRIGGERS} update %users set email = 'other@shop.example' where id = 1`, 'agree'],
  ['a dual write that is disabled', 'alter table %users disable trigger user', 'in place'],
])('[Z-gap] does not begin its contract in a tenant that has %s', async (_, sql, told) => {
  const it = await setup(3);
  await it.rows(sql);
  expect(await it.upTo(4)).toMatchObject({ outcome: 'failed', code: 'FLT_VALIDATION_FAILED', message: expect.stringContaining(told) });
  expect(await it.rows('select email from %users where id = 2')).toEqual([{ email: 'bo@shop.example' }]);
});

it('[V1] is checked after its contract, too: one that leaves a constraint under the temporary name drops nothing', async () => {
  const last = `${names[3]}.ts`;
  const it = await setup(3, { ...files, [last]: files[last]!.replace(/\n.*alter table users rename constraint.*/, '') });
  expect(await it.upTo(4)).toMatchObject({ outcome: 'failed', code: 'FLT_VALIDATION_FAILED', message: expect.stringContaining(names[3]!) });
  expect(await it.rows('select email, email_new from %users where id = 2')).toEqual([
    { email: 'bo@shop.example', email_new: 'bo@shop.example' },
  ]);
});

it('[Z4] puts the new form in the place of the old one: no reader of the name misses it, and the names of constraints follow', async () => {
  const it = await setup(3);
  const reader = await db.client();
  let over = false;
  let reads = 0;
  const reading = (async () => {
    for (; !over; reads++) await reader.query(`select email from ${it.schema}.users`);
  })();
  const contracting = it.upTo(4).finally(() => {
    over = true;
  });
  const [result] = await Promise.all([contracting, reading]);
  expect(result).toMatchObject({ outcome: 'applied' });
  expect(reads).toBeGreaterThan(0);
  expect(await it.rows('select * from %users where id = 1')).toEqual([{ id: 1, email: 'ana@shop.example' }]);
  const constraints = await it.rows<{ conname: string }>(
    `select conname from pg_constraint where conrelid = '%users'::regclass order by 1`,
  );
  expect(constraints.map(({ conname }) => conname)).toEqual([
    'users_email_not_null',
    'users_email_unique',
    'users_id_not_null',
    'users_pkey',
  ]);
});

/** Runs the contract with each ALTER TABLE a while late, for whoever reads all the time to come in between. Answers what was read, or why it failed. */
async function readThroughContract(
  it: Awaited<ReturnType<typeof setup>>,
  read: (reader: Client) => Promise<unknown>,
): Promise<Set<string>> {
  const reader = await db.client();
  await reader.query(`set search_path to ${it.schema}`);
  await it.rows(
    `create function public.dawdle() returns event_trigger language plpgsql as 'begin perform pg_sleep(0.2); end';
     create event trigger dawdle on ddl_command_start when tag in ('ALTER TABLE') execute function public.dawdle()`,
  );
  try {
    const seen = new Set<string>();
    let over = false;
    const reading = (async () => {
      for (let last = false; !last; ) {
        last = over;
        seen.add(await read(reader).then(JSON.stringify, (error: Error) => error.message));
      }
    })();
    const result = await it.upTo(4).finally(() => {
      over = true;
    });
    await reading;
    expect(result).toMatchObject({ outcome: 'applied' });
    return seen;
  } finally {
    await it.rows('drop event trigger dawdle; drop function public.dawdle()');
  }
}

it('[Z-gap] drop and rename are one transaction: who reads in between waits, however long it takes', async () => {
  const it = await setup(3);
  const seen = await readThroughContract(it, async (reader) => (await reader.query('select email from users where id = 1')).rows);
  expect([...seen]).toEqual(['[{"email":"Ana@Shop.example"}]', '[{"email":"ana@shop.example"}]']);
});

it('[Z-gap] code that knows the temporary name, written as the page says, goes on through the contract', async () => {
  const it = await setup(3);
  const address = (reader: Client, name: string) => reader.query(`select ${name} as email from users where id = 1`);
  const seen = await readThroughContract(it, async (reader) => {
    const { rows } = await address(reader, 'email_new').catch((error: { code?: string }) => {
      if (error.code !== '42703') throw error;
      return address(reader, 'email');
    });
    return rows;
  });
  expect([...seen]).toEqual(['[{"email":"ana@shop.example"}]']);
  await expect(it.rows('select email_new from %users')).rejects.toThrow(/column "email_new" does not exist/);
});
