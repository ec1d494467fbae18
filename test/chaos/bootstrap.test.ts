/** Faults 1 to 5: a tenant's first contact, Knex's own lock (60, too), and tenants that are not what they were. */

import Knex from 'knex';
import { afterEach, describe, expect, it } from 'vitest';
import { until } from '../support/until.js';
import { NOTHING_LEFT } from './support/contents.js';
import { closedGate, closeScenes, createScene, NOTES, type Scene, VICTIMS } from './support/scene.js';

afterEach(closeScenes);

const FILES = { '01_notes.js': NOTES };
const APPLIED = { history: ['01_notes.js'], effects: { '01_notes': 1 }, left: NOTHING_LEFT };
const identities = async (scene: Scene) =>
  (await scene.sql<{ tenant: string }>(`select tenant from acme.flotilla_ledger where kind = 'identity' order by id`)).map(
    (row) => row.tenant,
  );

describe.each(['schema', 'database'] as const)('a %s tenant', (kind) => {
  it('[F01] that eight workers meet at the same first moment gets its tables and its migration once', async () => {
    const scene = await createScene(FILES, kind);
    const workers = await Promise.all(Array.from({ length: 8 }, () => scene.process({ direct: true })));
    const results = await Promise.all(workers.map((worker) => worker.attempt('up', { quickTries: 40 })));
    expect(results.filter((result) => result.runs.length > 0)).toHaveLength(1);
    expect(results.map((result) => result.outcome)).toEqual(Array(8).fill('applied'));
    expect(await scene.state()).toEqual(APPLIED);
  });
});

it.each(VICTIMS)('[F02] a first contact that loses its %s between two of its tables leaves none of them', async (victim) => {
  const scene = await createScene(FILES);
  // Stops CREATE TABLE of the second table of four at a gate
  await scene.sql(`create function public.stop_here() returns event_trigger language plpgsql as $$ begin
      if exists (select from pg_class where relname = 'knex_migrations') and not exists (select from pg_class where relname = 'knex_migrations_lock') then perform pg_advisory_xact_lock(4242); end if; end $$`);
  await scene.sql(`create event trigger stop_here on ddl_command_start when tag in ('CREATE TABLE') execute function public.stop_here()`);
  const open = await closedGate(scene);
  const worker = await scene.process();
  const first = worker.attempt();
  const pid = await scene.waiting();
  if (victim === 'worker') await worker.kill();
  if (victim === 'backend') await scene.sql('select pg_terminate_backend($1)', [pid]);
  if (victim === 'network') scene.wire.cut();
  await open();
  await scene.sql('drop event trigger stop_here');
  await (victim === 'worker' ? expect(first).rejects.toThrow('ended') : first);
  expect(await scene.attempt()).toMatchObject({ outcome: 'applied', runs: [{ name: '01_notes' }] });
  expect(await scene.state()).toEqual(APPLIED);
  expect(await identities(scene)).toEqual(['acme']);
});

describe("Knex's lock table", () => {
  const withKnexTables = async (lockRows: string) => {
    const scene = await createScene(FILES);
    await scene.sql(
      `create table acme.knex_migrations (id serial primary key, name varchar(255), batch int, migration_time timestamptz);
       create table acme.knex_migrations_lock (index serial primary key, is_locked int); ${lockRows}`,
    );
    return scene;
  };
  it.each([
    ['is empty', ''],
    ['has two free rows', 'insert into acme.knex_migrations_lock (is_locked) values (0), (0)'],
    ['has a row of null', 'insert into acme.knex_migrations_lock (is_locked) values (null)'],
  ])('[F03] that %s is put right', async (_, rows) => {
    const scene = await withKnexTables(rows);
    expect(await scene.attempt()).toMatchObject({ outcome: 'applied' });
    expect(await scene.state()).toEqual(APPLIED);
  });

  it('[F03] [S23] that says locked, by nobody, is left alone and named with the remedy; unlocked by Knex it goes on', async () => {
    const scene = await withKnexTables('insert into acme.knex_migrations_lock (is_locked) values (1), (0)');
    const result = await scene.attempt('up', { quickTries: 2 });
    expect(result).toMatchObject({
      outcome: 'deferred',
      code: 'FLT_KNEX_LOCKED',
      message: expect.stringContaining('knex_migrations_lock'),
    });
    expect((await scene.state()).left.knexLock).toEqual([1, 0]);
    await scene.sql('delete from acme.knex_migrations_lock; insert into acme.knex_migrations_lock (is_locked) values (0)');
    expect(await scene.attempt()).toMatchObject({ outcome: 'applied' });
    expect(await scene.state()).toEqual(APPLIED);
  });

  it.each(['latest', 'rollback'] as const)(
    '[F60] tells a person whose migrate:%s has waited for it while a migration ran that it is locked, and no stale list is run',
    async (verb) => {
      const scene = await createScene({
        ...FILES,
        '02_gated.js': `exports.up = async (knex) => { await knex.raw('alter table notes add column gated int'); await knex.raw('select pg_advisory_xact_lock(4242)'); };`,
        '03_outside.js': `exports.config = { transaction: false }; exports.up = (knex) => knex.raw('create index concurrently notes_body on notes (body)');`,
      });
      const upTo = (n: number) => ({ migrations: scene.migrations.slice(0, n) });
      await scene.attempt('up', { ...upTo(1), rolloutId: 'r-0' });
      const open = await closedGate(scene);
      const worker = await scene.process();
      const running = worker.attempt('up', upTo(2));
      await scene.waiting();
      const person = Knex({
        client: 'pg',
        connection: scene.db.url,
        searchPath: ['acme'],
        log: { warn() {}, error() {} },
        migrations: { directory: worker.directory, schemaName: 'acme' },
      });
      try {
        const told = person.migrate[verb]().then(
          () => 'did it',
          (error: Error) => error.message,
        );
        await until(
          async () =>
            (await scene.sql(`select from pg_stat_activity where wait_event_type = 'Lock' and query ~ '^update .*knex_migrations_lock'`))
              .length,
          'the person waits for the lock row',
        );
        await open();
        expect(await running).toMatchObject({ outcome: 'applied', runs: [{ name: '02_gated' }] });
        expect(await told).toMatch(/already locked/);
      } finally {
        await person.destroy();
      }
      expect(await scene.state()).toEqual({
        history: ['01_notes.js', '02_gated.js'],
        effects: { '01_notes': 1, '02_gated': 1 },
        left: NOTHING_LEFT,
      });
    },
  );
});

it('[F04] a history with .ts names and duplicate rows is taken over as it stands; the next batch follows the greatest', async () => {
  const scene = await createScene({ ...FILES, '02_more.js': `exports.up = (knex) => knex.raw('alter table notes add column more int');` });
  await scene.sql(
    `set search_path to acme; create table notes (id serial primary key);
     create table knex_migrations (id serial primary key, name varchar(255), batch int, migration_time timestamptz);
     insert into knex_migrations (name, batch) values ('01_notes.ts', 3), ('01_notes.ts', 3), ('01_notes.js', 7)`,
  );
  expect(await scene.attempt()).toMatchObject({ outcome: 'applied', runs: [{ name: '02_more' }] });
  expect(await scene.sql(`select name, batch from acme.knex_migrations order by id`)).toEqual([
    { name: '01_notes.ts', batch: 3 },
    { name: '01_notes.ts', batch: 3 },
    { name: '01_notes.js', batch: 7 },
    { name: '02_more.js', batch: 8 },
  ]);
});

describe('a tenant that is not what it was', () => {
  it('[F05] is named when its schema is missing or was renamed, and goes on when it is back', async () => {
    const scene = await createScene(FILES);
    await scene.sql('alter schema acme rename to elsewhere');
    expect(await scene.attempt()).toMatchObject({ outcome: 'failed', code: 'FLT_SCHEMA_MISSING' });
    await scene.sql('alter schema elsewhere rename to acme');
    expect(await scene.attempt()).toMatchObject({ outcome: 'applied' });
    expect(await scene.state()).toEqual(APPLIED);
  });

  it('[F05] is refused when it carries the ledger of the tenant it was cloned from, or was swapped with', async () => {
    const scene = await createScene({
      ...FILES,
      '02_more.js': `exports.up = (knex) => knex.raw('alter table notes add column more int');`,
    });
    await scene.attempt('up', { migrations: scene.migrations.slice(0, 1), rolloutId: 'r-0' });
    await scene.sql(
      `create schema globex; create table globex.notes (like acme.notes including all);
       create table globex.knex_migrations (like acme.knex_migrations including all); insert into globex.knex_migrations select * from acme.knex_migrations;
       create table globex.knex_migrations_lock (like acme.knex_migrations_lock including all); insert into globex.knex_migrations_lock select * from acme.knex_migrations_lock;
       create table globex.flotilla_ledger (like acme.flotilla_ledger including all); insert into globex.flotilla_ledger overriding system value select * from acme.flotilla_ledger;`,
    );
    const globex = { ...scene.tenant, id: 'globex', schema: 'globex' };
    expect(await scene.attempt('up', { tenant: globex })).toMatchObject({
      outcome: 'failed',
      code: 'FLT_IDENTITY_MISMATCH',
      message: expect.stringContaining('"acme"'),
    });
    await scene.sql('drop schema globex cascade; create schema globex');
    expect(await scene.attempt('up', { tenant: globex })).toMatchObject({ outcome: 'applied' });
    await scene.sql('alter schema acme rename to x; alter schema globex rename to acme; alter schema x rename to globex');
    expect(await scene.attempt()).toMatchObject({ outcome: 'failed', code: 'FLT_IDENTITY_MISMATCH' });
    expect(await scene.attempt('up', { tenant: globex })).toMatchObject({ outcome: 'failed', code: 'FLT_IDENTITY_MISMATCH' });
  });

  it('[F05] goes on from where a restored dump stands, says that it was restored, and rolls back nothing from before', async () => {
    const scene = await createScene({
      ...FILES,
      '02_more.js': `exports.up = (knex) => knex.raw('alter table notes add column more int'); exports.down = (knex) => knex.raw('alter table notes drop column more');`,
    });
    await scene.attempt('up', { migrations: scene.migrations.slice(0, 1), rolloutId: 'r-0' });
    // As pg_restore leaves it: the same rows, written by another transaction
    await scene.sql(
      `set search_path to acme; create table copy (like flotilla_ledger including all); insert into copy overriding system value select * from flotilla_ledger;
       select setval(pg_get_serial_sequence('copy', 'id'), (select max(id) from copy)); drop table flotilla_ledger; alter table copy rename to flotilla_ledger`,
    );
    expect(await scene.attempt('down', { rolloutId: 'r-0' })).toMatchObject({
      outcome: 'rollbackFailed',
      code: 'FLT_IRREVERSIBLE',
      message: expect.stringContaining('restored'),
    });
    expect(await scene.attempt()).toMatchObject({
      outcome: 'applied',
      runs: [{ name: '02_more' }],
      message: expect.stringContaining('restored from a dump'),
    });
    expect(await identities(scene)).toEqual(['acme', 'acme']);
    expect(await scene.attempt('down', { rolloutId: 'r-0' })).toMatchObject({ outcome: 'rollbackFailed', code: 'FLT_IRREVERSIBLE' });
    expect(await scene.attempt('down')).toMatchObject({ outcome: 'rolledBack', runs: [{ name: '02_more' }] });
  });

  it.each(['we"ird.Name', 'UPPER', "quote'd", 'dollar$$quoted', 'x'.repeat(63)])('[F05] is itself under the name %s', async (schema) => {
    const scene = await createScene(FILES);
    await scene.sql(`create schema "${schema.replaceAll('"', '""')}"`);
    const tenant = { ...scene.tenant, id: 'odd', schema };
    const worker = await scene.process();
    expect(await worker.attempt('up', { tenant })).toMatchObject({ outcome: 'applied' });
    expect(await scene.attempt('up', { tenant })).toMatchObject({ outcome: 'applied', runs: [] });
    expect(await scene.sql(`select 1 from pg_tables where schemaname in ('acme', 'public')`)).toEqual([]);
  });
});
