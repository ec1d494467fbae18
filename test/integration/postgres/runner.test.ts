import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { TenantRef } from '../../../src/domain/tenant.js';
import { readFingerprint } from '../../../src/postgres/fingerprint.js';
import { createDatabase, createFixture, ident, query, type RunnerFixture, type TestDatabase } from '../../support/postgres.js';
import { createWire } from '../../support/wire.js';

const NAMES = { tableName: 'knex_migrations' };
const NOTES = `exports.up = (knex) => knex.schema.createTable('notes', (t) => { t.increments('id'); t.text('body'); }); exports.down = (knex) => knex.schema.dropTable('notes');`;
const TITLE = `exports.up = (knex) => knex.schema.alterTable('notes', (t) => { t.text('title').defaultTo('none'); }); exports.down = (knex) => knex.schema.alterTable('notes', (t) => { t.dropColumn('title'); });`;
const INDEX = `exports.config = { transaction: false }; exports.up = (knex) => knex.raw('create index concurrently notes_body on notes (body)'); exports.down = (knex) => knex.raw('drop index concurrently notes_body');`;

let db: TestDatabase;
const fixtures: RunnerFixture[] = [];
const others: TestDatabase[] = [];
let serial = 0;

beforeAll(async () => {
  db = await createDatabase('runner');
});
afterEach(async () => {
  for (const fixture of fixtures.splice(0)) await fixture.close();
  for (const other of others.splice(0)) await other.drop();
});
afterAll(() => db.drop());

async function schemaTenant(schema = `t${++serial}`): Promise<TenantRef> {
  await query(db.url, `create schema ${ident(schema)}`);
  return { id: `id-${schema}`, host: 'h1', schema };
}
const setup = (files: Record<string, string>, options = {}) => {
  const fixture = createFixture(db.url, files, options);
  fixtures.push(fixture);
  return fixture;
};
const ledger = (tenant: TenantRef) =>
  query<{ kind: string; migration: string | null; rollout: string | null; fence: string; batch: number | null }>(
    urlOf(tenant),
    `select kind, migration, rollout, fence, batch from ${ident(tenant.schema ?? 'public')}.flotilla_ledger order by id`,
  );
const urlOf = (tenant: TenantRef): string => {
  if (!tenant.database) return db.url;
  const at = new URL(db.url);
  at.pathname = `/${tenant.database}`;
  return at.toString();
};
async function fingerprint(tenant: TenantRef): Promise<string> {
  const holder = await createClient(urlOf(tenant));
  try {
    return (await readFingerprint(holder, tenant.schema ?? 'public', NAMES)).structure;
  } finally {
    await holder.end();
  }
}
async function createClient(url: string) {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
}

it.each(['we"ird.Name', '$flotilla$', 'UPPER', 'schema with spaces', 'ünïcødé', "quote'd", 'x'.repeat(63), 'select'])(
  'migrates and rolls back in a schema called %s',
  async (schema) => {
    const tenant = await schemaTenant(schema);
    const fixture = setup({ '20260101_notes.js': NOTES, '20260103_index.js': INDEX });
    expect(await fixture.attempt(tenant)).toMatchObject({ outcome: 'applied' });
    expect(await fixture.attempt(tenant, 'down')).toMatchObject({ outcome: 'rolledBack' });
    expect(await query(db.url, `select 1 from information_schema.tables where table_schema = 'public'`)).toHaveLength(0);
  },
);

it('leaves a tenant untouched when a later statement of a migration fails, and names no row', async () => {
  const tenant = await schemaTenant();
  await query(
    db.url,
    `create table ${ident(tenant.schema!)}.people (email text); insert into ${ident(tenant.schema!)}.people values ('secret@x'), ('secret@x')`,
  );
  const fixture = setup({
    '20260101_notes.js': NOTES,
    '20260102_unique.js': `exports.up = async (knex) => { await knex.schema.createTable('extra', (t) => t.increments()); await knex.schema.alterTable('people', (t) => t.unique(['email'])); };`,
  });
  const result = await fixture.attempt(tenant);
  expect(result).toMatchObject({ outcome: 'failed', code: 'FLT_UNIQUE_VIOLATION' });
  expect(result.partial).toBeUndefined();
  expect(result.message).not.toContain('secret@x');
  expect(result.runs.map((run) => run.name)).toEqual(['20260101_notes']);
  expect(
    await query(db.url, `select 1 from information_schema.tables where table_schema = $1 and table_name = 'extra'`, [tenant.schema]),
  ).toHaveLength(0);
  expect((await ledger(tenant)).filter((row) => row.kind === 'applied')).toHaveLength(1);
});

it('records nothing when something has ended its transaction behind its back', async () => {
  const tenant = await schemaTenant();
  const { engine } = setup({ '20260101_notes.js': NOTES });
  const run: typeof engine.run = async (file, direction, session) => {
    const answer = await engine.run(file, direction, session);
    await session.client.query('commit; begin'); // past everything that looks at statements
    return answer;
  };
  const fixture = setup({}, { engine: { ...engine, run } });
  expect(await fixture.attempt(tenant)).toMatchObject({ outcome: 'failed', code: 'FLT_STRAY_TRANSACTION', runs: [] });
  expect((await ledger(tenant)).filter((row) => row.kind === 'applied')).toEqual([]);
  expect(await query(db.url, `select from ${ident(tenant.schema!)}.knex_migrations`)).toEqual([]);
});

it('records nothing when its transaction is over and no other has begun', async () => {
  const tenant = await schemaTenant();
  const { engine } = setup({ '20260101_notes.js': NOTES });
  const run: typeof engine.run = async (file, direction, session) => {
    const answer = await engine.run(file, direction, session);
    await session.client.query('rollback');
    return answer;
  };
  const fixture = setup({}, { engine: { ...engine, run } });
  expect(await fixture.attempt(tenant)).toMatchObject({ outcome: 'failed', code: 'FLT_STRAY_TRANSACTION', runs: [] });
});

it('blames no tenant for what a failed migration of another one wrote in the same session', async () => {
  const role = `app_${++serial}`;
  await query(db.url, `create role ${role} login password 'app'`);
  const [guilty, innocent] = [await schemaTenant(), await schemaTenant()];
  for (const { schema } of [guilty, innocent]) await query(db.url, `grant all on schema ${ident(schema!)} to ${role}`);
  const own = new URL(db.url);
  own.username = role;
  own.password = 'app';
  const first = createFixture(own.toString(), {
    '20260101_large.js': `exports.up = async (knex) => { await knex.raw("select lo_from_bytea(0, 'x')"); await knex.raw('select 1 / 0'); };`,
    '20260102_notes.js': NOTES,
  });
  fixtures.push(first);
  // An ordinary role may write large objects, and cannot read whose they are
  expect(await first.attempt(guilty)).toMatchObject({ outcome: 'failed', code: 'FLT_DATA_ERROR' });
  const migrations = (await first.migrations()).filter(({ name }) => name === '20260102_notes');
  expect(await first.attempt(innocent, 'up', { migrations })).toMatchObject({ outcome: 'applied' });
  await query(db.url, `drop owned by ${role} cascade; drop role ${role}`);
});

it("sees what its own row of the ledger sets off, also where the whole database is the tenant's", async () => {
  const own = await createDatabase('ledger_trigger');
  others.push(own);
  const tenant: TenantRef = { id: 'whole', host: 'h1', database: new URL(own.url).pathname.slice(1) };
  const fixture = createFixture(own.url, {
    '20260101_notes.js': NOTES,
    '20260102_trigger.js': `exports.up = (knex) => knex.raw("create function sneak() returns trigger language plpgsql as 'begin create role sneaky; return new; end'; create trigger sneak after insert on flotilla_ledger for each row execute function sneak()");`,
  });
  fixtures.push(fixture);
  const one = (await fixture.migrations()).slice(0, 1);
  expect(await fixture.attempt(tenant, 'up', { migrations: one })).toMatchObject({ outcome: 'applied' });
  expect(await fixture.attempt(tenant, 'up', { fenceFirst: true })).toMatchObject({
    outcome: 'failed',
    code: 'FLT_TENANT_ESCAPE',
    message: expect.stringContaining('sneaky'),
  });
});

it('says so when a trigger suppresses its row of the ledger', async () => {
  const tenant = await schemaTenant();
  const fixture = setup({
    '20260101_notes.js': NOTES,
    '20260102_trigger.js': `exports.up = (knex) => knex.raw("create function swallow() returns trigger language plpgsql as 'begin return null; end'; create trigger swallow before insert on flotilla_ledger for each row execute function swallow()");`,
  });
  const result = await fixture.attempt(tenant);
  expect(result).toMatchObject({
    outcome: 'failed',
    code: 'FLT_SQL_ERROR',
    message: expect.stringContaining('flotilla_ledger was not written'),
  });
});

it('reads what others commit meanwhile, whatever isolation the role has by default', async () => {
  const tenant = await schemaTenant();
  const fixture = setup({
    '20260101_level.js': `exports.up = (knex) => knex.raw("create table level as select current_setting('transaction_isolation') as it");`,
    '20260102_level.js': `exports.config = { transaction: false }; exports.up = (knex) => knex.raw("insert into level select current_setting('transaction_isolation')");`,
  });
  const name = new URL(db.url).pathname.slice(1);
  await query(db.url, `alter database ${ident(name)} set default_transaction_isolation to serializable`);
  try {
    expect(await fixture.attempt(tenant)).toMatchObject({ outcome: 'applied' });
    expect(await query(db.url, `select distinct it from ${ident(tenant.schema!)}.level`)).toEqual([{ it: 'read committed' }]);
  } finally {
    await query(db.url, `alter database ${ident(name)} reset default_transaction_isolation`);
  }
});

it('sees what a deferred trigger on the history would do at the end of a migration outside a transaction', async () => {
  const [tenant, sibling] = [await schemaTenant(), await schemaTenant()];
  const fixture = setup({
    '20260101_notes.js': NOTES,
    '20260102_trigger.js': `exports.up = (knex) => knex.raw("create function reach() returns trigger language plpgsql as 'begin insert into ${sibling.schema}.hers values (1); return null; end'; create constraint trigger reach after insert on knex_migrations deferrable initially deferred for each row when (new.name like '%outside%') execute function reach()");`,
    '20260103_outside.js': `exports.config = { transaction: false }; exports.up = (knex) => knex.raw('create index concurrently notes_body on notes (body)');`,
  });
  await query(db.url, `create table ${sibling.schema}.hers (id int)`);
  expect(await fixture.attempt(tenant)).toMatchObject({ outcome: 'failed', code: 'FLT_TENANT_ESCAPE' });
  expect(await query(db.url, `select from ${sibling.schema}.hers`)).toEqual([]);
});

it('says that something stayed behind when a non-transactional migration fails half-way, and goes on after a repair', async () => {
  const tenant = await schemaTenant();
  const fixture = setup({
    '20260101_half.js': `exports.config = { transaction: false }; exports.up = async (knex) => { await knex.raw('create table if not exists half (id int)'); await knex.raw('insert into gate select 1'); };`,
  });
  expect(await fixture.attempt(tenant)).toMatchObject({ outcome: 'failed', partial: true, code: 'FLT_SQL_ERROR' });
  await query(db.url, `create table ${ident(tenant.schema!)}.gate (n int)`);
  expect(await fixture.attempt(tenant, 'up', { fenceFirst: true })).toMatchObject({ outcome: 'applied' });
  const rows = await query<{ is_locked: number }>(db.url, `select is_locked from ${ident(tenant.schema!)}.knex_migrations_lock`);
  expect(rows).toEqual([{ is_locked: 0 }]);
});

it('lets one of five contenders win; the ledger shows one effect', async () => {
  const tenant = await schemaTenant();
  const fixture = setup({
    '20260101_notes.js': NOTES.replace(
      'exports.up = (knex) =>',
      `exports.up = async (knex) => knex.raw('select pg_sleep(0.15)').then(() =>`,
    ).replace(`}); exports.down`, `})); exports.down`),
  });
  const results = await Promise.all(Array.from({ length: 5 }, () => fixture.attempt(tenant, 'up', { fenceFirst: true, quickTries: 12 })));
  expect(results.filter((result) => result.runs.length > 0)).toHaveLength(1);
  expect(results.every((result) => result.outcome === 'applied' || result.code === 'FLT_FENCED')).toBe(true);
  expect((await ledger(tenant)).filter((row) => row.kind === 'applied')).toHaveLength(1);
});

it('defers, and does not fail, a tenant whose table the application holds', async () => {
  const tenant = await schemaTenant();
  const fixture = setup({ '20260101_notes.js': NOTES, '20260102_title.js': TITLE });
  const app = await db.client();
  await query(db.url, `create table ${ident(tenant.schema!)}.notes_old (id int)`);
  await fixture.attempt(tenant, 'up', { migrations: (await fixture.migrations()).slice(0, 1) });
  await app.query(`begin; lock table ${ident(tenant.schema!)}.notes in access share mode`);
  const result = await fixture.attempt(tenant, 'up', { fenceFirst: true });
  expect(result).toMatchObject({ outcome: 'deferred', code: 'FLT_LOCK_TIMEOUT' });
  await app.query('rollback');
  expect(await fixture.attempt(tenant, 'up', { fenceFirst: true })).toMatchObject({ outcome: 'applied' });
});

it('cannot commit once a later attempt has fenced it', async () => {
  const tenant = await schemaTenant();
  await query(db.url, `create table ${ident(tenant.schema!)}.hold (n int)`);
  const waits = `exports.up = async (knex) => { await knex.schema.createTable('late', (t) => t.increments()); while ((await knex.raw('select count(*)::int n from hold')).rows[0].n === 0) await new Promise((d) => setTimeout(d, 10)); };`;
  const fixture = setup({ '20260101_notes.js': NOTES, '20260102_waits.js': waits });
  await fixture.attempt(tenant, 'up', { migrations: (await fixture.migrations()).slice(0, 1), rolloutId: 'r-0' });
  let reached: () => void = () => undefined;
  const inside = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const stale = fixture.attempt(tenant, 'up', { onStep: (step) => step.includes('statement 2') && reached(), quickTries: 1 });
  await inside;
  const later = fixture.attempt(tenant, 'up', { fenceFirst: true, quickTries: 1 });
  expect(await later).toMatchObject({ outcome: 'deferred', code: 'FLT_TENANT_BUSY' });
  await query(db.url, `insert into ${ident(tenant.schema!)}.hold values (1)`);
  expect(await stale).toMatchObject({ outcome: 'deferred', code: 'FLT_FENCED', runs: [] });
  expect(
    await query(db.url, `select 1 from information_schema.tables where table_schema = $1 and table_name = 'late'`, [tenant.schema]),
  ).toHaveLength(0);
  expect(await fixture.attempt(tenant, 'up', { fenceFirst: true })).toMatchObject({ outcome: 'applied' });
});

it('settles a connection lost in the middle of a migration: it is applied once', async () => {
  const tenant = await schemaTenant();
  await query(db.url, `create table ${ident(tenant.schema!)}.killed (n int)`);
  const fixture = setup({ '20260101_notes.js': NOTES, '20260102_title.js': TITLE });
  await fixture.attempt(tenant, 'up', { migrations: (await fixture.migrations()).slice(0, 1), rolloutId: 'r-0' });
  let killed = false;
  const kill = query;
  const result = await fixture.attempt(tenant, 'up', {
    applicationName: 'flotilla victim',
    quickTries: 4,
    onStep: (step) => {
      if (killed || !step.includes('statement 1')) return;
      killed = true;
      void kill(db.url, `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'flotilla victim'`);
    },
  });
  expect(killed).toBe(true);
  expect(result.outcome).toBe('applied');
  expect((await ledger(tenant)).filter((row) => row.migration === '20260102_title' && row.kind === 'applied')).toHaveLength(1);
});

describe('the three rules of a revert', () => {
  it('refuses what has no down, what is declared irreversible, and what removed something', async () => {
    for (const [source, code] of [
      [`exports.up = (knex) => knex.schema.createTable('a', (t) => t.increments());`, 'FLT_NO_DOWN'],
      [`exports.flotilla = { irreversible: 'because' }; ${NOTES}`, 'FLT_IRREVERSIBLE'],
      [
        `exports.up = (knex) => knex.raw('drop table old_things'); exports.down = (knex) => knex.raw('create table old_things (id int)');`,
        'FLT_IRREVERSIBLE',
      ],
    ] as const) {
      const tenant = await schemaTenant();
      await query(db.url, `create table ${ident(tenant.schema!)}.old_things (id int)`);
      const fixture = setup({ '20260101_x.js': source });
      expect(await fixture.attempt(tenant)).toMatchObject({ outcome: 'applied' });
      expect(await fixture.attempt(tenant, 'down')).toMatchObject({ outcome: 'rollbackFailed', code });
    }
  });

  it('refuses to drop rows and values written since, and forced with a reason drops them', async () => {
    const tenant = await schemaTenant();
    const fixture = setup({ '20260101_notes.js': NOTES, '20260102_title.js': TITLE });
    await fixture.attempt(tenant);
    const schema = ident(tenant.schema!);
    await query(db.url, `insert into ${schema}.notes (body) values ('written since')`);
    const result = await fixture.attempt(tenant, 'down');
    expect(result).toMatchObject({ outcome: 'rollbackFailed', code: 'FLT_REVERT_REMOVES_DATA' });
    expect(result.message).toContain('notes');
    // The column's rows all hold its default, so it went; the table has a row, so it stays
    expect(result.runs.map((run) => run.name)).toEqual(['20260102_title']);
    expect(await query(db.url, `select body from ${schema}.notes`)).toHaveLength(1);
    expect(await fixture.attempt(tenant, 'down', { force: true })).toMatchObject({ outcome: 'rolledBack' });
  });

  it('refuses a value written since into an added column', async () => {
    const tenant = await schemaTenant();
    const first = setup({ '20260101_notes.js': NOTES });
    await first.attempt(tenant, 'up', { rolloutId: 'r-0' });
    await query(db.url, `insert into ${ident(tenant.schema!)}.notes (body) values ('old')`);
    const fixture = setup({ '20260101_notes.js': NOTES, '20260102_title.js': TITLE });
    await fixture.attempt(tenant);
    await query(db.url, `update ${ident(tenant.schema!)}.notes set title = 'mine'`);
    expect(await fixture.attempt(tenant, 'down')).toMatchObject({
      outcome: 'rollbackFailed',
      code: 'FLT_REVERT_REMOVES_DATA',
      message: expect.stringContaining('notes.title'),
    });
  });

  it('rolls a down back that is not the inverse of its up, and says how it differs', async () => {
    const tenant = await schemaTenant();
    const fixture = setup({
      '20260101_x.js': `exports.up = (knex) => knex.schema.createTable('a', (t) => { t.increments(); }).createTable('b', (t) => { t.increments(); }); exports.down = (knex) => knex.schema.dropTable('a');`,
    });
    await fixture.attempt(tenant);
    const before = await fingerprint(tenant);
    const result = await fixture.attempt(tenant, 'down');
    expect(result).toMatchObject({
      outcome: 'rollbackFailed',
      code: 'FLT_REVERT_INEXACT',
      message: expect.stringContaining('left behind'),
    });
    expect(await fingerprint(tenant)).toBe(before);
  });
});

describe('walls', () => {
  const escapes: Record<string, string> = {
    'writes into another tenant': `knex.raw('insert into victim.people values (1)')`,
    'alters a table elsewhere': `knex.raw('alter table victim.people add column x int')`,
    'creates a table elsewhere': `knex.raw('create table victim.made (id int)')`,
    'drops a table elsewhere': `knex.raw('drop table victim.people')`,
    'drops a table elsewhere from inside a function': `knex.raw("do $$ begin execute 'drop' || ' table victim.people'; end $$")`,
    'truncates elsewhere': `knex.raw('truncate victim.people')`,
    'locks a shared table by a foreign key': `knex.schema.createTable('mine', (t) => { t.integer('p').references('id').inTable('public.plans'); })`,
  };
  beforeAll(async () => {
    await query(db.url, `create schema victim; create table victim.people (id int); create table public.plans (id int primary key)`);
  });
  afterAll(() => query(db.url, `drop schema victim cascade; drop table public.plans cascade`));

  it.each(Object.entries(escapes))('rolls back a migration that %s', async (_, statement) => {
    const tenant = await schemaTenant();
    const fixture = setup({ '20260101_escape.js': `exports.up = (knex) => ${statement};` });
    const before = await query(
      db.url,
      `select count(*) from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace where nspname = 'victim'`,
    );
    const result = await fixture.attempt(tenant);
    expect(result).toMatchObject({ outcome: 'failed', code: 'FLT_TENANT_ESCAPE' });
    expect(
      await query(
        db.url,
        `select count(*) from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace where nspname = 'victim'`,
      ),
    ).toEqual(before);
    expect(await query(db.url, 'select * from victim.people')).toHaveLength(0);
  });

  it('lets through what the config names as shared', async () => {
    const tenant = await schemaTenant();
    const fixture = setup(
      { '20260101_fk.js': `exports.up = (knex) => ${escapes['locks a shared table by a foreign key']};` },
      { shared: [{ object: 'public.plans', maxLock: 'SHARE ROW EXCLUSIVE' }] },
    );
    expect(await fixture.attempt(tenant)).toMatchObject({ outcome: 'applied' });
  });

  it('lets a tenant drop and create temporary and own tables', async () => {
    const tenant = await schemaTenant();
    const fixture = setup({
      '20260101_own.js': `exports.up = async (knex) => { await knex.raw('create temp table x (a text)'); await knex.raw('create table y (a text)'); await knex.raw('drop table y'); await knex.raw('drop table x'); };`,
    });
    expect(await fixture.attempt(tenant)).toMatchObject({ outcome: 'applied' });
  });
});

it.each([
  ['commits by itself', `exports.up = async (knex) => { await knex.raw('create table z (id int)'); await knex.raw('commit'); };`],
  ['swallows an error', `exports.up = async (knex) => { await knex.raw('select nonsense').catch(() => {}); };`],
  ['rolls itself back', `exports.up = async (knex) => { await knex.rollback(new Error('x')); };`],
])('fails a migration that %s, and nothing of it stays', async (_, source) => {
  const tenant = await schemaTenant();
  const fixture = setup({ '20260101_stray.js': source });
  expect(await fixture.attempt(tenant)).toMatchObject({ outcome: 'failed' });
  expect(await query(db.url, `select 1 from pg_tables where schemaname = $1`, [tenant.schema])).toHaveLength(0);
});

it('detects a schema that carries the ledger of another tenant', async () => {
  const tenant = await schemaTenant();
  const fixture = setup({ '20260101_notes.js': NOTES });
  await fixture.attempt(tenant);
  expect(await fixture.attempt({ ...tenant, id: 'somebody-else' }, 'up', { rolloutId: 'r-2' })).toMatchObject({
    outcome: 'failed',
    code: 'FLT_IDENTITY_MISMATCH',
  });
});

it('names an edited file, an out-of-order file, and a missing schema', async () => {
  const tenant = await schemaTenant();
  const first = setup({ '20260102_notes.js': NOTES });
  await first.attempt(tenant);
  const edited = setup({ '20260102_notes.js': `${NOTES}// edited`, '20260103_title.js': TITLE });
  expect(await edited.attempt(tenant, 'up', { rolloutId: 'r-2' })).toMatchObject({ outcome: 'failed', code: 'FLT_CHECKSUM_DRIFT' });
  const older = setup({ '20260101_older.js': TITLE, '20260102_notes.js': NOTES });
  expect(await older.attempt(tenant, 'up', { rolloutId: 'r-2' })).toMatchObject({ outcome: 'failed', code: 'FLT_OUT_OF_ORDER' });
  expect(await older.attempt(tenant, 'up', { rolloutId: 'r-2', outOfOrder: 'allow' })).toMatchObject({ outcome: 'applied' });
  expect(await first.attempt({ id: 'lost', host: 'h1', schema: 'no_such_schema' })).toMatchObject({
    outcome: 'failed',
    code: 'FLT_SCHEMA_MISSING',
  });
});

it('[S23] leaves a stuck lock row of Knex alone and says so', async () => {
  const tenant = await schemaTenant();
  const fixture = setup({ '20260101_notes.js': NOTES, '20260102_title.js': TITLE });
  await fixture.attempt(tenant, 'up', { migrations: (await fixture.migrations()).slice(0, 1) });
  await query(db.url, `update ${ident(tenant.schema!)}.knex_migrations_lock set is_locked = 1`);
  expect(await fixture.attempt(tenant, 'up', { fenceFirst: true })).toMatchObject({ outcome: 'deferred', code: 'FLT_KNEX_LOCKED' });
  expect(await query(db.url, `select is_locked from ${ident(tenant.schema!)}.knex_migrations_lock`)).toEqual([{ is_locked: 1 }]);
});

it('sends S + 2 messages for a migration of S statements; where something was dropped one more, and one on a second connection', async () => {
  const tenant = await schemaTenant();
  const wire = await createWire(db.url);
  const through = createFixture(wire.url, {
    '20260101_notes.js': NOTES,
    '20260102_three.js': `exports.up = async (knex) => { await knex.raw('alter table notes add column a int'); await knex('notes').insert({ body: 'x' }); await knex('notes').where({ id: 1 }).update({ a: 1 }); };`,
    '20260103_drop.js': `exports.up = (knex) => knex.raw('alter table notes drop column a');`,
    '20260104_drop_table.js': `exports.up = (knex) => knex.raw('drop table notes');`,
  });
  fixtures.push(through);
  try {
    const all = await through.migrations();
    for (const { name } of all) through.deltas.set(name, { added: [], removed: [] });
    const sentBy = async (at: number) => {
      const before = wire.sent.length;
      const result = await through.attempt(tenant, 'up', { migrations: all.slice(0, at + 1), rolloutId: `s-${at}`, canary: false });
      expect(result).toMatchObject({ outcome: 'applied' });
      const sent = wire.sent.slice(before);
      const own = sent.filter(({ pid }) => pid === sent[0]!.pid).length;
      return { statements: result.runs[0]!.statements, own, second: sent.length - own };
    };
    await sentBy(0); // a tenant's first contact is counted apart
    expect(await sentBy(1)).toEqual({ statements: 3, own: 5, second: 0 });
    expect(await sentBy(2)).toEqual({ statements: 1, own: 4, second: 0 });
    expect(await sentBy(3)).toEqual({ statements: 1, own: 4, second: 1 });
  } finally {
    await through.hosts.close();
    await wire.close();
  }
});
