/** What a worker writes down of a backfill, and when. */

import { expect, it } from 'vitest';
import { keepProgress } from '../../../src/activities/backfill-progress.js';
import { backfillOfTenant, backfillsOf, recordBackfill } from '../../../src/control/backfills.js';
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

it('[B6] a tenant that is not among those with the most left is found by its name, until it is done', async () => {
  const rolloutId = `r-${++serial}`;
  const word = { rolloutId, wave: 0, host: 'h1', migration: 'm1', pass: 1, written: 5, exact: true, rowsPerSecond: 10, done: false };
  for (let n = 1; n <= 11; n++) await recordBackfill(db.pool, { ...word, tenant: `t${n}`, visited: n, total: 100, waiting: 'a lock' });
  const [all] = await backfillsOf(db.pool, rolloutId, 0, 10);
  expect(all?.running.map(({ tenant }) => tenant)).not.toContain('t11');
  const found = { migration: 'm1', tenant: 't11', host: 'h1', pass: 1, visited: 11, written: 5, total: 100, exact: true };
  expect(await backfillOfTenant(db.pool, rolloutId, 't11')).toEqual({
    backfill: { ...found, rowsPerSecond: 10, waiting: 'a lock' },
    atWork: true,
  });
  await db.pool.query(`update backfill set updated_at = now() - interval '1 minute' where rollout_id = $1`, [rolloutId]);
  const still = 'nobody is at it: it has no speed and waits for nothing';
  expect(await backfillOfTenant(db.pool, rolloutId, 't11'), still).toEqual({
    backfill: { ...found, rowsPerSecond: 0, waiting: null },
    atWork: false,
  });
  await recordBackfill(db.pool, { ...word, tenant: 't11', visited: 100, total: 100, done: true });
  expect(await backfillOfTenant(db.pool, rolloutId, 't11')).toBeUndefined();
  expect(await backfillOfTenant(db.pool, 'another', 't10')).toBeUndefined();
});
