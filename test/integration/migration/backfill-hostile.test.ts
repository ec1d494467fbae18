/** Backfills over names, types, settings and answers that were not thought of by whoever wrote the migration. */

import knex from 'knex';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { backfill } from '../../../src/migration/backfill.js';
import type { AttemptResult } from '../../../src/postgres/contract.js';
import { type BackfillTenant, closeBackfills, createBackfillTenant, waiting } from '../../support/backfill.js';
import { debianPostgres, startDebianPostgres } from '../../support/debian-postgres.js';
import { createDatabase, ident, query, type TestDatabase } from '../../support/postgres.js';

let db: TestDatabase;
beforeAll(async () => {
  db = await createDatabase('backfill');
  await query(db.url, 'create extension citext');
});
afterEach(closeBackfills);
afterAll(() => db.drop());

const setup = (
  sql: string,
  source: string,
  more?: Readonly<Record<string, string>>,
  own?: Partial<BackfillTenant['tenant']>,
): Promise<BackfillTenant> => createBackfillTenant(db, sql, source, more, own);
/** An attempt while somebody holds the lock that stops all backfills; it is told to stop once it says that it waits. */
async function whileStopped(it: BackfillTenant): Promise<AttemptResult> {
  const client = await db.client();
  await client.query(`select pg_advisory_lock(hashtextextended('flotilla backfills', 0))`);
  let waits = false;
  const onStep = (step: string) => {
    waits ||= step.includes('waiting');
  };
  const result = await it.attempt({ onStep, stop: () => waits });
  await client.end();
  return result;
}
const SMALL = 'chunk: { rows: 10, maxRows: 10 }, pace: { rest: 0 }';
/** Columns a and b, and 25 rows to fill. */
const X = `create table x (id int primary key, a text, b text); insert into x (id, a) select n, 'a' || n from generate_series(1, 25) n;`;
const Y = 'create table y (id int primary key, b text);';

describe('a backfill, whatever things are called', () => {
  it.each(['s', 'excluded', 'flotilla_v', 'flotilla_k1', `Upper "and ' quotes`, 'a.dot and a \\?', '$1 -- /*', `${'ü'.repeat(31)}x`])(
    '[B2] fills in place and into another table where the table, its key and its columns are called %s',
    async (name) => {
      const q = ident(name);
      const [table, value] = [JSON.stringify(name), JSON.stringify(`${q}.${q} || '!'`)];
      const transform = `transform: (row) => ({ b: row[${table}] + '!' })`;
      for (const [source, into] of [
        [`set: { b: ${value} }`, q],
        [`where: 'b is null', ${transform}`, q],
        [`into: { table: 'there', mirror: true }, set: { b: ${value} }`, 'there'],
        [`into: { table: 'there', mirror: true }, ${transform}`, 'there'],
      ]) {
        const it = await setup(
          `create table ${q} (${q} text primary key, b text); insert into ${q} select 'k' || n from generate_series(1, 25) n;
         create table there (${q} text primary key, b text); insert into there values ('gone')`,
          `{ table: ${table}, ${source}, ${SMALL} }`,
        );
        expect(await it.attempt()).toMatchObject({ outcome: 'applied', runs: [{ rows: into === q ? 25 : 26 }] });
        expect(await it.sql(`select count(*)::int n from ${into} where b = ${q} || '!'`)).toEqual([{ n: 25 }]);
      }
    },
  );

  it('[B9] sends question marks and backslashes past Knex as they are', async () => {
    const it = await setup(
      `create table x (id text primary key, a text, b text, c boolean); insert into x select '\\?' || n, 'a\\\\? ?' || n from generate_series(1, 25) n`,
      `{ table: 'x', set: { b: 'a' } }`,
    );
    const handle = knex({ client: 'pg', connection: db.url, searchPath: [it.schema], pool: { min: 0, max: 2 } });
    try {
      const small = { chunk: { rows: 10, maxRows: 10 }, pace: { rest: 0 } };
      await backfill({ table: 'x', where: 'b is null', transform: ({ a }) => ({ b: a }), ...small }).up(handle);
      await backfill({ table: 'x', set: { c: `a ~ '\\?' and '{"a": 1}'::jsonb ? 'a'` }, ...small }).up(handle);
    } finally {
      await handle.destroy();
    }
    expect(await it.sql('select count(*)::int n from x where b = a and c')).toEqual([{ n: 25 }]);
  });
});

describe('SQL of the author', () => {
  it.each([
    ['set', `set: { b: 'a -- as it was' }`, 10],
    ['where', `set: { b: 'a' }, where: "a <> 'a3' -- not this one"`, 9],
    ['set into another table', `set: { b: 'a -- as it was' }, into: { table: 'y' }`, 10],
  ])('[B2] may end in a comment, which does not take what stands behind with it: %s', async (_, source, n) => {
    const it = await setup(X + Y, `{ table: 'x', ${source}, ${SMALL} }`);
    await it.chunks(1);
    expect(await it.sql(`select count(b)::int n from ${source.includes('into') ? 'y' : 'x'}`)).toEqual([{ n }]);
    expect(await it.attempt()).toMatchObject({ outcome: 'applied' });
  });

  it('[B2] may call the table by its name, to tell its columns from those of a subquery', async () => {
    const it = await setup(
      `${X} create table lines (id int, x_id int); insert into lines select n, n % 25 + 1 from generate_series(1, 50) n`,
      `{ table: 'x', set: { b: '(select count(*) from lines where lines.x_id = x.id)' }, ${SMALL} }`,
    );
    expect(await it.attempt()).toMatchObject({ outcome: 'applied' });
    expect(await it.sql('select distinct b from x')).toEqual([{ b: '2' }]);
  });

  it.each([
    ['set', `set: { id: 'id + 100' }`],
    ['transform', `where: 'true', transform: ({ id }) => ({ id: id + 100 })`],
  ])('[B-gap] does not move rows along the key that they are paged by, which would never end: %s', async (_, source) => {
    const it = await setup(X, `{ table: 'x', ${source}, ${SMALL} }`);
    let steps = 0;
    const result = await it.attempt({ cut: () => ++steps > 50 });
    expect(result).toMatchObject({ outcome: 'failed', code: 'FLT_BACKFILL_INVALID' });
    expect(result.message).toContain('it is paged by "id", and cannot write there');
    expect(await it.sql('select max(id) from x')).toEqual([{ max: 25 }]);
  });

  it('[B-gap] is not called unstable for rows that the application adds meanwhile', async () => {
    const it = await setup(`${X} delete from x where id > 1;`, `{ table: 'x', set: { b: "a || '!'" }, ${SMALL} }`);
    const application = await db.client();
    await application.query(
      `set search_path to ${it.schema}; begin; update x set a = 'new' where id = 1; insert into x (id, a) select n, 'late' from generate_series(2, 9) n`,
    );
    const running = it.attempt({ quickTries: 50 });
    await waiting(db);
    await application.query('commit');
    expect(await running).toMatchObject({ outcome: 'applied' });
  });
});

describe('a backfill of', () => {
  const shapes: Readonly<Record<string, readonly [table: string, key: string, into?: string]>> = {
    'a partitioned table': [
      'create table x (id int primary key, a text, b text) partition by hash (id); create table x0 partition of x for values with (modulus 2, remainder 0); create table x1 partition of x for values with (modulus 2, remainder 1)',
      'n',
    ],
    'identity and generated columns': [
      'create table x (id int generated always as identity primary key, a text, g text generated always as (a) stored, b text)',
      'n',
      'create table y (id int generated always as identity primary key, b text)',
    ],
    'a table with a trigger that opens a block of its own': [
      'create table x (id int primary key, a text, b text); create function f() returns trigger language plpgsql as $$ begin begin new.a := new.a; exception when others then null; end; return new; end $$; create trigger f before update on x for each row execute function f()',
      'n',
    ],
    domains: ['create domain d as varchar(10) check (length(value) > 1); create table x (id int primary key, a d, b d)', 'n'],
    citext: ['create table x (id citext primary key, a citext, b citext)', `'K' || n`],
    'a collation that passes over case': [
      `create collation ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false); create table x (id text collate ci primary key, a text collate ci, b text collate ci)`,
      `'K' || n`,
    ],
    'numeric keys, NaN': ['create table x (id numeric(20, 3) primary key, a text, b text)', `case n when 0 then 'NaN' else n / 7.0 end`],
    'float keys, infinities': [
      'create table x (id float8 primary key, a text, b text)',
      `case n when 0 then 'NaN' when 1 then '-Infinity' else n / 7.0::float8 end`,
    ],
    bytea: ['create table x (id bytea primary key, a text, b text)', `('\\x005c27'::bytea || n::text::bytea)`],
    'keys of a fixed length': ['create table x (id char(5) primary key, a text, b text)', 'n'],
    'arrays for keys': ['create table x (id text[] primary key, a text, b text)', `array['k' || n, null, '"{}\\']`],
    'timestamps without an end, before Christ, and twice in the night of the change': [
      'create table x (id timestamptz primary key, a text, b text)',
      `case n when 0 then 'infinity' when 1 then '-infinity' when 2 then '4713-01-01 BC' else '2024-10-27 00:00+02'::timestamptz + n * interval '10 minutes 1 microsecond' end`,
    ],
  };
  const kinds = {
    set: `set: { b: "a || '!'" }`,
    transform: `where: 'b is null', transform: ({ a }) => ({ b: a + '!' })`,
    into: `into: { table: 'y', mirror: true }, set: { b: "a || '!'" }`,
  };
  it.each(Object.entries(shapes))('[B2] %s writes each row once', async (_, [table, key, into]) => {
    for (const [kind, source] of Object.entries(kinds)) {
      const it = await setup(
        `${table}; insert into x (id, a) overriding system value select ${key}, 'a' || n from generate_series(0, 24) n; ${into ?? 'create table y (like x including all)'}`,
        `{ table: 'x', ${source}, ${SMALL} }`,
      );
      await it.chunks(1);
      expect(await it.attempt()).toMatchObject({ outcome: 'applied', runs: [{ rows: 25 }] });
      const there = kind === 'into' ? 'x join y using (id)' : 'x as y join x using (id)';
      expect(await it.sql(`select count(*)::int n from ${there} where y.b::text = x.a::text || '!'`)).toEqual([{ n: 25 }]);
    }
  });

  it('[B2] a column that is not null for new rows only is no key', async () => {
    const it = await setup(
      'create table x (k int unique, b text); insert into x values (null); alter table x add constraint n not null k not valid;',
      `{ table: 'x', key: 'k', set: { b: "'x'" } }`,
    );
    expect(await it.attempt()).toMatchObject({ outcome: 'failed', code: 'FLT_BACKFILL_KEY' });
  });

  it('[B2] a view is refused', async () => {
    const it = await setup('create table z (id int primary key, b text); create view x as select * from z', `{ table: 'x', ${kinds.set} }`);
    expect(await it.attempt()).toMatchObject({ outcome: 'failed', code: 'FLT_BACKFILL_INVALID' });
  });

  it('[B-gap] rows of which row-level security hides some is refused, and does not fill a part', async () => {
    const role = `rls_${db.name}`;
    await query(db.url, `create role ${role}`);
    try {
      const it = await setup(
        `${X} alter table x enable row level security; create policy p on x using (id <= 10); grant all on x to ${role}`,
        `{ table: 'x', ${kinds.set}, ${SMALL} }`,
        {},
        { role },
      );
      await query(db.url, `grant all on schema ${it.schema} to ${role}`);
      const result = await it.attempt();
      expect(result).toMatchObject({ outcome: 'failed', code: 'FLT_PERMISSION_DENIED' });
      expect(result.message).toContain('row-level security');
      expect(await it.sql('select count(b)::int n from x')).toEqual([{ n: 0 }]);
    } finally {
      await query(db.url, `drop owned by ${role}; drop role ${role}`);
    }
  });

  it('[B2] a tenant that is a database of its own, with a role', async () => {
    const own = await createDatabase('backfill');
    const role = `own_${own.name}`;
    await query(own.url, `create role ${role}; alter schema public owner to ${role}`);
    try {
      const it = await createBackfillTenant(
        own,
        `set role ${role}; ${X} ${Y}`,
        `{ table: 'x', ${kinds.into}, ${SMALL} }`,
        {},
        { schema: undefined, database: own.name, role },
      );
      await it.chunks(1);
      expect(await it.attempt()).toMatchObject({ outcome: 'applied', runs: [{ rows: 25 }] });
    } finally {
      await closeBackfills();
      await query(own.url, `drop owned by ${role} cascade`);
      await own.drop();
      await query(db.url, `drop role ${role}`);
    }
  });

  it.runIf(debianPostgres)('[B2] a tenant on Postgres 15', async () => {
    const server = await startDebianPostgres();
    try {
      const old = await createDatabase('backfill', undefined, server.url);
      for (const source of Object.values(kinds)) {
        const it = await createBackfillTenant(old, X + Y, `{ table: 'x', ${source}, ${SMALL} }`);
        await it.chunks(1);
        expect(await it.attempt()).toMatchObject({ outcome: 'applied', runs: [{ rows: 25 }] });
      }
      await closeBackfills();
      await old.drop();
    } finally {
      server.close();
    }
  });
});

describe('settings of the database', () => {
  it.each([
    ['standard_conforming_strings', 'off', 'text', `E'\\\\' || n`],
    ['extra_float_digits', '-15', 'float8', '1 + n / 1e9'],
    ['datestyle', `'SQL, DMY'`, 'timestamptz', `'2024-01-01'::timestamptz + n * interval '1 hour 1 microsecond'`],
    ['intervalstyle', 'sql_standard', 'interval', `n * interval '1 hour 1 microsecond'`],
    ['bytea_output', 'escape', 'bytea', `('\\x005c'::bytea || n::text::bytea)`],
    ['default_transaction_isolation', 'serializable', 'int', 'n'],
  ])('[B2] do not move the cursor, nor what is written: %s = %s', async (name, value, type, key) => {
    const own = await createDatabase('backfill');
    try {
      for (const source of [`set: { b: "a || '!'" }`, `where: 'b is null', transform: ({ a }) => ({ b: a + '!' })`]) {
        const it = await createBackfillTenant(
          own,
          `create table x (id ${type} primary key, a text, b text); insert into x select ${key}, 'a\\' || n from generate_series(1, 25) n`,
          `{ table: 'x', ${source}, ${SMALL} }`,
        );
        await query(own.url, `alter database ${own.name} set ${name} to ${value}`);
        await it.chunks(1);
        let steps = 0;
        expect(await it.attempt({ cut: () => ++steps > 50 })).toMatchObject({ outcome: 'applied', runs: [{ rows: 25 }] });
        expect(await it.sql(`select count(*)::int n from x where b = a || '!'`)).toEqual([{ n: 25 }]);
        await query(own.url, `alter database ${own.name} reset all`);
      }
    } finally {
      await closeBackfills();
      await own.drop();
    }
  });
});

describe('what transform answers', () => {
  const KINDS = `create table x (id int primary key, at timestamp, d date, tz timestamptz, i interval, v varchar(3), vs varchar(3)[], j jsonb, t text);
    insert into x (id, at, d, tz, i) select n, '2024-07-01 10:00', '2024-07-01', '2024-07-01 10:00Z', '1 day 02:00:00' from generate_series(1, 25) n;
    create table y (like x including all);`;

  it.each(['America/New_York', 'Asia/Kolkata', 'UTC'])('[B4] is written as it was read, in %s too', async (zone) => {
    const { TZ } = process.env;
    process.env.TZ = zone;
    try {
      const it = await setup(KINDS, `{ table: 'x', into: { table: 'y' }, transform: (row) => row, ${SMALL} }`);
      expect(await it.attempt()).toMatchObject({ outcome: 'applied' });
      expect(await it.sql('select count(*)::int n from x join y using (id, at, d, tz, i)')).toEqual([{ n: 25 }]);
    } finally {
      if (TZ === undefined) delete process.env.TZ;
      else process.env.TZ = TZ;
    }
  });

  it.each([
    ['an invalid date', 'tz: new Date(NaN)', 'FLT_BACKFILL_INVALID'],
    ['a text with a NUL', `t: 'a\\0b'`, 'FLT_BACKFILL_INVALID'],
    ['a circle', 'j: (() => { const a = {}; a.a = a; return a; })()', 'FLT_BACKFILL_INVALID'],
    ['a bigint in json', 'j: { n: 1n }', 'FLT_BACKFILL_INVALID'],
    ['a text that is too long', `v: 'longer'`, 'FLT_DATA_ERROR'],
    ['a list of texts that are too long', `vs: ['longer']`, 'FLT_DATA_ERROR'],
  ])(
    '[B4] fails the tenant where it cannot be written, and is neither cut to fit nor taken for a broken connection: %s',
    async (_, answer, code) => {
      const it = await setup(KINDS, `{ table: 'x', where: 't is null', transform: () => ({ ${answer} }), ${SMALL} }`);
      expect(await it.attempt()).toMatchObject({ outcome: 'failed', code });
    },
  );

  it('[B4] [B-gap] may be nothing for a whole chunk, which is stopped like the others', async () => {
    const it = await setup(X, `{ table: 'x', where: 'b is null', transform: () => undefined, ${SMALL} }`);
    const result = await whileStopped(it);
    expect(result).toMatchObject({ outcome: 'deferred', code: 'FLT_BACKFILL_CUT' });
    expect(await it.attempt()).toMatchObject({ outcome: 'applied', runs: [{ rows: 0 }] });
  });
});

describe('a chunk that', () => {
  const SLOW = [
    ['to write', `set: { b: 'slow(a)' }`],
    ['to read', `where: 'b is null and slow(a) is not null', transform: ({ a }) => ({ b: a })`],
  ] as const;

  it.each(SLOW)('[B6] [B8] takes longer %s than a statement may is tried again with fewer rows', async (_, options) => {
    const it = await setup(X, `{ table: 'x', ${options}, chunk: { rows: 25, maxRows: 25, targetMs: 60000 }, pace: { rest: 0 } }`);
    await it.sql(`create function slow(text) returns text language sql immutable as $$ select $1 from pg_sleep(0.02) $$`);
    expect(await it.attempt({ timeouts: { lockMs: 300, statementMs: 300, idleMs: 30_000 } })).toMatchObject({
      outcome: 'applied',
      runs: [{ rows: 25 }],
    });
    expect(await it.sql('select count(*)::int n from x where b = a')).toEqual([{ n: 25 }]);
  });

  it.each(SLOW)('[B8] takes longer %s with a single row fails, and says so', async (_, options) => {
    const it = await setup(X, `{ table: 'x', ${options}, ${SMALL} }`);
    await it.sql(`create function slow(text) returns text language sql immutable as $$ select $1 from pg_sleep(0.2) $$`);
    expect(await it.attempt({ timeouts: { lockMs: 100, statementMs: 100, idleMs: 30_000 } })).toMatchObject({
      outcome: 'failed',
      code: 'FLT_STATEMENT_TIMEOUT',
    });
  });

  it('[B-gap] waits for whoever stops all backfills ends when the attempt shall stop', async () => {
    const it = await setup(X, `{ table: 'x', set: { b: 'a' }, ${SMALL} }`);
    const result = await whileStopped(it);
    expect(result).toMatchObject({ outcome: 'deferred', code: 'FLT_BACKFILL_CUT' });
  });
});

describe('rows that come all the time', () => {
  it('[B-gap] do not keep it going for ever: it gives up after five passes, and says what to do', async () => {
    // Each chunk adds a row behind it that lacks the value, as an application does that does not fill it
    const it = await setup(
      `${X} create sequence below increment -1 maxvalue 0 start 0 minvalue -1000;
       create function more() returns trigger language plpgsql as $$ begin insert into x (id, a) values (nextval('below'), 'late'); return null; end $$;
       create trigger more after update on x for each statement execute function more()`,
      `{ table: 'x', set: { b: "a || '!'" }, ${SMALL} }`,
    );
    const result = await it.attempt();
    expect(result).toMatchObject({ outcome: 'applied' });
    expect(result.message).toContain('rows without a value kept coming to the end');
    expect(it.progress.at(-1)!.pass).toBe(5);
  });
});
