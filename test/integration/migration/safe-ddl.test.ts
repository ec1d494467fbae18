/** The helpers of `flotilla/migration` in migration files, run by the runner on a real server. */

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { exampleOf } from '../../support/example-of.js';
import { createDatabase, createFixture, ident, query, type RunnerFixture, type TestDatabase } from '../../support/postgres.js';

/** Names that would be something else unquoted. */
const TABLE = `Or"ders?`;
const OTHER = `cus'tomers`;

let db: TestDatabase;
const fixtures: RunnerFixture[] = [];
let serial = 0;
beforeAll(async () => {
  db = await createDatabase('safe_ddl');
});
afterEach(async () => {
  for (const fixture of fixtures.splice(0)) await fixture.close();
});
afterAll(() => db.drop());

/** A tenant with orders of customers, and one migration that does `up` and takes back `down`. */
async function setup(up: string, { down = '', transaction = false, rows = '', later = {} as Record<string, string> } = {}) {
  const schema = `t${++serial}`;
  const sql = (text: string) => query<Record<string, unknown>>(db.url, `set search_path to ${schema}; ${text}`).then((all) => all);
  await query(
    db.url,
    `create schema ${schema}; set search_path to ${schema}; create type state as enum ('open', 'paid');
     create table ${ident(OTHER)} (id int primary key, "e?mail" text);
     create table ${ident(TABLE)} (id int primary key, "cust?omer" int, total int, state state); ${rows}`,
  );
  const source = (body: string) => `async (knex) => { ${body} }`;
  const fixture = createFixture(db.url, {
    '01_safe.mjs': `import * as m from 'flotilla/migration';
      const table = ${JSON.stringify(TABLE)}, other = ${JSON.stringify(OTHER)};
      export const config = { transaction: ${transaction} };
      export const up = ${source(up)}; ${down ? `export const down = ${source(down)};` : ''}`,
    ...later,
  });
  fixtures.push(fixture);
  const tenant = { id: schema, host: 'h1', schema };
  const constraints = async () =>
    (
      await query<{ line: string }>(
        db.url,
        `select conname || ': ' || pg_get_constraintdef(oid) as line from pg_constraint where connamespace = '${schema}'::regnamespace
           and conrelid = to_regclass('${schema}.' || quote_ident($1)) and contype not in ('p', 'n') order by 1`,
        [TABLE],
      )
    ).map(({ line }) => line.replaceAll(`${schema}.`, ''));
  return {
    fixture,
    tenant,
    schema,
    sql,
    constraints,
    attempt: (direction: 'up' | 'down' = 'up') => fixture.attempt(tenant, direction, { fenceFirst: true }),
    /** The first migration alone. */
    attemptFirst: async () => fixture.attempt(tenant, 'up', { fenceFirst: true, migrations: (await fixture.migrations()).slice(0, 1) }),
  };
}

describe('safe changes of structure', () => {
  it('build and drop indexes without stopping writes, whatever they are called', async () => {
    const it = await setup(
      `await m.createIndexConcurrently(knex, { name: 'by?"total', table, columns: ['total', { expression: 'total % 7' }], include: ['state'], where: 'total <> 0' });
       await m.createIndexConcurrently(knex, { name: 'hashed', table, columns: ['id'], using: 'hash' });`,
      { down: `await m.dropIndexConcurrently(knex, { name: 'by?"total' }); await m.dropIndexConcurrently(knex, { name: 'hashed' });` },
    );
    const indexes = async () =>
      (
        await query<{ d: string }>(
          db.url,
          `select indexdef d from pg_indexes where schemaname = $1 and indexname in ('by?"total', 'hashed') order by 1`,
          [it.schema],
        )
      ).map((row) => row.d);
    expect(await it.attempt()).toMatchObject({ outcome: 'applied' });
    expect(await indexes()).toEqual([
      `CREATE INDEX "by?""total" ON ${it.schema}.${ident(TABLE)} USING btree (total, ((total % 7))) INCLUDE (state) WHERE (total <> 0)`,
      `CREATE INDEX hashed ON ${it.schema}.${ident(TABLE)} USING hash (id)`,
    ]);
    expect(await it.attempt('down')).toMatchObject({ outcome: 'rolledBack' });
    expect(await indexes()).toEqual([]);
  });

  it('add a foreign key and a check that hold for new rows at once, and judge the old rows later', async () => {
    const it = await setup(
      `await m.addForeignKeyNotValid(knex, { name: 'of?customer', table, columns: ['cust?omer'], references: { table: other, columns: ['id'] }, onDelete: 'set null', onUpdate: 'cascade' });
       await m.addCheckNotValid(knex, { name: 'positive', table, check: 'total > 0' });`,
      {
        transaction: true,
        rows: `insert into ${ident(TABLE)} (id, total) values (1, -1)`,
        later: {
          '02_validate.mjs': `import { validateConstraint } from 'flotilla/migration'; export const config = { transaction: false };
            export const up = async (knex) => { for (const name of ['of?customer', 'positive']) await validateConstraint(knex, { table: ${JSON.stringify(TABLE)}, name }); };`,
        },
      },
    );
    expect(await it.attemptFirst()).toMatchObject({ outcome: 'applied' });
    expect(await it.constraints()).toEqual([
      `of?customer: FOREIGN KEY ("cust?omer") REFERENCES ${ident(OTHER)}(id) ON UPDATE CASCADE ON DELETE SET NULL NOT VALID`,
      'positive: CHECK ((total > 0)) NOT VALID',
    ]);
    expect(await it.attempt()).toMatchObject({ outcome: 'failed', code: 'FLT_CHECK_VIOLATION' });
    await it.sql(`update ${ident(TABLE)} set total = 1`);
    expect(await it.attempt()).toMatchObject({ outcome: 'applied' });
    expect((await it.constraints()).join()).not.toContain('NOT VALID');
  });

  it('make a column NOT NULL without a scan under an exclusive lock, and leave no proof behind', async () => {
    const it = await setup(`await m.setNotNullSafely(knex, { table, column: 'cust?omer' });`, {
      rows: `insert into ${ident(TABLE)} (id) values (1)`,
    });
    const notNull = async () =>
      (
        await query<{ yes: boolean }>(
          db.url,
          `select attnotnull yes from pg_attribute where attrelid = to_regclass('${it.schema}.' || quote_ident($1)) and attname = 'cust?omer'`,
          [TABLE],
        )
      )[0]!.yes;
    expect(await it.attempt()).toMatchObject({ outcome: 'failed', code: 'FLT_CHECK_VIOLATION' });
    expect(await notNull()).toBe(false);
    await it.sql(`update ${ident(TABLE)} set "cust?omer" = 1`);
    expect(await it.attempt()).toMatchObject({ outcome: 'applied' });
    expect(await notNull()).toBe(true);
    expect(await it.constraints()).toEqual([]);
  });

  it('find what a first try has left, also for a column with the longest of names', async () => {
    const column = 'ä'.repeat(31);
    const call = `m.setNotNullSafely(knex, { table: other, column: '${column}' })`;
    const it = await setup(`await ${call}.catch(() => undefined); await knex(other).update('${column}', 1); await ${call};`, {
      rows: `alter table ${ident(OTHER)} add column "${column}" int; insert into ${ident(OTHER)} (id) values (1)`,
    });
    expect(await it.attempt()).toMatchObject({ outcome: 'applied' });
    expect(
      await query(
        db.url,
        `select from pg_constraint where contype = 'c' and connamespace = '${it.schema}'::regnamespace and conname like 'ä%'`,
      ),
    ).toEqual([]);
  });

  it('add a unique constraint over an index that was built beforehand; rows that are not unique leave nothing behind', async () => {
    const it = await setup(`await m.addUniqueUsingIndex(knex, { name: 'one?each', table, columns: ['total', 'state'] });`, {
      rows: `insert into ${ident(TABLE)} (id, total, state) values (1, 7, 'open'), (2, 7, 'open')`,
    });
    expect(await it.attempt()).toMatchObject({ outcome: 'failed', code: 'FLT_UNIQUE_VIOLATION' });
    expect(await query(db.url, `select from pg_indexes where schemaname = $1 and indexname = 'one?each'`, [it.schema])).toEqual([]);
    await it.sql(`delete from ${ident(TABLE)} where id = 2`);
    expect(await it.attempt()).toMatchObject({ outcome: 'applied' });
    expect(await it.constraints()).toEqual(['one?each: UNIQUE (total, state)']);
  });

  it('add a value to an enum where it belongs, once', async () => {
    const it = await setup(
      `await m.addEnumValue(knex, { type: 'state', value: "sen?t's", after: 'open' }); await m.addEnumValue(knex, { type: 'state', value: 'paid' });
       await m.addEnumValue(knex, { type: 'state', value: 'new', before: 'open' });`,
    );
    expect(await it.attempt()).toMatchObject({ outcome: 'applied' });
    const [row] = await query<{ e: string }>(db.url, `select enum_range(null::${it.schema}.state)::text e`);
    expect(row!.e).toBe(`{new,open,sen?t's,paid}`);
  });

  it.each([
    `m.createIndexConcurrently(knex, { name: 'i', table, columns: ['total'] })`,
    `m.dropIndexConcurrently(knex, { name: 'i' })`,
    `m.validateConstraint(knex, { table, name: 'c' })`,
    `m.setNotNullSafely(knex, { table, column: 'total' })`,
    `m.addUniqueUsingIndex(knex, { name: 'u', table, columns: ['total'] })`,
  ])('refuse a transaction where it would do harm: %s', async (call) => {
    const it = await setup(`await ${call};`, { transaction: true });
    expect(await it.attempt()).toMatchObject({
      outcome: 'failed',
      code: 'FLT_IN_TRANSACTION',
      message: expect.stringContaining(call.slice(2, call.indexOf('('))),
    });
  });

  it('take a second call for done: after a crash of plain Knex the file runs again from the top', async () => {
    const twice = (call: string) => `await ${call}; await ${call};`;
    const it = await setup(
      [
        twice(
          `m.addForeignKeyNotValid(knex, { name: 'fk', table, columns: ['cust?omer'], references: { table: other, columns: ['id'] } })`,
        ),
        twice(`m.addCheckNotValid(knex, { name: 'positive', table, check: 'total > 0' })`),
        twice(`m.validateConstraint(knex, { table, name: 'positive' })`),
        twice(`m.setNotNullSafely(knex, { table, column: 'total' })`),
        twice(`m.addUniqueUsingIndex(knex, { name: 'u', table, columns: ['total'] })`),
      ].join('\n'),
    );
    expect(await it.attempt()).toMatchObject({ outcome: 'applied' });
    expect((await it.constraints()).map((line) => line.split(':')[0])).toEqual(['fk', 'positive', 'u']);
  });
});

it('the example of docs/migrations/structure.md goes up, and down again migration by migration', async () => {
  const files = exampleOf('migrations/structure');
  expect(Object.keys(files)).toHaveLength(3);
  const schema = `t${++serial}`;
  await query(
    db.url,
    `create schema ${schema}; set search_path to ${schema}; create table customers (id int primary key); create table orders (id int primary key, customer_id int);
     insert into customers values (1); insert into orders values (1, 1)`,
  );
  const fixture = createFixture(db.url, files);
  fixtures.push(fixture);
  const tenant = { id: schema, host: 'h1', schema };
  expect(await fixture.attempt(tenant)).toMatchObject({ outcome: 'applied', runs: [{}, {}, {}] });
  const [row] = await query<{ valid: boolean; indexed: boolean; notNull: boolean }>(
    db.url,
    `select (select convalidated from pg_constraint where conname = 'orders_customer_id_foreign' and connamespace = '${schema}'::regnamespace) as valid,
       to_regclass('${schema}.orders_customer_id_index') is not null as indexed,
       (select attnotnull from pg_attribute where attrelid = '${schema}.orders'::regclass and attname = 'customer_id') as "notNull"`,
  );
  expect(row).toEqual({ valid: true, indexed: true, notNull: true });
  const back = await fixture.attempt(tenant, 'down', { force: true });
  expect(back, JSON.stringify(back)).toMatchObject({ outcome: 'rolledBack' });
  expect(
    await query(
      db.url,
      `select from pg_constraint where conname = 'orders_customer_id_foreign' and connamespace = '${schema}'::regnamespace`,
    ),
  ).toEqual([]);
});
