/** Raw writes to large tables, in files that export `flotilla` and in those that do not. */

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createDatabase, createFixture, ident, query, type RunnerFixture, type TestDatabase } from '../../support/postgres.js';

/** A name that would be something else unquoted. */
const LARGE = `Lar"ge's`;
const ROWS = 12_000;

let db: TestDatabase;
const fixtures: RunnerFixture[] = [];
let serial = 0;
beforeAll(async () => {
  db = await createDatabase('bulk_write');
});
afterEach(async () => {
  for (const fixture of fixtures.splice(0)) await fixture.close();
});
afterAll(() => db.drop());

const DECLARES = `export const flotilla = { owner: 'billing' };`;
const OUTSIDE = 'export const config = { transaction: false };';

/** A tenant with a large table, a small one and a large one in partitions; \`up\` and \`down\` are JavaScript. */
async function setup(up: string, { head = DECLARES, down = '' } = {}) {
  const schema = `t${++serial}`;
  await query(
    db.url,
    `create schema ${schema}; set search_path to ${schema};
     create table ${ident(LARGE)} (id int primary key, n int not null default 0); insert into ${ident(LARGE)} select generate_series(1, ${ROWS});
     create table small (id int primary key, n int not null default 0); insert into small select generate_series(1, 9000);
     create table parts (id int, n int not null default 0) partition by hash (id);
     create table parts_0 partition of parts for values with (modulus 2, remainder 0); create table parts_1 partition of parts for values with (modulus 2, remainder 1);
     insert into parts select generate_series(1, ${ROWS});
     analyze ${ident(LARGE)}; analyze small; analyze parts_0; analyze parts_1`,
  );
  const fixture = createFixture(db.url, {
    '01_it.mjs': `${head} const large = ${JSON.stringify(LARGE)};
      export const up = async (knex) => { ${up} }; ${down ? `export const down = async (knex) => { ${down} };` : ''}`,
  });
  fixtures.push(fixture);
  const tenant = { id: schema, host: 'h1', schema };
  const count = async (sql: string) => {
    const at = new URL(db.url);
    at.searchParams.set('options', `-c search_path=${schema}`);
    return (await query<{ n: number }>(at.toString(), `select count(*)::int as n from ${sql}`))[0]!.n;
  };
  return {
    schema,
    fixture,
    count,
    written: () => count(`${ident(LARGE)} where n > 0`),
    up: () => fixture.attempt(tenant, 'up', { fenceFirst: true }),
    down: (force = false) => fixture.attempt(tenant, 'down', { force }),
  };
}

/** SQL as a raw statement of the file; `LARGE` stands for the table. */
const raw = (sql: string) => `await knex.raw(${JSON.stringify(sql.replaceAll('LARGE', ident(LARGE)))});`;

describe('a file that exports flotilla', () => {
  it.each([
    ['an UPDATE by Knex', `await knex(large).where('id', '>', 5).update({ n: 1 });`],
    ['a DELETE', raw('delete from LARGE where n = 0')],
    ['an INSERT of what a query answers', raw('insert into LARGE (id, n) select id + 20000, 1 from LARGE')],
    ['a MERGE', raw('merge into LARGE l using small s on s.id = l.id when matched then update set n = 1')],
    ['a write inside WITH', raw('with moved as (delete from LARGE returning id) insert into small (id) select id + 10000 from moved')],
    ['the second of two statements in one text', raw('update small set n = 1; update LARGE set n = 1')],
    ['a name with its schema', `await knex.withSchema(SCHEMA).table(large).update({ n: 1 });`],
    ['a prepared UPDATE', raw('prepare it as update LARGE set n = 1; execute it')],
  ])('[K-gap] is refused %s on a large table, with its name and about how many rows it holds', async (_, up) => {
    const it = await setup(up.replace('SCHEMA', `'t${serial + 1}'`));
    const refused = await it.up();
    expect(refused).toMatchObject({ outcome: 'failed', code: 'FLT_BULK_WRITE', message: expect.stringContaining(`"${LARGE}"`) });
    expect(refused.message).toContain(String(ROWS));
    expect(await it.written()).toBe(0);
    expect(await it.count('small where n > 0 or id > 9000')).toBe(0);
  });

  it('[K-gap] is refused an UPDATE of a partitioned table by the rows of its partitions', async () => {
    const it = await setup(`await knex('parts').update({ n: 1 });`);
    expect(await it.up()).toMatchObject({ outcome: 'failed', code: 'FLT_BULK_WRITE', message: expect.stringContaining('"parts"') });
  });

  it.each([
    ['rows that stand in the statement', `await knex(large).insert([{ id: 20001, n: 1 }, { id: 20002, n: 1 }]);`],
    ['a small table', `await knex('small').update({ n: 1 });`],
    ['a table that the file has made', `${raw('create table made as select id, n from LARGE')} await knex('made').update({ n: 1 });`],
    ['a large table that is only read', `${raw('insert into small (id) select id + 10000 from LARGE')}`],
    ['a plan of such a write', raw('explain update LARGE set n = 1')],
    ['a function that would write, and is not called', raw('create function f() returns void begin atomic update LARGE set n = 1; end')],
  ])('[K-gap] goes through with %s', async (_, up) => {
    expect(await (await setup(up)).up()).toMatchObject({ outcome: 'applied' });
  });

  it('[K-gap] goes through when it says why one statement is right', async () => {
    const it = await setup('await knex(large).update({ n: 1 });', {
      head: `export const flotilla = { waive: { FLT_BULK_WRITE: 'n is read by nobody yet' } };`,
    });
    expect(await it.up()).toMatchObject({ outcome: 'applied' });
    expect(await it.written()).toBe(ROWS);
  });

  it('[K-gap] outside a transaction keeps what it did before the refusal, and goes on once the table is small', async () => {
    const it = await setup(`await knex('small').update({ n: 1 }); await knex(large).update({ n: 1 });`, { head: `${DECLARES} ${OUTSIDE}` });
    expect(await it.up()).toMatchObject({ outcome: 'failed', code: 'FLT_BULK_WRITE', partial: true });
    await query(db.url, `delete from ${it.schema}.${ident(LARGE)} where id > 10; analyze ${it.schema}.${ident(LARGE)}`);
    expect(await it.up()).toMatchObject({ outcome: 'applied' });
    expect(await it.written()).toBe(10);
  });

  it('[K-gap] outside a transaction is not refused what it wrote when the table was small', async () => {
    const it = await setup(`await knex('small').update({ n: 1 }); await knex('missing').select('*');`, { head: `${DECLARES} ${OUTSIDE}` });
    expect(await it.up()).toMatchObject({ outcome: 'failed', partial: true });
    await query(
      db.url,
      `set search_path to ${it.schema}; insert into small select generate_series(9001, ${ROWS}); analyze small; create table missing ()`,
    );
    expect(await it.up()).toMatchObject({ outcome: 'applied' });
  });

  it('[K-gap] outside a transaction is refused a text that is a transaction of its own', async () => {
    const it = await setup(raw('begin; update small set n = 1; update LARGE set n = 1; commit'), { head: `${DECLARES} ${OUTSIDE}` });
    expect(await it.up()).toMatchObject({ outcome: 'failed', code: 'FLT_BULK_WRITE' });
    expect(await it.count('small where n > 0')).toBe(0);
  });

  it('[K-gap] is refused on the way back, too, and goes back by force', async () => {
    const it = await setup(`await knex.schema.createTable('made', (t) => t.increments('id'));`, {
      down: `await knex(large).update({ n: 1 }); await knex.schema.dropTable('made');`,
    });
    expect(await it.up()).toMatchObject({ outcome: 'applied' });
    expect(await it.down()).toMatchObject({ outcome: 'rollbackFailed', code: 'FLT_BULK_WRITE' });
    expect(await it.down(true)).toMatchObject({ outcome: 'rolledBack' });
    expect(await it.written()).toBe(ROWS);
  });
});

it('[K-gap] a plain Knex file writes a large table as it always did', async () => {
  const it = await setup('await knex(large).update({ n: 1 });', { head: '' });
  expect(await it.up()).toMatchObject({ outcome: 'applied', runs: [{ rows: ROWS }] });
});

it.each([
  [`{ waive: { FLT_TENANT_ESCAPE: 'I know better' } }`, 'flotilla.waive.FLT_TENANT_ESCAPE'],
  [`{ waive: { FLT_BULK_WRITE: ' ' } }`, 'flotilla.waive.FLT_BULK_WRITE'],
  [`{ waive: ['FLT_BULK_WRITE'] }`, 'flotilla.waive'],
])('a file that waives %s does not load, and says where', async (declares, path) => {
  const { fixture } = await setup('', { head: `export const flotilla = ${declares};` });
  const { problems } = await fixture.engine.list();
  expect(problems).toMatchObject([{ file: '01_it.mjs', message: expect.stringContaining(`${path}:`) }]);
});
