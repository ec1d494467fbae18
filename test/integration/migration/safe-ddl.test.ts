/** The helpers of `flotilla/migration` in migration files, run by the runner, and by Knex alone, on a real server. */

import knex, { type Knex } from 'knex';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import * as m from '../../../src/migration/index.js';
import { catalogOf } from '../../support/catalog.js';
import { exampleOf } from '../../support/example-of.js';
import { createDatabase, createFixture, ident, query, type RunnerFixture, type TestDatabase } from '../../support/postgres.js';
import { createWire } from '../../support/wire.js';

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

/** A tenant's schema with orders of customers. */
async function withOrders(rows = ''): Promise<string> {
  const schema = `t${++serial}`;
  await query(
    db.url,
    `create schema ${schema}; set search_path to ${schema}; create type state as enum ('open', 'paid');
     create table ${ident(OTHER)} (id int primary key, "e?mail" text);
     create table ${ident(TABLE)} (id int primary key, "cust?omer" int, total int, state state); ${rows}`,
  );
  return schema;
}

/** A tenant with orders of customers, and one migration that does `up` and takes back `down`. */
async function setup(up: string, { down = '', transaction = false, rows = '', later = {} as Record<string, string> } = {}) {
  const schema = await withOrders(rows);
  const sql = (text: string) => query<Record<string, unknown>>(db.url, `set search_path to ${schema}; ${text}`).then((all) => all);
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
  it('[Z-gap] build and drop indexes without stopping writes, whatever they are called', async () => {
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

  it('[Z-gap] add a foreign key and a check that hold for new rows at once, and judge the old rows later', async () => {
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

  it('[Z3] make a column NOT NULL without a scan under an exclusive lock, and leave no proof behind', async () => {
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

  it('[Z3] find what a first try has left, also for a column with the longest of names', async () => {
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

  it('[Z3] add a unique constraint over an index that was built beforehand; rows that are not unique leave nothing behind', async () => {
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
  ])('[Z-gap] refuse a transaction where it would do harm: %s', async (call) => {
    const it = await setup(`await ${call};`, { transaction: true });
    expect(await it.attempt()).toMatchObject({
      outcome: 'failed',
      code: 'FLT_IN_TRANSACTION',
      message: expect.stringContaining(call.slice(2, call.indexOf('('))),
    });
  });
});

describe('what stands under the name of a constraint', () => {
  const fk = (more = '') =>
    `m.addForeignKeyNotValid(knex, { name: 'n?', table, columns: ['cust?omer', 'total'], references: { table: other, columns: ['id', 'no'] }${more} })`;
  const check = (expression: string) => `m.addCheckNotValid(knex, { name: 'n?', table, check: ${JSON.stringify(expression)} })`;
  const unique = `m.addUniqueUsingIndex(knex, { name: 'n?', table, columns: ['total', 'cust?omer'] })`;
  const customers = (columns = 'id, no') => `references ${ident(OTHER)} (${columns})`;
  const withConstraint = (definition: string) => `
    alter table ${ident(OTHER)} add no int, add unique (id, no), add unique (no, id);
    create table elsewhere (id int, no int, unique (id, no));
    alter table ${ident(TABLE)} add constraint "n?" ${definition};`;

  it.each([
    ['a foreign key of the same columns', fk(), `foreign key ("cust?omer", total) ${customers()}`],
    ['one that is not valid', fk(), `foreign key ("cust?omer", total) ${customers()} not valid`],
    ['one that does more than the call says', fk(), `foreign key ("cust?omer", total) ${customers()} on delete cascade on update cascade`],
    [
      'one that does what the call says',
      fk(`, onDelete: 'set null', onUpdate: 'no action'`),
      `foreign key ("cust?omer", total) ${customers()} on delete set null`,
    ],
    [
      'a check in other words',
      check(`total in (1, 2) and state <> 'paid'`),
      `check (((total = any (array[1, 2]))) and state != 'paid'::state)`,
    ],
    ['a check of the same words', check(`id::text ~ '^1?'`), `check (id::text ~ '^1?') not valid`],
    ['a check that cannot be put on another table', check(`${ident(TABLE)}.total > 0`), 'check (total > 1)'],
    ['a unique constraint of the same columns', unique, 'unique (total, "cust?omer")'],
  ])('[Z-gap] is taken for done: %s', async (_, call, definition) => {
    const it = await setup(`await ${call};`, { rows: withConstraint(definition) });
    const before = await it.constraints();
    expect(await it.attempt()).toMatchObject({ outcome: 'applied' });
    expect(await it.constraints()).toEqual(before);
  });

  it.each([
    ['a foreign key of other columns', fk(), `foreign key ("cust?omer", id) ${customers()}`],
    ['of the same columns in another order', fk(), `foreign key (total, "cust?omer") ${customers()}`],
    ['of another table', fk(), `foreign key ("cust?omer", total) references elsewhere (id, no)`],
    ['of other columns of that table', fk(), `foreign key ("cust?omer", total) ${customers('no, id')}`],
    ['with another ON DELETE', fk(`, onDelete: 'set null'`), `foreign key ("cust?omer", total) ${customers()} on delete cascade`],
    ['with another ON UPDATE', fk(`, onUpdate: 'no action'`), `foreign key ("cust?omer", total) ${customers()} on update restrict`],
    ['a check in place of a foreign key', fk(), 'check (total > 0)'],
    ['a check of another expression', check('total > 0'), 'check (total >= 0)'],
    ['a check that partitions need not keep', check('total > 0'), 'check (total > 0) no inherit'],
    ['a foreign key in place of a check', check('total > 0'), `foreign key ("cust?omer", total) ${customers()}`],
    ['a unique constraint of other columns', unique, 'unique (total)'],
    ['of the same columns in another order, too', unique, 'unique ("cust?omer", total)'],
    ['a unique constraint that may be deferred', unique, 'unique (total, "cust?omer") deferrable'],
    ['a check in place of a unique constraint', unique, 'check (total > 0)'],
  ])('[Z-gap] stops the tenant with both definitions, and is left alone: %s', async (_, call, definition) => {
    const it = await setup(`await ${call};`, { rows: withConstraint(definition) });
    const before = await it.constraints();
    const result = await it.attempt();
    expect(result).toMatchObject({ outcome: 'failed', code: 'FLT_CONSTRAINT_MISMATCH' });
    expect(result.message).toContain(`${ident(TABLE)} has another constraint under the name "n?". There: `);
    expect(result.message).toContain(before.find((line) => line.startsWith('n?'))!.slice('n?: '.length));
    expect(result.message).toMatch(/ Wanted: (foreign key \("cust\?omer", "total"\)|CHECK \(\(total > 0\)\)|check \(|unique \()/);
    expect(result.partial).toBeUndefined();
    expect(await it.constraints()).toEqual(before);
    // Once it is out of the way the same file goes through
    await it.sql(`alter table ${ident(TABLE)} drop constraint "n?"`);
    expect(await it.attempt()).toMatchObject({ outcome: 'applied' });
  });

  it.each([
    [check(`state <> 'paid'`), `check (state != 'paid')`, 'applied'],
    [check(`state <> 'paid'`), `check (state != 'open')`, 'failed'],
    [fk(), `foreign key ("cust?omer", total) ${customers()}`, 'applied'],
    [fk(), `foreign key (total, "cust?omer") ${customers()}`, 'failed'],
  ])('[Z-gap] is compared inside a transaction, too: %s over %s is %s', async (call, definition, outcome) => {
    const it = await setup(`await ${call};`, { transaction: true, rows: withConstraint(definition) });
    expect(await it.attempt()).toMatchObject({ outcome, ...(outcome === 'failed' ? { code: 'FLT_CONSTRAINT_MISMATCH' } : {}) });
  });
});

describe('by Knex alone, without a runner', () => {
  const [table, other] = [TABLE, OTHER];
  const closing: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const undo of closing.splice(0).reverse()) await undo();
  });
  /** A handle of Knex's own on the tenant's schema. */
  function plain(schema: string, url = db.url): Knex {
    const handle = knex({
      client: 'pg',
      connection: url,
      pool: { min: 0, max: 2 },
      searchPath: [schema],
      migrations: { schemaName: schema },
      log: { warn: () => undefined, error: () => undefined },
    });
    closing.push(() => handle.destroy());
    return handle;
  }
  /** One migration outside a transaction. */
  const only = (up: (knex: Knex) => Promise<void>): Knex.MigratorConfig => ({
    migrationSource: {
      getMigrations: async () => ['01_safe'],
      getMigrationName: (name: string) => name,
      getMigration: async () => ({ up, down: async () => undefined, config: { transaction: false } }),
    },
  });
  const indexes = async (schema: string) =>
    (
      await query<{ line: string }>(
        db.url,
        `select i.indexrelid || case when i.indisvalid then '' else ' INVALID' end || ' ' || pg_get_indexdef(i.indexrelid) as line
         from pg_index i join pg_class c on c.oid = i.indrelid where c.relnamespace = $1::regnamespace and c.relname = $2 and not i.indisprimary order by 1`,
        [schema, TABLE],
      )
    ).map(({ line }) => line);

  it('[K-gap] a file of all helpers runs again from the top after a crash at any point, and comes out the same', async () => {
    /** Cuts the connection after the file's message of this number, and lets the next process run the file again. */
    const run = async (cutAt: number) => {
      const schema = await withOrders(
        `insert into ${ident(OTHER)} (id) values (1); insert into ${ident(TABLE)} values (1, 1, 7, 'open'); create index old on ${ident(TABLE)} (state)`,
      );
      let inFile = false;
      let messages = 0;
      const up = async (knex: Knex) => {
        inFile = true;
        await m.createIndexConcurrently(knex, {
          name: 'by?total',
          table,
          columns: ['total', { expression: 'total % 7' }],
          where: 'total <> 0',
        });
        await m.dropIndexConcurrently(knex, { name: 'old' });
        await m.addForeignKeyNotValid(knex, { name: 'fk', table, columns: ['cust?omer'], references: { table: other, columns: ['id'] } });
        await m.addCheckNotValid(knex, { name: 'positive', table, check: 'total in (7, 8)' });
        await m.validateConstraint(knex, { table, name: 'positive' });
        await m.setNotNullSafely(knex, { table, column: 'total' });
        await m.addUniqueUsingIndex(knex, { name: 'one?each', table, columns: ['total', 'state'] });
        await m.addEnumValue(knex, { type: 'state', value: 'sent' });
        inFile = false;
      };
      const wire = await createWire(db.url);
      try {
        wire.decide = () => (inFile && ++messages === cutAt ? 'cutAfter' : 'pass');
        const first = await plain(schema, wire.url)
          .migrate.latest(only(up))
          .catch(() => undefined);
        if (cutAt > 0) {
          expect(first, `cut after message ${cutAt}`).toBeUndefined();
          inFile = false;
          await plain(schema).migrate.forceFreeMigrationsLock(only(up));
          await plain(schema).migrate.latest(only(up));
        }
      } finally {
        for (const undo of closing.splice(0).reverse()) await undo();
        await wire.close();
      }
      return { messages, catalog: (await catalogOf(db.url, schema)).map((line) => line.replaceAll(`${schema}.`, '')) };
    };
    const undisturbed = await run(0);
    expect(undisturbed.catalog.filter((line) => /by\?total|one\?each|positive|fk/.test(line))).toHaveLength(5);
    expect(undisturbed.catalog.join('\n')).not.toMatch(/INDEX old|not_null_proof|positive.*NOT VALID/);
    expect(undisturbed.messages).toBeGreaterThan(15);
    for (let at = 1; at <= undisturbed.messages; at++)
      expect((await run(at)).catalog, `cut after message ${at}`).toEqual(undisturbed.catalog);
  });

  it('[Z-gap] an index that was cut off half-built is taken away and built anew; one that is there as it is wanted stays', async () => {
    const schema = await withOrders(`insert into ${ident(TABLE)} (id, total) values (1, 7), (2, 7)`);
    const handle = plain(schema);
    await expect(query(db.url, `create unique index concurrently one on ${schema}.${ident(TABLE)} (total)`)).rejects.toThrow(
      'could not create unique',
    );
    const [left] = await indexes(schema);
    expect(left).toContain(' INVALID ');
    await query(db.url, `delete from ${schema}.${ident(TABLE)} where id = 2`);
    const spec = { name: 'one', table, columns: ['total'], unique: true };
    await m.createIndexConcurrently(handle, spec);
    const built = await indexes(schema);
    expect(built).toEqual([expect.stringMatching(/^\d+ CREATE UNIQUE INDEX one ON .* \(total\)$/)]);
    await m.createIndexConcurrently(handle, spec);
    expect(await indexes(schema)).toEqual(built);
  });

  it('[Z-gap] an index that is half built, or half dropped, is dropped; one that is gone is no error', async () => {
    const schema = await withOrders(`insert into ${ident(TABLE)} (id, total) values (1, 7), (2, 7)`);
    await expect(query(db.url, `create unique index concurrently one on ${schema}.${ident(TABLE)} (total)`)).rejects.toThrow(
      'could not create unique',
    );
    const handle = plain(schema);
    await m.dropIndexConcurrently(handle, { name: 'one' });
    expect(await indexes(schema)).toEqual([]);
    await m.dropIndexConcurrently(handle, { name: 'one' });
  });

  it('[Z-gap] an index of another definition, and a constraint of one, stop the file and are left alone', async () => {
    const schema = await withOrders(
      `create index taken on ${ident(TABLE)} (total desc); alter table ${ident(TABLE)} add constraint c check (total > 0)`,
    );
    const handle = plain(schema);
    const before = await catalogOf(db.url, schema);
    await expect(m.createIndexConcurrently(handle, { name: 'taken', table, columns: ['total'] })).rejects.toMatchObject({
      code: 'FLT_INDEX_MISMATCH',
      message: expect.stringMatching(/There: .*\(total DESC\)\. Wanted: .*INDEX "taken" ON .*\(total\)\./),
    });
    await expect(m.addUniqueUsingIndex(handle, { name: 'taken', table, columns: ['total'] })).rejects.toMatchObject({
      code: 'FLT_INDEX_MISMATCH',
    });
    await expect(m.addUniqueUsingIndex(handle, { name: 'c', table, columns: ['total'] })).rejects.toMatchObject({
      code: 'FLT_CONSTRAINT_MISMATCH',
    });
    await expect(m.addCheckNotValid(handle, { name: 'c', table, check: 'total > 1' })).rejects.toMatchObject({
      code: 'FLT_CONSTRAINT_MISMATCH',
      message: `${ident(TABLE)} has another constraint under the name "c". There: CHECK ((total > 0)). Wanted: CHECK ((total > 1)).`,
    });
    expect(await catalogOf(db.url, schema)).toEqual(before);
  });

  it('[Z-gap] rows that are not unique leave nothing behind that would go on refusing writes', async () => {
    const schema = await withOrders(`insert into ${ident(TABLE)} (id, total) values (1, 7), (2, 7)`);
    await expect(m.addUniqueUsingIndex(plain(schema), { name: 'one', table, columns: ['total'] })).rejects.toMatchObject({ code: '23505' });
    expect(await indexes(schema)).toEqual([]);
  });

  it('[Z-gap] an index that another session is building at this moment is left to it', async () => {
    const schema = await withOrders();
    const reader = await db.client();
    await reader.query('begin isolation level repeatable read; select 1');
    const spec = { name: 'slow', table, columns: ['total'] };
    const first = m.createIndexConcurrently(plain(schema), spec);
    try {
      await expect
        .poll(
          async () =>
            (await query(db.url, `select from pg_stat_progress_create_index where phase like 'waiting%' and datname = $1`, [db.name]))
              .length,
        )
        .toBe(1);
      await expect(m.createIndexConcurrently(plain(schema), spec)).rejects.toMatchObject({ code: 'FLT_CONCURRENTLY_BUSY' });
    } finally {
      await reader.query('commit');
    }
    await first;
    expect(await indexes(schema)).toEqual([expect.not.stringContaining('INVALID')]);
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
