/** Backfills as part of a rollout: steered, killed, and watched, on real tenants. */

import { expect, it } from 'vitest';
import { until } from '../support/fleet.js';
import { ask, type SteeredFleet, steeredFleet, strategy } from '../support/steered-fleet.js';

const ROWS = 1000;
const EXPAND = `
exports.up = (knex) => knex.raw('create table items (id int primary key, n int); insert into items select i, i from generate_series(1, ${ROWS}) i; alter table items add doubled int');
exports.down = (knex) => knex.raw('drop table items');
`;
/** Small chunks of rows that take their time, so that there is time to steer. */
const fill = (pace: string) => `
const { backfill } = require('flotilla/migration');
const fill = backfill({ table: 'items', set: { doubled: 'slowly(n) * 2' }, chunk: { rows: 20, maxRows: 20 }, ${pace} });
exports.config = { transaction: false };
exports.flotilla = { backfill: fill };
exports.up = fill.up;
exports.down = async () => {};
`;

async function fillingFleet(pace: string, waves: string): Promise<SteeredFleet> {
  return steeredFleet({
    hosts: { h1: { schemas: ['t01', 't02', 't03'] } },
    migrations: {
      '20260101000000_items.js': EXPAND,
      '20260102000000_slowly.js': `exports.up = (knex) => knex.raw('create function slowly(int) returns int language plpgsql as $$ begin perform pg_sleep(0.002); return $1; end $$'); exports.down = (knex) => knex.raw('drop function slowly(int)');`,
      '20260103000000_doubled.js': fill(pace),
    },
    config: strategy(waves),
  });
}

const filledIn = async (fleet: SteeredFleet, schema: string): Promise<number> =>
  (await fleet.rows<{ n: number }>('h1', `select count(doubled)::int as n from ${schema}.items`))[0]!.n;

it('[B6] a backfill is paused at the edge of a chunk, resumed, cut off by a dead worker, and comes to the same end', async () => {
  const fleet = await fillingFleet('pace: { rest: 0 }', `canary: false, waves: [{ name: 'all' }], maxConcurrency: 3`);
  await fleet.client.start();
  await until(async () => (await fleet.having('items')).includes('h1 t01') && (await filledIn(fleet, 't01')) > 0, 'the first chunks');
  await fleet.client.pause(ask('too busy'));
  const paused = await fleet.until(
    (at) => at.state === 'paused' && at.waves[0]!.inFlight === 0 && at.backfills?.[0]?.tenants === 1,
    'standing still, and said so',
  );
  expect(paused.backfills).toMatchObject([{ migration: '20260103000000_doubled', tenants: 1, done: 0, exact: true }]);
  const stood = await filledIn(fleet, 't01');
  expect(stood).toBeGreaterThan(0);
  expect(stood).toBeLessThan(ROWS);
  expect(stood % 20).toBe(0);
  await fleet.client.resume(ask('quiet again'));
  await until(async () => (await filledIn(fleet, 't01')) > stood, 'going on');
  await fleet.workerProcess.stop('SIGKILL');
  await fleet.worker();
  expect(await fleet.ended()).toMatchObject({ state: 'succeeded', totals: { applied: 3 } });
  for (const schema of ['t01', 't02', 't03'])
    expect(await fleet.rows('h1', `select count(*)::int n, count(*) filter (where doubled = n * 2)::int ok from ${schema}.items`)).toEqual([
      { n: ROWS, ok: ROWS },
    ]);
  const rows = await fleet.control(`select distinct done, visited::int, written::int from flotilla.backfill`);
  expect(rows).toEqual([{ done: true, visited: ROWS, written: ROWS }]);
});

it('[B8] a rollout that is rolled back takes half-done backfills with it, and the columns they filled', async () => {
  const fleet = await fillingFleet('pace: { rest: 0 }', `canary: false, waves: [{ name: 'all' }], maxConcurrency: 1`);
  await fleet.client.start();
  await until(async () => (await fleet.having('items')).length > 0 && (await filledIn(fleet, 't01')) > 0, 'the first chunks');
  await fleet.client.rollback(ask('not today'));
  expect(await fleet.ended()).toMatchObject({ state: 'rolledBack' });
  expect(await fleet.having('items')).toEqual([]);
});
