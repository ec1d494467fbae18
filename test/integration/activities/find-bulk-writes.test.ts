/** Tenants in which a pending plain file would write a large table in one statement, found from its source and the tenants' catalogs. */

import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { findBulkWrites } from '../../../src/activities/find-bulk-writes.js';
import { readPositions, slices } from '../../../src/activities/read-positions.js';
import { createSettler } from '../../../src/activities/settle-position.js';
import type { TenantRef } from '../../../src/domain/tenant.js';
import type { MigrationEngine } from '../../../src/engines/engine.js';
import type { Hosts } from '../../../src/postgres/contract.js';
import { largeTables } from '../../../src/postgres/large-tables.js';
import { createDatabase, createFixture, ident, query, type RunnerFixture, type TestDatabase } from '../../support/postgres.js';

/** Names that would be something else unquoted. */
const TABLE = `Lar"ge's`;
const SCHEMA = `Ten"ant's; --`;

let db: TestDatabase;
let own: TestDatabase;
beforeAll(async () => {
  db = await createDatabase('find_bulk');
  own = await createDatabase('find_bulk_own');
  await query(
    db.url,
    ['big', 'small', 'bigger', 'empty', SCHEMA]
      .map(
        (schema) =>
          `create schema ${ident(schema)}; create table ${ident(schema)}.orders (id int, n int); create table ${ident(schema)}.${ident(TABLE)} (id int, n int);`,
      )
      .join(' '),
  );
  await fill(db, 'big', 'orders', 12_000);
  await fill(db, 'small', 'orders', 9_000);
  await fill(db, 'bigger', 'orders', 15_000);
  await fill(db, SCHEMA, 'orders', 11_000);
  await fill(db, SCHEMA, TABLE, 13_000);
  await query(own.url, 'create table orders (id int, n int)');
  await fill(own, 'public', 'orders', 20_000);
});
const fixtures: RunnerFixture[] = [];
afterEach(async () => {
  for (const fixture of fixtures.splice(0)) await fixture.close();
});
afterAll(async () => {
  await db.drop();
  await own.drop();
});

async function fill(at: TestDatabase, schema: string, table: string, rows: number): Promise<void> {
  const name = `${ident(schema)}.${ident(table)}`;
  await query(at.url, `insert into ${name} select generate_series(1, ${rows})`);
  await query(at.url, `analyze ${name}`);
}

const schemas = (...names: string[]): TenantRef[] => names.map((schema) => ({ id: `id of ${schema}`, host: 'h1', schema }));
const all = schemas('big', 'small', 'bigger', 'empty', SCHEMA);
const updating = (table: string) => `export const up = (knex) => knex(${JSON.stringify(table)}).update({ n: 1 });`;

/** What the scan of a plan would find, how often a tenant's server was asked for it, and how many files were read. */
async function find(
  files: Readonly<Record<string, string>>,
  tenants: readonly TenantRef[] = all,
  scannedAll: () => Promise<void> = async () => {},
) {
  const fixture = createFixture(db.url, files);
  fixtures.push(fixture);
  const { engine, hosts } = fixture;
  const names = { tableName: 'knex_migrations' };
  const list = (await engine.list()).files;
  const settler = createSettler({ files: list, acceptances: [], table: names.tableName });
  const scanned = [];
  for (const slice of slices(tenants))
    for (const position of await readPositions({ hosts, names }, 'h1', slice)) scanned.push(settler.settle(position));
  await scannedAll();
  let asked = 0;
  let read = 0;
  const counting: Hosts = {
    ...hosts,
    withHost: (...of) => {
      asked++;
      return hosts.withHost(...of);
    },
  };
  const reading: MigrationEngine = {
    ...engine,
    bulkWrites: (file) => {
      read++;
      return engine.bulkWrites(file);
    },
  };
  const findings = await findBulkWrites({ engine: reading, hosts: counting }, { files: list, byHost: new Map([['h1', tenants]]), scanned });
  return { findings, asked, read, fixture };
}

it('[K-gap] warns once for each migration and table, with how many tenants it is large in and what it holds where it holds most', async () => {
  const { findings, asked } = await find({
    '01_orders.mjs': updating('orders'),
    '02_both.mjs': `export const up = async (knex) => { await knex.raw('delete from orders where n = 0'); await knex.raw('update ?? set n = 1', [${JSON.stringify(TABLE)}]); };`,
  });
  const orders = { severity: 'warning', code: 'FLT_BULK_WRITE', table: 'orders', tenants: 3, rows: 15_000 };
  expect(findings).toMatchObject([
    { ...orders, migration: '01_orders', sample: ['id of big', 'id of bigger', `id of ${SCHEMA}`] },
    { ...orders, migration: '02_both' },
    { migration: '02_both', table: TABLE, tenants: 1, rows: 13_000, sample: [`id of ${SCHEMA}`] },
  ]);
  expect(findings[0]!.message).toBe('01_orders writes to "orders" in one statement: some 15000 rows in the largest of 3 tenants.');
  expect(findings[2]!.message).toBe(`02_both writes to "${TABLE}" in one statement: some 13000 rows in 1 tenant.`);
  expect(findings[0]!.remedy).toContain(`export const flotilla = { waive: { FLT_BULK_WRITE: 'reason' } }`);
  expect(asked).toBe(1);
});

it('[K-gap] asks no server where no pending plain file writes any number of rows', async () => {
  const { findings, asked } = await find({
    '01_table.mjs': `export const up = (knex) => knex.schema.createTable('made', (t) => t.increments('id'));`,
    '02_rows.mjs': `export const up = (knex) => knex('orders').insert([{ id: 1 }]);`,
    '03_says.mjs': `export const flotilla = { owner: 'billing' }; ${updating('orders')}`,
    '04_waives.mjs': `export const flotilla = { waive: { FLT_BULK_WRITE: 'read by nobody' } }; ${updating('orders')}`,
    '05_down.mjs': `export const up = () => {}; export const down = (knex) => knex('orders').del();`,
  });
  expect({ findings, asked }).toEqual({ findings: [], asked: 0 });
});

it('[K-gap] leaves out tenants that have the file already, and asks for nobody once all have it', async () => {
  const files = { '01_orders.mjs': updating('orders') };
  const [, , bigger, , odd] = all as [TenantRef, TenantRef, TenantRef, TenantRef, TenantRef];
  const { fixture } = await find(files);
  for (const tenant of [bigger, odd])
    expect(await fixture.attempt(tenant, 'up', { fenceFirst: true })).toMatchObject({ outcome: 'applied' });
  expect((await find(files)).findings).toMatchObject([{ tenants: 1, rows: 12_000, sample: ['id of big'] }]);
  expect(await find(files, [bigger, odd])).toMatchObject({ findings: [], asked: 0, read: 0 });
  const more = await find({ ...files, '02_more.mjs': updating(TABLE) });
  expect(more.findings, 'of each file those that lack it').toMatchObject([
    { migration: '01_orders', table: 'orders', tenants: 1 },
    { migration: '02_more', table: TABLE, tenants: 1, sample: [odd.id] },
  ]);
});

it('[K-gap] says nothing of a table that a pending file makes, one that nobody has analyzed, and one that is not there', async () => {
  await query(
    db.url,
    `create table big.fresh (id int, n int) with (autovacuum_enabled = false); insert into big.fresh select generate_series(1, 20000)`,
  );
  const { findings, asked } = await find({
    '01_made.mjs': `export const up = (knex) => knex.raw('create table made as select id, n from orders');`,
    '02_filled.mjs': `export const up = async (knex) => { await knex('made').update({ n: 1 }); await knex('fresh').del(); await knex('nowhere').del(); };`,
  });
  expect({ findings, asked }).toEqual({ findings: [], asked: 1 });
});

it("[K-gap] looks into each tenant's own database", async () => {
  const { findings, asked } = await find({ '01_orders.mjs': updating('orders') }, [
    ...schemas('small'),
    { id: 'apart', host: 'h1', database: own.name },
  ]);
  expect(findings).toMatchObject([{ tenants: 1, rows: 20_000, sample: ['apart'] }]);
  expect(asked).toBe(2);
});

it('[K-gap] warns of the tenants that it can see where a database has gone since it was scanned', async () => {
  const gone = await createDatabase('find_bulk_gone', own.name);
  const tenants = [...schemas('big'), { id: 'lost', host: 'h1', database: gone.name }];
  const { findings, asked } = await find({ '01_orders.mjs': updating('orders') }, tenants, () =>
    query(db.url, `drop database ${ident(gone.name)} with (force)`).then(() => {}),
  );
  expect(findings).toMatchObject([{ tenants: 1, sample: ['id of big'] }]);
  expect(asked).toBe(2);
});

it('[K-gap] says nothing of a file that is another on disk than the one that was loaded', async () => {
  const fixture = createFixture(db.url, { '01_orders.mjs': updating('orders') });
  fixtures.push(fixture);
  const [file] = (await fixture.engine.list()).files;
  fixture.write('01_orders.mjs', updating('other'));
  expect(await fixture.engine.bulkWrites(file!)).toEqual([]);
});

it('[K-gap] counts a partitioned table by its partitions, and finds a table in the schema that it is named with', async () => {
  const client = await db.client();
  await client.query(
    `create table empty.parts (id int) partition by hash (id);
     create table empty.parts_0 partition of empty.parts for values with (modulus 2, remainder 0);
     create table empty.parts_1 partition of empty.parts for values with (modulus 2, remainder 1);
     insert into empty.parts select generate_series(1, 12000); create view empty.seen as select * from big.orders`,
  );
  await client.query('analyze empty.parts_0; analyze empty.parts_1');
  const tables = [
    { schema: undefined, name: 'parts' },
    { schema: 'big', name: 'orders' },
    { schema: undefined, name: 'seen' },
    { schema: undefined, name: 'ORDERS' },
    { schema: 'nowhere', name: 'orders' },
  ];
  expect(await largeTables(client, ['small', 'empty', 'nowhere'], tables)).toEqual([
    { schema: 0, table: 1, rows: 12_000 },
    { schema: 1, table: 0, rows: 12_000 },
    { schema: 1, table: 1, rows: 12_000 },
    { schema: 2, table: 1, rows: 12_000 },
  ]);
});
