import { expect, it } from 'vitest';
import { measureSchemas } from '../../../src/postgres/tenant-sizes.js';
import { createDatabase } from '../../support/postgres.js';

it('says how large each schema is and what the server runs; an empty or missing schema is 0', async () => {
  const db = await createDatabase('sizes');
  const client = await db.client();
  try {
    await client.query(
      `create schema small; create schema "Lar""ge"; create schema empty; create table small.notes as select 1 as id;
       create table "Lar""ge".notes as select n, repeat('x', 500) as body from generate_series(1, 2000) n; create index on "Lar""ge".notes (n)`,
    );
    await client.query('analyze');
    const { pgVersion, sizes } = await measureSchemas(client, ['small', 'Lar"ge', 'empty', 'nowhere']);
    expect(pgVersion).toMatch(/^\d\d$/);
    expect([...sizes.keys()].sort()).toEqual(['Lar"ge', 'empty', 'nowhere', 'small']);
    expect([sizes.get('empty'), sizes.get('nowhere'), sizes.get('small')]).toEqual([0, 0, 8192]);
    expect(sizes.get('Lar"ge')).toBeGreaterThan(1_000_000);
  } finally {
    await client.end();
    await db.drop();
  }
});
