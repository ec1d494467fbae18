import { expect, it } from 'vitest';
import { stageTenants, storeScan } from '../../../src/control/plan-tenants.js';
import { forgetOldScans, openPlan, storeSummary } from '../../../src/control/plans.js';
import { notReady } from '../../../src/control/readiness.js';
import { concludeRebuilt, rebuildRollouts } from '../../../src/control/rebuild.js';
import { countStates, findTenants, markTenants, openTenants } from '../../../src/control/rollout-tenants.js';
import { openRollout, rolloutById, rolloutsPage } from '../../../src/control/rollouts.js';
import type { PlanSummary } from '../../../src/domain/plan.js';
import type { RolloutTrace } from '../../../src/postgres/tend/read-rollouts.js';
import { controlDatabase } from '../../support/control-database.js';
import { query } from '../../support/postgres.js';

const db = controlDatabase('rebuild');
let serial = 0;

const HOUR = 3_600_000;
const trace = (tenant: string, rollout: string, more: Partial<RolloutTrace> = {}): RolloutTrace => ({
  tenant,
  rollout,
  state: 'applied',
  newest: '02_b',
  actor: 'bo',
  firstAt: new Date(Date.now() - 2 * HOUR),
  lastAt: new Date(Date.now() - HOUR),
  ...more,
});

/** A fleet of its own, scanned under a plan: every tenant stands at 02_b. */
async function setup(tenants: readonly string[] = ['t1', 't2', 't3']) {
  const fleet = `fleet-${++serial}`;
  const planId = `p-${serial}`;
  await openPlan(db.pool, { planId, fleet });
  await stageTenants(
    db.pool,
    planId,
    'eu',
    tenants.map((id) => ({ id, host: 'h1', schema: id })),
  );
  await storeScan(
    db.pool,
    planId,
    tenants.map((id) => ({ id, state: 'upToDate', position: '02_b', applied: 2, pending: [] })),
  );
  await storeSummary(db.pool, { planId, fleet, frozen: false } as PlanSummary, true);
  return { fleet, planId, r: (n: number) => `r-${serial}-${n}` };
}

it('rebuilds rollouts with their tenants, who asked, when, how they came out and how far they went', async () => {
  const { fleet, planId, r } = await setup();
  const first = new Date(Date.now() - 9 * HOUR);
  await rebuildRollouts(db.pool, fleet, planId, 'h1', [
    trace('t1', r(1), { firstAt: first, newest: '01_a', actor: 'ana' }),
    trace('t2', r(1), { newest: '02_b' }),
    trace('t1', r(2), { state: 'rolledBack' }),
    trace('t1', r(3)),
    trace('t2', r(3), { state: 'rolledBack' }),
  ]);
  expect(await concludeRebuilt(db.pool, fleet)).toEqual({ rollouts: 3, tenants: 5 });
  const rollouts = await rolloutsPage(db.pool, fleet, undefined, 10);
  expect(rollouts.map(({ id, state, actor, rebuiltTo }) => [id, state, actor, rebuiltTo])).toEqual([
    [r(3), 'completedWithFailures', 'bo', '02_b'],
    [r(2), 'rolledBack', 'bo', '02_b'],
    [r(1), 'succeeded', 'ana', '02_b'],
  ]);
  expect(rollouts[2]!.startedAt).toEqual(first);
  expect(rollouts[2]!.finishedAt!.getTime()).toBeGreaterThan(first.getTime());
  expect(await countStates(db.pool, r(3))).toEqual({ applied: 1, rolledBack: 1 });
  expect(await findTenants(db.pool, r(1), {})).toMatchObject([
    { id: 't1', host: 'h1', wave: null, state: 'applied' },
    { id: 't2', state: 'applied' },
  ]);
});

it('lets a fleet be as ready as its tenants stand, whatever the rebuilt rollouts brought', async () => {
  const { fleet, planId, r } = await setup();
  await rebuildRollouts(db.pool, fleet, planId, 'h1', [trace('t1', r(1), { newest: '01_a' }), trace('t2', r(1), { state: 'rolledBack' })]);
  expect(await notReady(db.pool, fleet, '02_b', undefined, 5)).toEqual({ known: 3, missing: 0, sample: [] });
  expect((await notReady(db.pool, fleet, '03_c', undefined, 5)).missing).toBe(3);
});

it('rebuilds the same again, and adds a host that did not answer the first time', async () => {
  const { fleet, planId, r } = await setup();
  for (let n = 0; n < 2; n++) await rebuildRollouts(db.pool, fleet, planId, 'h1', [trace('t1', r(1))]);
  const early = new Date(Date.now() - 50 * HOUR);
  await rebuildRollouts(db.pool, fleet, planId, 'h2', [trace('t2', r(1), { firstAt: early, newest: '03_c' })]);
  expect(await concludeRebuilt(db.pool, fleet)).toEqual({ rollouts: 1, tenants: 2 });
  expect(await rolloutById(db.pool, fleet, r(1))).toMatchObject({ startedAt: early, rebuiltTo: '03_c', state: 'succeeded' });
});

it('takes traces of one rollout from several workers at once', async () => {
  const tenants = Array.from({ length: 400 }, (_, n) => `t${n}`);
  const { fleet, planId, r } = await setup(tenants);
  const shares = Array.from({ length: 8 }, (_, n) => tenants.filter((_, at) => at % 8 === n));
  await Promise.all(
    shares.map((share) =>
      rebuildRollouts(
        db.pool,
        fleet,
        planId,
        'h1',
        share.flatMap((tenant) => [trace(tenant, r(1)), trace(tenant, r(2))]),
      ),
    ),
  );
  expect(await concludeRebuilt(db.pool, fleet)).toEqual({ rollouts: 2, tenants: 800 });
});

it('leaves a rollout as it is that was kept while it ran: its state, its failures, and tenants that it does not hold', async () => {
  const { fleet, planId, r } = await setup();
  await openRollout(db.pool, { rolloutId: r(1), fleet, planId, requestId: 'ci-1', actor: 'ana', reason: 'release' });
  await openTenants(db.pool, r(1), planId);
  await markTenants(db.pool, r(1), ['t1'], 'parked', 'FLT_SQL_ERROR', 't1: no');
  const before = [await rolloutById(db.pool, fleet, r(1)), await findTenants(db.pool, r(1), {})];
  await rebuildRollouts(db.pool, fleet, planId, 'h1', [trace('t1', r(1)), trace('elsewhere', r(1))]);
  expect(await concludeRebuilt(db.pool, fleet)).toEqual({ rollouts: 0, tenants: 0 });
  expect([await rolloutById(db.pool, fleet, r(1)), await findTenants(db.pool, r(1), {})]).toEqual(before);
});

it('does not overwrite what was said of a tenant of a rebuilt rollout since', async () => {
  const { fleet, planId, r } = await setup();
  await rebuildRollouts(db.pool, fleet, planId, 'h1', [trace('t1', r(1)), trace('t2', r(1))]);
  await markTenants(db.pool, r(1), ['t1'], 'parked', 'FLT_SQL_ERROR', 't1: no');
  await rebuildRollouts(db.pool, fleet, planId, 'h1', [trace('t1', r(1)), trace('t2', r(1), { state: 'rolledBack' })]);
  expect((await findTenants(db.pool, r(1), {})).map(({ id, state }) => [id, state])).toEqual([
    ['t1', 'parked'],
    ['t2', 'rolledBack'],
  ]);
});

it('keeps the scan that a rebuilt rollout goes by, and forgets others of its age', async () => {
  const { fleet, planId, r } = await setup();
  await rebuildRollouts(db.pool, fleet, planId, 'h1', [trace('t1', r(1))]);
  const other = `${planId}-other`;
  await openPlan(db.pool, { planId: other, fleet });
  await openPlan(db.pool, { planId: `${planId}-whole`, fleet });
  await storeSummary(db.pool, { planId: `${planId}-whole`, fleet, frozen: false } as PlanSummary, true);
  await query(db.url, `update flotilla.plan set created_at = now() - interval '2 hours' where fleet = $1`, [fleet]);
  await forgetOldScans(db.pool, fleet);
  const left = await query<{ id: string }>(db.url, 'select id from flotilla.plan where fleet = $1 order by id', [fleet]);
  expect(left.map((row) => row.id)).toEqual([planId, `${planId}-whole`]);
});
