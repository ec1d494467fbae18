/** Verbs that put right what a tenant's bookkeeping says, each in one transaction under the tenant's lock. */

import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { TenantRef } from '../../../src/domain/tenant.js';
import { tenantKey } from '../../../src/postgres/keys.js';
import type { TenantState } from '../../../src/postgres/ledger.js';
import { decideAdopt } from '../../../src/postgres/tend/adopt.js';
import { decideBaseline } from '../../../src/postgres/tend/baseline.js';
import { decideEject } from '../../../src/postgres/tend/eject.js';
import { readRollouts } from '../../../src/postgres/tend/read-rollouts.js';
import type { TendedTenant } from '../../../src/postgres/tend/tend-tenant.js';
import { type Decision, underLock } from '../../../src/postgres/tend/under-lock.js';
import { withKnex } from '../../support/backstage.js';
import { createDatabase, createFixture, ident, query, type RunnerFixture, type TestDatabase } from '../../support/postgres.js';
import { createWire, type Fault } from '../../support/wire.js';

const NAMES = { tableName: 'knex_migrations' };
const NOTES = `exports.up = (knex) => knex.schema.createTable('notes', (t) => { t.increments('id'); t.text('body'); }); exports.down = (knex) => knex.schema.dropTable('notes');`;
const TITLE = `exports.up = (knex) => knex.schema.alterTable('notes', (t) => { t.text('title'); }); exports.down = (knex) => knex.schema.alterTable('notes', (t) => { t.dropColumn('title'); });`;
const STOPS = `exports.config = { transaction: false }; exports.up = async (knex) => { await knex.raw('create table half (id int)'); await knex.raw('select 1/0'); }; exports.down = (knex) => knex.raw('drop table half');`;

let db: TestDatabase;
let serial = 0;
const closing: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  db = await createDatabase('tend');
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
afterAll(() => db.drop());

const setup = (files: Record<string, string> = { '01_notes.js': NOTES, '02_title.js': TITLE }, url = db.url): RunnerFixture => {
  const fixture = createFixture(url, files);
  closing.push(() => fixture.close());
  return fixture;
};
async function schemaTenant(schema = `t${++serial}`): Promise<TenantRef> {
  await query(db.url, `create schema ${ident(schema)}`);
  return { id: `id of ${schema}`, host: 'h1', schema };
}
async function databaseTenant(): Promise<TenantRef> {
  const own = await createDatabase('tended');
  closing.unshift(() => own.drop());
  return { id: `id of ${own.name}`, host: 'h1', database: own.name };
}
const urlOf = ({ database }: TenantRef): string => {
  const at = new URL(db.url);
  if (database) at.pathname = `/${database}`;
  return at.toString();
};
const inTenant = <T extends Record<string, unknown>>(tenant: TenantRef, sql: string): Promise<T[]> =>
  query<T>(urlOf(tenant), sql.replaceAll('$', ident(tenant.schema ?? 'public')));
const historyOf = (tenant: TenantRef) =>
  inTenant<{ name: string; batch: number }>(tenant, 'select name, batch from $.knex_migrations order by id');
const ledgerOf = (tenant: TenantRef) =>
  inTenant<{ kind: string; tenant: string; migration: string | null; rollout: string | null }>(
    tenant,
    'select kind, tenant, migration, rollout from $.flotilla_ledger order by id',
  );
const tablesOf = async (tenant: TenantRef): Promise<string[]> =>
  (
    await query<{ relname: string }>(
      urlOf(tenant),
      `select relname from pg_class c join pg_namespace n on n.oid = relnamespace where nspname = $1 and relkind = 'r' order by 1`,
      [tenant.schema ?? 'public'],
    )
  ).map((row) => row.relname);

const tend = (fixture: RunnerFixture, tenant: TenantRef, decide: (state: TenantState) => Decision): Promise<TendedTenant> =>
  underLock(fixture.hosts, { tenant, names: NAMES, extensionSchemas: [], applicationName: 'flotilla test', stop: () => false }, decide);
const by = { fleet: 'shop', actor: 'ana' };
async function baseline(fixture: RunnerFixture, tenant: TenantRef, last = '01_notes', requestId = 'q-1'): Promise<TendedTenant> {
  const { files } = await fixture.engine.list();
  const upTo = files.filter((file) => file.name <= last);
  return tend(fixture, tenant, (state) => decideBaseline({ ...by, requestId, tenant, names: NAMES, files: upTo }, state));
}
const adopt = (fixture: RunnerFixture, tenant: TenantRef, requestId = 'q-1'): Promise<TendedTenant> =>
  tend(fixture, tenant, (state) => decideAdopt({ ...by, requestId, tenant, names: NAMES }, state));
const eject = (fixture: RunnerFixture, tenant: TenantRef, force = false): Promise<TendedTenant> =>
  tend(fixture, tenant, (state) => decideEject({ tenant, names: NAMES, force }, state));

/** A copy made table by table, as people make them: serial columns get sequences of their own, and those of identity columns stay behind. */
async function cloneOf(tenant: TenantRef, schema = `copy${++serial}`): Promise<TenantRef> {
  const clone = await schemaTenant(schema);
  for (const table of await tablesOf(tenant)) {
    const [from, to] = [tenant.schema!, schema].map((it) => `${ident(it)}.${ident(table)}`);
    await query(
      db.url,
      `create table ${to} (like ${from} including all); insert into ${to} overriding system value select * from ${from};`,
    );
    const serials = await query<{ name: string }>(
      db.url,
      `select attname as name from pg_attrdef d join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
       where adrelid = $1::regclass and pg_get_expr(adbin, adrelid) like 'nextval%'`,
      [to],
    );
    for (const { name } of serials) {
      const sequence = `${ident(schema)}.${ident(`${table}_${name}_seq`)}`;
      await query(
        db.url,
        `create sequence ${sequence} owned by ${to}.${ident(name)}; alter table ${to} alter ${ident(name)} set default nextval('${sequence}');
         select setval('${sequence}', coalesce(max(${ident(name)}), 0) + 1, false) from ${to}`,
      );
    }
  }
  return clone;
}

describe.each([
  ['schema', schemaTenant],
  ['database', databaseTenant],
] as const)('a tenant in a %s of its own', (kind, tenantOf) => {
  it('is marked as standing at a migration: one batch, checksums, a free lock, and nothing was run', async () => {
    const [fixture, tenant] = [setup(), await tenantOf()];
    expect(await baseline(fixture, tenant)).toEqual({ outcome: 'done' });
    expect(await tablesOf(tenant)).toEqual(['flotilla_ledger', 'knex_migrations', 'knex_migrations_lock']);
    expect(await historyOf(tenant)).toEqual([{ name: '01_notes.js', batch: 1 }]);
    const [file] = (await fixture.engine.list()).files;
    expect(await inTenant(tenant, 'select kind, migration, checksum, rollout, actor, batch from $.flotilla_ledger order by id')).toEqual([
      { kind: 'identity', migration: null, checksum: null, rollout: null, actor: null, batch: null },
      { kind: 'baseline', migration: '01_notes', checksum: file!.checksum, rollout: 'q-1', actor: 'ana', batch: 1 },
    ]);
    expect(await inTenant(tenant, 'select is_locked from $.knex_migrations_lock')).toEqual([{ is_locked: 0 }]);
  });

  it('goes on from where it was marked, and comes back to there: what was marked is never reverted', async () => {
    const [fixture, tenant] = [setup(), await tenantOf()];
    await inTenant(tenant, 'create table $.notes (id serial primary key, body text)');
    await baseline(fixture, tenant);
    const up = await fixture.attempt(tenant);
    expect([up.outcome, up.runs.map((run) => run.name)]).toEqual(['applied', ['02_title']]);
    expect(await historyOf(tenant)).toEqual([
      { name: '01_notes.js', batch: 1 },
      { name: '02_title.js', batch: 2 },
    ]);
    expect(await fixture.attempt(tenant, 'down')).toMatchObject({ outcome: 'rolledBack', runs: [{ name: '02_title' }] });
    expect(await historyOf(tenant)).toEqual([{ name: '01_notes.js', batch: 1 }]);
    expect(await fixture.attempt(tenant, 'down', { rolloutId: 'q-1' })).toMatchObject({ outcome: 'upToDate' });
    expect(await tablesOf(tenant)).toContain('notes');
  });

  it('is taken by Knex for one that it has migrated itself', async () => {
    const [fixture, tenant] = [setup(), await tenantOf()];
    await inTenant(tenant, 'create table $.notes (id serial primary key, body text)');
    await baseline(fixture, tenant);
    const directory = dirname((await fixture.engine.list()).files[0]!.path);
    await withKnex(urlOf(tenant), directory, tenant.schema, async (knex) => {
      const [done, pending] = await knex.migrate.list();
      expect([done.map((row: { name: string }) => row.name), pending.length]).toEqual([['01_notes.js'], 1]);
      expect((await knex.migrate.latest())[0]).toBe(2);
    });
  });

  it('has its own tables taken out, and Knex goes on: it applies, and rolls back what a rollout brought', async () => {
    const [fixture, tenant] = [setup(), await tenantOf()];
    await fixture.attempt(tenant);
    expect(await eject(fixture, tenant)).toEqual({ outcome: 'done' });
    expect(await tablesOf(tenant)).toEqual(['knex_migrations', 'knex_migrations_lock', 'notes']);
    const directory = mkdtempSync(join(tmpdir(), 'flotilla-knex-'));
    closing.push(async () => rmSync(directory, { recursive: true, force: true }));
    cpSync(dirname((await fixture.engine.list()).files[0]!.path), directory, { recursive: true });
    await withKnex(urlOf(tenant), directory, tenant.schema, async (knex) => {
      expect(await knex.migrate.latest()).toEqual([1, []]);
      expect((await knex.migrate.rollback())[1]).toHaveLength(2);
    });
    expect(await tablesOf(tenant)).toEqual(['knex_migrations', 'knex_migrations_lock']);
    expect(await eject(fixture, tenant)).toEqual({ outcome: 'unchanged' });
  });

  it('that was restored is adopted: it says what it was, and what was applied before is not rolled back any more', async () => {
    const [fixture, tenant] = [setup(), await tenantOf()];
    await fixture.attempt(tenant);
    // As a restore leaves it: the rows come in by a transaction of the restore
    await inTenant(tenant, 'create table $.saved as select * from $.flotilla_ledger; delete from $.flotilla_ledger');
    await inTenant(tenant, 'insert into $.flotilla_ledger overriding system value select * from $.saved; drop table $.saved');
    expect(await adopt(fixture, tenant)).toMatchObject({ outcome: 'done', message: expect.stringContaining('restored') });
    expect(await adopt(fixture, tenant)).toMatchObject({ outcome: 'done' });
    expect(await adopt(fixture, tenant, 'q-2')).toMatchObject({ outcome: 'unchanged' });
    expect((await ledgerOf(tenant)).filter((row) => row.kind === 'identity')).toHaveLength(2);
    expect(await fixture.attempt(tenant, 'down')).toMatchObject({ outcome: 'rollbackFailed', code: 'FLT_IRREVERSIBLE' });
  });

  it('that is cut off from us at any message is marked, adopted and ejected all the same, once', async () => {
    const tenant = await tenantOf();
    const wire = await createWire(urlOf(tenant));
    closing.push(() => wire.close());
    const fixture = setup(undefined, wire.url);
    const bare: TenantRef = { ...tenant };
    delete (bare as { database?: string }).database; // the wire leads to its database
    const faults: Fault[] = ['cutBefore', 'cutDuring', 'cutAfter'];
    for (const fault of faults)
      for (const at of [1, 2]) {
        const cutAt = async (work: () => Promise<TendedTenant>) => {
          const from = wire.sent.length;
          wire.decide = ({ n }) => (n === from + at ? fault : 'pass');
          const tended = await work();
          wire.decide = () => 'pass';
          return tended;
        };
        expect(await cutAt(() => baseline(fixture, bare)), `${fault} at ${at}`).toEqual({ outcome: 'done' });
        expect(await historyOf(tenant)).toEqual([{ name: '01_notes.js', batch: 1 }]);
        expect((await ledgerOf(tenant)).map((row) => row.kind)).toEqual(['identity', 'baseline']);
        await inTenant(tenant, `update $.flotilla_ledger set tenant = 'another' where kind = 'identity'`);
        expect((await cutAt(() => adopt(fixture, bare))).outcome, `${fault} at ${at}`).toBe('done');
        expect((await ledgerOf(tenant)).map((row) => row.kind)).toEqual(['identity', 'baseline', 'identity']);
        expect(['done', 'unchanged']).toContain((await cutAt(() => eject(fixture, bare))).outcome);
        expect(await tablesOf(tenant)).toEqual(['knex_migrations', 'knex_migrations_lock']);
        await inTenant(tenant, 'drop table $.knex_migrations, $.knex_migrations_lock');
      }
    expect(kind).toBeDefined();
  });
});

describe('baseline', () => {
  it('refuses a tenant that has a history, says where it stands, and writes nothing to it', async () => {
    const [fixture, tenant] = [setup(), await schemaTenant()];
    await inTenant(
      tenant,
      `create table $.knex_migrations (id serial primary key, name varchar(255), batch int, migration_time timestamptz);
       create table $.knex_migrations_lock (index serial primary key, is_locked int); insert into $.knex_migrations_lock (is_locked) values (0);
       insert into $.knex_migrations (name, batch) values ('00_old.js', 1), ('01_notes.js', 1)`,
    );
    const everything = () =>
      inTenant(
        tenant,
        `select xmin::text, is_locked::text as it from $.knex_migrations_lock union all select xmin::text, name from $.knex_migrations`,
      );
    const before = await everything();
    const refused = await baseline(fixture, tenant);
    expect(refused).toMatchObject({ outcome: 'refused', code: 'FLT_HAS_HISTORY' });
    expect(refused.message).toMatch(/2 migrations.*01_notes/);
    expect(await everything()).toEqual(before);
    expect(await tablesOf(tenant)).not.toContain('flotilla_ledger');
  });

  it('refuses one that Flotilla has migrated', async () => {
    const [fixture, tenant] = [setup(), await schemaTenant()];
    await fixture.attempt(tenant);
    expect(await baseline(fixture, tenant, '02_title')).toMatchObject({ outcome: 'refused', code: 'FLT_HAS_HISTORY' });
  });

  it('knows its own work again: the same request has done it, another finds it done, and another migration is refused', async () => {
    const [fixture, tenant] = [setup(), await schemaTenant()];
    await baseline(fixture, tenant);
    const before = await ledgerOf(tenant);
    expect(await baseline(fixture, tenant)).toEqual({ outcome: 'done' });
    expect(await baseline(fixture, tenant, '01_notes', 'q-2')).toEqual({ outcome: 'unchanged' });
    expect(await baseline(fixture, tenant, '02_title')).toMatchObject({ outcome: 'refused', code: 'FLT_HAS_HISTORY' });
    expect(await ledgerOf(tenant)).toEqual(before);
  });

  it('marks a tenant whose history table is there and empty', async () => {
    const [fixture, tenant] = [setup(), await schemaTenant()];
    await inTenant(
      tenant,
      'create table $.knex_migrations (id serial primary key, name varchar(255), batch int, migration_time timestamptz)',
    );
    expect(await baseline(fixture, tenant, '02_title')).toEqual({ outcome: 'done' });
    expect(await historyOf(tenant)).toEqual([
      { name: '01_notes.js', batch: 1 },
      { name: '02_title.js', batch: 1 },
    ]);
  });

  it('leaves nothing behind when the server refuses a part of it', async () => {
    const [fixture, tenant] = [setup(), await schemaTenant()];
    await fixture.attempt(tenant);
    await inTenant(
      tenant,
      `delete from $.knex_migrations; create function $.no() returns trigger language plpgsql as 'begin raise exception ''no''; end';
       create trigger no before insert on $.flotilla_ledger for each row when (new.kind = 'baseline') execute function $.no()`,
    );
    expect(await baseline(fixture, tenant)).toMatchObject({ outcome: 'refused', code: 'FLT_SQL_ERROR' });
    expect(await historyOf(tenant)).toEqual([]);
  });

  it('is done once when two race', async () => {
    const [fixture, tenant] = [setup(), await schemaTenant()];
    const both = await Promise.all([baseline(fixture, tenant), baseline(fixture, tenant, '01_notes', 'q-2')]);
    expect(both.map((it) => it.outcome).sort()).toEqual(['done', 'unchanged']);
    expect(await historyOf(tenant)).toHaveLength(1);
  });

  it('does not touch a schema that carries the ledger of another tenant', async () => {
    const [fixture, tenant] = [setup(), await schemaTenant()];
    await baseline(fixture, tenant);
    await inTenant(tenant, 'delete from $.knex_migrations');
    const swapped = { ...tenant, id: 'somebody else' };
    expect(await baseline(fixture, swapped)).toMatchObject({ outcome: 'refused', code: 'FLT_IDENTITY_MISMATCH' });
    expect(await historyOf(tenant)).toEqual([]);
  });
});

describe('adopt', () => {
  it('makes a clone a tenant of its own: it migrates and rolls back what it gets itself, and nothing older', async () => {
    const [first, tenant] = [setup({ '01_notes.js': NOTES }), await schemaTenant()];
    // More rows than there are tries: a counter that was left behind would be found out
    for (let n = 0; n < 9; n++) await first.attempt(tenant, 'up', { fenceFirst: true });
    const clone = await cloneOf(tenant);
    const fixture = setup();
    expect(await fixture.attempt(clone, 'up', { rolloutId: 'r-2' })).toMatchObject({ outcome: 'failed', code: 'FLT_IDENTITY_MISMATCH' });
    expect(await adopt(fixture, clone)).toEqual({ outcome: 'done', message: `${clone.id}: was tenant "${tenant.id}", copied.` });
    expect(await fixture.attempt(clone, 'up', { rolloutId: 'r-2' })).toMatchObject({ outcome: 'applied', runs: [{ name: '02_title' }] });
    expect(await fixture.attempt(clone, 'down', { rolloutId: 'r-2' })).toMatchObject({ outcome: 'rolledBack' });
    first.deltas.forEach((delta, name) => {
      fixture.deltas.set(name, delta);
    });
    expect(await fixture.attempt(clone, 'down', { rolloutId: 'r-1' })).toMatchObject({
      outcome: 'rollbackFailed',
      code: 'FLT_IRREVERSIBLE',
    });
    expect(await fixture.attempt(tenant, 'down', { rolloutId: 'r-1' })).toMatchObject({ outcome: 'rolledBack' });
  });

  it('does not hide that a copy still takes its numbers from the original: its first migration names the sequence', async () => {
    const [first, tenant, copy] = [setup({ '01_notes.js': NOTES }), await schemaTenant(), await schemaTenant()];
    await first.attempt(tenant);
    for (const table of await tablesOf(tenant))
      await inTenant(
        copy,
        `create table $.${table} (like ${ident(tenant.schema!)}.${table} including all); insert into $.${table} overriding system value select * from ${ident(tenant.schema!)}.${table}`,
      );
    const fixture = setup();
    expect(await adopt(fixture, copy)).toMatchObject({ outcome: 'done' });
    expect(await fixture.attempt(copy, 'up', { rolloutId: 'r-2' })).toMatchObject({
      outcome: 'failed',
      code: 'FLT_TENANT_ESCAPE',
      message: expect.stringContaining(`touched ${tenant.schema}.knex_migrations_`),
    });
  });

  it('leaves a tenant alone that is its own, and one where Flotilla never was', async () => {
    const [fixture, tenant, fresh] = [setup(), await schemaTenant(), await schemaTenant()];
    await fixture.attempt(tenant);
    const before = await ledgerOf(tenant);
    expect(await adopt(fixture, tenant)).toMatchObject({ outcome: 'unchanged', message: expect.stringContaining('already') });
    expect(await adopt(fixture, fresh)).toMatchObject({ outcome: 'unchanged', message: expect.stringContaining('never') });
    expect(await ledgerOf(tenant)).toEqual(before);
    expect(await tablesOf(fresh)).toEqual([]);
  });

  it('says which fleet a tenant came from when it was another', async () => {
    const [fixture, tenant] = [setup(), await schemaTenant()];
    await fixture.attempt({ ...tenant, id: 'theirs' }, 'up', { fleet: 'other' });
    expect((await adopt(fixture, tenant)).message).toBe(`${tenant.id}: was tenant "theirs" of fleet "other".`);
  });
});

describe('eject', () => {
  it('refuses a tenant with a half-way migration, unless that is accepted', async () => {
    const [fixture, tenant] = [setup({ '01_stops.js': STOPS }), await schemaTenant()];
    expect(await fixture.attempt(tenant)).toMatchObject({ outcome: 'failed', partial: true });
    expect(await eject(fixture, tenant)).toMatchObject({
      outcome: 'refused',
      code: 'FLT_PARTIAL',
      message: expect.stringContaining('01_stops'),
    });
    expect(await tablesOf(tenant)).toContain('flotilla_step');
    expect(await eject(fixture, tenant, true)).toEqual({ outcome: 'done' });
    expect(await tablesOf(tenant)).toEqual(['half', 'knex_migrations', 'knex_migrations_lock']);
    expect(await inTenant(tenant, 'select is_locked from $.knex_migrations_lock')).toEqual([{ is_locked: 0 }]);
  });

  it('frees the lock that a killed attempt of ours has left', async () => {
    const [fixture, tenant] = [setup({ '01_stops.js': STOPS }), await schemaTenant()];
    await fixture.attempt(tenant);
    // As a killed attempt leaves it: the newest intent and the lock row are of one transaction
    await inTenant(
      tenant,
      `begin; delete from $.knex_migrations_lock; insert into $.knex_migrations_lock (is_locked) values (1);
       insert into $.flotilla_ledger (kind, tenant, fleet, migration, direction, xid) select 'intent', tenant, fleet, '01_stops', 'up', pg_current_xact_id() from $.flotilla_ledger limit 1; commit`,
    );
    expect(await eject(fixture, tenant, true)).toEqual({ outcome: 'done' });
    expect(await inTenant(tenant, 'select is_locked from $.knex_migrations_lock')).toEqual([{ is_locked: 0 }]);
  });

  it('leaves a schema alone that carries the ledger of another tenant', async () => {
    const [fixture, tenant] = [setup(), await schemaTenant()];
    await fixture.attempt(tenant);
    expect(await eject(fixture, { ...tenant, id: 'somebody else' })).toMatchObject({ outcome: 'refused', code: 'FLT_IDENTITY_MISMATCH' });
    expect(await tablesOf(tenant)).toContain('flotilla_ledger');
  });
});

describe('a tenant that cannot be had now', () => {
  it('is named as busy while another session holds its lock, and written nothing to', async () => {
    const [fixture, tenant] = [setup(), await schemaTenant()];
    const other = await db.client();
    await other.query(`select pg_advisory_lock(${tenantKey(tenant.schema!)})`);
    expect(await baseline(fixture, tenant)).toMatchObject({ outcome: 'unreached', code: 'FLT_TENANT_BUSY' });
    expect(await tablesOf(tenant)).toEqual([]);
    await other.query('select pg_advisory_unlock_all()');
    expect(await baseline(fixture, tenant)).toEqual({ outcome: 'done' });
  });

  it('is waited for as long as a few tries take', async () => {
    const [fixture, tenant] = [setup(), await schemaTenant()];
    const other = await db.client();
    await other.query(`select pg_advisory_lock(${tenantKey(tenant.schema!)})`);
    const marking = baseline(fixture, tenant);
    await other.query('select pg_advisory_unlock_all()');
    expect(await marking).toEqual({ outcome: 'done' });
  });

  it("is named while Knex's lock is somebody's, which is left as it is", async () => {
    const [fixture, tenant] = [setup(), await schemaTenant()];
    await fixture.attempt(tenant);
    await inTenant(tenant, 'update $.knex_migrations_lock set is_locked = 1');
    expect(await eject(fixture, tenant)).toMatchObject({ outcome: 'unreached', code: 'FLT_KNEX_LOCKED' });
    expect(await inTenant(tenant, 'select is_locked from $.knex_migrations_lock')).toEqual([{ is_locked: 1 }]);
    expect(await tablesOf(tenant)).toContain('flotilla_ledger');
  });

  it('is refused where its schema or its database does not exist', async () => {
    const fixture = setup();
    for (const lost of [{ schema: 'nowhere' }, { database: 'nowhere' }])
      expect(await adopt(fixture, { id: 'lost', host: 'h1', ...lost })).toMatchObject({ outcome: 'refused', code: 'FLT_SCHEMA_MISSING' });
  });

  it('is told from a host that does not answer at all', async () => {
    const fixture = setup(undefined, 'postgres://nobody@127.0.0.1:1/nowhere');
    expect(await eject(fixture, { id: 'far', host: 'h1', schema: 's' })).toMatchObject({
      outcome: 'unreached',
      code: 'FLT_HOST_UNAVAILABLE',
      ofHost: true,
    });
  });

  it('is refused with what Postgres says when the role may not', async () => {
    const tenant = await schemaTenant();
    const role = `bare_${process.pid}`;
    await query(db.url, `create role ${role} login password 'x'; grant usage on schema ${ident(tenant.schema!)} to ${role}`);
    closing.push(() => query(db.url, `drop owned by ${role}; drop role ${role}`));
    const at = new URL(db.url);
    at.username = role;
    at.password = 'x';
    expect(await baseline(setup(undefined, at.toString()), tenant)).toMatchObject({ outcome: 'refused', code: 'FLT_PERMISSION_DENIED' });
  });
});

it.each(['we"ird.Name', 'UPPER', 'schema with spaces', 'ünïcødé', "quote'd", '$1 $flotilla$', 'x'.repeat(63), 'select'])(
  'marks, adopts, reads and ejects in a schema called %s',
  async (schema) => {
    const [fixture, tenant] = [setup(), await schemaTenant(schema)];
    expect(await baseline(fixture, tenant)).toEqual({ outcome: 'done' });
    await query(db.url, `create table ${ident(schema)}.notes (id serial primary key)`);
    expect(await fixture.attempt(tenant)).toMatchObject({ outcome: 'applied' });
    const client = await db.client();
    expect(await readRollouts(client, [{ id: tenant.id, schema }], 'shop')).toMatchObject([{ rollout: 'r-1', state: 'applied' }]);
    const renamed = { ...tenant, id: `o'hara "of" ${schema}` };
    expect(await adopt(fixture, renamed)).toMatchObject({ outcome: 'done' });
    expect(await eject(fixture, renamed)).toEqual({ outcome: 'done' });
    expect(await tablesOf(tenant)).not.toContain('flotilla_ledger');
    expect(await query(db.url, `select 1 from information_schema.tables where table_schema = 'public'`)).toHaveLength(0);
  },
);

describe('rollouts, read back from ledgers', () => {
  it('are those that applied or reverted something, with who, when, and what still stands', async () => {
    const [fixture, one, two] = [setup(), await schemaTenant(), await schemaTenant()];
    const fresh = await schemaTenant();
    await fixture.attempt(one, 'up', { actor: 'bo' });
    await fixture.attempt(two);
    await fixture.attempt(two, 'down');
    await fixture.attempt(two, 'up', { rolloutId: 'r-2' });
    await fixture.attempt(one, 'up', { rolloutId: 'r-2' }); // up to date: no trace
    const client = await db.client();
    const places = [one, two, fresh, { id: 'lost', schema: 'nowhere' }].map(({ id, schema }) => ({ id, schema: schema! }));
    const traces = await readRollouts(client, places, 'shop');
    expect(traces).toMatchObject([
      { tenant: one.id, rollout: 'r-1', state: 'applied', newest: '02_title', actor: 'bo' },
      { tenant: two.id, rollout: 'r-1', state: 'rolledBack', newest: '02_title', actor: 'ana' },
      { tenant: two.id, rollout: 'r-2', state: 'applied' },
    ]);
    for (const { firstAt, lastAt } of traces) expect(firstAt.getTime()).toBeLessThanOrEqual(lastAt.getTime());
  });

  it('are not those of the tenant that a clone was copied from, nor of another fleet, nor of a baseline', async () => {
    const [fixture, tenant, marked] = [setup({ '01_notes.js': NOTES }), await schemaTenant(), await schemaTenant()];
    await fixture.attempt(tenant);
    await baseline(fixture, marked);
    const clone = await cloneOf(tenant);
    await adopt(fixture, clone);
    const client = await db.client();
    const read = (of: TenantRef, fleet = 'shop') => readRollouts(client, [{ id: of.id, schema: of.schema! }], fleet);
    expect(await read(tenant)).toHaveLength(1);
    expect(await read(clone)).toEqual([]);
    expect(await read(tenant, 'other')).toEqual([]);
    expect(await read(marked)).toEqual([]);
  });
});
