import type { Client } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { endHolder } from '../../../src/postgres/holder.js';
import { tenantKey } from '../../../src/postgres/keys.js';
import { createDatabase, type TestDatabase } from '../../support/postgres.js';

const NAME = 'flotilla r-1 acme';

let db: TestDatabase;
beforeAll(async () => {
  db = await createDatabase('holder');
});
afterAll(() => db.drop());

/** A session that holds the tenant's lock under a name. */
async function holding(schema: string, name: string) {
  const client = await db.client();
  await client.query(`set application_name to '${name}'`);
  await client.query(`select pg_advisory_lock(${tenantKey(schema)})`);
  return {
    lives: () =>
      client.query('select 1').then(
        () => true,
        () => false,
      ),
  };
}

/** As if, between the two questions, the holder had ended and another backend had been given its pid: the first answer is of an older one. */
const withReusedPid = (client: Client): Client =>
  ({
    query: async (sql: string) => {
      const result = await client.query<{ start?: string }>(sql);
      for (const row of result.rows) if (row.start) row.start = '2020-01-01 00:00:00+00';
      return result;
    },
  }) as unknown as Client;

it('ends the session of a dead attempt that still holds the tenant', async () => {
  const holder = await holding('one', NAME);
  expect(await endHolder(await db.client(), 'one', NAME)).toBe(true);
  expect(await holder.lives()).toBe(false);
});

it.each([
  ['goes by another name', 'two', 'psql', (client: Client) => client],
  ['is of another attempt', 'three', 'flotilla r-2 acme', (client: Client) => client],
  ['was given the pid of the one that was found', 'four', NAME, withReusedPid],
])('leaves a session alone that %s', async (_, schema, name, through) => {
  const holder = await holding(schema, name);
  expect(await endHolder(through(await db.client()), schema, NAME)).toBe(false);
  expect(await holder.lives()).toBe(true);
});

it('leaves a session alone that holds another tenant', async () => {
  const holder = await holding('five', NAME);
  expect(await endHolder(await db.client(), 'six', NAME)).toBe(false);
  expect(await holder.lives()).toBe(true);
});
