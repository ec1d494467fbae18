/** Three tenants whose second migration fills a column, in so many chunks that it is under way for a while. */

import pg from 'pg';
import { expect, onTestFinished } from 'vitest';
import { type SteeredFleet, steeredFleet, strategy } from './steered-fleet.js';
import { until } from './until.js';

export const ROWS = 8_000;
const expand = (rows: number) => `
exports.up = (knex) => knex.raw('create table items (id int primary key, n int); insert into items select i, i from generate_series(1, ${rows}) i; alter table items add doubled int');
exports.down = (knex) => knex.raw('drop table items');
`;
/** Many small chunks, so that it is under way for a while. */
export const FILL = `
const { backfill } = require('flotilla/migration');
const fill = backfill({ table: 'items', set: { doubled: 'n * 2' }, chunk: { rows: 20, maxRows: 20 }, pace: { rest: 0 } });
exports.config = { transaction: false };
exports.flotilla = { backfill: fill };
exports.up = fill.up;
exports.down = async () => {};
`;

export async function fillingFleet(waves: string, rows = ROWS): Promise<SteeredFleet> {
  return steeredFleet({
    hosts: { h1: { schemas: ['t01', 't02', 't03'] } },
    migrations: {
      '20260101000000_items.js': expand(rows),
      '20260102000000_doubled.js': FILL,
    },
    config: strategy(waves),
  });
}

export const filledIn = async (fleet: SteeredFleet, schema: string): Promise<number> =>
  (await fleet.rows<{ n: number }>('h1', `select count(doubled)::int as n from ${schema}.items`))[0]!.n;

/** As soon as t01 has more than `rows`: stops all backfills at the edge of their chunks, as somebody with psql would. */
export async function stopHalfWay(fleet: SteeredFleet, rows: number): Promise<{ readonly stood: number; release(): Promise<unknown> }> {
  const session = new pg.Client({ connectionString: fleet.hostUrls.h1! });
  await session.connect();
  onTestFinished(() => session.end());
  await until(async () => (await fleet.having('items')).includes('h1 t01') && (await filledIn(fleet, 't01')) > rows, 'the first chunks');
  await session.query(`select pg_advisory_lock(hashtextextended('flotilla backfills', 0))`);
  const stood = await filledIn(fleet, 't01');
  expect(stood).toBeGreaterThan(rows);
  expect(stood).toBeLessThan(ROWS);
  expect(stood % 20).toBe(0);
  return { stood, release: () => session.query('select pg_advisory_unlock_all()') };
}
