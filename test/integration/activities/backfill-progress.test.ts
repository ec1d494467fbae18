/** What a worker writes down of a backfill, and when. */

import { expect, it } from 'vitest';
import { keepProgress } from '../../../src/activities/backfill-progress.js';
import { controlDatabase } from '../../support/control-database.js';

const db = controlDatabase('progress');
let serial = 0;

interface Row {
  readonly migration: string;
  readonly visited: number;
  readonly done: boolean;
}

function setup() {
  const rolloutId = `r-${++serial}`;
  const progress = keepProgress({ control: db.pool }, { rolloutId, wave: 0, host: 'h1' }, 't01');
  const rows = async (): Promise<readonly Row[]> =>
    (await db.pool.query<Row>('select migration, visited::int, done from backfill where rollout_id = $1 order by 1', [rolloutId])).rows;
  return {
    hear: (visited: number, more: { readonly migration?: string; readonly pass?: number } = {}) =>
      progress.heard({ migration: 'm1', pass: 1, visited, written: visited, total: 100, exact: true, rowsPerSecond: 10, ...more }),
    end: progress.end,
    rows,
    shows: (...wanted: readonly Partial<Row>[]) => expect.poll(rows, { timeout: 5_000 }).toMatchObject(wanted),
  };
}

it('is told at once when it begins, has its first rows, and has passed over all of them', async () => {
  const it = setup();
  it.hear(0);
  await it.shows({ visited: 0, done: false });
  it.hear(20);
  await it.shows({ visited: 20, done: false });
  it.hear(100);
  await it.shows({ visited: 100, done: false });
});

it('is told at once of each migration, and of the end of the one before', async () => {
  const it = setup();
  it.hear(0);
  it.hear(20, { migration: 'm2' });
  await it.shows({ migration: 'm1', done: true }, { migration: 'm2', visited: 20, done: false });
  await it.end(['m1', 'm2']);
  expect(await it.rows()).toMatchObject([
    { migration: 'm1', done: true },
    { migration: 'm2', done: true },
  ]);
});

it('is told seldom in between, and where it stopped when its tenant is left', async () => {
  const it = setup();
  for (const visited of [0, 20, 40, 60]) it.hear(visited);
  await it.shows({ visited: 20 });
  await it.end([]);
  expect(await it.rows()).toMatchObject([{ visited: 60, done: false }]);
});

it('writes the newest of what waits to be written', async () => {
  const it = setup();
  it.hear(0);
  it.hear(20);
  it.hear(100);
  await it.end(['m1']);
  expect(await it.rows()).toMatchObject([{ visited: 100, done: true }]);
});
