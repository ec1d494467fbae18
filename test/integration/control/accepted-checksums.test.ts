import { expect, it } from 'vitest';
import { acceptanceOf, acceptancesOf, acceptChecksum } from '../../../src/control/accepted-checksums.js';
import { migrateControl } from '../../../src/control/migrate-control.js';
import { controlDatabase } from '../../support/control-database.js';
import { createDatabase, query } from '../../support/postgres.js';

const db = controlDatabase('control');

it('keeps the first acceptance of a file, per fleet, migration and checksum', async () => {
  const first = await acceptChecksum(db.pool, 'shop', { migration: 'a', checksum: '1', actor: 'ana', reason: 'comments' });
  expect(first).toMatchObject({ actor: 'ana', reason: 'comments' });
  expect(await acceptChecksum(db.pool, 'shop', { migration: 'a', checksum: '1', actor: 'bo' })).toEqual(first);
  await acceptChecksum(db.pool, 'shop', { migration: 'a', checksum: '2', actor: 'bo' });
  await acceptChecksum(db.pool, 'other', { migration: 'a', checksum: '1', actor: 'cy' });
  expect((await acceptancesOf(db.pool, 'shop')).map(({ checksum, actor }) => [checksum, actor])).toEqual([
    ['1', 'ana'],
    ['2', 'bo'],
  ]);
  expect(await acceptanceOf(db.pool, 'shop', 'a', '3')).toBeUndefined();
  expect(await acceptanceOf(db.pool, 'shop', 'b', '1')).toBeUndefined();
});

it('brings a control database of an earlier version up to this one, and keeps what it holds', async () => {
  const older = await createDatabase('older');
  const at = { resolve: async () => older.url, schema: 'flotilla' };
  await migrateControl({ ...at, actor: 'ana' });
  await query(older.url, `insert into flotilla.plan (id, fleet) values ('p-1', 'shop')`);
  // As the first version left it
  await query(
    older.url,
    `drop table flotilla.accepted_checksum, flotilla.freeze, flotilla.pin, flotilla.app_version, flotilla.validation, flotilla.backfill; alter table flotilla.rollout drop column rebuilt_to, drop column tenant;
     alter table flotilla.plan_tenant drop column place, drop column size_bytes, drop column pg_version; alter table flotilla.rollout_tenant drop column before;
     delete from flotilla.knex_migrations where name not like '20261101%'; delete from flotilla.flotilla_ledger where migration is not null and migration not like '20261101%'`,
  );
  await migrateControl({ ...at, actor: 'ana' });
  expect(await query(older.url, 'select id from flotilla.plan')).toEqual([{ id: 'p-1' }]);
  expect(await query(older.url, 'select * from flotilla.accepted_checksum')).toEqual([]);
  await older.drop();
});
