/** Backfills of `flotilla/migration`, run by the runner on a real server. */

import { readFileSync } from 'node:fs';
import knex from 'knex';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { migrationSource } from '../../../src/dev/scaffold/migration-templates.js';
import { type BackfillOptions, backfill } from '../../../src/migration/backfill.js';
import { type BackfillTenant, closeBackfills, createBackfillTenant, urlOf, waiting } from '../../support/backfill.js';
import { createDatabase, createFixture, query, type TestDatabase } from '../../support/postgres.js';

let db: TestDatabase;
beforeAll(async () => {
  db = await createDatabase('backfill');
});
afterEach(closeBackfills);
afterAll(() => db.drop());

const setup = (sql: string, source: string, more?: Readonly<Record<string, string>>): Promise<BackfillTenant> =>
  createBackfillTenant(db, sql, source, more);

const USERS = (rows: number) => `create table users (id int primary key, first text, last text, full_name text);
  insert into users select n, 'F' || n, 'L' || n from generate_series(1, ${rows}) n;`;
const SMALL = 'chunk: { rows: 100, maxRows: 100 }, pace: { rest: 0 }';
const FULL_NAME = `{ table: 'users', set: { full_name: "first || ' ' || last" }, ${SMALL} }`;
const WRONG = `select count(*)::int n from users where full_name is distinct from first || ' ' || last`;

describe('a backfill', () => {
  it('[B1] publishes the estimate, then the exact count, before the first row is written', async () => {
    const it = await setup(
      `${USERS(250)} analyze users; insert into users select n, 'x', 'y' from generate_series(251, 260) n;`,
      FULL_NAME,
    );
    expect(await it.attempt()).toMatchObject({ outcome: 'applied', runs: [{ name: '02_fill', rows: 260 }] });
    expect(it.progress[0]).toMatchObject({ total: 250, exact: false, visited: 0, written: 0 });
    expect(it.progress[1]).toMatchObject({ total: 260, exact: true, visited: 0, written: 0 });
    expect(await it.sql(WRONG)).toEqual([{ n: 0 }]);
  });

  it('[B2] [B6] [Z-gap] goes by chunks of at most the rows given, and tells after each how far it is', async () => {
    const it = await setup(USERS(250), FULL_NAME);
    await it.attempt();
    const { pass, visited, written, total } = it.progress.at(-1)!;
    expect({ pass, visited, written, total }).toEqual({ pass: 1, visited: 250, written: 250, total: 250 });
    expect(it.progress.slice(-3).map((p) => p.visited)).toEqual([100, 200, 250]);
    expect(it.progress.slice(-3).map((p) => p.written)).toEqual([100, 200, 250]);
    expect(it.progress.slice(-3).every((p) => p.rowsPerSecond > 0)).toBe(true);
  });

  it('[B2] [B6] counts each row once while the chunks grow', async () => {
    const it = await setup(USERS(1_000), FULL_NAME.replace(SMALL, 'chunk: { rows: 10, maxRows: 400 }, pace: { rest: 0 }'));
    await it.attempt();
    const told = it.progress.filter(({ exact }) => exact).map(({ visited, written }) => ({ visited, written }));
    expect(told.filter(({ visited, written }) => visited !== written)).toEqual([]);
    expect(told.at(-1)).toEqual({ visited: 1_000, written: 1_000 });
    const chunks = told.slice(1).map(({ visited }, at) => visited - told[at]!.visited);
    expect(Math.max(...chunks)).toBeGreaterThan(10);
  });

  it('[B3] [B8] [Z2] keeps the chunks before the one that fails, says where it was, and goes on there once the row is mended', async () => {
    const it = await setup(`${USERS(250)} alter table users add check (full_name <> 'F150 L150');`, FULL_NAME);
    const result = await it.attempt();
    expect(result).toMatchObject({ outcome: 'failed', code: 'FLT_CHECK_VIOLATION', partial: true });
    expect(result.message).toContain('100 of 250 rows');
    expect(await it.sql('select count(full_name)::int n, max(id) filter (where full_name is not null) last from users')).toEqual([
      { n: 100, last: 100 },
    ]);
    await it.sql(`update users set last = 'mended' where id = 150`);
    expect(await it.attempt()).toMatchObject({ outcome: 'applied', runs: [{ rows: 250 }] });
    expect(await it.sql(WRONG)).toEqual([{ n: 0 }]);
  });

  it('[B4] gives each row to transform, and writes values of every kind as it answers them', async () => {
    const it = await setup(
      `create table things (id uuid primary key, raw text, doc jsonb, tags text[], at timestamptz, bytes bytea, n numeric(10,2), big int8, flag bool);
       insert into things (id, raw) select gen_random_uuid(), 'it''s "\\' || n from generate_series(1, 250) n;`,
      `{ table: 'things', columns: ['raw'], where: 'doc is null', ${SMALL}, transform: ({ raw }) => ({
         doc: { said: raw, list: [1, null, { deep: true }] }, tags: [raw, null, 'a,b{}'], at: new Date(86400000), bytes: Buffer.from(raw), n: 12.345, big: 9007199254740993n, flag: true }) }`,
    );
    expect(await it.attempt()).toMatchObject({ outcome: 'applied', runs: [{ rows: 250 }] });
    const right = `doc->>'said' = raw and doc->'list'->2->>'deep' = 'true' and tags = array[raw, null, 'a,b{}'] and at = '1970-01-02Z' and bytes = convert_to(raw, 'UTF8') and n = 12.35 and big = 9007199254740993 and flag`;
    expect(await it.sql(`select count(*)::int n from things where ${right}`)).toEqual([{ n: 250 }]);
  });

  it('[B4] passes over rows that transform answers nothing for, and comes to an end', async () => {
    const it = await setup(
      USERS(250),
      `{ table: 'users', where: 'full_name is null', ${SMALL}, transform: ({ id, first }) => id % 2 ? { full_name: first } : undefined }`,
    );
    expect(await it.attempt()).toMatchObject({ outcome: 'applied', runs: [{ rows: 125 }] });
  });

  it('[B4] goes on behind rows that transform answered nothing for when it was stopped there', async () => {
    const answers = '({ id, first }) => id > 200 ? { full_name: first } : undefined';
    const it = await setup(USERS(300), `{ table: 'users', where: 'full_name is null', ${SMALL}, transform: ${answers} }`);
    await it.chunks(2);
    const before = it.progress.length;
    expect(await it.attempt()).toMatchObject({ outcome: 'applied', runs: [{ rows: 100 }] });
    expect(it.progress[before]).toMatchObject({ pass: 1, visited: 200, written: 0 });
  });

  it('[B4] writes a table whose rules write elsewhere, too', async () => {
    const it = await setup(
      `${USERS(50)} create table audit (id int); create rule log as on update to users do also insert into audit values (new.id);`,
      `{ table: 'users', where: 'full_name is null', transform: ({ first }) => ({ full_name: first }) }`,
    );
    expect(await it.attempt()).toMatchObject({ outcome: 'applied', runs: [{ rows: 50 }] });
  });

  it('[B4] says nothing of the row when transform throws, and keeps what was done', async () => {
    const it = await setup(
      USERS(250),
      `{ table: 'users', where: 'full_name is null', ${SMALL}, transform: ({ id, first }) => { if (id === 150) throw new TypeError('bad ' + first); return { full_name: first }; } }`,
    );
    const result = await it.attempt();
    expect(result).toMatchObject({ outcome: 'failed', code: 'FLT_MIGRATION_FAILED' });
    expect(result.message).toContain('transform threw TypeError');
    expect(result.message).not.toContain('F150');
    expect(await it.sql('select count(full_name)::int n from users')).toEqual([{ n: 100 }]);
  });

  it('[B5] puts a row for each row into another table, and no second one when a chunk comes again', async () => {
    const it = await setup(
      `${USERS(250)} create table profiles (user_id int primary key, name text not null);`,
      `{ table: 'users', into: { table: 'profiles', key: 'user_id' }, set: { name: "first || '!'" }, ${SMALL} }`,
    );
    await it.chunks(1);
    await it.sql(`delete from flotilla_step where key = 'cursor'`);
    expect(await it.attempt()).toMatchObject({ outcome: 'applied' });
    expect(await it.sql(`select count(*)::int n, count(*) filter (where name = 'F' || user_id || '!')::int ok from profiles`)).toEqual([
      { n: 250, ok: 250 },
    ]);
  });

  it('[B6] [B7] rests after each chunk for a share of the time that it took, and counts that where it tells how fast it is', async () => {
    const it = await setup(
      USERS(30),
      `{ table: 'users', set: { full_name: 'slow(first)' }, chunk: { rows: 10, maxRows: 10, targetMs: 60000 }, pace: { rest: 3 } }`,
    );
    await it.sql(`create function slow(text) returns text language sql volatile as $$ select $1 from pg_sleep(0.01) $$`);
    const at: number[] = [];
    let rowsPerSecond = 0;
    await it.attempt({
      onBackfill: (progress) => {
        at.push(performance.now());
        rowsPerSecond = progress.rowsPerSecond;
      },
    });
    // Two rests of three times a chunk's hundred milliseconds or more
    expect(at.at(-1)! - at.at(-3)!).toBeGreaterThan(2 * 4 * 100);
    expect(rowsPerSecond).toBeLessThan(10 / 0.4);
  });

  it.each([
    { targetMs: 100, first: 4 },
    { targetMs: 400, first: 4 },
    { targetMs: 100, first: 80 },
  ])('[B2] settles on chunks of $targetMs ms where rows are slow, from a first one of $first rows', async ({ targetMs, first }) => {
    const it = await setup(
      `${USERS(200)} create function slow(text) returns text language sql volatile as $$ select $1 from pg_sleep(0.005) $$;`,
      `{ table: 'users', where: 'full_name is null', set: { full_name: 'slow(first)' }, chunk: { rows: ${first}, targetMs: ${targetMs} }, pace: { rest: 0 } }`,
    );
    const visited: number[] = [];
    expect(await it.attempt({ onBackfill: (at) => visited.push(at.visited) })).toMatchObject({ outcome: 'applied', runs: [{ rows: 200 }] });
    const sizes = visited.slice(1).flatMap((at, n) => (at > visited[n]! ? [at - visited[n]!] : []));
    expect(sizes[0]).toBe(first);
    // The second one was read while the first was being written; a row takes 5 ms at least, however busy the machine is
    const largest = Math.max(...sizes.slice(2));
    expect(largest).toBeLessThanOrEqual(targetMs / 5);
    expect(largest).toBeGreaterThan(targetMs / 20);
  });

  it('[B9] [Z2] is a migration like any other to plain Knex, and leaves alone what it has filled before', async () => {
    const it = await setup(`${USERS(250)} create table versions as select id, xmin as v from users;`, FULL_NAME);
    const handle = knex({ client: 'pg', connection: urlOf(db, it.schema), pool: { min: 0, max: 2 } });
    try {
      const options: BackfillOptions = {
        table: 'users',
        set: { full_name: `first || ' ' || last` },
        chunk: { rows: 100, maxRows: 100 },
        pace: { rest: 0 },
      };
      await backfill(options).up(handle);
      expect(await it.sql(WRONG)).toEqual([{ n: 0 }]);
      const versions = () => it.sql('select id, xmin::text v from users order by id');
      const before = await versions();
      await backfill(options).up(handle);
      expect(await versions()).toEqual(before);
    } finally {
      await handle.destroy();
    }
  });
});

describe('what the usual recipe gets wrong', () => {
  const COPY = (more = '') => `{ table: 'users', into: { table: 'copies', mirror: true }, set: { name: 'first' }, ${SMALL}${more} }`;
  const COPIES = 'create table copies (id int primary key, name text);';

  it('[B-gap] rows that come and go while it runs are neither skipped, nor kept, nor doubled', async () => {
    const it = await setup(`${USERS(1000)} ${COPIES}`, COPY());
    await it.chunks(4);
    await it.sql(`delete from users where id between 100 and 399`);
    await it.sql(
      `insert into users select n, 'N' || n, '' from generate_series(-99, 0) n; insert into users select n, 'N' || n, '' from generate_series(1001, 1300) n`,
    );
    expect(await it.attempt()).toMatchObject({ outcome: 'applied' });
    const difference = `select count(*)::int n from users u full join copies c using (id) where u.first is distinct from c.name`;
    expect(await it.sql(difference)).toEqual([{ n: 0 }]);
    expect(await it.sql('select count(*)::int n from copies')).toEqual([{ n: 1100 }]);
  });

  it('[B-gap] rows deleted behind it and added before it move nobody: one pass is enough', async () => {
    const it = await setup(USERS(1000), FULL_NAME);
    await it.chunks(4);
    await it.sql(`delete from users where id <= 300`);
    await it.sql(`insert into users select n, 'N' || n, '' from generate_series(1001, 1400) n`);
    expect(await it.attempt()).toMatchObject({ outcome: 'applied' });
    expect(await it.sql(WRONG)).toEqual([{ n: 0 }]);
    // 400 of the first thousand before the change, and the thousand that are left behind them
    expect(it.progress.at(-1)).toMatchObject({ pass: 1, visited: 1400 });
  });

  it('[B-gap] in another table, without mirror a row whose source is gone stays', async () => {
    const it = await setup(`${USERS(1000)} ${COPIES}`, COPY().replace(', mirror: true', ''));
    await it.chunks(4);
    await it.sql(`delete from users where id between 100 and 399`);
    expect(await it.attempt()).toMatchObject({ outcome: 'applied' });
    expect(await it.sql(`select count(*)::int n, count(*) filter (where name = 'F' || id)::int ok from copies`)).toEqual([
      { n: 1000, ok: 1000 },
    ]);
  });

  it('[B-gap] rows that get another key behind the cursor are caught up with', async () => {
    const it = await setup(USERS(300), FULL_NAME);
    await it.chunks(2);
    await it.sql(`update users set id = -id where id > 250`);
    expect(await it.attempt()).toMatchObject({ outcome: 'applied' });
    expect(await it.sql(WRONG)).toEqual([{ n: 0 }]);
  });

  it('[B-gap] a chunk is a transaction and no savepoint: a handle inside a transaction is refused', async () => {
    const it = await setup(USERS(10), FULL_NAME, {
      '01_inside.mjs': `import { backfill } from 'flotilla/migration';
        export const up = (knex) => backfill({ table: 'users', set: { full_name: 'first' } }).up(knex); export const down = () => {};`,
    });
    expect(await it.attempt()).toMatchObject({ outcome: 'failed', code: 'FLT_IN_TRANSACTION' });
    expect(await it.sql('select count(full_name)::int n from users')).toEqual([{ n: 0 }]);
  });

  it('[B-gap] a copy does not overwrite what is newer in the other table', async () => {
    const it = await setup(
      `${USERS(300)} ${COPIES}
       create function carry() returns trigger language plpgsql as $$ begin
         insert into copies values (new.id, new.first) on conflict (id) do update set name = excluded.name; return null; end $$;
       create trigger carry after insert or update on users for each row execute function carry();`,
      COPY(),
    );
    await it.chunks(1);
    // Somebody has changed a row of the next chunk and has not committed: the chunk waits for the newest version
    const session = knex({ client: 'pg', connection: urlOf(db, it.schema), pool: { min: 1, max: 1 } });
    const trx = await session.transaction();
    await trx.raw(`update users set first = 'newest' where id = 150`);
    const running = it.attempt({ quickTries: 50 });
    await waiting(db);
    await trx.commit();
    await session.destroy();
    expect(await running).toMatchObject({ outcome: 'applied' });
    expect(await it.sql('select name from copies where id = 150')).toEqual([{ name: 'newest' }]);
  });

  it.each([
    {
      there: 'in place',
      table: 'users',
      column: 'full_name',
      to: `where: 'full_name is null', transform: ({ first }) => ({ full_name: first })`,
    },
    {
      there: 'in another table',
      table: 'copies',
      column: 'name',
      to: `into: { table: 'copies' }, transform: ({ first }) => ({ name: first })`,
    },
  ])('[B-gap] transform does not undo a change that is made while it looks at the row: $there', async ({ table, column, to }) => {
    const it = await setup(`${USERS(300)} ${COPIES}`, `{ table: 'users', ${SMALL}, ${to} }`);
    await it.chunks(1);
    const session = knex({ client: 'pg', connection: urlOf(db, it.schema), pool: { min: 1, max: 1 } });
    const trx = await session.transaction();
    await trx.raw(`update users set first = 'newest' where id = 150`);
    const running = it.attempt({ quickTries: 50 });
    await waiting(db);
    await trx.commit();
    await session.destroy();
    expect(await running).toMatchObject({ outcome: 'applied' });
    expect(await it.sql(`select ${column} as now from ${table} where id = 150`)).toEqual([{ now: 'newest' }]);
    expect(it.progress.at(-1)!.pass).toBe(2);
  });

  it('[B-gap] an empty table is done, and no share of nothing', async () => {
    const it = await setup(USERS(0), FULL_NAME);
    expect(await it.attempt()).toMatchObject({ outcome: 'applied', runs: [{ rows: 0 }] });
    expect(it.progress.at(-1)).toMatchObject({ total: 0, visited: 0, written: 0 });
  });

  it.each([
    { key: 'backfills', why: 'somebody holds the lock that stops all backfills of its database' },
    { key: 'concurrently', why: 'an index of its database is being built or dropped CONCURRENTLY' },
  ])(
    '[B-gap] it stands still between two chunks while somebody holds its lock, from psql too, says why, and goes on when that session ends: $key',
    async ({ key, why }) => {
      const it = await setup(USERS(300), FULL_NAME);
      await it.chunks(1);
      const session = knex({ client: 'pg', connection: db.url, pool: { min: 1, max: 1 } });
      await session.raw(`select pg_advisory_lock(hashtextextended('flotilla ${key}', 0))`);
      const [told, said] = [signal(), signal()];
      const running = it.attempt({
        onBackfill: ({ visited, waiting: reason }) => visited === 100 && reason === why && told.tell(),
        onStep: (step) => step === `02_fill: 100 of 300 rows, 33 %, waiting: ${why}` && said.tell(),
      });
      await Promise.all([told.seen, said.seen]);
      expect(await it.sql('select count(full_name)::int n from users')).toEqual([{ n: 100 }]);
      await session.destroy();
      expect(await running).toMatchObject({ outcome: 'applied', runs: [{ rows: 300 }] });
      expect(await it.sql(WRONG)).toEqual([{ n: 0 }]);
    },
  );

  it('[B-gap] it waits while the database is busy, and says why', async () => {
    const it = await setup(USERS(300), `{ table: 'users', set: { full_name: 'first' }, pace: { rest: 0, maxLockWaits: 0 } }`);
    const session = knex({ client: 'pg', connection: urlOf(db, it.schema), pool: { min: 2, max: 2 } });
    await session.raw('create table busy ()');
    const trx = await session.transaction();
    await trx.raw('lock table busy');
    const waiter = session.raw('select from busy').then(() => undefined);
    await waiting(db, 1000);
    const { seen, tell } = signal();
    const running = it.attempt({ onBackfill: ({ waiting: why }) => why === '1 statements wait for locks (at most 0)' && tell() });
    await seen;
    expect(await it.sql('select count(full_name)::int n from users')).toEqual([{ n: 0 }]);
    await trx.commit();
    await waiter;
    await session.destroy();
    expect(await running).toMatchObject({ outcome: 'applied' });
  });

  it('[B-gap] a value that is another one each time is found out before the table is written twice', async () => {
    const it = await setup(
      `${USERS(500)} alter table users add filled_at timestamptz;`,
      `{ table: 'users', set: { filled_at: 'clock_timestamp()' }, ${SMALL} }`,
    );
    expect(await it.attempt()).toMatchObject({ outcome: 'failed', code: 'FLT_BACKFILL_UNSTABLE' });
  });
});

/** A promise, and what keeps it. */
function signal(): { readonly seen: Promise<void>; readonly tell: () => void } {
  let tell: () => void = () => undefined;
  const seen = new Promise<void>((resolve) => {
    tell = resolve;
  });
  return { seen, tell };
}

describe('the way back from a backfill', () => {
  const EXPAND = {
    '01_expand.mjs': `export const up = (knex) => knex.raw('alter table users add nick text'); export const down = (knex) => knex.raw('alter table users drop nick');`,
  };
  const NICK = `{ table: 'users', set: { nick: 'first' }, ${SMALL} }`;
  const back = (it: BackfillTenant) => it.fixture.attempt(it.tenant, 'down');
  const columns = (it: BackfillTenant) =>
    it.sql(`select attname from pg_attribute where attrelid = 'users'::regclass and attname = 'nick'`);

  it("takes the column back that it has filled: what it wrote is not the application's", async () => {
    const it = await setup(USERS(250), NICK, EXPAND);
    expect(await it.attempt()).toMatchObject({ outcome: 'applied' });
    expect(await back(it)).toMatchObject({ outcome: 'rolledBack', runs: [{ name: '02_fill' }, { name: '01_expand' }] });
    expect(await columns(it)).toEqual([]);
  });

  it('refuses once the application has written into the column', async () => {
    const it = await setup(USERS(250), NICK, EXPAND);
    expect(await it.attempt()).toMatchObject({ outcome: 'applied' });
    await it.sql(`update users set nick = 'Effi' where id = 7`);
    expect(await back(it)).toMatchObject({ outcome: 'rollbackFailed', code: 'FLT_REVERT_REMOVES_DATA' });
  });

  it('takes the column back although it was cut off right after it had given a half-way backfill up', async () => {
    const it = await setup(USERS(250), NICK, EXPAND);
    await it.chunks(1);
    // The reading for the revert comes behind the commit that gives it up
    await it.sql('alter table users rename to elsewhere');
    await back(it);
    await it.sql('alter table elsewhere rename to users');
    expect(await it.sql('select from flotilla_step')).toEqual([]);
    expect(await back(it)).toMatchObject({ outcome: 'rolledBack', runs: [{ name: '01_expand' }] });
    expect(await columns(it)).toEqual([]);
  });

  it('forgets where it stood when it had stopped half-way, and begins anew the next time', async () => {
    const it = await setup(USERS(250), NICK, EXPAND);
    await it.chunks(1);
    expect(await back(it)).toMatchObject({ outcome: 'rolledBack', runs: [{ name: '01_expand' }] });
    expect(await columns(it)).toEqual([]);
    expect(await it.attempt({ rolloutId: 'r-2' })).toMatchObject({ outcome: 'applied', runs: [{}, { rows: 250 }] });
    expect(await it.sql('select count(nick)::int n from users')).toEqual([{ n: 250 }]);
  });
});

describe('keys', () => {
  const shapes: Record<string, readonly [create: string, fill: string, key?: string]> = {
    integer: ['id int primary key', 'select n from generate_series(-120, 130) n'],
    uuid: ['id uuid primary key', 'select md5(n::text)::uuid from generate_series(1, 251) n'],
    text: ['id text primary key', `select chr(65 + n % 50) || '''"\\é ' || n from generate_series(1, 251) n`],
    composite: ['a int, b text, primary key (b, a)', `select n % 7, 'k' || n from generate_series(1, 251) n`],
    timestamp: [
      'at timestamptz primary key',
      `select '2020-01-01'::timestamptz + n * interval '1.000001 s' from generate_series(1, 251) n`,
    ],
    'unique, not null': ['a int not null unique, b int', 'select n from generate_series(1, 251) n', `key: 'a',`],
    enum: [`id mood primary key`, `select unnest(enum_range(null::mood))`],
  };
  it.each(Object.entries(shapes))('[B2] of the kind %s are paged by', async (_, [create, fill, key = '']) => {
    const it = await setup(
      `create type mood as enum (${Array.from({ length: 251 }, (_, n) => `'m${(n * 37) % 251}'`).join(', ')}); create table "Odd ""table" (${create}, done int not null default 0); insert into "Odd ""table" ${fill};`,
      `{ table: 'Odd "table', ${key} set: { done: 'done + 1' }, where: 'done = 0', ${SMALL} }`,
    );
    await it.chunks(1);
    expect(await it.attempt()).toMatchObject({ outcome: 'applied', runs: [{ rows: 251 }] });
    expect(await it.sql('select done, count(*)::int n from "Odd ""table" group by 1')).toEqual([{ done: 1, n: 251 }]);
  });

  it.each([
    ['a table without one', 'create table users (id int);', '', /has no primary key/],
    [
      'columns that may be null',
      'create table users (id int primary key, k int unique);',
      `key: 'k',`,
      /no unique index of "users" holds exactly "k"/,
    ],
    [
      'a unique index with a condition',
      'create table users (id int primary key, k int not null); create unique index on users (k) where k > 0;',
      `key: 'k',`,
      /without a condition/,
    ],
  ])('[B2] are refused where rows could get lost: %s', async (_, create, key, message) => {
    const it = await setup(`${create} alter table users add full_name text;`, `{ table: 'users', ${key} set: { full_name: "'x'" } }`);
    const result = await it.attempt();
    expect(result).toMatchObject({ outcome: 'failed', code: 'FLT_BACKFILL_KEY' });
    expect(result.message).toMatch(message);
  });
});

describe('mistakes in a backfill', () => {
  it('are told all at once, before anything runs', () => {
    expect(() =>
      backfill({ table: '', set: {}, transform: () => undefined, chunk: { rows: 0, maxRows: 50_000 }, typo: 1 } as never),
    ).toThrow(
      /there is no field "typo"; table is the name of a table; it has either set or transform; set has SQL for at least one column; transform wants where.*; chunk\.rows.*; a chunk has at most 20000 rows/s,
    );
  });

  it('name the columns that a tenant does not have', async () => {
    const it = await setup(USERS(3), `{ table: 'users', set: { nick: "'x'", title: "'y'" } }`);
    const result = await it.attempt();
    expect(result).toMatchObject({ outcome: 'failed', code: 'FLT_BACKFILL_INVALID' });
    expect(result.message).toContain('"users" has no column "nick"; "users" has no column "title"');
  });

  it('that would end the chunk by themselves are not sent', async () => {
    const it = await setup(
      USERS(3),
      `{ table: 'users', where: "false); commit; delete from users where (true", set: { full_name: 'first' } }`,
    );
    expect(await it.attempt()).toMatchObject({ outcome: 'failed', code: 'FLT_STRAY_TRANSACTION' });
    expect(await it.sql('select count(*)::int n from users')).toEqual([{ n: 3 }]);
    expect(await it.sql('select count(full_name)::int n from users')).toEqual([{ n: 0 }]);
  });

  it('that reach into another tenant are rolled back', async () => {
    const it = await setup(USERS(3), `{ table: 'users', set: { full_name: "grab(first)" } }`);
    await query(
      db.url,
      `create schema other_${it.schema}; create table other_${it.schema}.loot (x text); create table other_${it.schema}.knex_migrations ();`,
    );
    await it.sql(
      `create function grab(text) returns text language sql volatile as $$ insert into other_${it.schema}.loot values ($1) returning x $$`,
    );
    expect(await it.attempt()).toMatchObject({ outcome: 'failed', code: 'FLT_TENANT_ESCAPE' });
    expect(await query(db.url, `select count(*)::int n from other_${it.schema}.loot`)).toEqual([{ n: 0 }]);
  });
});

describe('docs/migrations/backfill.md', () => {
  const page = readFileSync(new URL('../../../docs/migrations/backfill.md', import.meta.url), 'utf8');
  const files = Object.fromEntries([...page.matchAll(/```ts\n\/\/ (\S+)\n([\s\S]*?)```/g)].map(([, name, source]) => [name!, source!]));

  it('[B9] shows what --template backfill writes', () => {
    expect(Object.values(files)[0]).toBe(migrationSource('backfill', 'users', 'ts'));
  });

  it('[B9] has examples that run', async () => {
    await query(
      db.url,
      `create schema docs; set search_path to docs; create table users (id int primary key, first_name text, last_name text, settings jsonb, full_name text);
       create table profiles (user_id int primary key, greeting text, preferences jsonb);
       insert into users (id, first_name, last_name, settings) select n, 'F' || n, 'L' || n, '{"theme": "dark"}' from generate_series(1, 30) n`,
    );
    const fixture = createFixture(db.url, files);
    expect(await fixture.attempt({ id: 'docs', host: 'h1', schema: 'docs' })).toMatchObject({
      outcome: 'applied',
      runs: [{ rows: 30 }, { rows: 30 }],
    });
    const right = await query(
      urlOf(db, 'docs'),
      `select count(*)::int n from users join profiles on user_id = id where full_name = first_name || ' ' || last_name and greeting = 'Hello ' || first_name and preferences = '{"theme": "dark", "migrated": true}'`,
    );
    expect(right).toEqual([{ n: 30 }]);
    await fixture.close();
  });
});
