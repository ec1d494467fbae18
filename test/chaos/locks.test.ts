/** Faults 25 to 29: locks that others hold. The worker that gives up and comes back is in `fleet.test.ts`. */

import { afterEach, expect, it } from 'vitest';
import { startPostgres } from '../../src/dev/embedded-postgres.js';
import { blockersOf } from '../../src/postgres/blockers.js';
import { until } from '../support/until.js';
import { NOTHING_LEFT } from './support/contents.js';
import { closeScenes, createScene, NOTES, type Scene } from './support/scene.js';

afterEach(closeScenes);

const QUICK = { lockMs: 150, statementMs: 30_000, idleMs: 30_000 };
const THREE = `exports.up = async (knex) => {
  await knex.raw('create table one (id int)'); await knex.raw('alter table notes add column two int'); await knex.raw('alter table others add column three int'); };`;

async function withTables(): Promise<Scene> {
  const scene = await createScene({ '01_notes.js': NOTES, '02_three.js': THREE });
  await scene.attempt('up', { migrations: scene.migrations.slice(0, 1), rolloutId: 'r-0' });
  await scene.sql('create table acme.others (id int)');
  return scene;
}
const tables = async (scene: Scene) =>
  (await scene.sql<{ t: string }>(`select tablename t from pg_tables where schemaname = 'acme'`)).map((row) => row.t);

it.each([
  ['second', 'notes'],
  ['third', 'others'],
])('[F25] a lock that the %s statement is not granted undoes the first ones, and defers', async (_, table) => {
  const scene = await withTables();
  await scene.client.query(`begin; lock table acme.${table} in access share mode`);
  expect(await scene.attempt('up', { timeouts: QUICK, quickTries: 2 })).toMatchObject({
    outcome: 'deferred',
    code: 'FLT_LOCK_TIMEOUT',
    runs: [],
  });
  expect(await tables(scene)).not.toContain('one');
  await scene.client.query('rollback');
  expect(await scene.attempt()).toMatchObject({ outcome: 'applied' });
  expect(await scene.state()).toEqual({
    history: ['01_notes.js', '02_three.js'],
    effects: { '01_notes': 1, '02_three': 1 },
    left: NOTHING_LEFT,
  });
});

it('[F26] a deadlock with the application is broken by the server, tried again, and applied once', async () => {
  const scene = await withTables();
  await scene.sql('insert into acme.others values (1)');
  const app = await scene.db.client();
  // The application has `others` and wants `notes`; the migration has `notes` and wants `others`
  await app.query('begin; lock table acme.others in share mode');
  const worker = await scene.process({ direct: true });
  const migrating = worker.attempt('up', { quickTries: 20 });
  await scene.waiting();
  const both = app.query('lock table acme.notes in share mode').then(
    () => 'granted',
    (error: { code: string }) => error.code,
  );
  const told = await both;
  await app.query('rollback');
  expect(['granted', '40P01']).toContain(told);
  expect(await migrating).toMatchObject({ outcome: 'applied' });
  expect(await scene.state()).toEqual({
    history: ['01_notes.js', '02_three.js'],
    effects: { '01_notes': 1, '02_three': 1 },
    left: NOTHING_LEFT,
  });
});

it('[F27] an autovacuum against wraparound is waited out: deferred, named as the blocker, and applied when it is over', async () => {
  const server = await startPostgres({ settings: { autovacuum_naptime: '1s' } });
  try {
    const files = { '01_notes.js': NOTES, '02_title.js': `exports.up = (knex) => knex.raw('alter table notes add column title text');` };
    const scene = await createScene(files, 'schema', server.url);
    await scene.attempt('up', { migrations: scene.migrations.slice(0, 1), rolloutId: 'r-0' });
    await scene.sql(`insert into acme.notes (body) select repeat('x', 500) from generate_series(1, 5000)`);
    // Slow, early, and for no other reason
    await scene.sql(
      `alter table acme.notes set (autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1, autovacuum_freeze_max_age = 100000,
         autovacuum_vacuum_insert_threshold = -1, autovacuum_vacuum_threshold = 2000000000, autovacuum_analyze_threshold = 2000000000)`,
    );
    // Each block with an exception handler that writes takes a transaction id
    await scene.sql(`create table public.burnt (id int)`);
    await scene.sql(
      `do $$ begin for i in 1..101000 loop begin insert into public.burnt values (i); raise exception 'x'; exception when others then null; end; end loop; end $$`,
    );
    const vacuum = () =>
      scene.sql<{ pid: number }>(
        `select pid from pg_stat_activity where backend_type = 'autovacuum worker' and query like '%acme.notes%wraparound%'`,
      );
    await until(async () => (await vacuum())[0], 'the autovacuum of the table against wraparound', 60_000);
    const waiting = scene.attempt('up', { timeouts: { ...QUICK, lockMs: 1_500 }, quickTries: 1 });
    await scene.waiting();
    const { blockers } = await blockersOf(scene.client, 'flotilla r-1 acme');
    expect(blockers.map((it) => it.pid)).toEqual([(await vacuum())[0]!.pid]);
    expect(await waiting).toMatchObject({ outcome: 'deferred', code: 'FLT_LOCK_TIMEOUT' });
    await scene.sql('select pg_terminate_backend($1)', [(await vacuum())[0]!.pid]);
    await scene.sql('alter table acme.notes set (autovacuum_enabled = false, autovacuum_freeze_max_age = 2000000000)');
    await until(async () => (await vacuum()).length === 0, 'the autovacuum to end', 60_000);
    expect(await scene.attempt()).toMatchObject({ outcome: 'applied' });
  } finally {
    await closeScenes();
    await server.stop();
  }
});

it('[F28] quick tries that are spent defer the tenant and leave it as it was', async () => {
  const scene = await withTables();
  await scene.client.query('begin; lock table acme.notes in access share mode');
  for (let dispatch = 0; dispatch < 3; dispatch++)
    expect(await scene.attempt('up', { timeouts: QUICK, quickTries: 2 })).toMatchObject({ outcome: 'deferred', code: 'FLT_LOCK_TIMEOUT' });
  expect(await scene.state()).toMatchObject({ history: ['01_notes.js'], left: NOTHING_LEFT });
});

it('[F29] the application never waits longer than the lock timeout for a migration that waits itself', async () => {
  const scene = await withTables();
  await scene.client.query('begin; lock table acme.notes in access share mode');
  const worker = await scene.process({ direct: true });
  let over = false;
  const migrating = worker.attempt('up', { timeouts: QUICK, quickTries: 8 }).finally(() => {
    over = true;
  });
  // Every statement of the application queues behind the migration's lock request, and must get through when that gives up
  const app = await scene.db.client();
  await app.query(`set lock_timeout to '${QUICK.lockMs * 10}ms'`);
  let statements = 0;
  while (!over) {
    await app.query(`insert into acme.notes (body) values ('from the application')`);
    statements++;
  }
  expect(await migrating).toMatchObject({ outcome: 'deferred', code: 'FLT_LOCK_TIMEOUT' });
  expect(statements).toBeGreaterThan(8);
});
