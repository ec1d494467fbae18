/** The backfill of a migration that is applied already, run once more by the runner on a real server. */

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { AttemptInput } from '../../../src/postgres/contract.js';
import { type BackfillTenant, closeBackfills, createBackfillTenant } from '../../support/backfill.js';
import { createDatabase, query, type TestDatabase } from '../../support/postgres.js';

let db: TestDatabase;
beforeAll(async () => {
  db = await createDatabase('backfill_again');
});
afterEach(closeBackfills);
afterAll(() => db.drop());

const SMALL = 'chunk: { rows: 100, maxRows: 100 }, pace: { rest: 0 }';
const FULL_NAME = `{ table: 'users', set: { full_name: "first || ' ' || last" }, where: 'full_name is null', ${SMALL} }`;
const USERS = (rows: number) => `create table users (id int primary key, first text, last text, full_name text);
  insert into users select n, 'F' || n, 'L' || n from generate_series(1, ${rows}) n;`;
const WRONG = `select count(*)::int n from users where full_name is distinct from first || ' ' || last`;
const HISTORY = 'select id, name, batch, migration_time from knex_migrations order by id';
const FILLED = `select rollout, direction, rows_written::int rows, cardinality(ours) chunks from flotilla_ledger where kind = 'filled' order by id`;

/** A tenant that has the migration, whose rows have come behind it since without a value. */
async function behind(lacking = 250, own?: BackfillTenant['tenant']): Promise<BackfillTenant> {
  const it = await createBackfillTenant(db, USERS(100), FULL_NAME, {}, own);
  await it.attempt({ rolloutId: 'r-1' });
  await it.sql(`insert into users select n, 'F' || n, 'L' || n from generate_series(101, ${100 + lacking}) n`);
  return it;
}

const again = async (it: BackfillTenant, more: Partial<AttemptInput> = {}) =>
  it.attempt({
    direction: 'backfill',
    rolloutId: 'r-2',
    migrations: (await it.fixture.migrations()).filter(({ name }) => name === '02_fill'),
    ...more,
  });

describe('a backfill alone', () => {
  it('[B5] fills rows that have come without a value since, and leaves history as it is', async () => {
    const it = await behind();
    const before = await it.sql(HISTORY);
    expect(await again(it)).toMatchObject({ outcome: 'applied', has: ['02_fill'], runs: [{ name: '02_fill', rows: 250 }] });
    expect(await it.sql(WRONG)).toEqual([{ n: 0 }]);
    expect(await it.sql(HISTORY)).toEqual(before);
    expect(await it.sql(FILLED)).toEqual([{ rollout: 'r-2', direction: 'backfill', rows: 250, chunks: 5 }]);
    expect(await it.sql('select count(*)::int n from flotilla_step')).toEqual([{ n: 0 }]);
    expect(await it.sql('select is_locked from knex_migrations_lock')).toEqual([{ is_locked: 0 }]);
  });

  it('touches no other tenant', async () => {
    const [it, other] = [await behind(), await behind()];
    const before = await other.sql('select id, full_name, xmin from users order by id');
    await again(it);
    expect(await other.sql('select id, full_name, xmin from users order by id')).toEqual(before);
    expect(await other.sql(`select count(*)::int n from flotilla_ledger where rollout = 'r-2'`)).toEqual([{ n: 0 }]);
  });

  it('[B5] answers applied when its rollout comes again, and does nothing more', async () => {
    const it = await behind();
    await again(it);
    await it.sql(`insert into users values (1000, 'late', 'comer')`);
    expect(await again(it)).toMatchObject({ outcome: 'applied', runs: [] });
    expect(await it.sql(WRONG)).toEqual([{ n: 1 }]);
    expect(await again(it, { rolloutId: 'r-3' })).toMatchObject({ outcome: 'applied', runs: [{ rows: 1 }] });
    expect(await it.sql(WRONG)).toEqual([{ n: 0 }]);
  });

  const cutAfter = (it: BackfillTenant, rows: number, rolloutId = 'r-2') => {
    const from = it.progress.length;
    return again(it, { rolloutId, cut: () => it.progress.slice(from).some(({ visited }) => visited >= rows) });
  };

  it('[B-gap] goes on behind the last chunk in the rollout that was cut off', async () => {
    const it = await behind();
    expect(await cutAfter(it, 200)).toMatchObject({ outcome: 'deferred', code: 'FLT_BACKFILL_CUT', runs: [] });
    const from = it.progress.length;
    expect(await again(it)).toMatchObject({ outcome: 'applied', runs: [{ rows: 250 }] });
    expect(it.progress[from]).toMatchObject({ visited: 200, written: 100 });
    expect(await it.sql(WRONG)).toEqual([{ n: 0 }]);
    expect(await it.sql(FILLED)).toMatchObject([{ rows: 250 }]);
  });

  it('[B5] begins anew in another rollout, which keeps whose rows the first has written', async () => {
    const it = await behind();
    await cutAfter(it, 200);
    const from = it.progress.length;
    expect(await again(it, { rolloutId: 'r-3' })).toMatchObject({ outcome: 'applied', runs: [{ rows: 150 }] });
    expect(it.progress[from]).toMatchObject({ visited: 0, written: 0 });
    expect(await it.sql(WRONG)).toEqual([{ n: 0 }]);
    expect(
      await it.sql(
        `select kind, cardinality(ours) > 0 ours from flotilla_ledger where direction = 'backfill' and kind <> 'intent' order by id`,
      ),
    ).toEqual([
      { kind: 'failed', ours: false },
      { kind: 'failed', ours: true },
      { kind: 'filled', ours: true },
    ]);
  });

  it('[B8] lets go of its session and its locks when a row fails it, and goes on once that is mended', async () => {
    const it = await behind();
    await it.sql(`alter table users add check (full_name <> 'F250 L250')`);
    const failed = await again(it);
    expect(failed).toMatchObject({ outcome: 'failed', code: 'FLT_CHECK_VIOLATION' });
    expect(failed.partial).toBeUndefined();
    expect(await it.sql('select is_locked from knex_migrations_lock')).toEqual([{ is_locked: 0 }]);
    await it.sql(`update users set last = 'mended' where id = 250`);
    expect(await again(it)).toMatchObject({ outcome: 'applied', runs: [{ rows: 250 }] });
    expect(await it.sql(WRONG)).toEqual([{ n: 0 }]);
  });

  it('runs in a tenant that plain Knex has brought there, whose ledger it makes', async () => {
    const it = await createBackfillTenant(db, USERS(150), FULL_NAME);
    await it.sql(`create table knex_migrations (id serial primary key, name varchar(255), batch integer, migration_time timestamptz);
      insert into knex_migrations (name, batch, migration_time) values ('02_fill.mjs', 1, now())`);
    expect(await again(it)).toMatchObject({ outcome: 'applied', runs: [{ rows: 150 }] });
    expect(await it.sql(FILLED)).toMatchObject([{ rows: 150 }]);
    expect(await it.sql('select count(*)::int n from knex_migrations')).toEqual([{ n: 1 }]);
  });

  it('widens a ledger that an earlier build has made', async () => {
    const it = await behind();
    await it.sql(`alter table flotilla_ledger drop column rows_written, drop constraint flotilla_ledger_kind_check,
      add constraint flotilla_ledger_kind_check check (kind in ('identity', 'baseline', 'fence', 'intent', 'failed', 'applied', 'reverted'))`);
    expect(await again(it)).toMatchObject({ outcome: 'applied', runs: [{ rows: 250 }] });
    expect(await it.sql(FILLED)).toMatchObject([{ rollout: 'r-2', rows: 250 }]);
  });

  it('holds over hostile names of schema, table and columns', async () => {
    const schema = `we"ird'; drop table x; --`;
    const tenant = { id: 'hostile', host: 'h1', schema };
    const quoted = `"${schema.replaceAll('"', '""')}"`;
    const source = `{ table: 'Us"ers; --', key: 'I"d', set: { 'fu\\'ll "name': '"fir""st" || 1' }, where: '"fu\\'ll ""name" is null', ${SMALL} }`;
    await query(
      db.url,
      `create schema ${quoted}; create table ${quoted}."Us""ers; --" ("I""d" int primary key, "fir""st" text, "fu'll ""name" text);
      insert into ${quoted}."Us""ers; --" select n, 'F' || n from generate_series(1, 150) n`,
    );
    const it = await createBackfillTenant(
      db,
      'select 1',
      source,
      { '01_first.mjs': 'export const up = async () => {}; export const down = up;' },
      { id: 'hostile' },
    );
    expect(await it.fixture.attempt(tenant, 'up', { rolloutId: 'r-1', fenceFirst: true })).toMatchObject({ outcome: 'applied' });
    await query(db.url, `update ${quoted}."Us""ers; --" set "fu'll ""name" = null`);
    expect(
      await again({
        ...it,
        attempt: (more) => it.fixture.attempt(tenant, 'backfill' as 'up', { fenceFirst: true, canary: false, ...more }),
      }),
    ).toMatchObject({
      outcome: 'applied',
      runs: [{ rows: 150 }],
    });
  });
});

describe('is refused', () => {
  it('where its migration is not applied', async () => {
    const it = await createBackfillTenant(db, USERS(10), FULL_NAME);
    expect(await again(it)).toMatchObject({ outcome: 'failed', code: 'FLT_NOT_APPLIED', runs: [] });
    expect(await it.sql('select count(full_name)::int n from users')).toEqual([{ n: 0 }]);
  });

  it('where its file was edited since it was applied', async () => {
    const it = await behind();
    const [migration] = (await it.fixture.migrations()).filter(({ name }) => name === '02_fill');
    const edited = { ...migration!, checksum: 'f'.repeat(64) };
    expect(await again(it, { migrations: [edited] })).toMatchObject({ outcome: 'failed', code: 'FLT_CHECKSUM_DRIFT' });
    expect(await again(it, { migrations: [{ ...edited, accepted: [migration!.checksum] }] })).toMatchObject({ outcome: 'applied' });
  });

  it('where the worker that came has a file without a backfill', async () => {
    const it = await createBackfillTenant(db, USERS(10), FULL_NAME, {
      '03_none.mjs': 'export const up = async () => {}; export const down = up;',
    });
    await it.attempt({ rolloutId: 'r-1' });
    const none = (await it.fixture.migrations()).filter(({ name }) => name === '03_none');
    expect(await again(it, { migrations: none })).toMatchObject({ outcome: 'failed', code: 'FLT_BACKFILL_GONE' });
  });

  it('once a later attempt has taken the tenant over: the chunk in hand is not written', async () => {
    const it = await behind();
    await it.sql(`create function later() returns trigger language plpgsql as $$ begin
        insert into flotilla_ledger (kind, tenant, fleet, rollout, fence) select 'fence', max(tenant), max(fleet), 'r-2', max(fence) + 1 from flotilla_ledger; return null; end $$;
      create trigger later after update on users for each row when (new.id = 250) execute function later()`);
    expect(await again(it)).toMatchObject({ outcome: 'deferred', code: 'FLT_FENCED', runs: [] });
    expect(await it.sql('select count(full_name)::int n from users')).toEqual([{ n: 200 }]);
  });
});

describe('the way back', () => {
  const COLUMN = `export const up = (knex) => knex.raw('alter table users add full_name text'); export const down = (knex) => knex.raw('alter table users drop full_name');`;
  const filled = async () => {
    const it = await createBackfillTenant(db, USERS(100).replace(', full_name text', ''), FULL_NAME, { '01_column.mjs': COLUMN });
    await it.attempt({ rolloutId: 'r-1', canary: true });
    await it.sql(`insert into users select n, 'F' || n, 'L' || n from generate_series(101, 350) n`);
    return it;
  };
  const takeBack = (it: BackfillTenant) => it.fixture.attempt(it.tenant, 'down', { rolloutId: 'r-1' });

  it('of the rollout that added the column takes also what was filled again since', async () => {
    const it = await filled();
    expect(await again(it)).toMatchObject({ outcome: 'applied' });
    expect(await takeBack(it)).toMatchObject({ outcome: 'rolledBack' });
    expect(
      await it.sql(
        `select count(*)::int n from information_schema.columns where table_schema = '${it.schema}' and column_name = 'full_name'`,
      ),
    ).toEqual([{ n: 0 }]);
  });

  it('also what a backfill had filled that stopped half-way', async () => {
    const it = await filled();
    expect(await again(it, { cut: () => it.progress.some(({ visited, total }) => total === 350 && visited >= 200) })).toMatchObject({
      code: 'FLT_BACKFILL_CUT',
    });
    expect(await takeBack(it)).toMatchObject({ outcome: 'rolledBack' });
    expect(await it.sql('select count(*)::int n from flotilla_step')).toEqual([{ n: 0 }]);
  });

  it('keeps a column into which the application has written since', async () => {
    const it = await filled();
    await again(it);
    await it.sql(`update users set full_name = 'by hand' where id = 7`);
    expect(await takeBack(it)).toMatchObject({ outcome: 'rollbackFailed', code: 'FLT_REVERT_REMOVES_DATA' });
  });
});
