/** Backfills as part of a rollout: steered, killed, and watched, on real tenants. */

import { expect, it } from 'vitest';
import { until } from '../support/fleet.js';
import { ask, type SteeredFleet, steeredFleet, strategy } from '../support/steered-fleet.js';

const EXPAND = `
exports.up = (knex) => knex.raw('create table items (id int primary key, n int); insert into items select i, i from generate_series(1, 3000) i; alter table items add doubled int');
exports.down = (knex) => knex.raw('drop table items');
`;
/** Small chunks with a rest after each, so that there is time to steer. */
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

it('[B8] a rollout that is rolled back takes half-done backfills with it, and the columns they filled', async () => {
  const fleet = await fillingFleet('pace: { rest: 0 }', `canary: false, waves: [{ name: 'all' }], maxConcurrency: 1`);
  await fleet.client.start();
  await until(async () => (await fleet.having('items')).length > 0 && (await filledIn(fleet, 't01')) > 0, 'the first chunks');
  await fleet.client.rollback(ask('not today'));
  expect(await fleet.ended()).toMatchObject({ state: 'rolledBack' });
  expect(await fleet.having('items')).toEqual([]);
});
