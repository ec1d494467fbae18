/**
 * Faults 44 to 50, on migrations that declare a backfill: after each of them the cursor and the rows agree exactly, and whoever goes on writes
 * each row once. What is written is counted by a trigger, in the transaction that writes.
 */

import { afterEach, expect, it } from 'vitest';
import type { AttemptInput } from '../../src/postgres/contract.js';
import { backfillFile } from '../support/backfill.js';
import { query } from '../support/postgres.js';
import { until } from '../support/until.js';
import type { Fault } from '../support/wire.js';
import { NOTHING_LEFT } from './support/contents.js';
import { closeScenes, createScene, type RunnerProcess, type Scene, VICTIMS, type Victim } from './support/scene.js';

afterEach(closeScenes);

const ROWS = 65;
const CHUNK = 10;

const KEYS = {
  integer: { columns: 'id int', key: ['id'], value: 'n - 20' },
  uuid: { columns: 'id uuid', key: ['id'], value: 'md5(n::text)::uuid' },
  composite: { columns: 'a int, b text', key: ['b', 'a'], value: `n % 7, 'k"''\\' || n` },
} as const;
type KeyShape = keyof typeof KEYS;

const KINDS = {
  set: `set: { filled: 'filled + 1' }, where: 'filled = 0'`,
  'set into another table': `set: { filled: '1' }, into: { table: 'copies', mirror: true }`,
  transform: `transform: ({ filled }) => ({ filled: filled + 1 }), where: 'filled = 0'`,
  'transform into another table': `transform: () => ({ filled: 1 }), into: { table: 'copies', mirror: true }`,
} as const;
type Kind = keyof typeof KINDS;
const writesInto = (kind: Kind): string => (kind.includes('another') ? 'copies' : 'items');

const source = (kind: Kind): string =>
  `{ table: 'items', ${KINDS[kind]}, chunk: { rows: ${CHUNK}, maxRows: ${CHUNK} }, pace: { rest: 0 } }`;

async function withItems(kind: Kind, shape: KeyShape = 'integer', rows = ROWS): Promise<Scene> {
  const { columns, key, value } = KEYS[shape];
  const scene = await createScene({ '01_fill.mjs': backfillFile(source(kind)) });
  const table = (name: string) => `create table ${name} (${columns}, filled int not null default 0, primary key (${key}))`;
  await scene.sql(`set search_path to acme; ${table('items')}; ${table('copies')}; create table writes (k text);
    insert into items (${key.toSorted()}) select ${value} from generate_series(1, ${rows}) n;
    create function tell() returns trigger language plpgsql as $$ begin insert into acme.writes values (row(${key.map((name) => `new.${name}`)})::text); return null; end $$;
    create trigger tell after insert or update on ${writesInto(kind)} for each row when (new.filled > 0) execute function tell()`);
  return scene;
}

type Standing = {
  /** Rows that have their value. */
  readonly done: number;
  /** Writes that have committed. */
  readonly writes: number;
};

/** How far it is; the cursor must say the same. */
async function standing(scene: Scene, kind: Kind, shape: KeyShape = 'integer'): Promise<Standing> {
  const { key } = KEYS[shape];
  const [counts] = await scene.sql<Standing & { readonly rows: number }>(
    `select (select count(*)::int from acme.items) as rows, (select count(*)::int from acme.writes) as writes, (select count(*)::int from acme.${writesInto(kind)} where filled = 1) as done`,
  );
  const { rows, done, writes } = counts!;
  if (!(await scene.sql<{ there: boolean }>(`select to_regclass('acme.flotilla_step') is not null as there`))[0]!.there) {
    expect(done).toBe(0);
    return { done, writes };
  }
  const [kept] = await scene.sql<{ cursor: string }>(
    `select convert_from(result, 'UTF8') as cursor from acme.flotilla_step where key = 'cursor'`,
  );
  const cursor = kept && (JSON.parse(kept.cursor) as { after?: string[]; visited: number; written: number });
  expect(cursor?.written ?? 0).toBe(done);
  const last = cursor?.after?.map((text) => `'${text.replaceAll("'", "''")}'`).join(', ');
  const passed = cursor && cursor.visited >= rows ? 'true' : last ? `(${key}) <= (${last})` : 'false';
  expect(
    await scene.sql(
      `select ${key} from acme.items i where (${passed}) is distinct from exists (select from acme.${writesInto(kind)} w where filled = 1 and ${key.map((name) => `w.${name} = i.${name}`).join(' and ')})`,
    ),
  ).toEqual([]);
  return { done, writes };
}

const DONE = { history: ['01_fill.mjs'], effects: { '01_fill': 1 }, left: NOTHING_LEFT };

async function expectDone(scene: Scene, kind: Kind, rows = ROWS): Promise<void> {
  expect(await scene.sql('select k, count(*)::int from acme.writes group by 1 having count(*) > 1')).toEqual([]);
  expect(
    await scene.sql(
      `select (select count(*)::int from acme.writes) as writes, (select count(*)::int from acme.${writesInto(kind)} where filled = 1) as done, (select count(*)::int from acme.${writesInto(kind)}) as rows`,
    ),
  ).toEqual([{ writes: rows, done: rows, rows }]);
  expect(await scene.state()).toEqual(DONE);
}

const READ = /^(set transaction isolation level repeatable read|select [^;]* offset \d+ limit 1)/;
/** All of a chunk: what it writes, the cursor, COMMIT. */
const WHOLE = /flotilla\.skip_dual_write_back.*insert into .*flotilla_step.*'cursor'.*commit;$/s;
const END = /delete from [^;]*flotilla_step.*commit; select pg_advisory_unlock/s;

interface Point {
  readonly title: string;
  readonly pattern: RegExp;
  /** Of the attempt. */
  readonly nth: number;
  /** `at`: the server is held up there, by a lock that somebody else has. */
  readonly when: 'before' | 'during' | 'after' | { readonly at: (shape: KeyShape, done: number) => string };
  /** Rows that commit in this attempt. */
  readonly commits: number | 'perhaps';
}
const point = (title: string, pattern: RegExp, nth: number, when: Point['when'], commits: Point['commits']): Point => ({
  title,
  pattern,
  nth,
  when,
  commits,
});
const aRow: Point['when'] = {
  at: (shape, done) => `select from acme.items order by ${KEYS[shape].key} offset ${done + CHUNK / 2} limit 1 for update`,
};
const theCursor: Point['when'] = { at: () => 'lock table acme.flotilla_step in share mode' };
const theLedger: Point['when'] = { at: () => 'lock table acme.flotilla_ledger in access exclusive mode' };

/** In this order in one tenant: each attempt begins where the one before was struck. */
const POINTS: readonly Point[] = [
  point('before it reads', READ, 1, 'before', 0),
  point('before BEGIN and the rows', WHOLE, 1, 'before', 0),
  point('half-way through the rows', WHOLE, 1, aRow, 0),
  point('between the rows and the cursor', WHOLE, 1, theCursor, 0),
  point('between the cursor and COMMIT', WHOLE, 1, theLedger, 0),
  point('when COMMIT was sent and its answer is lost', WHOLE, 1, 'after', CHUNK),
  point('while it is on its way', WHOLE, 1, 'during', 'perhaps'),
  point('when it reads ahead', READ, 2, 'before', 0),
  point('when it has read ahead, and the chunk behind that is on its way', READ, 2, 'after', 'perhaps'),
  point('with the second chunk open', WHOLE, 2, theCursor, CHUNK),
  point('before history and ledger', END, 1, 'before', 'perhaps'),
];
const THE_END = point('when history and ledger are there, and the answer is lost', END, 1, 'after', 0);

/** Makes an attempt, and strikes it at the point. */
async function strikeAt(
  scene: Scene,
  worker: RunnerProcess,
  victim: Victim,
  { pattern, nth, when }: Point,
  more: Partial<AttemptInput>,
  hold = '',
) {
  let seen = 0;
  let at = -1;
  let pid = 0;
  let struck: Promise<void> | undefined;
  const strike = async () => {
    if (victim === 'worker') await worker.kill();
    if (victim === 'backend') await query(scene.db.url, 'select pg_terminate_backend($1)', [pid]);
    if (victim === 'network') scene.wire.cut();
  };
  scene.wire.decide = async (sent) => {
    if (!pattern.test(sent.sql) || ++seen !== nth) {
      // The server may take a while to end a session: no chunk begins meanwhile
      if (at > 0 && !hold) await struck;
      return 'pass';
    }
    ({ n: at, pid } = sent);
    if (hold) {
      await scene.client.query(`begin; ${hold}`);
      struck = scene.waiting().then(strike);
      return 'pass';
    }
    if (when === 'after') return victim === 'backend' ? 'pass' : 'cutAfter';
    if (when === 'before') await strike();
    else struck = new Promise((resolve) => setImmediate(resolve)).then(strike);
    if (victim === 'backend') return 'pass';
    return when === 'before' ? 'cutBefore' : 'cutDuring';
  };
  scene.wire.onAnswered = async ({ n }) => {
    if (n === at && when === 'after') await strike();
  };
  const result = await worker.attempt('up', { takeOver: true, ...more }).catch(() => undefined);
  scene.wire.decide = () => 'pass';
  await struck;
  expect(at).toBeGreaterThan(0);
  await until(async () => (await scene.sql('select from pg_stat_activity where pid = $1', [pid])).length === 0, 'the session to end');
  if (hold) await scene.client.query('rollback');
  return result;
}

const shapes = Object.keys(KEYS) as KeyShape[];
const everywhere = (Object.keys(KINDS) as Kind[]).flatMap((kind, i) =>
  VICTIMS.map((victim, j) => [kind, victim, shapes[(i + j) % shapes.length]!] as const),
);

it.each(everywhere)(
  '[F44] [B-gap] %s: its %s lost between any two steps, with %s keys, it has each chunk whole with its cursor or not at all',
  async (kind, victim, shape) => {
    const scene = await withItems(kind, shape);
    let worker = await scene.process();
    let before = 0;
    for (const [index, it] of [...POINTS, THE_END].entries()) {
      if (victim === 'worker' && index > 0) worker = await scene.process();
      const hold = typeof it.when === 'object' ? it.when.at(shape, before) : '';
      const result = await strikeAt(scene, worker, victim, it, { fenceFirst: index > 0 }, hold);
      // A lost answer to the last message is looked up at once, and the migration ends within the attempt
      if (it.pattern === END && result?.outcome === 'applied') break;
      if (it === THE_END) break;
      const { done, writes } = await standing(scene, kind, shape);
      expect(writes, it.title).toBe(done);
      if (it.commits !== 'perhaps') expect(done - before, it.title).toBe(it.commits);
      before = done;
    }
    expect(await scene.attempt()).toMatchObject({ outcome: 'applied', runs: [] });
    await expectDone(scene, kind);
  },
);

it.each(Object.keys(KINDS) as Kind[])('[F45] [B-gap] %s: two workers at once write each row once', async (kind) => {
  const scene = await withItems(kind, 'uuid');
  const workers = await Promise.all([1, 2].map(() => scene.process({ direct: true })));
  const results = await Promise.all(workers.map((worker) => worker.attempt('up', { quickTries: 100 })));
  expect(results.map(({ outcome }) => outcome)).toEqual(['applied', 'applied']);
  expect(results.filter(({ runs }) => runs.length > 0)).toHaveLength(1);
  await expectDone(scene, kind);
});

it('[F45] [B-gap] one that was presumed dead commits no chunk any more once another has taken over', async () => {
  const scene = await withItems('set');
  const [old, young] = [await scene.process(), await scene.process({ direct: true })];
  let chunks = 0;
  let wake = () => {};
  const asleep = new Promise<void>((resolve) => {
    scene.wire.decide = async ({ sql }): Promise<Fault> => {
      if (!WHOLE.test(sql) || ++chunks !== 3) return 'pass';
      resolve();
      await new Promise<void>((go) => {
        wake = go;
      });
      return 'pass';
    };
  });
  const first = old.attempt();
  await asleep;
  const second = young.attempt('up', { fenceFirst: true, takeOver: true, quickTries: 100 });
  expect(await second).toMatchObject({ outcome: 'applied' });
  wake();
  expect((await first).runs).toEqual([]);
  await expectDone(scene, 'set');
});

it.each(['set', 'set into another table', 'transform into another table'] as const)(
  '[F46] [B-gap] %s: rows that come, go, or change their key behind the cursor while it is down are caught up with',
  async (kind) => {
    const scene = await withItems(kind);
    await strikeAt(scene, await scene.process(), 'worker', point('', WHOLE, 3, 'after', 30), {});
    expect(await standing(scene, kind)).toEqual({ done: 30, writes: 30 });
    await scene.sql(
      'insert into acme.items (id) values (-101), (-102); update acme.items set id = -103 where id = 45; delete from acme.items where id in (-15, 40)',
    );
    expect(await scene.attempt()).toMatchObject({ outcome: 'applied' });
    expect(await scene.sql('select k, count(*)::int n from acme.writes group by 1 having count(*) > 1')).toEqual([]);
    expect(await scene.sql(`select count(*)::int n, min(filled), max(filled) from acme.${writesInto(kind)}`)).toEqual([
      { n: ROWS, min: 1, max: 1 },
    ]);
    expect(await scene.state()).toEqual(DONE);
  },
);

it.each(Object.keys(KINDS) as Kind[])(
  '[F49] [B-gap] %s: stopped at the edge of a chunk, and cancelled, it goes on each time where it was',
  async (kind) => {
    const scene = await withItems(kind, 'composite');
    for (const [round, by] of (['cut', 'stop', 'cut'] as const).entries()) {
      const from = round * 2 * CHUNK;
      let visited = 0;
      const result = await scene.attempt('up', {
        onBackfill: (progress) => {
          ({ visited } = progress);
        },
        [by]: () => visited >= from + 2 * CHUNK,
      });
      expect(result).toMatchObject({ outcome: 'deferred', code: 'FLT_BACKFILL_CUT' });
      expect(await standing(scene, kind, 'composite')).toEqual({ done: from + 2 * CHUNK, writes: from + 2 * CHUNK });
      expect((await scene.state()).left).toMatchObject({ knexLock: [0], advisoryLocks: 0 });
    }
    expect(await scene.attempt()).toMatchObject({ outcome: 'applied', runs: [{ rows: ROWS }] });
    await expectDone(scene, kind);
  },
);

it.each(Object.keys(KINDS) as Kind[])('[F50] [B-gap] %s: over an empty table it is done at once', async (kind) => {
  const scene = await withItems(kind, 'integer', 0);
  expect(await scene.attempt()).toMatchObject({ outcome: 'applied', runs: [{ rows: 0 }] });
  await expectDone(scene, kind, 0);
});
