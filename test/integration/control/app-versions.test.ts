import { expect, it } from 'vitest';
import { reportsFor, storeReport } from '../../../src/control/app-versions.js';
import { stageTenants, storeScan } from '../../../src/control/plan-tenants.js';
import { openPlan } from '../../../src/control/plans.js';
import { controlDatabase } from '../../support/control-database.js';

const db = controlDatabase('appversions');
let serial = 0;

/** A plan that would bring the migration to t1 and t2; t3 has it. */
async function planned() {
  const fleet = `fleet-${++serial}`;
  const planId = `p-${fleet}`;
  await openPlan(db.pool, { planId, fleet });
  const ids = ['t1', 't2', 't3'];
  await stageTenants(
    db.pool,
    planId,
    'eu',
    ids.map((id) => ({ id, host: 'h1' })),
  );
  await storeScan(
    db.pool,
    planId,
    ids.map((id) =>
      id === 't3' ? { id, state: 'upToDate', applied: 1, pending: [] } : { id, state: 'pending', applied: 0, pending: ['m9'] },
    ),
  );
  const age = (minutes: number, app: string) =>
    db.pool.query(`update app_version set at = at - make_interval(mins => $2) where fleet = $1 and app = $3`, [fleet, minutes, app]);
  const report = (version: string, more: { app?: string; tenant?: string } = {}) =>
    storeReport(db.pool, fleet, { app: 'shop', version, ...more });
  return { age, report, reports: () => reportsFor(db.pool, fleet, planId, 'm9') };
}

it('[Z-gap] every version that some instance has reported within 15 minutes runs', async () => {
  const { age, report, reports } = await planned();
  expect(await reports(), 'nothing is known').toEqual({ running: [], silent: [], unheard: 2 });
  await report('1.0.0');
  await age(14, 'shop');
  await report('1.1.0');
  await report('1.1.0');
  expect(await reports()).toEqual({
    running: [
      { app: 'shop', version: '1.0.0' },
      { app: 'shop', version: '1.1.0' },
    ],
    silent: [],
    unheard: 0,
  });
  await age(1, 'shop');
  expect((await reports()).running).toEqual([{ app: 'shop', version: '1.1.0' }]);
});

it('[Z-gap] an app that is silent for more than 15 minutes is told, and is forgotten after a day', async () => {
  const { age, report, reports } = await planned();
  await report('1.0.0', { app: 'worker' });
  await age(16, 'worker');
  await report('2.0.0');
  expect(await reports()).toMatchObject({
    running: [{ app: 'shop' }],
    silent: [{ app: 'worker', sinceMs: expect.any(Number) }],
    unheard: 0,
  });
  await age(24 * 60, 'worker');
  expect((await reports()).silent).toEqual([]);
});

it('[Z-gap] a report of one tenant speaks for that tenant, and only where the plan would bring it the migration', async () => {
  const { report, reports } = await planned();
  await report('1.0.0', { tenant: 't3' });
  expect(await reports()).toEqual({ running: [], silent: [], unheard: 2 });
  await report('2.0.0', { tenant: 't1' });
  expect(await reports()).toEqual({ running: [{ app: 'shop', version: '2.0.0', tenant: 't1' }], silent: [], unheard: 1 });
});
