/** examples/large-backfill, with an application at work in every tenant all the while, and the backfill cut off in the middle. */

import { expect, it, onTestFinished } from 'vitest';
import { createDevProject } from '../support/dev-process.js';
import { query, until } from '../support/fleet.js';
import { type Release, startLoad } from '../support/load.js';

interface Order {
  readonly customer: string | null;
  readonly cents: number;
  readonly currency: string;
}

const oldRelease: Release<Order> = {
  name: 'old',
  table: 'orders',
  columns: ['customer', 'total'],
  store: ({ customer, cents, currency }) => [customer, `${(cents / 100).toFixed(2)} ${currency}`],
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

it('[B4] [B5] [B6] [Z2] [B-gap] a large table moves into another shape under an application that sees no error, cut off in the middle, and every row is what was written last', async () => {
  const project = createDevProject('large-backfill');
  onTestFinished(() => project.remove());
  const dev = await project.dev('--tenants', '4', '--seed', 'seed.sql');
  const url = dev.stack.variables.FLOTILLA_MAIN_URL!;
  const schemas = await query<{ name: string }>(url, `select nspname as name from pg_namespace where nspname like 'tenant\\_%' order by 1`);
  const tenants = schemas.map(({ name }) => name);
  const [large] = tenants;
  expect(await query(url, `select count(*)::int as n from ${large}.orders`)).toEqual([{ n: LARGE }]);

  const load = await startLoad({
    url,
    tenants,
    release: oldRelease,
    newRow: (n) => ({ customer: n % 5 ? `Customer ${n}` : 'unknown', cents: 100_000_000 + n, currency: n % 2 ? 'EUR' : 'USD' }),
  });
  onTestFinished(() => load.close());
  const working = (release: Release<Order>) => {
    const enough = load.changes(release) + 100;
    return until(async () => load.changes(release) >= enough || load.errors.length > 0, `work of the ${release.name} release`);
  };

  const started = project.cli('start', '--to', '20260119090000_purchases_constrained', '--wait', '--json');
  const filled = async (): Promise<number> => {
    const [there] = await query<{ name: string | null }>(url, `select to_regclass('${large}.purchases')::text as name`);
    return there!.name === null ? 0 : (await query<{ n: number }>(url, `select count(*)::int as n from ${large}.purchases`))[0]!.n;
  };
  const cutAt: number[] = [];
  for (const share of [0.1, 0.5]) {
    await until(async () => (await filled()) > LARGE * share, `${share} of the rows`);
    const ended = await query(
      url,
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'flotilla r-% %acme'`,
    );
    cutAt.push(await filled());
    expect(ended, `the session of the large tenant, at ${cutAt} rows`).toHaveLength(1);
  }
  expect(Math.max(...cutAt)).toBeLessThan(LARGE);
  const prepared = await started;
  expect([prepared.code, prepared.json.totals], prepared.stdout).toMatchObject([0, { applied: 4 }]);
  expect(load.changes(oldRelease)).toBeGreaterThan(0);

  await load.deploy(oldRelease, newRelease);
  await Promise.all([working(oldRelease), working(newRelease)]);
  await load.deploy(newRelease);

  const contracted = await project.cli('start', '--wait', '--json');
  expect([contracted.code, contracted.json.totals], contracted.stdout).toMatchObject([0, { applied: 4 }]);
  await working(newRelease);
  const report = await load.stop();
  const compared = await load.compare(newRelease);
  console.log('large-backfill:', JSON.stringify({ ...report, cutAt }), JSON.stringify(compared));
  expect(load.errors).toEqual([]);
  expect(compared).toEqual({ rows: LARGE + 3 * SMALL + report.insert - report.delete, lost: 0, stale: 0, tooMany: 0 });
  const checked = await project.cli('validate', '--json');
  expect([checked.code, checked.json.counts], checked.stdout).toMatchObject([0, { tenants: 4, passed: 4, failed: 0 }]);
});
