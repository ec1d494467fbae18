/** `dualWrite` in migration files, run by the runner on a real server, with an application that writes beside it. */

import { readFileSync } from 'node:fs';
import createKnex from 'knex';
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type DualWriteSpec, dualWrite } from '../../../src/migration/dual-write.js';
import { SKIP_DUAL_WRITE_BACK } from '../../../src/migration/index.js';
import { validationSpec } from '../../../src/migration/validation-spec.js';
import { catalogOf } from '../../support/catalog.js';
import { createDatabase, createFixture, ident, query, type RunnerFixture, type TestDatabase } from '../../support/postgres.js';

/** A name with everything in it, and as long as a name may be. */
const HOSTILE = `Us"er's $flotilla$ new?`;
const LONGEST = 'ä'.repeat(31);

let db: TestDatabase;
const fixtures: RunnerFixture[] = [];
let serial = 0;
beforeAll(async () => {
  db = await createDatabase('dual_write');
});
afterEach(async () => {
  for (const fixture of fixtures.splice(0)) await fixture.close();
});
afterAll(() => db.drop());

/** Two tenants, both with the tables, the first one with the dual writes; and an application that is connected to it. */
async function setup(tables: string, ...specs: DualWriteSpec[]) {
  const schema = `T"enant's ${++serial}?`;
  const sibling = `sibling ${serial}`;
  for (const each of [schema, sibling]) await query(db.url, `create schema ${ident(each)}; set search_path to ${ident(each)}; ${tables}`);
  const before = await catalogOf(db.url, schema);
  const fixture = createFixture(db.url, {
    '01_expand.mjs': `import { dualWrite } from 'flotilla/migration';
      const all = ${JSON.stringify(specs)}.map((spec) => dualWrite(spec));
      export const up = async (knex) => { for (const each of all) await each.create(knex); };
      export const down = async (knex) => { for (const each of all) await each.drop(knex); };`,
  });
  fixtures.push(fixture);
  const attempt = (of: string, direction: 'up' | 'down' = 'up') => fixture.attempt({ id: of, host: 'h1', schema: of }, direction);
  const applied = await attempt(schema);
  expect(applied, JSON.stringify(applied)).toMatchObject({ outcome: 'applied' });
  const app = await db.client();
  await app.query(`set search_path to ${ident(schema)}`);
  return {
    schema,
    sibling,
    before,
    fixture,
    attempt,
    app,
    /** Runs statements as the application, and answers the rows of the last one. */
    sql: (text: string) => rowsOf(app, text),
    /** What its check answers. */
    inPlace: async (of: DualWriteSpec = specs[0]!) => (await rowsOf(app, checkOf(of)))[0]!.count === '0',
  };
}

function checkOf(spec: DualWriteSpec): string {
  const { inPlace } = dualWrite(spec);
  expect(validationSpec.parse(inPlace)).toEqual(inPlace);
  return (inPlace as { sql: string }).sql;
}

async function rowsOf(client: pg.Client, text: string): Promise<Record<string, unknown>[]> {
  const results = (await client.query(text)) as unknown as pg.QueryResult | pg.QueryResult[];
  return (Array.isArray(results) ? results.at(-1)! : results).rows;
}

const NAMES = `create table users (id int primary key, first_name varchar(20), last_name text, full_name varchar(50), note text);`;
const names: DualWriteSpec = {
  table: 'users',
  from: ['first_name', 'last_name'],
  to: { full_name: "concat_ws(' ', first_name, last_name)" },
  back: { first_name: "split_part(full_name, ' ', 1)", last_name: "nullif(split_part(full_name, ' ', 2), '')" },
};

describe('old and new columns of one row', () => {
  it('[Z1] [Z-gap] follow each other, whichever side a statement writes; what it writes to both stays as it is', async () => {
    const { sql } = await setup(NAMES, names);
    const all = 'select first_name f, last_name l, full_name n from users order by id';
    expect(await sql(`insert into users (id, first_name, last_name) values (1, 'Ada', 'King'); ${all}`)).toEqual([
      { f: 'Ada', l: 'King', n: 'Ada King' },
    ]);
    expect(await sql(`insert into users (id, full_name) values (2, 'Alan Turing'); ${all} offset 1`)).toEqual([
      { f: 'Alan', l: 'Turing', n: 'Alan Turing' },
    ]);
    expect(await sql(`update users set last_name = 'Lovelace' where id = 1; ${all} limit 1`)).toEqual([
      { f: 'Ada', l: 'Lovelace', n: 'Ada Lovelace' },
    ]);
    expect(await sql(`update users set full_name = 'Augusta Byron' where id = 1; ${all} limit 1`)).toEqual([
      { f: 'Augusta', l: 'Byron', n: 'Augusta Byron' },
    ]);
    expect(await sql(`update users set full_name = 'Countess', first_name = 'A' where id = 1; ${all} limit 1`)).toEqual([
      { f: 'A', l: 'Byron', n: 'Countess' },
    ]);
    expect(await sql(`update users set note = 'x'; ${all} limit 1`)).toEqual([{ f: 'A', l: 'Byron', n: 'Countess' }]);
    expect(await sql(`insert into users (id, first_name, full_name) values (3, 'B', 'Both'); ${all} offset 2`)).toEqual([
      { f: 'B', l: null, n: 'Both' },
    ]);
  });

  it('[Z1] carry null as a value, in both directions', async () => {
    const { sql } = await setup('create table users (id int primary key, "old" json, "new" json);', {
      table: 'users',
      from: 'old',
      to: 'new',
    });
    const all = 'select "old", "new" from users';
    expect(await sql(`insert into users (id) values (1); ${all}`)).toEqual([{ old: null, new: null }]);
    expect(await sql(`update users set "old" = '[1]'; ${all}`)).toEqual([{ old: [1], new: [1] }]);
    expect(await sql(`update users set "new" = null; ${all}`)).toEqual([{ old: null, new: null }]);
    expect(await sql(`update users set "new" = '{}'; update users set "old" = null; ${all}`)).toEqual([{ old: null, new: null }]);
  });

  it('[Z1] go one way only where no way back is given', async () => {
    const { sql } = await setup('create table t (id int primary key, cents int, amount numeric);', {
      table: 't',
      from: 'cents',
      to: { amount: 'cents / 100.0' },
    });
    const all = 'select cents, amount::float from t';
    expect(await sql(`insert into t values (1, 250); ${all}`)).toEqual([{ cents: 250, amount: 2.5 }]);
    expect(await sql(`update t set amount = 7; ${all}`)).toEqual([{ cents: 250, amount: 7 }]);
    expect(await sql(`update t set cents = 100; ${all}`)).toEqual([{ cents: 100, amount: 1 }]);
  });

  it('[Z1] a side at its default counts as not written; what a volatile default gave counts as written', async () => {
    const { sql } = await setup(
      `create sequence drawn; create table t (id int primary key, a varchar(9) not null default '', b varchar(9) not null default 'none', at timestamptz default now(), seen timestamptz,
         token int default nextval('drawn'), key int);`,
      { table: 't', from: 'a', to: 'b' },
      { table: 't', from: 'at', to: 'seen' },
      { table: 't', from: 'token', to: 'key' },
    );
    const all = 'select a, b from t order by id desc limit 1';
    expect(await sql(`insert into t (id, a) values (1, 'old'); ${all}`)).toEqual([{ a: 'old', b: 'old' }]);
    expect(await sql(`insert into t (id, b) values (2, 'new'); ${all}`)).toEqual([{ a: 'new', b: 'new' }]);
    expect(await sql(`insert into t (id) values (3); ${all}`)).toEqual([{ a: '', b: '' }]);
    await sql(`alter table t alter column b set default 'later'`);
    expect(await sql(`insert into t (id, a) values (4, 'old'); ${all}`)).toEqual([{ a: 'old', b: 'old' }]);
    expect(await sql(`insert into t (id, a, b) values (5, 'old', 'new'); ${all}`)).toEqual([{ a: 'old', b: 'new' }]);
    expect(
      await sql(`insert into t (id, seen, key) values (6, '2020-01-01', -1);
        select at = seen as stable, token = key as volatile, last_value::int as drawn from t, drawn where id = 6`),
    ).toEqual([{ stable: true, volatile: false, drawn: 6 }]);
  });

  it("[Z-gap] see what the application's own triggers write, before and after the row", async () => {
    const { sql } = await setup(
      `${NAMES} create table log (id int);
       create function tidy() returns trigger language plpgsql as $$ begin new.first_name := btrim(new.first_name); return new; end $$;
       create trigger tidy before insert or update on users for each row execute function tidy();
       create function again() returns trigger language plpgsql as $$ begin
         if new.note = 'again' then update users set last_name = 'Again', note = null where id = new.id; end if; return null; end $$;
       create trigger again after insert or update on users for each row execute function again();`,
      names,
    );
    expect(await sql(`insert into users (id, first_name, last_name) values (2, ' Eve ', 'Jo'); select full_name n from users`)).toEqual([
      { n: 'Eve Jo' },
    ]);
    expect(
      await sql(
        `insert into users (id, first_name, last_name, note) values (1, ' Ada ', 'King', 'again'); select full_name n from users where id = 1`,
      ),
    ).toEqual([{ n: 'Ada Again' }]);
  });

  it('[Z-gap] follow COPY and INSERT … ON CONFLICT', async () => {
    const { sql } = await setup(NAMES, names);
    await sql(`create table outbox as select 1 as id, 'Ada' as f, 'King' as l`);
    const [{ dir }] = (await sql(`select current_setting('data_directory') as dir`)) as [{ dir: string }];
    const file = `'${dir}/copied_${serial}'`;
    expect(await sql(`copy outbox to ${file}; copy users (id, first_name, last_name) from ${file}; select full_name n from users`)).toEqual(
      [{ n: 'Ada King' }],
    );
    expect(
      await sql(`insert into users (id, first_name) values (1, 'Eve') on conflict (id) do update set first_name = excluded.first_name;
        select full_name n from users`),
    ).toEqual([{ n: 'Eve King' }]);
    expect(
      await sql(`insert into users (id, full_name) values (1, 'Bob Dylan') on conflict (id) do update set full_name = excluded.full_name;
        select first_name f, last_name l from users`),
    ).toEqual([{ f: 'Bob', l: 'Dylan' }]);
  });

  it("[Z-gap] are the right tenant's whatever the writer's search_path, also where an expression reads another table", async () => {
    const it = await setup(
      `create table t (id int primary key, code text, label text); create table labels (code text, label text);
       create function shout(text) returns text language sql as 'select upper($1)'; create type mood as enum ('sad', 'glad');`,
      { table: 't', from: 'code', to: { label: "shout((select label from labels where labels.code = t.code)) || 'sad'::mood::text" } },
    );
    await it.sql(`insert into labels values ('a', 'ours')`);
    const other = await db.client();
    await other.query(`set search_path to ${ident(it.sibling)}; insert into labels values ('a', 'theirs')`);
    await other.query(`insert into ${ident(it.schema)}.t values (1, 'a')`);
    expect(await it.sql('select label from t')).toEqual([{ label: 'OURSsad' }]);
    expect(await rowsOf(other, 'select current_schema() as s')).toEqual([{ s: it.sibling }]);
    // Renamed, and the old name taken by another
    await other.query(
      `alter schema ${ident(it.schema)} rename to "moved ${serial}"; alter schema ${ident(it.sibling)} rename to ${ident(it.schema)}`,
    );
    await other.query(`insert into "moved ${serial}".t values (2, 'a')`);
    expect(await rowsOf(other, `select label from "moved ${serial}".t where id = 2`)).toEqual([{ label: 'OURSsad' }]);
  });

  it('[Z-gap] go on when columns come and go under a session that has written already', async () => {
    const { sql } = await setup(NAMES, names);
    const set = (name: string) => sql(`update users set first_name = '${name}'; select full_name n from users`);
    await sql(`insert into users (id, first_name, last_name) values (1, 'Ada', 'King')`);
    await sql('alter table users drop column note; alter table users add column more jsonb');
    expect(await set('Eve')).toEqual([{ n: 'Eve King' }]);
    await sql('alter table users add column last int default 7; alter table users drop column more');
    expect(await set('Zoe')).toEqual([{ n: 'Zoe King' }]);
  });

  it('[Z2] keep the old column when a backfill that transforms says so; without, an inverse that is not exact rewrites it', async () => {
    const { sql } = await setup('create table t (id int primary key, phone text, digits text);', {
      table: 't',
      from: 'phone',
      to: { digits: "regexp_replace(phone, '[^0-9]', '', 'g')" },
      back: { phone: "'+' || digits" },
    });
    const old = `alter table t disable trigger user; insert into t values (1, '0043 1 2345'), (2, '0043 6 7890'), (3, '0043 7 1'); alter table t enable trigger user`;
    await sql(old);
    const row = (id: number) => sql(`select phone, digits from t where id = ${id}`);
    // The expression of the dual write: both sides agree
    await sql(`update t set digits = regexp_replace(phone, '[^0-9]', '', 'g') where id = 1`);
    expect(await row(1)).toEqual([{ phone: '0043 1 2345', digits: '004312345' }]);
    // A transformation of its own
    await sql(`begin; select set_config('${SKIP_DUAL_WRITE_BACK}', 'on', true); update t set digits = '4367890' where id = 2; commit`);
    expect(await row(2)).toEqual([{ phone: '0043 6 7890', digits: '4367890' }]);
    await sql(`update t set digits = '4371' where id = 3`);
    expect(await row(3)).toEqual([{ phone: '+4371', digits: '4371' }]);
    // Gone with its transaction, and only ever the way back
    await sql(`update t set digits = '1' where id = 2`);
    expect(await row(2)).toEqual([{ phone: '+1', digits: '1' }]);
    await sql(`begin; select set_config('${SKIP_DUAL_WRITE_BACK}', 'on', true); update t set phone = '77' where id = 2; commit`);
    expect(await row(2)).toEqual([{ phone: '77', digits: '77' }]);
  });

  it('[Z1] may have any names, and two of one table do not meet', async () => {
    const old = 'ö'.repeat(31);
    const spec: DualWriteSpec = { table: HOSTILE, from: old, to: LONGEST };
    const second: DualWriteSpec = { table: HOSTILE, from: old, to: `${LONGEST.slice(0, -1)}'"`, name: `${LONGEST}${LONGEST}` };
    const tables = `create table ${ident(HOSTILE)} (id int, "${old}" text, "${LONGEST}" text, ${ident(second.to as string)} text);`;
    const it = await setup(tables, spec, second);
    expect(await it.sql(`insert into ${ident(HOSTILE)} values (1, 'x'); select * from ${ident(HOSTILE)}`)).toEqual([
      { id: 1, [old]: 'x', [LONGEST]: 'x', [second.to as string]: 'x' },
    ]);
    expect([await it.inPlace(), await it.inPlace(second)]).toEqual([true, true]);
  });
});

const MOVED = `create table people (id int generated by default as identity primary key, name text not null, city text default 'Wien', seen int default 0);
  create table customers (customer_id int primary key, label varchar(40), town text, extra text);`;
const moved = {
  table: 'people',
  into: 'customers',
  key: { customer_id: 'id' },
  to: { label: 'name', town: 'city' },
  back: { name: 'label', city: 'town' },
} as const satisfies DualWriteSpec;
const oneWay: DualWriteSpec = { table: moved.table, into: moved.into, key: moved.key, to: moved.to };
const people = 'select id, name, city from people order by id';
const customers = 'select customer_id id, label, town, extra from customers order by 1';

describe('rows of one table kept as rows of another', () => {
  it('[Z1] [Z-gap] are written, moved with their key and deleted where the old ones are', async () => {
    const { sql } = await setup(MOVED, oneWay);
    expect(await sql(`insert into people (id, name) values (1, 'Ada'), (2, 'Eve'); ${customers}`)).toEqual([
      { id: 1, label: 'Ada', town: 'Wien', extra: null },
      { id: 2, label: 'Eve', town: 'Wien', extra: null },
    ]);
    await sql(`update customers set extra = 'kept', town = 'Graz' where customer_id = 1; update people set seen = 7`);
    expect(await sql(`update people set id = 9 where id = 1; ${customers}`)).toEqual([
      { id: 2, label: 'Eve', town: 'Wien', extra: null },
      { id: 9, label: 'Ada', town: 'Graz', extra: 'kept' },
    ]);
    expect(await sql(`update people set name = 'Zoe' where id = 9; delete from people where id = 2; ${customers}`)).toEqual([
      { id: 9, label: 'Zoe', town: 'Wien', extra: 'kept' },
    ]);
    // Nothing goes back
    expect(await sql(`update customers set label = 'Bob'; delete from customers; ${people}`)).toEqual([
      { id: 9, name: 'Zoe', city: 'Wien' },
    ]);
    // Keys that pass each other: what is carried stays right
    await sql(`delete from people; alter table people drop constraint people_pkey, add constraint u unique (id) deferrable`);
    expect(
      await sql(`insert into people (id, name) values (1, 'a'), (2, 'b'), (3, 'c'); update people set id = id % 3 + 1; ${customers}`),
    ).toMatchObject([
      { id: 1, label: 'c' },
      { id: 2, label: 'a' },
      { id: 3, label: 'b' },
    ]);
    expect(await sql(`delete from people where id = 3; update people set id = id + 1; ${customers}`)).toMatchObject([
      { id: 2, label: 'c' },
      { id: 3, label: 'a' },
    ]);
  });

  it('[Z1] [Z-gap] go both ways without a loop; deletes go back only where that is asked for', async () => {
    const { sql } = await setup(MOVED, moved);
    expect(
      await sql(`insert into people (id, name) values (1, 'Ada'); insert into customers values (2, 'Eve', 'Linz'); ${people}`),
    ).toEqual([
      { id: 1, name: 'Ada', city: 'Wien' },
      { id: 2, name: 'Eve', city: 'Linz' },
    ]);
    expect(await sql(`update customers set town = 'Graz', customer_id = 7 where customer_id = 1; ${people}`)).toEqual([
      { id: 2, name: 'Eve', city: 'Linz' },
      { id: 7, name: 'Ada', city: 'Graz' },
    ]);
    expect(await sql(`update people set name = 'Zoe', id = 8 where id = 7; ${customers}`)).toMatchObject([
      { id: 2, label: 'Eve' },
      { id: 8, label: 'Zoe', town: 'Graz' },
    ]);
    expect(await sql(`delete from customers; ${people}`)).toHaveLength(2);
    expect(await sql(`update people set city = 'Enns' where id = 8; ${customers}`)).toMatchObject([{ id: 8, label: 'Zoe', town: 'Enns' }]);

    const both = await setup(MOVED, { ...moved, backDeletes: true });
    expect(
      await both.sql(`insert into people (id, name) values (1, 'a'), (2, 'b'), (3, 'c'); delete from customers where customer_id = 1;
        delete from people where id = 2; ${people}`),
    ).toMatchObject([{ id: 3 }]);
    expect(await both.sql(customers)).toMatchObject([{ id: 3 }]);
  });

  it("[Z-gap] lose no write of the application's own triggers, on either table, however deep", async () => {
    const { sql } = await setup(
      `${MOVED}
       create function again() returns trigger language plpgsql as $$ begin
         if new.seen = 1 then update people set city = 'Again', seen = 2 where id = new.id; end if; return null; end $$;
       create trigger "!first" after insert or update on people for each row execute function again();
       create function upper_label() returns trigger language plpgsql as $$ begin new.label := upper(new.label); return new; end $$;
       create trigger up before insert or update on customers for each row execute function upper_label();
       create function count_up() returns trigger language plpgsql as $$ begin
         if new.town = 'Count' then update people set seen = seen + 10, city = 'Counted' where id = new.customer_id; end if; return null; end $$;
       create trigger cnt after update on customers for each row execute function count_up();`,
      moved,
    );
    expect(await sql(`insert into people (id, name, seen) values (1, 'Ada', 1); select name, city, seen from people`)).toEqual([
      { name: 'ADA', city: 'Again', seen: 2 },
    ]);
    expect(await sql(customers)).toMatchObject([{ label: 'ADA', town: 'Again' }]);
    expect(await sql(`update people set city = 'Count'; select name, city, seen from people`)).toEqual([
      { name: 'ADA', city: 'Counted', seen: 12 },
    ]);
    expect(await sql(customers)).toMatchObject([{ label: 'ADA', town: 'Counted' }]);
    expect(await sql(`update customers set town = 'Count'; ${people}`)).toMatchObject([{ city: 'Counted' }]);
    expect(await sql(customers)).toMatchObject([{ town: 'Counted' }]);
  });

  it('[Z-gap] keep what the new side holds when the inverse is not exact, until the old side says something else', async () => {
    const { sql } = await setup(
      `create table users (id int primary key, first_name text, last_name text, visits int);
       create table profiles (user_id int primary key, display_name text);`,
      {
        table: 'users',
        into: 'profiles',
        key: { user_id: 'id' },
        to: { display_name: "concat_ws(' ', first_name, last_name)" },
        back: { first_name: "split_part(display_name, ' ', 1)", last_name: "split_part(display_name, ' ', 2)" },
      },
    );
    const all = 'select first_name f, last_name l, display_name d from users join profiles on user_id = id';
    expect(await sql(`insert into profiles values (1, 'Ada King Lovelace'); ${all}`)).toEqual([
      { f: 'Ada', l: 'King', d: 'Ada King Lovelace' },
    ]);
    expect(await sql(`update profiles set display_name = 'Eve Jo Smith'; update users set visits = 1; ${all}`)).toEqual([
      { f: 'Eve', l: 'Jo', d: 'Eve Jo Smith' },
    ]);
    expect(await sql(`update users set last_name = 'Smith'; ${all}`)).toEqual([{ f: 'Eve', l: 'Smith', d: 'Eve Smith' }]);
    // A backfill that transforms
    expect(
      await sql(
        `begin; select set_config('${SKIP_DUAL_WRITE_BACK}', 'on', true); update profiles set display_name = 'EVE'; commit; ${all}`,
      ),
    ).toEqual([{ f: 'Eve', l: 'Smith', d: 'EVE' }]);
  });

  it('[Z-gap] follow foreign keys, COPY, ON CONFLICT and writers of another search_path', async () => {
    const it = await setup(
      `create table people (id int generated always as identity primary key, name json, city text);
       create table customers (customer_id int primary key references people, label json, town text, extra text);`,
      moved,
    );
    const other = await db.client();
    await other.query(`set search_path to ${ident(it.sibling)}`);
    await other.query(`insert into ${ident(it.schema)}.people (name) values ('[1]'), ('[2]'), ('[3]')`);
    expect(await it.sql(customers)).toMatchObject([{ id: 1, label: [1] }, { id: 2 }, { id: 3 }]);
    expect(await rowsOf(other, customers)).toEqual([]);
    const [{ dir }] = (await it.sql(`select current_setting('data_directory') as dir`)) as [{ dir: string }];
    await it.sql(`copy people to '${dir}/people_${serial}'; delete from people; copy people from '${dir}/people_${serial}'`);
    expect(await it.sql(customers)).toMatchObject([{ id: 1 }, { id: 2 }, { id: 3 }]);
    await it.sql(`insert into customers values (2, '[22]') on conflict (customer_id) do update set label = excluded.label`);
    expect(await it.sql(people)).toMatchObject([{ id: 1 }, { id: 2, name: [22] }, { id: 3 }]);
  });

  it('[Z1] may have any names, several keys, and names that the functions themselves use', async () => {
    const it = await setup(
      `create table "new" ("old" int, "it" int, "base" text, "target" text, primary key ("old", "it"));
       create table "excluded" ("new" int, "tg_op" int, "old" text, "found" text, primary key ("new", "tg_op"));`,
      {
        table: 'new',
        into: 'excluded',
        key: { new: 'old', tg_op: 'it' },
        to: { old: '"base"', found: '"new"."target"' },
        back: { base: '"old"', target: '"excluded"."found"' },
      },
    );
    expect(await it.sql(`insert into "new" values (1, 2, 'b', 't'), (1, 3, 'c', 'u'); select * from "excluded"`)).toEqual([
      { new: 1, tg_op: 2, old: 'b', found: 't' },
      { new: 1, tg_op: 3, old: 'c', found: 'u' },
    ]);
    expect(await it.sql(`update "excluded" set "found" = 'x', tg_op = 4 where tg_op = 2; select * from "new" order by "it"`)).toEqual([
      { old: 1, it: 3, base: 'c', target: 'u' },
      { old: 1, it: 4, base: 'b', target: 'x' },
    ]);
  });
});

describe('the migration', () => {
  it.each([
    ['one row', NAMES, names],
    ['two tables', MOVED, { ...moved, backDeletes: true }],
  ] as const)('[Z-gap] changes its own tenant alone, and its down leaves nothing behind: %s', async (_, tables, spec) => {
    const it = await setup(tables, spec);
    expect(await catalogOf(db.url, it.schema)).not.toEqual(it.before);
    expect(await catalogOf(db.url, it.sibling)).toEqual(it.before);
    const second = await it.attempt(it.sibling);
    expect(second, JSON.stringify(second)).toMatchObject({ outcome: 'applied' });
    // The same in each tenant, whatever its schema is called
    expect(second.runs[0]!.delta ?? it.fixture.deltas.get('01_expand')).toEqual(it.fixture.deltas.get('01_expand'));
    const back = await it.attempt(it.schema, 'down');
    expect(back, JSON.stringify(back)).toMatchObject({ outcome: 'rolledBack' });
    expect(await catalogOf(db.url, it.schema)).toEqual(it.before);
    expect(await catalogOf(db.url, it.sibling)).not.toEqual(it.before);
  });

  it.each([
    ['an unknown column', { table: 'users', from: 'first_name', to: { full_name: 'frist_name' } }, 'frist_name'],
    ['a type that does not fit', { table: 'users', from: 'first_name', to: { id: 'first_name' } }, '"id" is of type integer'],
    ['a way back that does not fit', { table: 'users', from: 'id', to: 'note' }, '"id" is of type integer'],
    ['a key that is not unique', { table: 'users', into: 'other', key: { k: 'id' }, to: { v: 'note' } }, 'ON CONFLICT'],
  ] as const)('[Z1] fails instead of the application: %s', async (_, spec, told) => {
    const { schema } = await setup(`${NAMES} create table other (k int, v text);`);
    const before = await catalogOf(db.url, schema);
    const fixture = createFixture(db.url, { '02_wrong.mjs': migration(`dualWrite(${JSON.stringify(spec)}).create(knex)`) });
    fixtures.push(fixture);
    expect(await fixture.attempt({ id: schema, host: 'h1', schema }, 'up', { fenceFirst: true })).toMatchObject({
      outcome: 'failed',
      code: 'FLT_SQL_ERROR',
      message: expect.stringContaining(told),
    });
    expect(await catalogOf(db.url, schema)).toEqual(before);
  });

  it('[Z-gap] may be repeated, with plain Knex too, and is taken off a table that was renamed since', async () => {
    const it = await setup(MOVED, moved);
    const after = await catalogOf(db.url, it.schema);
    const knex = createKnex({ client: 'pg', connection: db.url, searchPath: [it.schema, it.sibling] });
    try {
      await dualWrite(moved).create(knex);
      await dualWrite(moved).create(knex);
      expect(await it.sql(`insert into people (id, name) values (1, 'Ada'); ${customers}`)).toMatchObject([{ label: 'Ada' }]);
      expect(await it.inPlace()).toBe(true);
      await it.attempt(it.sibling);
      await it.sql('alter table customers rename to clients');
      await dualWrite(moved).drop(knex);
      await it.sql('alter table clients rename to customers');
      expect(await catalogOf(db.url, it.schema)).toEqual(it.before);
      await dualWrite(moved).drop(knex);
      expect(await catalogOf(db.url, it.sibling)).toEqual(after);
    } finally {
      await knex.destroy();
    }
  });

  it('[Z-gap] tells whether the triggers stand as the spec has them, and fire', async () => {
    const { sibling, sql, inPlace } = await setup(MOVED, moved);
    const asked = async (change: string) => {
      await sql('begin');
      await sql(change);
      const answer = await inPlace();
      await sql('rollback');
      return answer;
    };
    const [row] = await sql(`select t.tgname as name from pg_trigger t where tgrelid = 'customers'::regclass and not tgisinternal`);
    const name = ident(row!.name as string);
    expect(await inPlace()).toBe(true);
    expect(await asked(`alter table customers enable always trigger ${name}`)).toBe(true);
    expect(await asked(`alter table customers disable trigger ${name}`)).toBe(false);
    expect(await asked(`alter table customers enable replica trigger ${name}`)).toBe(false);
    expect(await asked(`drop trigger ${name} on customers`)).toBe(false);
    expect(await asked(`create or replace trigger ${name} after insert on customers for each row execute function ${name}()`)).toBe(false);
    expect(await asked(`create or replace function ${name}() returns trigger language plpgsql as 'begin return null; end'`)).toBe(false);
    expect(await inPlace({ ...moved, back: { ...moved.back, name: 'upper(label)' } })).toBe(false);
    expect(await inPlace({ ...moved, name: 'other' })).toBe(false);
    await sql(`set search_path to ${ident(sibling)}`);
    expect(await inPlace()).toBe(false);
  });

  it('[Z1] does not load with a spec that has mistakes, and tells all of them', async () => {
    const wrong = (spec: unknown): unknown => {
      try {
        dualWrite(spec as DualWriteSpec);
      } catch (error) {
        expect(error).toMatchObject({ code: 'FLT_MIGRATION_INVALID' });
        return (error as { details: { mistakes: unknown } }).details.mistakes;
      }
    };
    expect(wrong({ table: '', from: [], to: { a: '' }, back: { b: 1 }, form: 'x', name: '' })).toEqual([
      'form: there is no such field without "into"',
      'table: expected a name',
      'name: expected a text',
      'from: expected at least one column',
      'to.a: expected SQL',
      'back.b: expected SQL',
      'back.b: it is not in "from"',
    ]);
    expect(wrong({ table: 't', from: ['a', 'b'], to: 'b', back: {} })).toEqual([
      'to: it is in "from" already',
      'to: a plain name is a copy of one column; expected an object: column → SQL',
      'back: a copy goes both ways by itself; leave it out, or write "to" as an object',
    ]);
    expect(wrong({ table: 't', from: 'ä'.repeat(32), to: { 'a\0': 'x' } })).toEqual([
      'from: expected a name of at most 63 bytes',
      'to.a\0: expected a name',
    ]);
    expect(wrong({ table: 't', into: 't', from: 'a', key: {}, to: { k: 'x' }, backDeletes: true })).toEqual([
      'from: there is no such field with "into"',
      'into: expected another table',
      'key: expected an object with at least one column',
      'backDeletes: there is no "back"',
    ]);
    expect(wrong({ table: 't', into: 'u', key: { k: 'id' }, to: { k: 'x' }, back: { id: 'k' } })).toEqual([
      'to.k: it is in the key already',
      'back.id: it is in the key already',
    ]);
    expect(wrong(undefined)).toEqual(['expected an object']);

    const fixture = createFixture(db.url, {
      '01_wrong.mjs': migration(`dualWrite({ table: 't', to: 'x' }).create(knex)`, 'dualWrite({ table: 7 });'),
    });
    fixtures.push(fixture);
    expect((await fixture.engine.list()).problems).toEqual([
      { file: '01_wrong.mjs', message: expect.stringContaining('table: expected a name') },
    ]);
  });
});

it('[Z1] [Z2] [Z4] [Z-gap] the example of docs/migrations/dual-write.md goes up with an application writing in between, and down again', async () => {
  const page = readFileSync(new URL('../../../docs/migrations/dual-write.md', import.meta.url), 'utf8');
  const files = Object.fromEntries([...page.matchAll(/```ts\n\/\/ (\S+)\n([\s\S]*?)```/g)].map(([, name, source]) => [name!, source!]));
  expect(Object.keys(files)).toHaveLength(3);
  const schema = `t${++serial}`;
  await query(
    db.url,
    `create schema ${schema}; create table ${schema}.users (id int primary key, full_name text);
     insert into ${schema}.users values (1, 'ada king lovelace'), (2, 'eve'), (3, null)`,
  );
  const before = await catalogOf(db.url, schema);
  const fixture = createFixture(db.url, files);
  fixtures.push(fixture);
  const tenant = { id: schema, host: 'h1', schema };
  const app = await db.client();
  await app.query(`set search_path to ${schema}`);
  const upTo = async (count: number) =>
    fixture.attempt(tenant, 'up', { fenceFirst: true, migrations: (await fixture.migrations()).slice(0, count) });
  const all = 'select full_name n, first_name f, last_name l from users order by id';

  expect(await upTo(1)).toMatchObject({ outcome: 'applied' });
  await app.query(`insert into users values (4, 'Bob Old'); insert into users (id, first_name, last_name) values (5, 'Bob', 'New')`);
  expect(await upTo(2)).toMatchObject({ outcome: 'applied' });
  await app.query(`update users set full_name = 'Late' where id = 4`);
  expect(await rowsOf(app, all)).toEqual([
    { n: 'ada king lovelace', f: 'Ada', l: 'King Lovelace' },
    { n: 'eve', f: 'Eve', l: null },
    { n: null, f: null, l: null },
    { n: 'Late', f: 'Late', l: null },
    { n: 'Bob New', f: 'Bob', l: 'New' },
  ]);
  expect(await upTo(3)).toMatchObject({ outcome: 'applied' });
  expect(await rowsOf(app, 'select first_name f, last_name l from users order by id')).toEqual([
    { f: 'Ada', l: 'King Lovelace' },
    { f: 'Eve', l: null },
    { f: null, l: null },
    { f: 'Late', l: null },
    { f: 'Bob', l: 'New' },
  ]);
  expect(await rowsOf(app, `select from pg_trigger t where tgrelid = 'users'::regclass`)).toEqual([]);
  const back = await fixture.attempt(tenant, 'down', { force: true });
  expect(back, JSON.stringify(back)).toMatchObject({ outcome: 'rolledBack', runs: [{}, {}, {}] });
  expect(await catalogOf(db.url, schema)).toEqual(before);
});

const migration = (up: string, head = '') => `import { dualWrite } from 'flotilla/migration'; ${head} export const up = (knex) => ${up};`;
