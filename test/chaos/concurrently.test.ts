/** Faults 30 to 43: files outside a transaction, and the statements that Postgres refuses inside one. */

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { until } from '../support/until.js';
import { NOTHING_LEFT } from './support/contents.js';
import { startPgBouncer } from './support/pgbouncer.js';
import { closedGate, closeScenes, createScene, NOTES, type Scene, VICTIMS, type Victim } from './support/scene.js';

afterEach(closeScenes);

const outside = (up: string, down = '') =>
  `exports.config = { transaction: false }; exports.up = async (knex) => { ${up} }; exports.down = async (knex) => { ${down} };`;
const SHORT = { lockMs: 150, statementMs: 30_000, idleMs: 30_000 };

/** A tenant with 20 notes; the files after the first are still to come. */
async function withNotes(files: Record<string, string>): Promise<Scene> {
  const scene = await createScene({ '01_notes.js': NOTES, ...files });
  expect(await scene.attempt('up', { migrations: scene.migrations.slice(0, 1), rolloutId: 'r-0' })).toMatchObject({ outcome: 'applied' });
  await scene.sql(`insert into acme.notes (body, n) select 'note ' || i, i from generate_series(1, 20) i`);
  return scene;
}
const done = (...names: string[]) => ({
  history: ['01_notes', ...names].map((name) => `${name}.js`),
  effects: Object.fromEntries(['01_notes', ...names].map((name) => [name, 1])),
  left: NOTHING_LEFT,
});
const indexes = async (scene: Scene, schema = 'acme') =>
  (
    await scene.sql<{ i: string }>(
      `select c.relname || case when i.indisvalid then '' else ' INVALID' end i from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
       where n.nspname = $1 and c.relname !~ '^(knex|flotilla)' order by 1`,
      [schema],
    )
  ).map((row) => row.i);

/** An expression that stops whoever evaluates it at the gate. */
const withGate = (scene: Scene) =>
  scene.sql(
    `create function acme.gated(text) returns text language plpgsql immutable as $$ begin perform pg_advisory_lock_shared(4242); perform pg_advisory_unlock_shared(4242); return $1; end $$`,
  );
async function strike(scene: Scene, victim: Victim, worker: { kill(): Promise<void> }, pid: number): Promise<void> {
  if (victim === 'worker') await worker.kill();
  if (victim === 'backend') await scene.sql('select pg_terminate_backend($1)', [pid]);
  if (victim === 'network') scene.wire.cut();
}
const building = (scene: Scene) =>
  until(
    async () =>
      (
        await scene.sql<{ pid: number; phase: string }>(`select pid, phase from pg_stat_progress_create_index where phase like 'waiting%'`)
      )[0],
    'CREATE INDEX CONCURRENTLY waits for somebody',
  );
/** A transaction that keeps its snapshot, as a long report does. */
async function snapshot(scene: Scene): Promise<() => Promise<void>> {
  await scene.client.query('begin isolation level repeatable read; select 1');
  return async () => void (await scene.client.query('commit'));
}

describe('CREATE INDEX CONCURRENTLY', () => {
  const file = { '02_index.js': outside(`await knex.raw('create index concurrently notes_body on notes (gated(body))');`) };
  const plain = { '02_index.js': outside(`await knex.raw('create index concurrently notes_body on notes (body)');`) };

  it.each(VICTIMS)('[F30] [K-gap] whose %s is lost while it builds is built anew, and no invalid index stays', async (victim) => {
    const scene = await withNotes(file);
    await withGate(scene);
    const open = await closedGate(scene);
    const worker = await scene.process();
    const first = worker.attempt();
    const pid = await scene.waiting();
    await strike(scene, victim, worker, pid);
    await first.catch(() => undefined);
    await open();
    expect(await scene.attempt()).toMatchObject({ outcome: 'applied' });
    expect(await indexes(scene)).toEqual(['notes_body', 'notes_pkey']);
    expect(await scene.state()).toEqual(done('02_index'));
  });

  it.each(VICTIMS)('[F30] whose %s is lost while it waits for older snapshots is built anew', async (victim) => {
    const scene = await withNotes(plain);
    const release = await snapshot(scene);
    const worker = await scene.process();
    const first = worker.attempt();
    const { pid } = await building(scene);
    await strike(scene, victim, worker, pid);
    await first.catch(() => undefined);
    await release();
    expect(await scene.attempt()).toMatchObject({ outcome: 'applied' });
    expect(await indexes(scene)).toEqual(['notes_body', 'notes_pkey']);
    expect(await scene.state()).toEqual(done('02_index'));
  });

  it.each(VICTIMS)('[F30] whose %s is lost when the index is valid and nobody was told is not built again', async (victim) => {
    const scene = await withNotes(plain);
    const worker = await scene.process();
    let struck = false;
    const CREATE = /^create index concurrently/;
    scene.wire.decide = ({ sql }) => (CREATE.test(sql) && victim !== 'backend' ? 'cutAfter' : 'pass');
    scene.wire.onAnswered = async ({ sql, pid }) => {
      if (struck || !CREATE.test(sql)) return;
      struck = true;
      await strike(scene, victim, worker, pid);
    };
    await worker.attempt().catch(() => undefined);
    expect(struck).toBe(true);
    const [before] = await scene.sql(`select oid from pg_class where relname = 'notes_body'`);
    expect(await scene.attempt()).toMatchObject({ outcome: 'applied' });
    expect(await scene.sql(`select oid from pg_class where relname = 'notes_body'`)).toEqual([before]);
    expect(await scene.state()).toEqual(done('02_index'));
  });

  it('[F31] over duplicates fails cleanly: the half-built unique index is taken away, so that it refuses no write; mended, it goes through', async () => {
    const scene = await withNotes({
      '02_unique.js': outside(`await knex.raw('create unique index concurrently notes_unique on notes (body)');`),
    });
    await scene.sql(`insert into acme.notes (body) values ('twice'), ('twice')`);
    const result = await scene.attempt();
    expect(result).toMatchObject({ outcome: 'failed', code: 'FLT_UNIQUE_VIOLATION' });
    expect(result.partial).toBeUndefined();
    expect(result.message).not.toContain('twice');
    expect(await indexes(scene)).toEqual(['notes_pkey']);
    await scene.sql(`insert into acme.notes (body) values ('twice')`);
    expect(await scene.state()).toEqual(done());
    await scene.sql(`delete from acme.notes where body = 'twice'`);
    expect(await scene.attempt()).toMatchObject({ outcome: 'applied' });
    expect(await scene.state()).toEqual(done('02_unique'));
  });

  it('[F32] IF NOT EXISTS does not take an INVALID index for the one it wants', async () => {
    const scene = await withNotes({
      '02_index.js': outside(`await knex.raw('create unique index concurrently if not exists notes_body on notes (body)');`),
    });
    await scene.sql(`insert into acme.notes (body) values ('twice'), ('twice')`);
    await expect(scene.sql('create unique index concurrently notes_body on acme.notes (body)')).rejects.toThrow(
      'could not create unique index',
    );
    expect(await indexes(scene)).toEqual(['notes_body INVALID', 'notes_pkey']);
    await scene.sql(`delete from acme.notes where body = 'twice'`);
    expect(await scene.attempt()).toMatchObject({ outcome: 'applied' });
    expect(await indexes(scene)).toEqual(['notes_body', 'notes_pkey']);
  });

  it.each([
    ['other columns', 'create index notes_body on acme.notes (n)'],
    ['another method', 'create index notes_body on acme.notes using hash (body)'],
    ['a condition', 'create index notes_body on acme.notes (body) where n > 3'],
    ['uniqueness', 'create unique index notes_body on acme.notes (body)'],
    ['another order', 'create index notes_body on acme.notes (body desc)'],
    ['another collation', 'create index notes_body on acme.notes (body collate "C" text_pattern_ops)'],
    ['included columns', 'create index notes_body on acme.notes (body) include (n)'],
    ['another table', 'create table acme.other (body text); create index notes_body on acme.other (body)'],
    ['the nature of a table', 'create table acme.notes_body (id int)'],
  ])('[F33] stops at one of the same name with %s, and shows both', async (_, there) => {
    const scene = await withNotes({
      '02_index.js': outside(`await knex.raw('create index concurrently if not exists notes_body on notes (body)');`),
    });
    await scene.sql(there);
    const result = await scene.attempt();
    expect(result).toMatchObject({
      outcome: 'failed',
      code: 'FLT_INDEX_MISMATCH',
      message: expect.stringMatching(/There: .*notes_body.*Wanted: .*INDEX "?notes_body"? ON .*\(body\)/s),
    });
    expect(result.partial).toBeUndefined();
    await scene.sql(there.includes('create table acme.notes_body') ? 'drop table acme.notes_body' : 'drop index acme.notes_body');
    expect(await scene.attempt()).toMatchObject({ outcome: 'applied' });
  });

  it('[F33] takes one that is there in the wanted form for its own, however it was written', async () => {
    const scene = await withNotes({
      '02_index.js': outside(
        `await knex.raw('create unique index concurrently "Odd name" on only notes using btree (lower(body) text_pattern_ops desc nulls last, (n + 1)) include (id) with (fillfactor = 70) where (body is not null) and n in (1, 2)');`,
      ),
    });
    await scene.sql(
      `create unique index "Odd name" on acme.notes (lower((body)::text) text_pattern_ops desc nulls last, (n+1)) include (id) with (fillfactor='70') where body is not null and n = any (array[1, 2])`,
    );
    const [before] = await scene.sql(`select oid from pg_class where relname = 'Odd name'`);
    expect(await scene.attempt()).toMatchObject({ outcome: 'applied' });
    expect(await scene.sql(`select oid from pg_class where relname = 'Odd name'`)).toEqual([before]);
  });
});

it.each(VICTIMS)('[F34] [K-gap] DROP INDEX CONCURRENTLY whose %s is lost half-way is finished', async (victim) => {
  const scene = await withNotes({ '02_drop.js': outside(`await knex.raw('drop index concurrently notes_n');`) });
  await scene.sql('create index notes_n on acme.notes (n)');
  // Somebody is still using the table: the index is marked, and the drop waits
  await scene.client.query('begin; select from acme.notes');
  const worker = await scene.process();
  const first = worker.attempt();
  const pid = await until(
    async () =>
      (
        await scene.sql<{ pid: number }>(
          `select pid from pg_stat_activity where query like 'drop index concurrently%' and wait_event_type = 'Lock'`,
        )
      )[0]?.pid,
    'the drop waits for the application',
  );
  expect(await indexes(scene)).toEqual(['notes_n INVALID', 'notes_pkey']);
  await strike(scene, victim, worker, pid);
  await first.catch(() => undefined);
  await scene.client.query('commit');
  expect(await scene.attempt()).toMatchObject({ outcome: 'applied' });
  expect(await indexes(scene)).toEqual(['notes_pkey']);
  expect(await scene.state()).toEqual(done('02_drop'));
});

it.each(['index notes_gated', 'table notes'])(
  '[F35] REINDEX %s CONCURRENTLY that was killed leaves no _ccnew and no _ccold behind',
  async (what) => {
    const [kind, name] = what.split(' ');
    const scene = await withNotes({ '02_reindex.js': outside(`await knex.raw('reindex ${kind} concurrently ${name}');`) });
    await withGate(scene);
    await scene.sql('create index notes_gated on acme.notes (acme.gated(body))');
    const open = await closedGate(scene);
    const worker = await scene.process();
    const first = worker.attempt();
    await scene.waiting();
    await worker.kill();
    await first.catch(() => undefined);
    await until(
      async () =>
        (await scene.sql(`select from pg_stat_activity where query like 'reindex%' and state = 'active' and pid <> pg_backend_pid()`))
          .length === 0,
      'the old backend to end',
    );
    await open();
    expect((await indexes(scene)).join()).toMatch(/_ccnew INVALID/);
    expect(await scene.attempt()).toMatchObject({ outcome: 'applied' });
    expect(await indexes(scene)).toEqual(['notes_gated', 'notes_pkey']);
    expect(await scene.state()).toEqual(done('02_reindex'));
  },
);

describe('several at once', () => {
  it('[F36] are built one after the other in one database, over all workers', async () => {
    const scene = await withNotes({
      '02_index.js': outside(`await knex.raw('create index concurrently notes_body on notes (gated(body))');`),
    });
    await withGate(scene);
    await scene.sql(`create schema globex`);
    const globex = { ...scene.tenant, id: 'globex', schema: 'globex' };
    await scene.attempt('up', { tenant: globex, migrations: scene.migrations.slice(0, 1), rolloutId: 'r-0' });
    await scene.sql(`create function globex.gated(text) returns text language sql immutable as 'select $1'`);
    const open = await closedGate(scene);
    const [one, two] = [await scene.process(), await scene.process()];
    const first = one.attempt();
    await scene.waiting();
    const second = two.attempt('up', { tenant: globex, applicationName: 'flotilla r-1 globex' });
    // It polls for the slot, between two transactions, and has sent no CREATE INDEX
    await until(
      async () =>
        (
          await scene.sql(
            `select from pg_stat_activity where application_name = 'flotilla r-1 globex' and query like '%pg_try_advisory_lock%' and state = 'idle'`,
          )
        ).length,
      'the second tenant asks for the slot',
    );
    expect(await scene.sql(`select from pg_stat_progress_create_index`)).toHaveLength(1);
    expect(await indexes(scene, 'globex')).toEqual(['notes_pkey']);
    await open();
    expect(await first).toMatchObject({ outcome: 'applied' });
    expect(await second).toMatchObject({ outcome: 'applied' });
    expect([await indexes(scene), await indexes(scene, 'globex')]).toEqual(Array(2).fill(['notes_body', 'notes_pkey']));
    expect(await scene.state()).toEqual(done('02_index'));
  });

  it('[F36] that a file sends at once for one table are built one after the other', async () => {
    const scene = await withNotes({
      '02_two.js': outside(
        `await Promise.all([knex.raw('create index concurrently notes_body on notes (body)'), knex.raw('create index concurrently notes_n on notes (n)')]);`,
      ),
    });
    expect(await scene.attempt()).toMatchObject({ outcome: 'applied' });
    expect(await indexes(scene)).toEqual(['notes_body', 'notes_n', 'notes_pkey']);
    expect(await scene.state()).toEqual(done('02_two'));
  });

  it('[F36] whoever only waits for its turn gives it up when its worker is asked to stop, deferred and clean', async () => {
    const scene = await withNotes({ '02_index.js': outside(`await knex.raw('create index concurrently notes_body on notes (body)');`) });
    const holder = await scene.db.client();
    await holder.query(`select pg_advisory_lock(hashtextextended('flotilla concurrently', 0))`);
    const result = await scene.attempt('up', { stop: () => true, quickTries: 1 });
    expect(result).toMatchObject({ outcome: 'deferred', code: 'FLT_CONCURRENTLY_BUSY' });
    expect(result.partial).toBeUndefined();
    await holder.query('select pg_advisory_unlock_all()');
    expect(await scene.state()).toEqual(done());
    expect(await scene.attempt()).toMatchObject({ outcome: 'applied' });
  });
});

it("[F37] CREATE INDEX CONCURRENTLY outlasts a long snapshot in a sibling tenant, far beyond the plan's lock timeout", async () => {
  const scene = await withNotes({ '02_index.js': outside(`await knex.raw('create index concurrently notes_body on notes (body)');`) });
  await scene.sql('create schema globex; create table globex.reports (id int)');
  await scene.client.query('begin isolation level repeatable read; select from globex.reports');
  const worker = await scene.process();
  const first = worker.attempt('up', { timeouts: SHORT });
  await building(scene);
  await until(
    async () =>
      (
        await scene.sql(
          `select from pg_stat_activity where query like 'create index concurrently%' and clock_timestamp() - query_start > interval '${SHORT.lockMs * 5} ms'`,
        )
      ).length,
    'it has waited five lock timeouts',
  );
  await scene.client.query('commit');
  expect(await first).toMatchObject({ outcome: 'applied' });
  expect(await scene.state()).toEqual(done('02_index'));
});

it("[F37] an ordinary statement of such a file keeps the plan's short lock timeout", async () => {
  const scene = await withNotes({
    '02_mixed.js': outside(
      `await knex.raw('create index concurrently notes_body on notes (body)'); await knex.raw('alter table notes add column extra int');`,
    ),
  });
  const worker = await scene.process();
  scene.wire.onAnswered = async ({ sql }) => {
    if (/^create index concurrently/.test(sql)) await scene.client.query('begin; lock table acme.notes in access share mode');
  };
  const first = await worker.attempt('up', { timeouts: SHORT });
  expect(first).toMatchObject({ outcome: 'deferred', code: 'FLT_LOCK_TIMEOUT', partial: true });
  expect(first.durationMs).toBeLessThan(60_000);
  await scene.client.query('commit');
  expect(await scene.attempt()).toMatchObject({ outcome: 'applied' });
  expect(await scene.state()).toEqual(done('02_mixed'));
});

it('[F38] a second worker that polls for the tenant does not hold up an index that waits for snapshots', async () => {
  const scene = await withNotes({ '02_index.js': outside(`await knex.raw('create index concurrently notes_body on notes (body)');`) });
  const release = await snapshot(scene);
  const [one, two] = [await scene.process(), await scene.process()];
  const first = one.attempt();
  await building(scene);
  const second = two.attempt('up', { quickTries: 200, rolloutId: 'r-2', applicationName: 'flotilla r-2 acme' });
  await until(
    async () => scene.wire.sent.filter(({ sql }) => sql.includes('flotilla r-2 acme')).length > 1,
    'the second worker has asked for the tenant, and asks again',
  );
  await release();
  expect(await first).toMatchObject({ outcome: 'applied' });
  expect(await second).toMatchObject({ outcome: 'upToDate' });
  expect(await scene.state()).toEqual(done('02_index'));
});

it('[F39] VALIDATE CONSTRAINT that finds bad rows fails that tenant alone, says what stays, and goes on from there when they are mended', async () => {
  const scene = await withNotes({
    '02_check.js': outside(
      `await knex.raw('alter table notes add constraint notes_n check (n < 100) not valid'); await knex.raw('alter table notes validate constraint notes_n');`,
    ),
  });
  await scene.sql('create schema globex');
  const globex = { ...scene.tenant, id: 'globex', schema: 'globex' };
  await scene.sql('insert into acme.notes (n) values (200)');
  const result = await scene.attempt();
  expect(result).toMatchObject({ outcome: 'failed', code: 'FLT_CHECK_VIOLATION', partial: true });
  expect(result.message).not.toContain('200');
  expect(await scene.attempt('up', { tenant: globex })).toMatchObject({ outcome: 'applied' });
  await scene.sql('delete from acme.notes where n = 200');
  const worker = await scene.process();
  expect(await worker.attempt('up', { fenceFirst: true })).toMatchObject({ outcome: 'applied' });
  expect(scene.wire.sent.filter(({ sql }) => /add constraint/.test(sql) && /^alter/.test(sql))).toEqual([]);
  expect(await scene.state()).toEqual(done('02_check'));
});

it.each(VICTIMS)('[F40] ALTER TYPE … ADD VALUE whose %s is lost at its COMMIT is not sent again', async (victim) => {
  const scene = await withNotes({
    '02_value.js': outside(`await knex.raw("alter type mood add value 'high'"); await knex.raw("update notes set mood = 'high'");`),
  });
  await scene.sql(`create type acme.mood as enum ('low'); alter table acme.notes add column mood acme.mood`);
  const worker = await scene.process();
  let struck = false;
  const ENDS = /insert into "acme"\."flotilla_step".*alter type mood.*commit;/s;
  scene.wire.decide = ({ sql }) => (!struck && ENDS.test(sql) && victim !== 'backend' ? 'cutAfter' : 'pass');
  scene.wire.onAnswered = async ({ sql, pid }) => {
    if (struck || !ENDS.test(sql)) return;
    struck = true;
    await strike(scene, victim, worker, pid);
  };
  await worker.attempt().catch(() => undefined);
  expect(struck).toBe(true);
  expect(await scene.attempt()).toMatchObject({ outcome: 'applied' });
  expect(await scene.sql(`select distinct mood from acme.notes`)).toEqual([{ mood: 'high' }]);
  expect(await scene.state()).toEqual(done('02_value'));
});

it.each(VICTIMS)('[F41] DETACH PARTITION CONCURRENTLY whose %s is lost half-way is finalized', async (victim) => {
  const scene = await withNotes({
    '02_detach.js': outside(`await knex.raw('alter table events detach partition events_1 concurrently');`),
  });
  await scene.sql(
    `set search_path to acme; create table events (at int) partition by range (at); create table events_1 partition of events for values from (0) to (10); insert into events values (1)`,
  );
  await scene.client.query('begin; select from acme.events');
  const worker = await scene.process();
  const first = worker.attempt();
  const pid = await scene.waiting();
  expect(await scene.sql('select inhdetachpending p from pg_inherits')).toEqual([{ p: true }]);
  await strike(scene, victim, worker, pid);
  await first.catch(() => undefined);
  await scene.client.query('commit');
  expect(await scene.attempt()).toMatchObject({ outcome: 'applied' });
  expect(await scene.sql('select from pg_inherits')).toEqual([]);
  expect(await scene.sql('select at from acme.events_1')).toEqual([{ at: 1 }]);
  expect(await scene.state()).toEqual(done('02_detach'));
});

it.each(VICTIMS)(
  '[K-gap] [F42] two changes of structure whose %s is lost between them are each made once, and no lock stays',
  async (victim) => {
    const scene = await withNotes({
      '02_two.js': outside(`await knex.raw('alter table notes add column a int'); await knex.raw('alter table notes add column b int');`),
    });
    const worker = await scene.process();
    let struck = false;
    const FIRST = /insert into .*flotilla_step.*add column a int.*commit;/s;
    scene.wire.decide = ({ sql }) => (!struck && FIRST.test(sql) && victim !== 'backend' ? 'cutAfter' : 'pass');
    scene.wire.onAnswered = async ({ sql, pid }) => {
      if (struck || !FIRST.test(sql)) return;
      struck = true;
      await strike(scene, victim, worker, pid);
    };
    await worker.attempt().catch(() => undefined);
    expect(struck).toBe(true);
    expect(await scene.attempt()).toMatchObject({ outcome: 'applied' });
    expect(await scene.sql('select a, b from acme.notes limit 1')).toEqual([{ a: null, b: null }]);
    expect(await scene.state()).toEqual(done('02_two'));
  },
);

describe('[F42] a session that is not the one it began as', () => {
  it('[F42] is replaced by a new attempt when its backend is lost between two statements, and nothing is done on it', async () => {
    const scene = await withNotes({
      '02_two.js': outside(`await knex.raw('update notes set n = n + 1'); await knex.raw('update notes set n = n + 10');`),
    });
    const worker = await scene.process();
    let struck = false;
    scene.wire.onAnswered = async ({ sql, pid }) => {
      if (struck || !/insert into .*flotilla_step.*n \+ 1'.*commit;/s.test(sql)) return;
      struck = true;
      await scene.sql('select pg_terminate_backend($1)', [pid]);
    };
    expect(await worker.attempt('up', { quickTries: 20 })).toMatchObject({ outcome: 'applied' });
    expect(struck).toBe(true);
    expect(await scene.sql(`select min(n - id)::int v from acme.notes`)).toEqual([{ v: 11 }]);
    expect(await scene.state()).toEqual(done('02_two'));
  });

  it.skipIf(!existsSync('/usr/sbin/pgbouncer'))(
    '[F42] behind a pooler that hands its transactions to another backend fails the attempt',
    async () => {
      const scene = await withNotes({
        '02_two.js': outside(`await knex.raw('update notes set n = n + 1'); await knex.raw('update notes set n = n + 10');`),
      });
      const pooler = await startPgBouncer(scene.db.url, 'transaction', spawn);
      try {
        scene.wire.retarget(pooler.url);
        const worker = await scene.process();
        let other: Awaited<ReturnType<typeof pooler.client>> | undefined;
        scene.wire.onAnswered = async ({ sql }) => {
          // After the first statement's transaction another client of the pooler is given our backend
          if (other || !/insert into .*flotilla_step.*n \+ 1'.*commit;/s.test(sql)) return;
          other = await pooler.client();
          await other.query('begin; select 1');
        };
        expect(await worker.attempt()).toMatchObject({ outcome: 'failed', code: 'FLT_SESSION_CHANGED', partial: true });
        await other!.query('rollback');
        await other!.end();
        await worker.kill();
      } finally {
        await pooler.stop();
      }
      expect(await scene.attempt()).toMatchObject({ outcome: 'applied' });
      expect(await scene.sql(`select min(n - id)::int v from acme.notes`)).toEqual([{ v: 11 }]);
      expect(await scene.state()).toEqual(done('02_two'));
    },
  );
});

it('[F43] [K-gap] a file that failed at its third statement goes on there: the first two are not sent again', async () => {
  const scene = await withNotes({
    '02_four.js': outside(
      `await knex('notes').update({ n: 5 }); await knex.raw('update notes set n = n + 1'); await knex.raw('insert into missing values (1)'); await knex.raw('update notes set n = n + 1');`,
    ),
  });
  expect(await scene.attempt()).toMatchObject({ outcome: 'failed', code: 'FLT_SQL_ERROR', partial: true });
  expect((await scene.state()).left).toMatchObject({ journal: 3, knexLock: [0], advisoryLocks: 0 }); // and the catalog as it was before;
  await scene.sql('create table acme.missing (id int)');
  const worker = await scene.process();
  expect(await worker.attempt('up', { fenceFirst: true })).toMatchObject({ outcome: 'applied' });
  expect(scene.wire.sent.filter(({ sql }) => /^update/.test(sql)).map(({ sql }) => sql)).toEqual(['update notes set n = n + 1']);
  expect(await scene.sql('select distinct n from acme.notes')).toEqual([{ n: 7 }]);
  expect(await scene.state()).toEqual(done('02_four'));
});
