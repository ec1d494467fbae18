/**
 * Promise 2, never the wrong tenant: what a migration of tenant `acme` may try (`support/escape-attempts.ts`), and that nothing comes of it.
 * What it may do, and what a refusal says: `walls.test.ts`.
 */

import { rmSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFixture, ident, query, type TestDatabase } from '../support/postgres.js';
import { ATTEMPTS } from './support/escape-attempts.js';
import { byId, createStage, isCaught, named, type Stage } from './support/stage.js';

let stage: Stage;
beforeAll(async () => {
  stage = await createStage();
});
afterAll(() => stage?.close());

describe('a migration is refused, and everything else is as it was, that', () => {
  it.each(named(ATTEMPTS.filter((it) => it.caught)))('%s: %s', async (_, __, attempt) =>
    isCaught(stage[attempt.kind ?? 'schema'], attempt),
  );

  it('reaches elsewhere on its way down', async () => {
    const db = await stage.schema.database();
    const fixture = createFixture(db.url, {
      '01_down.js': `exports.up = () => {}; exports.down = (knex) => knex.raw('delete from sibling.notes');`,
    });
    try {
      const tenant = { id: 'unmanaged', host: 'h1', schema: 'unmanaged' };
      expect(await fixture.attempt(tenant)).toMatchObject({ outcome: 'applied' });
      expect(await fixture.attempt(tenant, 'down')).toMatchObject({ outcome: 'rollbackFailed', code: 'FLT_TENANT_ESCAPE' });
      expect(await query(db.url, 'select count(*)::int n from sibling.notes')).toEqual([{ n: 5 }]);
    } finally {
      await fixture.close();
      await db.drop();
    }
  });
});

describe('the walls stand', () => {
  it.each(named(byId('update', 'read', 'create-function', 'drop-table')))(
    'where an allowed schema is not there: %s, %s',
    async (_, __, attempt) => {
      const { result } = await stage.schema.run(attempt, { extensionSchemas: ['nowhere'] });
      expect(result).toMatchObject({ outcome: 'failed', code: 'FLT_TENANT_ESCAPE' });
    },
  );

  it('around tenants whose id and schema try to break out of the SQL', async () => {
    const db = await stage.schema.database();
    const schema = `a$flotilla$b'"; drop table public.plans; --`;
    const tenant = { id: `x$flotilla$; drop table public.plans; do $flotilla$ begin`, host: 'h1', schema };
    await query(db.url, `create schema ${ident(schema)}`);
    const fixture = createFixture(db.url, {
      '01_own.js': `exports.up = (knex) => knex.raw('create table mine (id int); create type mood as enum ($$a$$)');`,
      '02_outside.js': `exports.config = { transaction: false }; exports.up = (knex) => knex.raw("insert into mine values (1) -- $flotilla$");`,
      '03_escape.js': `exports.up = (knex) => knex.raw('create function public.junk() returns int language sql as $f$ select 1 $f$; delete from public.plans');`,
    });
    try {
      const [first, second, third] = await fixture.migrations();
      expect(await fixture.attempt(tenant, 'up', { migrations: [first!, second!] })).toMatchObject({ outcome: 'applied' });
      expect(await fixture.attempt(tenant, 'up', { migrations: [first!, second!, third!], rolloutId: 'r-2' })).toMatchObject({
        code: 'FLT_TENANT_ESCAPE',
        message: expect.stringContaining('touched function public.junk(); public.plans (ROW EXCLUSIVE) outside'),
      });
      expect(await query(db.url, 'select * from public.plans')).toHaveLength(1);
    } finally {
      await fixture.close();
      await db.drop();
    }
  });

  describe('around a role without any special right', () => {
    let db: TestDatabase;
    let url: string;
    beforeAll(async () => {
      db = await stage.schema.database();
      await query(db.url, `create role plain login password 'plain'; grant keeper to plain`);
      await query(
        db.url,
        'alter schema acme owner to plain; grant all on all tables in schema acme to plain; grant all on all sequences in schema acme to plain',
      );
      await query(
        db.url,
        'alter table acme.people owner to plain; alter table acme.notes owner to plain; grant create on schema public to plain',
      );
      await query(
        db.url,
        'grant select, insert, update, delete on public.plans, public.audit to plain; grant usage on all sequences in schema public to plain',
      );
      const at = new URL(db.url);
      at.username = 'plain';
      at.password = 'plain';
      url = at.toString();
    });
    afterAll(async () => {
      await query(db.url, 'reassign owned by plain to current_user; drop owned by plain');
      await db.drop();
      await query(stage.server, 'drop role plain');
    });
    const outcomeOf = async (id: string, sql: string, outside = false) => {
      const source = `${outside ? 'exports.config = { transaction: false };' : ''} exports.up = (knex) => knex.raw(${JSON.stringify(sql)}); exports.down = () => {};`;
      const fixture = createFixture(url, { [`20260202_${id}.js`]: source });
      try {
        const { outcome, code, message } = await fixture.attempt({ id: 'acme', host: 'h1', schema: 'acme' }, 'up', {
          rolloutId: `r-${id}`,
        });
        return { outcome, code: code ?? message };
      } finally {
        await fixture.close();
      }
    };

    it.each([
      ['rows', 'update public.plans set title = $$x$$'],
      ['table', 'create table public.junk (id int)'],
      ['function', 'create function public.junk() returns int language sql as $$ select 1 $$'],
      ['domain', 'create domain public.junk as int'],
      ['moved', 'create type humour as enum ($$a$$); alter type humour set schema public'],
      ['privileges', 'alter default privileges grant select on tables to clerk'],
      ['read', 'set role keeper; select * from sibling.people; reset role'],
    ])('which reaches elsewhere where it may: %s', async (id, sql) => {
      expect(await outcomeOf(`in-${id}`, sql)).toEqual({ outcome: 'failed', code: 'FLT_TENANT_ESCAPE' });
      expect(await outcomeOf(`out-${id}`, sql, true)).toEqual({ outcome: 'failed', code: 'FLT_TENANT_ESCAPE' });
    });
    it.each([
      ['rows', 'delete from unmanaged.things'],
      ['role', 'create role junk'],
      ['setting', 'alter role clerk set work_mem = $$1MB$$'],
    ])('which is refused by the server where it may not: %s', async (id, sql) => {
      expect(await outcomeOf(`no-${id}`, sql)).toEqual({ outcome: 'failed', code: 'FLT_PERMISSION_DENIED' });
    });
    it('which does all that a tenant needs', async () => {
      const all = `create table mine (id serial primary key, body text); alter table people add column email text; drop table notes; create type mood as enum ('a'); create domain age as int;
        create function one() returns int language sql as 'select 1'; comment on table mine is 'x'; grant select on mine to clerk; create temp table t (a int); drop function one(); select setval('counter', 5)`;
      expect(await outcomeOf('needs', all)).toEqual({ outcome: 'applied', code: undefined });
      expect(await outcomeOf('needs-too', 'create index concurrently mine_body on mine (body)', true)).toEqual({
        outcome: 'applied',
        code: undefined,
      });
    });
  });
});

describe('what a server does not count', () => {
  const blind = `alter database "{{database}}" set track_counts = off`;
  it.each(named(byId('create-function', 'create-enum', 'alter-role', 'revoke-role', 'rename-type', 'move-in-type')))(
    'is looked for all the same: %s, %s',
    (_, __, attempt) => isCaught(stage.schema, { ...attempt, given: blind }),
  );
});

describe('it is not seen, or not undone, that a migration', () => {
  const notSeen = ATTEMPTS.filter((it) => !it.caught);
  const LEAVES_BEHIND: Readonly<Record<string, (client: pg.Client) => unknown>> = {
    'copy-program': () => rmSync('/tmp/flotilla-escape-program', { force: true }),
    'copy-file': () => rmSync('/tmp/flotilla-escape-file', { force: true }),
    'replication-slot': (client) => client.query(`select pg_drop_replication_slot('escapes')`),
  };

  it.each(named(notSeen.filter(({ id }) => id !== 'notify')))('%s: %s', async (id, _, attempt) => {
    const bystander = await createBystander();
    const { result, client } = await stage.schema.runOnly(attempt);
    try {
      expect(result).toMatchObject(attempt.refused ? { outcome: 'failed', code: 'FLT_TENANT_ESCAPE' } : { outcome: 'applied' });
      expect(Object.values((await client.query(attempt.proof!)).rows[0]!)).toEqual([true]);
    } finally {
      await LEAVES_BEHIND[id]?.(client);
      await bystander.end();
    }
  });

  it.each(named(byId('notify')))('%s: %s', async (_, __, { source }) => {
    const db = await stage.schema.database();
    const listener = await db.client();
    await listener.query('listen escapes');
    const heard = new Promise((resolve) => listener.once('notification', resolve));
    const fixture = createFixture(db.url, { '20260202_notify.js': source });
    try {
      expect(await fixture.attempt({ id: 'acme', host: 'h1', schema: 'acme' }, 'up', { rolloutId: 'r-2' })).toMatchObject({
        outcome: 'applied',
      });
      expect(await heard).toMatchObject({ channel: 'escapes', payload: 'x' });
    } finally {
      await fixture.close();
      await db.drop();
    }
  });

  /** Somebody else's session. */
  async function createBystander(): Promise<{ end(): Promise<void> }> {
    const client = new pg.Client({ connectionString: stage.server, application_name: 'escapes bystander' });
    const gone = new Promise<void>((resolve) => client.once('end', resolve));
    client.on('error', () => undefined);
    await client.connect();
    return {
      async end() {
        await client.end();
        await gone;
      },
    };
  }
});
