/** The same promises for a tenant in a schema and a tenant in a database of its own, on the newest Postgres and on an old one. */

import Knex from 'knex';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import type { TenantRef } from '../../../src/domain/tenant.js';
import { readFingerprint } from '../../../src/postgres/fingerprint.js';
import { type DebianServer, debianPostgres, startDebianPostgres } from '../../support/debian-postgres.js';
import { createDatabase, createFixture, ident, query, type RunnerFixture, type TestDatabase } from '../../support/postgres.js';

const NAMES = { tableName: 'knex_migrations' };
const NOTES = `exports.up = (knex) => knex.schema.createTable('notes', (t) => { t.increments('id'); t.text('body'); }); exports.down = (knex) => knex.schema.dropTable('notes');`;
const TITLE = `exports.up = (knex) => knex.schema.alterTable('notes', (t) => { t.text('title').defaultTo('none'); }); exports.down = (knex) => knex.schema.alterTable('notes', (t) => { t.dropColumn('title'); });`;
const INDEX = `exports.config = { transaction: false }; exports.up = (knex) => knex.raw('create index concurrently notes_body on notes (body)'); exports.down = (knex) => knex.raw('drop index concurrently notes_body');`;
/** A bit of everything that the catalog holds. */
const KINDS = `exports.up = async (knex) => {
  await knex.raw("create type mood as enum ('low', 'high')");
  await knex.raw('create domain percent as int check (value between 0 and 100)');
  await knex.raw("create table things (id bigint generated always as identity primary key, note int references notes on delete cascade, mood mood not null default 'low', share percent, made timestamptz not null default now(), doubled int generated always as (share * 2) stored, check (share > 0))");
  await knex.raw('create index things_mood on things (mood, share desc) where share is not null');
  await knex.raw('create view moods as select mood, count(*) from things group by 1');
  await knex.raw('create materialized view shares as select share from things');
  await knex.raw("create function touch() returns trigger language plpgsql as $$ begin new.made := now(); return new; end $$");
  await knex.raw('create trigger touch before update on things for each row execute function touch()');
  await knex.raw("comment on table things is 'of all kinds'");
};
exports.down = async (knex) => {
  await knex.raw('drop materialized view shares'); await knex.raw('drop view moods'); await knex.raw('drop table things'); await knex.raw('drop function touch()');
  await knex.raw('drop domain percent'); await knex.raw('drop type mood');
};`;

const SERVERS = [
  ['18 (embedded)', true],
  ["15 (Debian's package)", debianPostgres],
] as const;

describe.each(SERVERS.filter(([, there]) => there))('on Postgres %s', (name) => {
  let server: DebianServer | undefined;
  let at: string;
  let db: TestDatabase;
  beforeAll(async () => {
    if (!name.startsWith('18')) server = await startDebianPostgres();
    at = server?.url ?? inject('postgres').url;
    db = await createDatabase('conformance', undefined, at);
  });
  afterAll(async () => {
    await db.drop();
    server?.close();
  });

  const fixtures: RunnerFixture[] = [];
  const others: TestDatabase[] = [];
  afterEach(async () => {
    for (const fixture of fixtures.splice(0)) await fixture.close();
    for (const other of others.splice(0)) await other.drop();
  });
  const setup = (files: Record<string, string>, options = {}) => {
    const fixture = createFixture(db.url, files, options);
    fixtures.push(fixture);
    return fixture;
  };
  const urlOf = (tenant: TenantRef): string => {
    if (!tenant.database) return db.url;
    const url = new URL(db.url);
    url.pathname = `/${tenant.database}`;
    return url.toString();
  };
  const ledger = (tenant: TenantRef) =>
    query<{ kind: string; migration: string | null; rollout: string | null; fence: string; batch: number | null }>(
      urlOf(tenant),
      `select kind, migration, rollout, fence, batch from ${ident(tenant.schema ?? 'public')}.flotilla_ledger order by id`,
    );
  async function fingerprint(tenant: TenantRef): Promise<string> {
    const client = new pg.Client({ connectionString: urlOf(tenant) });
    await client.connect();
    try {
      return (await readFingerprint(client, tenant.schema ?? 'public', NAMES)).structure;
    } finally {
      await client.end();
    }
  }

  let serial = 0;
  describe.each(['schema', 'database'] as const)('a tenant in a %s of its own', (kind) => {
    const tenantOf = async (): Promise<TenantRef> => {
      if (kind === 'schema') {
        const schema = `t${++serial}`;
        await query(db.url, `create schema ${ident(schema)}`);
        return { id: `id-${schema}`, host: 'h1', schema };
      }
      const own = await createDatabase('tenant', undefined, at);
      others.push(own);
      return { id: own.name, host: 'h1', database: own.name };
    };

    it('goes up, says applied when asked again, comes back exactly, and goes up again', async () => {
      const tenant = await tenantOf();
      const fixture = setup({ '20260101_notes.js': NOTES, '20260102_title.js': TITLE, '20260103_index.js': INDEX });
      const before = await fingerprint(tenant);
      const up = await fixture.attempt(tenant);
      expect(up).toMatchObject({ outcome: 'applied' });
      expect(up.runs.map((run) => run.name)).toEqual(['20260101_notes', '20260102_title', '20260103_index']);
      const after = await fingerprint(tenant);
      expect(after).not.toBe(before);
      expect(await fixture.attempt(tenant, 'up', { fenceFirst: true })).toMatchObject({ outcome: 'applied', runs: [] });
      expect(await fixture.attempt(tenant, 'up', { rolloutId: 'r-2' })).toMatchObject({ outcome: 'upToDate', runs: [] });
      expect(await fixture.attempt(tenant, 'down', { rolloutId: 'r-2' })).toMatchObject({ outcome: 'upToDate' });
      expect(await fixture.attempt(tenant, 'down')).toMatchObject({ outcome: 'rolledBack' });
      expect(await fingerprint(tenant)).toBe(before);
      expect(await fixture.attempt(tenant, 'up', { rolloutId: 'r-3' })).toMatchObject({ outcome: 'applied' });
      expect(await fingerprint(tenant)).toBe(after);
      const rows = await ledger(tenant);
      expect(rows.filter((row) => row.kind === 'applied').map((row) => row.rollout)).toEqual(['r-1', 'r-1', 'r-1', 'r-3', 'r-3', 'r-3']);
      expect(new Set(rows.filter((row) => row.rollout === 'r-1' && row.kind === 'applied').map((row) => row.batch)).size).toBe(1);
    });

    it('is understood by Knex itself: list and version agree, and nothing is left for it to do', async () => {
      const tenant = await tenantOf();
      const fixture = setup({ '20260101_notes.js': NOTES, '20260102_title.js': TITLE });
      await fixture.attempt(tenant);
      const { files } = await fixture.engine.list();
      const knex = Knex({
        client: 'pg',
        connection: urlOf(tenant),
        ...(tenant.schema ? { searchPath: [tenant.schema] } : {}),
        migrations: { directory: files[0]!.path.replace(/\/[^/]+$/, ''), ...(tenant.schema ? { schemaName: tenant.schema } : {}) },
      });
      try {
        const [done, pending] = await knex.migrate.list();
        expect(done.map((it: { name: string }) => it.name)).toEqual(['20260101_notes.js', '20260102_title.js']);
        expect(pending).toEqual([]);
        expect(await knex.migrate.latest()).toEqual([1, []]);
      } finally {
        await knex.destroy();
      }
    });

    it('takes over what Knex has applied, whatever the extension, and writes nothing while nothing is pending', async () => {
      const tenant = await tenantOf();
      const schema = ident(tenant.schema ?? 'public');
      await query(
        urlOf(tenant),
        `create table ${schema}.knex_migrations (id serial primary key, name varchar(255), batch int, migration_time timestamptz); insert into ${schema}.knex_migrations (name, batch) values ('20260101_notes.ts', 4); create table ${schema}.notes (id serial primary key, body text)`,
      );
      const first = setup({ '20260101_notes.js': NOTES });
      expect(await first.attempt(tenant)).toMatchObject({ outcome: 'upToDate' });
      const tables = await query(
        urlOf(tenant),
        `select 1 from information_schema.tables where table_name = 'flotilla_ledger' and table_schema = $1`,
        [tenant.schema ?? 'public'],
      );
      expect(tables).toHaveLength(0);
      const second = setup({ '20260101_notes.js': NOTES, '20260102_title.js': TITLE });
      expect(await second.attempt(tenant)).toMatchObject({ outcome: 'applied' });
      const history = await query<{ name: string; batch: number }>(
        urlOf(tenant),
        `select name, batch from ${schema}.knex_migrations order by id`,
      );
      expect(history).toEqual([
        { name: '20260101_notes.ts', batch: 4 },
        { name: '20260102_title.js', batch: 5 },
      ]);
    });

    it('gains and loses objects of every kind, and comes back exactly', async () => {
      const tenant = await tenantOf();
      const fixture = setup({ '20260101_notes.js': NOTES, '20260102_kinds.js': KINDS });
      await fixture.attempt(tenant, 'up', { migrations: (await fixture.migrations()).slice(0, 1), rolloutId: 'r-0' });
      const before = await fingerprint(tenant);
      expect(await fixture.attempt(tenant)).toMatchObject({ outcome: 'applied' });
      expect(await fixture.attempt(tenant, 'down')).toMatchObject({ outcome: 'rolledBack' });
      expect(await fingerprint(tenant)).toBe(before);
    });

    it('goes on with a file outside a transaction where it stopped', async () => {
      const tenant = await tenantOf();
      const fixture = setup({
        '20260101_notes.js': NOTES,
        '20260102_half.js': `exports.config = { transaction: false }; exports.up = async (knex) => {
          await knex.raw('create index concurrently notes_body on notes (body)'); await knex.raw("insert into notes (body) values ('once')"); await knex.raw('select from public.gate_${kind}'); };`,
      });
      expect(await fixture.attempt(tenant)).toMatchObject({ outcome: 'failed', code: 'FLT_SQL_ERROR', partial: true });
      await query(urlOf(tenant), `create table public.gate_${kind} ()`);
      expect(await fixture.attempt(tenant, 'up', { fenceFirst: true })).toMatchObject({ outcome: 'applied' });
      const at = ident(tenant.schema ?? 'public');
      expect(await query(urlOf(tenant), `select body from ${at}.notes`)).toEqual([{ body: 'once' }]);
      expect(await query(urlOf(tenant), `select is_locked from ${at}.knex_migrations_lock`)).toEqual([{ is_locked: 0 }]);
      expect(await query(urlOf(tenant), `select from ${at}.flotilla_step`)).toEqual([]);
    });

    it('works under a role of its own, which owns what it makes', async () => {
      const tenant = await tenantOf();
      const role = `owner_${tenant.schema ?? tenant.database}`;
      await query(urlOf(tenant), `create role ${role}; grant create, usage on schema ${ident(tenant.schema ?? 'public')} to ${role}`);
      try {
        const fixture = setup({ '20260101_notes.js': NOTES, '20260103_index.js': INDEX });
        expect(await fixture.attempt({ ...tenant, role })).toMatchObject({ outcome: 'applied' });
        expect(await fixture.attempt({ ...tenant, role }, 'down')).toMatchObject({ outcome: 'rolledBack' });
        expect(await fixture.attempt({ ...tenant, role }, 'up', { rolloutId: 'r-2' })).toMatchObject({ outcome: 'applied' });
        const owners = await query(
          urlOf(tenant),
          `select distinct pg_get_userbyid(c.relowner)::text as owner from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relkind = 'r'`,
          [tenant.schema ?? 'public'],
        );
        expect(owners).toEqual([{ owner: role }]);
        // The next tenant on the same connection is the login role again
        const next = await tenantOf();
        expect(await fixture.attempt({ ...next, database: next.database ?? db.name })).toMatchObject({ outcome: 'applied' });
      } finally {
        await query(urlOf(tenant), `drop owned by ${role} cascade; drop role ${role}`);
      }
    });

    it('is defended against a change of the whole server', async () => {
      const tenant = await tenantOf();
      const role = `made_by_${tenant.schema ?? tenant.database}`;
      const fixture = setup({ '20260101_role.js': `exports.up = (knex) => knex.raw('create role ${role}');` });
      expect(await fixture.attempt(tenant)).toMatchObject({
        outcome: 'failed',
        code: 'FLT_TENANT_ESCAPE',
        message: expect.stringContaining(`role ${role}`),
      });
      expect(await query(db.url, 'select from pg_roles where rolname = $1', [role])).toEqual([]);
    });

    it('cannot be committed to by an attempt that a later one has fenced', async () => {
      const tenant = await tenantOf();
      const at = ident(tenant.schema ?? 'public');
      const waits = `exports.up = async (knex) => { await knex.raw('create table late ()'); while ((await knex.raw('select count(*)::int n from hold')).rows[0].n === 0) await new Promise((d) => setTimeout(d, 10)); };`;
      await query(urlOf(tenant), `create table ${at}.hold (n int)`);
      const fixture = setup({ '20260101_notes.js': NOTES, '20260102_waits.js': waits });
      await fixture.attempt(tenant, 'up', { migrations: (await fixture.migrations()).slice(0, 1), rolloutId: 'r-0' });
      let reached: () => void = () => undefined;
      const inside = new Promise<void>((resolve) => {
        reached = resolve;
      });
      const stale = fixture.attempt(tenant, 'up', { onStep: (step) => step.includes('statement 2') && reached(), quickTries: 1 });
      await inside;
      expect(await fixture.attempt(tenant, 'up', { fenceFirst: true, quickTries: 1 })).toMatchObject({
        outcome: 'deferred',
        code: 'FLT_TENANT_BUSY',
      });
      await query(urlOf(tenant), `insert into ${at}.hold values (1)`);
      expect(await stale).toMatchObject({ outcome: 'deferred', code: 'FLT_FENCED', runs: [] });
      expect(await fixture.attempt(tenant, 'up', { fenceFirst: true })).toMatchObject({ outcome: 'applied' });
    });
  });
});
