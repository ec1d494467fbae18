/**
 * Faults 44 to 50, on backfills as teams write them by hand: a loop of key ranges in a file outside a transaction, each batch in a
 * transaction of its own. The journal remembers each batch together with its rows.
 */

import { afterEach, expect, it } from 'vitest';
import { until } from '../support/until.js';
import { NOTHING_LEFT } from './support/contents.js';
import { closedGate, closeScenes, createScene, type RunnerProcess, type Scene, VICTIMS } from './support/scene.js';

afterEach(closeScenes);

const BATCH = 10;

interface Shape {
  readonly create: string;
  /** Fills `rows` rows. */
  readonly fill: (rows: number) => string;
  readonly key: readonly string[];
}
const SHAPES: Record<string, Shape> = {
  integer: { create: 'id int primary key', fill: (n) => `insert into items (id) select i from generate_series(1, ${n}) i`, key: ['id'] },
  uuid: {
    create: 'id uuid primary key',
    fill: (n) => `insert into items (id) select md5(i::text)::uuid from generate_series(1, ${n}) i`,
    key: ['id'],
  },
  composite: {
    create: 'a int, b text, primary key (a, b)',
    fill: (n) => `insert into items (a, b) select i % 7, 'k' || i from generate_series(1, ${n}) i`,
    key: ['a', 'b'],
  },
  'no key at all': { create: 'a int', fill: (n) => `insert into items (a) select i from generate_series(1, ${n}) i`, key: ['ctid'] },
};

/** Adds one to \`filled\` of each row, batch by batch in key order, and once more for what has come behind the cursor. */
const backfill = (key: readonly string[], eachBatch = '') => `
exports.config = { transaction: false };
exports.up = async (knex) => {
  const key = ${JSON.stringify(key)};
  const columns = key.join(', ');
  let cursor = null;
  for (;;) {
    const { rows } = await knex.raw(
      \`select \${key.map((k) => k + '::text').join(', ')} from items where filled = 0 \${cursor ? \`and (\${columns}) > (\${cursor.map((v) => "'" + v + "'").join(', ')})\` : ''} order by \${columns} limit ${BATCH}\`);
    if (rows.length === 0) {
      if (cursor === null) break;
      cursor = null; // once more from the start: what was inserted, or given another key, behind the cursor
      continue;
    }
    const keys = rows.map((row) => Object.values(row));
    await knex.transaction(async (trx) => {
      await trx.raw(\`update items set filled = filled + 1 where filled = 0 and (\${columns}) in (\${keys.map((k) => '(' + k.map((v) => "'" + v + "'").join(', ') + ')').join(', ')})\`);
      ${eachBatch}
    });
    cursor = keys.at(-1);
  }
};`;

async function withItems(shape: Shape, rows: number, eachBatch = ''): Promise<Scene> {
  const scene = await createScene({ '01_backfill.js': backfill(shape.key, eachBatch) });
  await scene.sql(`set search_path to acme; create table items (${shape.create}, filled int not null default 0); ${shape.fill(rows)}`);
  return scene;
}
const filled = async (scene: Scene) =>
  Object.fromEntries(
    (await scene.sql<{ filled: number; n: number }>('select filled, count(*)::int n from acme.items group by 1 order by 1')).map((row) => [
      row.filled,
      row.n,
    ]),
  );
const DONE = { history: ['01_backfill.js'], effects: { '01_backfill': 1 }, left: NOTHING_LEFT };

/** Strikes when the n-th batch has sent its update: before its COMMIT, or after. */
function atBatch(scene: Scene, worker: RunnerProcess, n: number, pattern: RegExp) {
  let seen = 0;
  scene.wire.decide = async ({ sql }) => {
    if (!pattern.test(sql) || ++seen !== n) return 'pass';
    await worker.kill();
    return 'cutBefore';
  };
}

it.each([
  ['in the middle of a batch', /^update items/],
  ['between a batch and its entry in the journal', /^insert into .*flotilla_step.*update items/s],
  ['between the entry and COMMIT', /^COMMIT;?$/i],
])('[F44] killed %s, it has that batch whole or not at all, and each row is filled once', async (_, pattern) => {
  for (const batch of [1, 3]) {
    const scene = await withItems(SHAPES.integer!, 45);
    const worker = await scene.process();
    atBatch(scene, worker, batch, pattern);
    await expect(worker.attempt()).rejects.toThrow('ended');
    await until(
      async () =>
        (await scene.sql(`select from pg_stat_activity where datname = current_database() and application_name like 'flotilla r-1%'`))
          .length === 0,
      'the session to end',
    );
    const before = await filled(scene);
    expect(before[1] ?? 0).toBe((batch - 1) * BATCH);
    expect(await scene.attempt()).toMatchObject({ outcome: 'applied' });
    expect(await filled(scene)).toEqual({ 1: 45 });
    expect(await scene.state()).toEqual(DONE);
  }
});

it('[F45] five workers at once fill each row once', async () => {
  const scene = await withItems(SHAPES.integer!, 120);
  const workers = await Promise.all(Array.from({ length: 5 }, () => scene.process({ direct: true })));
  const results = await Promise.all(workers.map((worker) => worker.attempt('up', { quickTries: 100 })));
  expect(results.map((result) => result.outcome)).toEqual(Array(5).fill('applied'));
  expect(results.filter((result) => result.runs.length > 0)).toHaveLength(1);
  expect(await filled(scene)).toEqual({ 1: 120 });
  expect(await scene.state()).toEqual(DONE);
});

it('[F46] rows that come, go, or change their key behind the cursor while it is down are filled by the second pass, and no deleted row comes back', async () => {
  const scene = await withItems(SHAPES.integer!, 60);
  const worker = await scene.process();
  atBatch(scene, worker, 4, /^update items/);
  await expect(worker.attempt()).rejects.toThrow('ended');
  await scene.sql(
    `insert into acme.items (id) values (-1), (-2); update acme.items set id = -3 where id = 55; delete from acme.items where id in (5, 58)`,
  );
  expect(await scene.attempt()).toMatchObject({ outcome: 'applied' });
  expect(await filled(scene)).toEqual({ 1: 60 });
  expect(await scene.sql('select id from acme.items where id in (5, 58)')).toEqual([]);
  expect(await scene.state()).toEqual(DONE);
});

it.each(Object.entries(SHAPES))('[F47] over a table with %s as its key, killed and gone on with, fills each row once', async (_, shape) => {
  const scene = await withItems(shape, 45);
  const worker = await scene.process();
  atBatch(scene, worker, 3, /^update items/);
  await expect(worker.attempt()).rejects.toThrow('ended');
  expect(await scene.attempt()).toMatchObject({ outcome: 'applied' });
  expect(await filled(scene)).toEqual({ 1: 45 });
  expect(await scene.state()).toEqual(DONE);
});

it('[F48] one that waits between two batches until the load is off keeps its session, and goes on', async () => {
  const scene = await createScene({
    '01_backfill.js': backfill(['id']).replace(
      'cursor = keys.at(-1);',
      `cursor = keys.at(-1); while (!(await knex.raw('select open from load')).rows[0].open) await new Promise((done) => setTimeout(done, 20));`,
    ),
  });
  await scene.sql(
    `set search_path to acme; create table items (id int primary key, filled int not null default 0); ${SHAPES.integer!.fill(30)}; create table load (open boolean); insert into load values (false)`,
  );
  const worker = await scene.process();
  // Far longer than an idle transaction may take: between its batches it holds none
  const running = worker.attempt('up', { timeouts: { lockMs: 1_000, statementMs: 5_000, idleMs: 200 } });
  await until(
    async () =>
      ((await filled(scene))[1] ?? 0) === BATCH &&
      (
        await scene.sql(
          `select from pg_stat_activity where datname = current_database() and application_name like 'flotilla r-1%' and clock_timestamp() - backend_start > interval '800 ms'`,
        )
      ).length,
    'it has waited four idle limits',
  );
  expect(
    await scene.sql(
      `select from pg_stat_activity where datname = current_database() and application_name like 'flotilla r-1%' and state <> 'active' and clock_timestamp() - xact_start > interval '400 ms'`,
    ),
  ).toEqual([]);
  await scene.sql('update acme.load set open = true');
  expect(await running).toMatchObject({ outcome: 'applied' });
  expect(await filled(scene)).toEqual({ 1: 30 });
});

it.each(VICTIMS)('[F49] cut off by its %s three times over, it goes on each time where it was', async (victim) => {
  const scene = await withItems(SHAPES.integer!, 60, `await trx.raw('select pg_advisory_xact_lock_shared(4242)');`);
  for (let round = 1; round <= 3; round++) {
    const worker = await scene.process();
    let batches = 0;
    const open = await closedGate(scene);
    await open();
    scene.wire.decide = ({ sql }) => {
      if (/^update items/.test(sql)) batches++;
      return 'pass';
    };
    scene.wire.onAnswered = async ({ sql, pid }) => {
      if (batches !== 2 || !/^update items/.test(sql)) return;
      batches++;
      if (victim === 'worker') await worker.kill();
      if (victim === 'backend') await scene.sql('select pg_terminate_backend($1)', [pid]);
      if (victim === 'network') scene.wire.cut();
    };
    await worker.attempt('up', { fenceFirst: round > 1, takeOver: true, quickTries: victim === 'worker' ? 40 : 1 }).catch(() => undefined);
    await worker.kill();
    await until(
      async () =>
        (await scene.sql(`select from pg_stat_activity where datname = current_database() and application_name like 'flotilla r-1%'`))
          .length === 0,
      'the session to end',
    );
    expect((await filled(scene))[1]).toBe(round * BATCH);
  }
  expect(await scene.attempt()).toMatchObject({ outcome: 'applied' });
  expect(await filled(scene)).toEqual({ 1: 60 });
  expect(await scene.state()).toEqual(DONE);
});

it('[F50] over an empty table it is done at once', async () => {
  const scene = await withItems(SHAPES.integer!, 0);
  expect(await scene.attempt()).toMatchObject({ outcome: 'applied' });
  expect(await scene.state()).toEqual(DONE);
});
