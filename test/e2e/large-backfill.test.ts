/**
 * examples/large-backfill, with an application at work in every tenant from before the first migration until after the last, and the only worker
 * killed while it fills the large tenant.
 */

import { expect, it, onTestFinished } from 'vitest';
import { createDevProject } from '../support/dev-process.js';
import { query } from '../support/fleet.js';
import { type Release, startLoad } from '../support/load.js';
import { until } from '../support/until.js';

interface Order {
  readonly customer: string;
  readonly cents: number;
  readonly currency: string;
}

/** It stores what the new shape has no place for: blanks around a name, and null where there is none. */
const oldRelease: Release<Order> = {
  name: 'old',
  table: 'orders',
  columns: ['customer', 'total'],
  store: ({ customer, cents, currency }) => [customer === 'unknown' ? null : ` ${customer} `, `${(cents / 100).toFixed(2)} ${currency}`],
  read({ customer, total }) {
    const [amount, currency] = (total as string).split(' ');
    return { customer: (customer as string | null)?.trim() || 'unknown', cents: Math.round(Number(amount) * 100), currency: currency! };
  },
};
const newRelease: Release<Order> = {
  name: 'new',
  table: 'purchases',
  columns: ['customer', 'cents', 'currency'],
  store: ({ customer, cents, currency }) => [customer, cents, currency],
  read: ({ customer, cents, currency }) => ({ customer: customer as string, cents: Number(cents), currency: currency as string }),
};

const LARGE = 200_000;
const SMALL = 400;
const CONSTRAINED = '20260119090000_purchases_constrained';

/** How far the tenant says that its backfill has come. */
async function cursorOf(url: string, tenant: string): Promise<{ readonly pass: number; readonly visited: number }> {
  const [row] = await query<{ cursor: string }>(
    url,
    `select convert_from(result, 'UTF8') as cursor from ${tenant}.flotilla_step where key = 'cursor'`,
  );
  return JSON.parse(row!.cursor);
}

it('[B4] [B5] [B6] [Z2] [B-gap] a large table takes another shape under an application that sees no error, its worker dies on the way, and every row is what was written last', async () => {
  const project = createDevProject('large-backfill');
  onTestFinished(() => project.remove());
  const dev = await project.dev('--tenants', '4', '--seed', 'seed.sql');
  const url = dev.stack.variables.FLOTILLA_MAIN_URL!;
  const schemas = await query<{ name: string }>(url, `select nspname as name from pg_namespace where nspname like 'tenant\\_%'`);
  const tenants = schemas.map(({ name }) => name);
  const large = 'tenant_acme';
  expect(tenants).toHaveLength(4);
  expect(await query(url, `select count(*)::int as n from ${large}.orders`)).toEqual([{ n: LARGE }]);

  const load = await startLoad({
    url,
    tenants,
    release: oldRelease,
    perSecond: 150,
    newRow: (n) => ({ customer: n % 5 ? `Customer ${n}` : 'unknown', cents: 100_000_000 + n, currency: n % 2 ? 'EUR' : 'USD' }),
  });
  onTestFinished(() => load.close());

  await load.working(oldRelease);
  const preparing = project.cli('start', '--to', CONSTRAINED, '--wait', '--json');
  await until(async () => (await cursorOf(url, large)).visited > LARGE * 0.2, 'a fifth of the large tenant');
  const worker = dev.stack.processes.find(({ name }) => name === 'worker')!;
  process.kill(worker.pid, 'SIGKILL');
  await dev.saw('the worker ended by itself and is started again');
  const sessions = `select 1 from pg_stat_activity where application_name like 'flotilla r-% ${large}'`;
  await until(async () => (await query(url, sessions)).length === 0, 'the end of its session');
  const stood = await cursorOf(url, large);
  expect(stood.visited).toBeLessThan(LARGE * 0.9);
  const wentOn = await until(async () => {
    const now = await cursorOf(url, large);
    return now.visited !== stood.visited && now;
  }, 'the next chunk');
  expect(wentOn.pass).toBe(1);
  expect(wentOn.visited).toBeGreaterThan(stood.visited);

  const control = dev.stack.variables.FLOTILLA_CONTROL_URL!;
  const told = await until(async () => {
    const [row] = await query<{ visited: number }>(
      control,
      `select pass, exact, visited::int, rows_per_second > 0 as moves from flotilla.backfill where tenant_id = 'acme'`,
    );
    return row && row.visited > stood.visited && row;
  }, 'word of how far it is');
  expect(told).toMatchObject({ pass: 1, exact: true, moves: true });

  const prepared = await preparing;
  expect([prepared.code, prepared.json.totals], prepared.stdout).toMatchObject([0, { applied: 4 }]);

  await load.replace(oldRelease, newRelease);

  const contracted = await project.cli('start', '--wait', '--json');
  expect([contracted.code, contracted.json.totals], contracted.stdout).toMatchObject([0, { applied: 4 }]);
  await load.working(newRelease);
  const report = await load.stop();
  const compared = await load.compare(newRelease);
  console.log('large-backfill:', JSON.stringify({ ...report, diedAt: stood.visited }), JSON.stringify(compared));
  expect(load.errors).toEqual([]);
  expect(compared).toEqual({ rows: LARGE + 3 * SMALL + report.insert - report.delete, lost: 0, stale: 0, tooMany: 0 });

  const checked = await project.cli('validate', '--json');
  expect([checked.code, checked.json.counts], checked.stdout).toMatchObject([0, { tenants: 4, passed: 4, failed: 0 }]);
});
