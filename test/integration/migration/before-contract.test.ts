/** What has to hold in a tenant before a contract begins there: the checks of what comes before it in its change, made for the last time. */

import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { createDatabase, createFixture, query, type RunnerFixture, type TestDatabase } from '../../support/postgres.js';

const EXPAND = '01_email_expand';
const FILL = '02_email_fill';
const CONTRACT = '03_email_contract';

const files = {
  [`${EXPAND}.mjs`]: `
import { dualWrite } from 'flotilla/migration';
const sync = dualWrite({ table: 'users', from: 'mail', to: 'email' });
export const flotilla = { phase: 'expand', validate: [sync.inPlace] };
export async function up(knex) {
  await knex.schema.alterTable('users', (table) => table.text('email'));
  await sync.create(knex);
}
export const down = async () => {};`,
  [`${FILL}.mjs`]: `
import { custom } from 'flotilla/migration';
export const flotilla = {
  phase: 'backfill',
  after: ['${EXPAND}'],
  validate: [custom({ name: 'difference', sql: 'select count(*) from users where email is distinct from mail' })],
};
export const up = (knex) => knex('users').whereNull('email').update({ email: knex.ref('mail') });
export const down = async () => {};`,
};
const IN_PLACE = 'custom dual write users (email) in place';

/** @param up what the contract does */
const contract = (up: string, config = '{}') => ({
  [`${CONTRACT}.mjs`]: `
export const config = ${config};
export const flotilla = { phase: 'contract', after: ['${FILL}'], irreversible: 'the old column is dropped' };
export const up = async (knex) => { ${up} };`,
});
const DROPS = "await knex.raw('alter table users drop column mail');";

let db: TestDatabase;
let serial = 0;
const fixtures: RunnerFixture[] = [];
beforeAll(async () => {
  db = await createDatabase('before_contract');
});
afterEach(async () => {
  for (const fixture of fixtures.splice(0)) await fixture.close();
});
afterAll(() => db.drop());

/** A tenant with everything before the contract. */
async function setup(up: string, config?: string) {
  const schema = `t${++serial}`;
  const fixture = createFixture(db.url, { ...files, ...contract(up, config) });
  fixtures.push(fixture);
  const sql = (text: string) => query(db.url, text.replaceAll('%', `${schema}.`));
  await query(
    db.url,
    `create schema ${schema}; create table ${schema}.users (id int primary key, mail text); insert into ${schema}.users values (1, 'a'), (2, 'b')`,
  );
  const migrations = await fixture.migrations();
  const attempt = (n: number) =>
    fixture.attempt({ id: schema, host: 'h1', schema }, 'up', { migrations: migrations.slice(0, n), fenceFirst: true });
  expect(await attempt(2)).toMatchObject({ outcome: 'applied' });
  const columns = async () =>
    (await sql(`select attname as name from pg_attribute where attrelid = '%users'::regclass and attnum > 0 and not attisdropped`)).map(
      ({ name }) => name,
    );
  return { sql, columns, contract: () => attempt(3) };
}

const ways = [
  { way: 'in a transaction', config: '{}' },
  { way: 'outside a transaction', config: '{ transaction: false }' },
];

it.each(ways)(
  '[Z-gap] [V-gap] a contract $way does not begin where old and new differ or nothing keeps them equal; mended, it does',
  async ({ config }) => {
    const it = await setup(DROPS, config);
    await it.sql(`alter table %users disable trigger user; update %users set mail = 'newer' where id = 2`);
    const refused = await it.contract();
    expect(refused).toMatchObject({
      outcome: 'failed',
      code: 'FLT_VALIDATION_FAILED',
      message: expect.stringMatching(
        /03_email_contract did not begin, for what comes before it does not pass 2 checks any more \(01_email_expand: .*in place: 0 expected, 1 found; 02_email_fill: custom difference: 0 expected, 1 found\)/,
      ),
      validations: [
        { migration: EXPAND, results: [{ check: IN_PLACE, passed: false }] },
        { migration: FILL, results: [{ check: 'custom difference', passed: false }] },
      ],
    });
    expect(refused.partial).toBeUndefined();
    expect(await it.columns()).toEqual(['id', 'mail', 'email']);

    await it.sql('alter table %users enable trigger user; update %users set email = mail');
    expect(await it.contract()).toMatchObject({
      outcome: 'applied',
      validations: [{ results: [{ passed: true }] }, { results: [{ passed: true }] }],
    });
    expect(await it.columns()).toEqual(['id', 'email']);
  },
);

it('[Z-gap] a contract that stopped half-way goes on without checks of what it has taken away', async () => {
  const it = await setup(`${DROPS} await knex.raw('insert into done values (1)');`, '{ transaction: false }');
  expect(await it.contract()).toMatchObject({ outcome: 'failed', partial: true });
  await it.sql('create table %done (n int)');
  expect(await it.contract()).toMatchObject({ outcome: 'applied' });
  expect(await it.sql('select n from %done')).toEqual([{ n: 1 }]);
});

it('[V-gap] checks before a contract leave its transaction as they found it', async () => {
  const checked = await setup(
    `await knex.raw("create table seen as select current_setting('search_path') as path, current_setting('transaction_read_only') as reads, (select count(*)::int from pg_locks where pid = pg_backend_pid() and relation = 'users'::regclass) as locks");`,
  );
  expect(await checked.contract()).toMatchObject({ outcome: 'applied' });
  const [found] = await checked.sql('select * from %seen');
  expect(found).toMatchObject({ reads: 'off', locks: 0, path: expect.not.stringContaining('pg_temp') });
});
