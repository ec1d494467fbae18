/** Faults 6 to 24: a migration in its transaction, interrupted anywhere. */

import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { afterEach, describe, expect, it } from 'vitest';
import { createKnexEngine } from '../../src/engines/knex/knex-engine.js';
import { NOTHING_LEFT } from './support/contents.js';
import { faultAt, POINTS } from './support/fault-points.js';
import { closedGate, closeScenes, createScene, NOTES, type Scene, VICTIMS } from './support/scene.js';

afterEach(closeScenes);

const tag = (n: number) => `[F${String(n).padStart(2, '0')}]`;
const interruptions = Object.entries(POINTS).flatMap(([n, points]) =>
  points.flatMap((point) => VICTIMS.map((victim) => [tag(Number(n)), victim, point.title, point] as const)),
);

describe('an interrupted migration is applied once, and nothing of the interruption stays', () => {
  it.each(interruptions)('%s %s lost %s', async (_, victim, __, point) => {
    const own = await faultAt(point, victim);
    if (victim === 'worker') expect(own).toBe('ended');
    else if (point.committed) expect(own).toMatchObject({ outcome: 'applied' });
    else if (!point.maybeCommitted || victim !== 'network') expect(own).toMatchObject({ outcome: 'deferred', runs: [] });
  });
});

const TITLE = `exports.up = (knex) => knex.schema.alterTable('notes', (t) => { t.text('title'); }); exports.down = (knex) => knex.schema.alterTable('notes', (t) => { t.dropColumn('title'); });`;
const once = (...names: string[]) => ({
  history: names.map((name) => `${name}.js`),
  effects: Object.fromEntries(names.map((name) => [name, 1])),
  left: NOTHING_LEFT,
});
const tables = async (scene: Scene) =>
  (
    await scene.sql<{ t: string }>(
      `select tablename t from pg_tables where schemaname = 'acme' and tablename !~ '^(knex|flotilla)' order by 1`,
    )
  ).map((row) => row.t);
const columns = async (scene: Scene) =>
  (
    await scene.sql<{ c: string }>(
      `select column_name c from information_schema.columns where table_schema = 'acme' and table_name = 'notes' order by ordinal_position`,
    )
  ).map((row) => row.c);

it('[F13] a worker killed after COMMIT, before it can say so, has applied the migration: the next attempt answers applied and runs nothing', async () => {
  const scene = await createScene({ '01_notes.js': NOTES });
  const worker = await scene.process();
  let told = false;
  const answer = worker.attempt();
  worker.child.once('message', () => {
    told = true;
  });
  scene.wire.onAnswered = async ({ sql }) => {
    if (sql.startsWith('set constraints all immediate')) await worker.kill();
  };
  await expect(answer).rejects.toThrow('ended');
  expect(told).toBe(false);
  expect(await scene.attempt()).toMatchObject({ outcome: 'applied', runs: [] });
  expect(await scene.state()).toEqual(once('01_notes'));
});

describe('an attempt that has been overtaken', () => {
  it('[F16] answers applied and touches nothing when its first message arrives after the later attempt has finished', async () => {
    const scene = await createScene({ '01_notes.js': NOTES });
    const stale = await scene.process();
    let arrive: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    let here: () => void = () => undefined;
    const sent = new Promise<void>((resolve) => {
      here = resolve;
    });
    scene.wire.decide = async () => {
      here();
      await held;
      return 'pass' as const;
    };
    const first = stale.attempt();
    await sent;
    expect(await scene.attempt()).toMatchObject({ outcome: 'applied', runs: [{ name: '01_notes' }] });
    arrive();
    expect(await first).toMatchObject({ outcome: 'applied', runs: [] });
    expect(await scene.state()).toEqual(once('01_notes'));
  });

  it('[F16] is ended where it stands when its process sleeps on the lock, and commits nothing when it wakes', async () => {
    const scene = await createScene({ '01_notes.js': NOTES, '02_title.js': TITLE });
    const stale = await scene.process();
    const asleep = new Promise<void>((resolve) => {
      scene.wire.onAnswered = async ({ sql }) => {
        if (!sql.includes('add column "title"')) return;
        await stale.kill('SIGSTOP');
        resolve();
      };
    });
    const first = stale.attempt('up', { quickTries: 3 });
    await asleep;
    expect(await scene.attempt('up', { takeOver: false, quickTries: 3 })).toMatchObject({ outcome: 'deferred', code: 'FLT_TENANT_BUSY' });
    expect(await scene.attempt()).toMatchObject({ outcome: 'applied', runs: [{ name: '02_title' }] });
    await stale.kill('SIGCONT');
    expect(await first).toMatchObject({ outcome: 'deferred', code: 'FLT_FENCED', runs: [{ name: '01_notes' }] });
    expect(await scene.state()).toEqual(once('01_notes', '02_title'));
  });

  it('[F15] is fenced by the later one while it still runs, and cannot commit', async () => {
    const scene = await createScene({
      '01_notes.js': NOTES,
      '02_slow.js': `exports.up = async (knex) => { await knex.raw('alter table notes add column slow int'); await knex.raw('select pg_advisory_xact_lock(4242)'); };`,
    });
    await scene.attempt('up', { migrations: scene.migrations.slice(0, 1), rolloutId: 'r-0' });
    const open = await closedGate(scene);
    const stale = await scene.process();
    const first = stale.attempt();
    await scene.waiting();
    // Somebody else's application_name: the backend is not ours to end, but the fence stands
    expect(await scene.attempt('up', { applicationName: 'flotilla r-1 other', quickTries: 3 })).toMatchObject({
      outcome: 'deferred',
      code: 'FLT_TENANT_BUSY',
    });
    await open();
    expect(await first).toMatchObject({ outcome: 'deferred', code: 'FLT_FENCED', runs: [] });
    expect(await columns(scene)).not.toContain('slow');
    expect(await scene.attempt()).toMatchObject({ outcome: 'applied' });
    expect(await scene.state()).toEqual(once('01_notes', '02_slow'));
  });
});

describe('a migration that misbehaves', () => {
  it('[F17] fails at a deferred constraint: it is found before COMMIT, named without rows, and nothing stays', async () => {
    const scene = await createScene({
      '01_notes.js': NOTES,
      '02_deferred.js': `exports.up = async (knex) => {
        await knex.raw('create table parents (id int primary key)');
        await knex.raw('create table children (id int, parent int references parents deferrable initially deferred)');
        await knex.raw('insert into children values (1, 77)');
      };`,
    });
    const result = await scene.attempt();
    expect(result).toMatchObject({ outcome: 'failed', code: 'FLT_FOREIGN_KEY_VIOLATION', runs: [{ name: '01_notes' }] });
    expect(result.message).not.toContain('77');
    expect(await tables(scene)).toEqual(['notes']);
    expect(await scene.state()).toEqual(once('01_notes'));
  });

  it('[F18] fails when it keeps its transaction idle for too long, which is no trouble of its host', async () => {
    const scene = await createScene({
      '01_idle.js': `exports.up = async (knex) => { await knex.raw('create table half (id int)'); await new Promise((done) => setTimeout(done, 1_000)); await knex.raw('select 1'); };`,
    });
    const result = await scene.attempt('up', { timeouts: { lockMs: 1_000, statementMs: 30_000, idleMs: 200 }, quickTries: 2 });
    expect(result).toMatchObject({ outcome: 'failed', code: 'FLT_IDLE_IN_TRANSACTION', runs: [] });
    expect(result.hostDown).toBeUndefined();
    expect(await tables(scene)).toEqual([]);
    expect(await scene.state()).toEqual({ history: [], effects: {}, left: NOTHING_LEFT });
  });

  it('[F20] fails when it swallows an error of the server, for its transaction is broken', async () => {
    const scene = await createScene({
      '01_swallow.js': `exports.up = async (knex) => { await knex.raw('create table half (id int)'); await knex.raw('select nonsense').catch(() => undefined); };`,
    });
    expect(await scene.attempt()).toMatchObject({ outcome: 'failed', code: 'FLT_STRAY_TRANSACTION' });
    expect(await tables(scene)).toEqual([]);
    expect(await scene.state()).toEqual({ history: [], effects: {}, left: NOTHING_LEFT });
  });

  it.each([
    'commit',
    'rollback',
    'end',
    'abort',
    'prepare transaction $$x$$',
    'create table more (id int); commit; select 1',
    'commit and chain',
    'begin',
  ])('[F21] fails before its own "%s" is sent, and nothing stays', async (statement) => {
    const scene = await createScene({
      '01_own_end.js': `exports.up = async (knex) => { await knex.raw('create table half (id int)'); await knex.raw(${JSON.stringify(statement.replace('$$x$$', "'x'"))}); };`,
    });
    expect(await scene.attempt()).toMatchObject({ outcome: 'failed', code: 'FLT_STRAY_TRANSACTION' });
    expect(await tables(scene)).toEqual([]);
    expect(await scene.state()).toEqual({ history: [], effects: {}, left: NOTHING_LEFT });
  });

  it('[F22] has a statement that it does not await in its transaction, and gets none through that it sends after its end', async () => {
    const scene = await createScene({
      '01_unawaited.js': `exports.up = async (knex) => {
        void knex.raw('create table in_time (id int)').then(() => undefined);
        setTimeout(() => void knex.raw('create table too_late (id int)').catch(() => undefined), 50);
      };`,
      '02_notes.js': NOTES,
    });
    expect(await scene.attempt()).toMatchObject({ outcome: 'applied' });
    const probe = await scene.process({ direct: true });
    expect(await probe.attempt('up', { rolloutId: 'r-2' })).toMatchObject({ outcome: 'upToDate' });
    expect(await tables(scene)).toEqual(['in_time', 'notes']);
    expect(await scene.state()).toEqual(once('01_unawaited', '02_notes'));
  });

  it('[F23] cannot hang on a connection of its own that waits for its transaction: the idle limit ends it', async () => {
    const scene = await createScene({ '01_notes.js': NOTES });
    await scene.attempt('up', { rolloutId: 'r-0' });
    const knex = JSON.stringify(createRequire(import.meta.url).resolve('knex'));
    const worker = await scene.process({
      direct: true,
      files: {
        '01_notes.js': NOTES,
        '02_own.js': `exports.up = async (knex) => {
          await knex.raw('alter table notes add column mine int');
          const own = require(${knex})({ client: 'pg', connection: ${JSON.stringify(scene.db.url)} });
          try { await own.raw('select * from acme.notes'); } finally { await own.destroy(); }
        };`,
      },
    });
    const { files } = await createKnexEngine({ directories: [worker.directory], inputs: [], baseDir: worker.directory }).list();
    const migrations = files.map(({ name, checksum, closure, transactional }) => ({
      name,
      checksum,
      closure,
      transactional,
      reversible: { verdict: 'expected' as const },
    }));
    const result = await worker.attempt('up', { migrations, timeouts: { lockMs: 1_000, statementMs: 5_000, idleMs: 300 } });
    expect(result).toMatchObject({ outcome: 'failed', code: 'FLT_IDLE_IN_TRANSACTION' });
    expect(await columns(scene)).not.toContain('mine');
    expect(await scene.state()).toEqual(once('01_notes'));
  });

  it('[F23] is told so when it uses the outer handle inside a transaction of its own', async () => {
    const scene = await createScene({
      '01_outer.js': `exports.config = { transaction: false }; exports.up = (knex) => knex.transaction(async () => { await knex.raw('create table outside (id int)'); });`,
    });
    expect(await scene.attempt()).toMatchObject({ outcome: 'failed', code: 'FLT_HANDLE_BUSY' });
    expect(await tables(scene)).toEqual([]);
    expect(await scene.state()).toEqual({ history: [], effects: {}, left: NOTHING_LEFT });
  });

  it('[F24] repeats an effect outside the database when its transaction did not commit, and the database stays right', async () => {
    const mails: string[] = [];
    const server = createServer((request, response) => {
      mails.push(request.url!);
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    try {
      const mailing = await createScene({
        '01_mail.js': `exports.flotilla = { sideEffects: 'one mail to the customer' }; exports.up = async (knex) => { await knex.raw('create table mailed (id int)'); await fetch('http://127.0.0.1:${port}/mail'); };`,
      });
      const worker = await mailing.process();
      mailing.wire.decide = async ({ sql }) => {
        if (!sql.startsWith('set constraints')) return 'pass';
        await worker.kill();
        return 'cutBefore';
      };
      await expect(worker.attempt()).rejects.toThrow('ended');
      expect(await mailing.attempt()).toMatchObject({ outcome: 'applied' });
      expect(mails).toEqual(['/mail', '/mail']);
      expect(await mailing.state()).toEqual(once('01_mail'));
    } finally {
      server.close();
    }
  });
});
