/** Runs for one tenant: on record like a rollout, and none of the fleet's. */

import { expect, it } from 'vitest';
import { stageTenants, storeScan } from '../../../src/control/plan-tenants.js';
import { openPlan, overtakenBy, storeSummary } from '../../../src/control/plans.js';
import { notReady } from '../../../src/control/readiness.js';
import { openTenants, recordOutcomes } from '../../../src/control/rollout-tenants.js';
import { finishRollout, openRollout, rolloutById, rolloutsPage } from '../../../src/control/rollouts.js';
import type { PlanSummary } from '../../../src/domain/plan.js';
import { controlDatabase } from '../../support/control-database.js';

const db = controlDatabase('on_demand');

it('makes its tenant ready, makes no plan stale, and is no rollout of the history', async () => {
  const fleet = 'shop';
  const stage = async (planId: string, ids: readonly string[]) => {
    await openPlan(db.pool, { planId, fleet });
    await stageTenants(
      db.pool,
      planId,
      'eu',
      ids.map((id) => ({ id, host: 'h1' })),
    );
    await storeScan(
      db.pool,
      planId,
      ids.map((id) => ({ id, state: 'pending', position: 'm1', applied: 1, pending: ['m2'] })),
    );
    await storeSummary(db.pool, { planId, fleet, frozen: true } as PlanSummary, ids.length > 1);
  };
  await stage('p-1', ['t1', 't2']);
  await stage('p-2', ['t1']);
  await openRollout(db.pool, { rolloutId: 'r-1', fleet, planId: 'p-2', requestId: 'r-1', actor: 'ana', tenant: 't1' });
  await openTenants(db.pool, 'r-1', 'p-2');
  expect(await notReady(db.pool, fleet, 'm2', 't1', 5)).toMatchObject({ known: 1, missing: 1 });
  await recordOutcomes(db.pool, 'r-1', 0, 'h1', [{ id: 't1', state: 'applied', ready: 'm2' }]);
  await finishRollout(db.pool, 'r-1', 'succeeded');

  expect(await notReady(db.pool, fleet, 'm2', 't1', 5)).toMatchObject({ known: 1, missing: 0 });
  expect(await overtakenBy(db.pool, fleet, 'p-1')).toBeUndefined();
  expect(await rolloutsPage(db.pool, fleet, undefined, 10)).toEqual([]);
  expect(await rolloutById(db.pool, fleet, 'r-1')).toMatchObject({ state: 'succeeded', report: null });
  await openRollout(db.pool, { rolloutId: 'r-2', fleet, planId: 'p-2', requestId: 'r-2', actor: 'ana' });
  expect(await overtakenBy(db.pool, fleet, 'p-1')).toBe('r-2');
});
