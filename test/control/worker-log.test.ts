/** What a worker's log says of each tenant, so that no migration has to: checks, phases, backfills, and what failed. */

import { expect, it } from 'vitest';
import { type SteeredFleet, steeredFleet, strategy } from '../support/steered-fleet.js';

const EXPAND = '20260102000000_doubled';
const FILL = '20260103000000_doubled_filled';
const SECRET = 'hush-4711';
const migrations = {
  [`${EXPAND}.mjs`]: `
export const up = (knex) => knex.schema.alterTable('items', (t) => { t.integer('doubled'); });
export const down = (knex) => knex.schema.alterTable('items', (t) => { t.dropColumn('doubled'); });
export const flotilla = { phase: 'expand' };`,
  [`${FILL}.mjs`]: `
import { backfill, nullCount } from 'flotilla/migration';
const fill = backfill({ table: 'items', set: { doubled: 'nullif(n, 3) * 2' }, chunk: { rows: 2, maxRows: 2 }, pace: { rest: 0 } });
export const config = { transaction: false };
export const up = fill.up;
export const down = async () => {};
export const flotilla = { phase: 'backfill', after: ['${EXPAND}'], backfill: fill, validate: [nullCount({ table: 'items', column: 'doubled' })] };`,
};
const seed = `create table items (id int primary key, n int, name text); insert into items select i, i * 2 - 1, '${SECRET}' from generate_series(4, 10) i`;

/** Lines with this message, by tenant. */
function said(fleet: SteeredFleet, message: string): readonly Record<string, unknown>[] {
  const lines = fleet.workerProcess.output().split('\n');
  return lines
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ msg }) => msg === message)
    .sort((a, b) => String(a.tenant).localeCompare(String(b.tenant)));
}

it('[V3] [B6] [B8] [Z5] has a line for each check with its numbers, each failed attempt, each end of a backfill, each phase of a change, and no row', async () => {
  const fleet = await steeredFleet({
    hosts: { h1: { schemas: ['t01', 't02', 't03'] } },
    migrations,
    seed,
    config: strategy(`canary: false, waves: [{ name: 'all', maxFailures: 2 }]`),
  });
  await fleet.rows('h1', 'insert into t02.items values (1, 3)');
  await fleet.rows('h1', 'alter table t03.items add constraint small check (n < 15) not valid');
  await fleet.client.start();
  expect(await fleet.ended()).toMatchObject({ state: 'completedWithFailures', totals: { applied: 1, parked: 2 } });
  await expect.poll(() => [said(fleet, 'attempt failed').length, said(fleet, 'phase done').length]).toEqual([2, 4]);

  const check = { host: 'h1', migration: FILL, check: 'nullCount items.doubled' };
  expect(said(fleet, 'check passed')).toMatchObject([{ tenant: 't01', ...check, passed: true, numbers: { nulls: 0 } }]);
  expect(said(fleet, 'check failed')).toMatchObject([
    { level: 'warn', tenant: 't02', ...check, passed: false, numbers: { nulls: 1 }, message: expect.stringContaining('1') },
  ]);
  const attempt = { level: 'warn', host: 'h1', migration: FILL, direction: 'up', outcome: 'failed', attempt: 1 };
  expect(said(fleet, 'attempt failed')).toMatchObject([
    { tenant: 't02', ...attempt, code: 'FLT_VALIDATION_FAILED' },
    { tenant: 't03', ...attempt, code: 'FLT_CHECK_VIOLATION', message: expect.stringMatching(/4 of 7 rows, 57 %/) },
  ]);
  expect(said(fleet, 'backfill done')).toMatchObject([
    { tenant: 't01', host: 'h1', migration: FILL, rows: 7, visited: 7, passes: 1, durationMs: expect.any(Number) },
  ]);
  expect(said(fleet, 'backfill stopped')).toMatchObject([
    { tenant: 't02', migration: FILL, rows: 7, visited: 8, code: 'FLT_VALIDATION_FAILED' },
    { tenant: 't03', migration: FILL, rows: 4, visited: 4, code: 'FLT_CHECK_VIOLATION' },
  ]);
  const phase = { host: 'h1', change: EXPAND, phase: 'expand', migration: EXPAND };
  expect(said(fleet, 'phase done').filter((it) => it.phase === 'expand')).toMatchObject(
    ['t01', 't02', 't03'].map((tenant) => ({ tenant, ...phase })),
  );
  expect(said(fleet, 'phase done').filter((it) => it.phase === 'backfill')).toMatchObject([
    { tenant: 't01', host: 'h1', change: EXPAND, phase: 'backfill', migration: FILL },
  ]);
  const again = await fleet.cli(['validate', '--tenant', 't01']);
  expect(again.code, again.stdout + again.stderr).toBe(0);
  await fleet.workerProcess.saw(/"activityType":"tendTenants".*"tenant":"t01".*"msg":"check passed"/, 5_000);
  expect(fleet.workerProcess.output()).not.toContain(SECRET);
});
