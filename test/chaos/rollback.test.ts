/** Faults 51 to 56: the way down, with the same care as the way up. What siblings do meanwhile is in `fleet.test.ts`. */

import { afterEach, describe, expect, it } from 'vitest';
import { everythingIn, NOTHING_LEFT } from './support/contents.js';
import { faultAt, POINTS } from './support/fault-points.js';
import { closedGate, closeScenes, createScene, NOTES, type Scene, VICTIMS } from './support/scene.js';

afterEach(closeScenes);

const TITLE = `exports.up = (knex) => knex.schema.alterTable('notes', (t) => { t.text('title'); }); exports.down = (knex) => knex.schema.alterTable('notes', (t) => { t.dropColumn('title'); });`;
const outside = (up: string, down: string) =>
  `exports.config = { transaction: false }; exports.up = async (knex) => { ${up} }; exports.down = async (knex) => { ${down} };`;

describe('an interrupted down is done once, and nothing of the interruption stays', () => {
  const interruptions = Object.values(POINTS).flatMap((points) =>
    points.flatMap((point) => VICTIMS.map((victim) => [victim, point.title, point] as const)),
  );
  it.each(interruptions)('[F51] %s lost %s', async (victim, _, point) => {
    const own = await faultAt(point, victim, 'down');
    if (victim === 'worker') expect(own).toBe('ended');
    else if (point.committed) expect(own).toMatchObject({ outcome: 'rolledBack' });
    else if (!point.maybeCommitted || victim !== 'network') expect(own).toMatchObject({ outcome: 'deferred', runs: [] });
  });
});

describe('a down of what is not there', () => {
  it('[F52] of a tenant that this rollout never moved does nothing', async () => {
    const scene = await createScene({ '01_notes.js': NOTES });
    expect(await scene.attempt('down')).toMatchObject({ outcome: 'upToDate', runs: [] });
    await scene.attempt('up', { rolloutId: 'r-0' });
    const before = await everythingIn(scene.db.url, 'acme');
    expect(await scene.attempt('down')).toMatchObject({ outcome: 'upToDate', runs: [] });
    expect(await everythingIn(scene.db.url, 'acme')).toEqual(before);
  });

  it('[F52] of what a person has already taken back with Knex does nothing', async () => {
    const scene = await createScene({ '01_notes.js': NOTES, '02_title.js': TITLE });
    await scene.attempt();
    await scene.sql(`alter table acme.notes drop column title; delete from acme.knex_migrations where name = '02_title.js'`);
    expect(await scene.attempt('down')).toMatchObject({ outcome: 'rolledBack', runs: [{ name: '01_notes' }] });
  });

  it('[F52] of a file that stopped half-way up is refused and says what is done; finished, it comes back', async () => {
    const scene = await createScene({
      '01_notes.js': NOTES,
      '02_half.js': outside(
        `await knex.raw('alter table notes add column one int'); await knex.raw('select from public.gate'); await knex.raw('alter table notes add column two int');`,
        `await knex.raw('alter table notes drop column one'); await knex.raw('alter table notes drop column two');`,
      ),
    });
    await scene.attempt('up', { migrations: scene.migrations.slice(0, 1), rolloutId: 'r-0' });
    expect(await scene.attempt()).toMatchObject({ outcome: 'failed', code: 'FLT_SQL_ERROR', partial: true });
    expect(await scene.attempt('down')).toMatchObject({
      outcome: 'rollbackFailed',
      code: 'FLT_PARTIAL',
      partial: true,
      message: expect.stringContaining('1 statement done'),
    });
    await scene.sql('create table public.gate ()');
    expect(await scene.attempt()).toMatchObject({ outcome: 'applied' });
    await scene.sql('drop table public.gate');
    expect(await scene.attempt('down')).toMatchObject({ outcome: 'rolledBack' });
    expect((await scene.state()).left).toEqual(NOTHING_LEFT);
  });

  it('[F52] that stopped half-way itself holds the way up until it is finished', async () => {
    const scene = await createScene({
      '01_notes.js': NOTES,
      '02_half.js': outside(
        `await knex.raw('alter table notes add column one int'); await knex.raw('alter table notes add column two int');`,
        `await knex.raw('alter table notes drop column one'); await knex.raw('select from public.gate'); await knex.raw('alter table notes drop column two');`,
      ),
    });
    await scene.attempt();
    expect(await scene.attempt('down')).toMatchObject({ outcome: 'rollbackFailed', code: 'FLT_SQL_ERROR', partial: true });
    expect(await scene.attempt('up', { rolloutId: 'r-2' })).toMatchObject({ outcome: 'failed', code: 'FLT_PARTIAL', partial: true });
    await scene.sql('create table public.gate ()');
    expect(await scene.attempt('down')).toMatchObject({ outcome: 'rolledBack', runs: [{ name: '02_half' }, { name: '01_notes' }] });
    expect(await scene.attempt('up', { rolloutId: 'r-2' })).toMatchObject({ outcome: 'applied' });
    expect((await scene.state()).left).toEqual(NOTHING_LEFT);
  });
});

it('[F53] a down that fails leaves the tenant where it was, with its code', async () => {
  const scene = await createScene({
    '01_notes.js': NOTES,
    '02_title.js': TITLE.replace(/exports\.down.*/, `exports.down = (knex) => knex.raw('drop table no_such_table');`),
  });
  await scene.attempt();
  const before = await everythingIn(scene.db.url, 'acme');
  expect(await scene.attempt('down')).toMatchObject({ outcome: 'rollbackFailed', code: 'FLT_SQL_ERROR', runs: [] });
  expect(await everythingIn(scene.db.url, 'acme')).toEqual(before);
  expect(await scene.state()).toMatchObject({ history: ['01_notes.js', '02_title.js'], left: NOTHING_LEFT });
});

it('[F54] a rollback that comes while an up is still on its way fences it: the up commits nothing, and the tenant ends where it was', async () => {
  const scene = await createScene({
    '01_notes.js': NOTES,
    '02_slow.js': `exports.up = async (knex) => { await knex.raw('alter table notes add column slow int'); await knex.raw('select pg_advisory_xact_lock(4242)'); }; exports.down = (knex) => knex.raw('alter table notes drop column slow');`,
  });
  await scene.attempt('up', { migrations: scene.migrations.slice(0, 1), rolloutId: 'r-0' });
  const before = await everythingIn(scene.db.url, 'acme');
  const open = await closedGate(scene);
  const worker = await scene.process();
  const up = worker.attempt();
  await scene.waiting();
  expect(await scene.attempt('down', { takeOver: false, quickTries: 2 })).toMatchObject({ outcome: 'deferred', code: 'FLT_TENANT_BUSY' });
  await open();
  expect(await up).toMatchObject({ outcome: 'deferred', code: 'FLT_FENCED', runs: [] });
  expect(await scene.attempt('down')).toMatchObject({ outcome: 'upToDate' });
  expect(await everythingIn(scene.db.url, 'acme')).toEqual(before);
});

describe('[F55] a down that would lose something', () => {
  it('[F55] rows that a transaction older than the migration wrote after it are seen', async () => {
    const scene = await createScene({ '01_notes.js': NOTES, '02_title.js': TITLE });
    await scene.attempt('up', { migrations: scene.migrations.slice(0, 1), rolloutId: 'r-0' });
    await scene.sql('create table acme.elsewhere (id int)');
    const app = scene.client;
    await app.query('begin; insert into acme.elsewhere values (1)'); // it has its id from here on
    expect(await scene.attempt()).toMatchObject({ outcome: 'applied' });
    await app.query(`insert into acme.notes (body, title) values ('late', 'mine'); commit`);
    expect(await scene.attempt('down')).toMatchObject({
      outcome: 'rollbackFailed',
      code: 'FLT_REVERT_REMOVES_DATA',
      message: expect.stringContaining('notes.title'),
    });
  });

  it("[F55] rows that the application wrote while a file outside a transaction was running are seen, and the file's own are not", async () => {
    const scene = await createScene({
      '01_filled.js': outside(
        `await knex.raw('create table filled (id int)'); await knex.raw('insert into filled values (1)'); await knex.transaction((trx) => trx.raw('insert into filled values (2)')); await knex.raw('select from public.gate where open for update');`,
        `await knex.raw('drop table filled');`,
      ),
    });
    await scene.sql('create table public.gate (open boolean); insert into public.gate values (true)');
    const shared = [{ object: 'public.gate', maxLock: 'ROW SHARE' }];
    expect(await scene.attempt('up', {}, { shared })).toMatchObject({ outcome: 'applied' });
    expect(await scene.attempt('down')).toMatchObject({ outcome: 'rolledBack' });
    await scene.client.query('begin; select from public.gate for update');
    const running = scene.attempt('up', { rolloutId: 'r-2' }, { shared });
    await scene.waiting();
    await scene.sql('insert into acme.filled values (3)');
    await scene.client.query('rollback');
    expect(await running).toMatchObject({ outcome: 'applied' });
    expect(await scene.attempt('down', { rolloutId: 'r-2' })).toMatchObject({ outcome: 'rollbackFailed', code: 'FLT_REVERT_REMOVES_DATA' });
    await scene.sql('delete from acme.filled where id = 3');
    expect(await scene.attempt('down', { rolloutId: 'r-2' })).toMatchObject({ outcome: 'rolledBack' });
  });

  it.each<[string, string, (scene: Scene) => Promise<unknown>, string]>([
    ['rows of an added table', NOTES, (scene) => scene.sql(`insert into acme.notes (body) values ('new')`), 'FLT_REVERT_REMOVES_DATA'],
    [
      'rows of an added table that were there and were changed since',
      `exports.up = (knex) => knex.raw("create table notes (id int, body text); insert into notes values (1, 'made')"); exports.down = (knex) => knex.raw('drop table notes');`,
      (scene) => scene.sql(`update acme.notes set body = 'changed'`),
      'FLT_REVERT_REMOVES_DATA',
    ],
    [
      'what its up removed',
      `exports.up = (knex) => knex.raw('drop table legacy'); exports.down = (knex) => knex.raw('create table legacy (id int)');`,
      async () => undefined,
      'FLT_IRREVERSIBLE',
    ],
  ])('[F55] %s is refused before anything is taken back', async (_, source, write, code) => {
    const scene = await createScene({ '01_x.js': source });
    await scene.sql('create table acme.legacy (id int)');
    expect(await scene.attempt()).toMatchObject({ outcome: 'applied' });
    await write(scene);
    const before = await everythingIn(scene.db.url, 'acme');
    expect(await scene.attempt('down')).toMatchObject({ outcome: 'rollbackFailed', code, runs: [] });
    expect(await everythingIn(scene.db.url, 'acme')).toEqual(before);
    expect((await scene.state()).left).toEqual(NOTHING_LEFT);
  });
});

it('[F56] tenants whose batches differ come back to where the rollout found each, and Knex agrees', async () => {
  const files = {
    '01_notes.js': NOTES,
    '02_title.js': TITLE,
    '03_more.js': `exports.up = (knex) => knex.raw('alter table notes add column more int'); exports.down = (knex) => knex.raw('alter table notes drop column more');`,
  };
  const scene = await createScene(files);
  const knexTables = (schema: string, rows: string) =>
    scene.sql(
      `set search_path to ${schema}; create table notes (id serial primary key, body text, n int default 0);
       create table knex_migrations (id serial primary key, name varchar(255), batch int, migration_time timestamptz); create table knex_migrations_lock (index serial primary key, is_locked int);
       insert into knex_migrations_lock (is_locked) values (0); insert into knex_migrations (name, batch) values ${rows}`,
    );
  await scene.sql('create schema ahead');
  const ahead = { ...scene.tenant, id: 'ahead', schema: 'ahead' };
  await knexTables('acme', `('01_notes.js', 4)`);
  await knexTables('ahead', `('01_notes.js', 1), ('02_title.js', 9)`);
  await scene.sql('alter table ahead.notes add column title text');
  for (const tenant of [scene.tenant, ahead]) expect(await scene.attempt('up', { tenant })).toMatchObject({ outcome: 'applied' });
  const history = (schema: string) => scene.sql(`select name, batch from ${schema}.knex_migrations order by id`);
  expect(await history('acme')).toEqual([
    { name: '01_notes.js', batch: 4 },
    { name: '02_title.js', batch: 5 },
    { name: '03_more.js', batch: 5 },
  ]);
  expect((await history('ahead')).at(-1)).toEqual({ name: '03_more.js', batch: 10 });
  for (const tenant of [scene.tenant, ahead]) expect(await scene.attempt('down', { tenant })).toMatchObject({ outcome: 'rolledBack' });
  expect(await history('acme')).toEqual([{ name: '01_notes.js', batch: 4 }]);
  expect(await history('ahead')).toEqual([
    { name: '01_notes.js', batch: 1 },
    { name: '02_title.js', batch: 9 },
  ]);
});
