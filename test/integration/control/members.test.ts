/** Tenants that change their wave while a rollout runs: substitutes of canaries, and those that a sweep takes up. */

import { expect, it } from 'vitest';
import { substituteFor, substitutesWaiting, takeIntoWave } from '../../../src/control/canary-substitutes.js';
import { placeTenants, type ScannedTenant, stageTenants, storeScan, wavePage } from '../../../src/control/plan-tenants.js';
import { openPlan } from '../../../src/control/plans.js';
import {
  cancelLeftovers,
  countStates,
  findTenants,
  markTenants,
  openTenants,
  recordOutcomes,
} from '../../../src/control/rollout-tenants.js';
import { openRollout } from '../../../src/control/rollouts.js';
import { countOutside, sweepIn, sweptInto } from '../../../src/control/sweeps.js';
import type { TenantRef } from '../../../src/domain/tenant.js';
import { controlDatabase } from '../../support/control-database.js';

const db = controlDatabase('members');
let serial = 0;

type Staged = Partial<TenantRef> & Partial<ScannedTenant> & { readonly wave?: number; readonly ordinal?: number };

/** Stages and scans tenants under a plan of their own. */
async function scan(planId: string, fleet: string, tenants: Readonly<Record<string, Staged>>): Promise<void> {
  const ids = Object.keys(tenants);
  await openPlan(db.pool, { planId, fleet });
  await stageTenants(
    db.pool,
    planId,
    'eu',
    ids.map((id) => ({ id, host: 'h1', ...pick(tenants[id]!, ['host', 'labels', 'lifecycle', 'schema']) })),
  );
  await storeScan(
    db.pool,
    planId,
    ids.map((id) => ({
      id,
      state: 'pending',
      applied: 1,
      pending: ['m2'],
      ...pick(tenants[id]!, ['state', 'reason', 'position', 'pending']),
    })),
  );
  const placed = ids.filter((id) => tenants[id]!.wave !== undefined);
  await placeTenants(
    db.pool,
    planId,
    placed.map((id) => ({ id, group: tenants[id]!.wave!, ordinal: tenants[id]!.ordinal! })),
  );
}
const pick = <T extends object, K extends keyof T>(of: T, keys: readonly K[]): Partial<Pick<T, K>> =>
  Object.fromEntries(keys.flatMap((key) => (of[key] === undefined ? [] : [[key, of[key]]]))) as Partial<Pick<T, K>>;

async function setup(tenants: Readonly<Record<string, Staged>>) {
  const n = ++serial;
  const [fleet, planId, rolloutId, scanId] = [`fleet-${n}`, `p-${n}`, `r-${n}`, `p-${n}-sweep-1`];
  await scan(planId, fleet, tenants);
  await openRollout(db.pool, { rolloutId, fleet, planId, requestId: rolloutId, actor: 'ana' });
  await openTenants(db.pool, rolloutId, planId);
  const page = async (wave: number, host: string, from: number, limit: number) =>
    (await wavePage(db.pool, planId, wave, host, from, limit)).map(({ id }) => id);
  const substitute = (canary: string, taken: readonly string[] = []) => substituteFor(db.pool, planId, rolloutId, canary, taken);
  const rows = async () =>
    Object.fromEntries(
      (await findTenants(db.pool, rolloutId, {})).map(({ id, wave, state, code, message }) => [id, [wave, state, code ?? message]]),
    );
  const sweep = async (now: Readonly<Record<string, Staged>>, more: Partial<Parameters<typeof sweepIn>[1]> = {}) => {
    await scan(scanId, fleet, now);
    await sweepIn(db.pool, { planId, rolloutId, scanId, wave: 2, held: [], excluded: [], migrations: ['m1', 'm2'], ...more });
    return sweptInto(db.pool, planId, rolloutId, more.wave ?? 2);
  };
  return { planId, rolloutId, page, substitute, rows, sweep };
}

const gold = { labels: { plan: 'gold' } };

it('[S15] finds the likest untouched tenant of the same host in a later wave: history first, then labels', async () => {
  const { substitute, rolloutId } = await setup({
    c1: { wave: 0, ordinal: 0, position: 'm1', ...gold },
    other: { wave: 1, ordinal: 0, position: 'm1', labels: { plan: 'free' } },
    like: { wave: 1, ordinal: 1, position: 'm1', labels: { plan: 'gold', region: 'x' } },
    same: { wave: 1, ordinal: 2, position: 'm1', ...gold },
    ahead: { wave: 1, ordinal: 3, position: 'm0', ...gold },
    far: { wave: 1, ordinal: 0, host: 'h2', position: 'm1', ...gold },
  });
  const order: string[] = [];
  for (let next = await substitute('c1'); next; next = await substitute('c1', order)) order.push(next.id);
  expect(order).toEqual(['same', 'like', 'other', 'ahead']);
  await markTenants(db.pool, rolloutId, ['same'], 'skipped');
  expect((await substitute('c1'))?.id).toBe('like');
});

it('[S15] moves substitutes behind the canaries of their host, once, and leaves a gap where they were', async () => {
  const { planId, rolloutId, page, rows } = await setup({
    c1: { wave: 0, ordinal: 0 },
    c2: { wave: 0, ordinal: 0, host: 'h2' },
    ...Object.fromEntries([0, 1, 2, 3].map((n) => [`t${n}`, { wave: 1, ordinal: n }])),
    u0: { wave: 1, ordinal: 0, host: 'h2' },
  });
  await takeIntoWave(db.pool, planId, rolloutId, 0, [
    { id: 't2', host: 'h1', wave: 1 },
    { id: 'u0', host: 'h2', wave: 1 },
    { id: 't1', host: 'h1', wave: 1 },
  ]);
  expect(await page(0, 'h1', 0, 10)).toEqual(['c1', 't2', 't1']);
  expect(await page(0, 'h1', 1, 2)).toEqual(['t2', 't1']);
  expect(await page(0, 'h2', 0, 10)).toEqual(['c2', 'u0']);
  expect(await page(1, 'h1', 0, 2), 'pages go by ordinal, so that nobody is loaded twice').toEqual(['t0']);
  expect(await page(1, 'h1', 2, 2)).toEqual(['t3']);
  expect(await substitutesWaiting(db.pool, rolloutId, 0)).toEqual([
    { id: 't1', host: 'h1', wave: 1 },
    { id: 't2', host: 'h1', wave: 1 },
    { id: 'u0', host: 'h2', wave: 1 },
  ]);
  await recordOutcomes(db.pool, rolloutId, 0, 'h1', [{ id: 't1', state: 'upToDate' }]);
  expect((await substitutesWaiting(db.pool, rolloutId, 0)).map(({ id }) => id)).toEqual(['t2', 'u0']);
  expect((await rows()).t2).toEqual([0, 'pending', null]);
});

it('[S19] sweeps up who came, moved, woke up or was let go, and nobody whom the rollout or a person has settled', async () => {
  const { rolloutId, sweep, page, rows } = await setup({
    done: { wave: 1, ordinal: 0 },
    failed: { wave: 1, ordinal: 1 },
    skipped: { wave: 1, ordinal: 2 },
    gone: { wave: 1, ordinal: 3 },
    pinned: { wave: 1, ordinal: 4 },
    slept: { wave: 1, ordinal: 5 },
    asleep: { state: 'skipped', reason: 'lifecycle: suspended', lifecycle: 'suspended' },
    excluded: { state: 'skipped', reason: 'excluded by the strategy' },
    fine: { state: 'upToDate', pending: [] },
  });
  await recordOutcomes(db.pool, rolloutId, 1, 'h1', [
    { id: 'done', state: 'applied' },
    { id: 'failed', state: 'failed', code: 'FLT_SQL_ERROR' },
    { id: 'gone', state: 'gone', code: 'FLT_TENANT_GONE' },
    { id: 'slept', state: 'skipped', code: 'FLT_TENANT_INACTIVE' },
  ]);
  await markTenants(db.pool, rolloutId, ['skipped'], 'skipped', undefined, 'skipped by an operator');
  await markTenants(db.pool, rolloutId, ['pinned'], 'blocked', 'FLT_PINNED', 'pinned');
  const members = await sweep({
    done: {},
    failed: {},
    skipped: {},
    gone: { host: 'h2', schema: 'elsewhere' },
    pinned: {},
    slept: {},
    asleep: {},
    excluded: {},
    fine: {},
    born: { host: 'h2' },
  });
  expect(members).toEqual([
    { id: 'asleep', host: 'h1', cell: 'eu', before: null },
    { id: 'born', host: 'h2', cell: 'eu', before: null },
    { id: 'fine', host: 'h1', cell: 'eu', before: null },
    { id: 'gone', host: 'h2', cell: 'eu', before: 1 },
    { id: 'pinned', host: 'h1', cell: 'eu', before: 1 },
    { id: 'slept', host: 'h1', cell: 'eu', before: 1 },
  ]);
  expect([await page(2, 'h1', 0, 10), await page(2, 'h2', 0, 10), await page(1, 'h1', 0, 10)]).toEqual([
    ['asleep', 'fine', 'pinned', 'slept'],
    ['born', 'gone'],
    ['done', 'failed', 'skipped'],
  ]);
  expect(await rows()).toMatchObject({
    gone: [2, 'pending', null],
    failed: [1, 'failed', 'FLT_SQL_ERROR'],
    excluded: [null, 'skipped', 'excluded by the strategy'],
  });
});

it('[S19] puts on record who came and does not follow, each with the reason', async () => {
  const { rolloutId, sweep, rows } = await setup({ done: { wave: 1, ordinal: 0 } });
  const members = await sweep(
    {
      done: { state: 'upToDate', pending: [] },
      new: { state: 'upToDate', pending: [], position: 'm2' },
      asleep: { state: 'skipped', reason: 'lifecycle: provisioning', pending: [] },
      silent: { state: 'blocked', reason: 'FLT_HOST_UNAVAILABLE', pending: [] },
      old: { pending: ['m0', 'm1', 'm2'] },
      unread: { pending: [] },
      pinned: {},
      unclear: {},
      excluded: {},
    },
    {
      held: [
        { id: 'pinned', code: 'FLT_PINNED' },
        { id: 'unclear', code: 'FLT_UNRESOLVED_FAILURE' },
      ],
      excluded: ['excluded'],
    },
  );
  expect(members).toEqual([]);
  expect(await rows()).toEqual({
    done: [1, 'pending', null],
    new: [null, 'upToDate', null],
    asleep: [null, 'skipped', 'FLT_TENANT_INACTIVE'],
    silent: [null, 'blocked', 'FLT_HOST_UNAVAILABLE'],
    old: [null, 'skipped', 'lacks older migrations than this rollout has'],
    pinned: [null, 'blocked', 'FLT_PINNED'],
    unclear: [null, 'blocked', 'FLT_UNRESOLVED_FAILURE'],
    excluded: [null, 'skipped', 'excluded by the strategy'],
  });
  expect(await countOutside(db.pool, rolloutId)).toEqual({ upToDate: 1, skipped: 3, blocked: 3 });
});

it('changes nothing when a sweep is frozen a second time', async () => {
  const { planId, rolloutId, sweep, rows } = await setup({ done: { wave: 1, ordinal: 0 } });
  const first = await sweep({ born: {}, new: { state: 'upToDate', pending: [] } });
  const before = await rows();
  await sweepIn(db.pool, { planId, rolloutId, scanId: `${planId}-sweep-1`, wave: 2, held: [], excluded: [], migrations: ['m1', 'm2'] });
  expect([await sweptInto(db.pool, planId, rolloutId, 2), await rows()]).toEqual([first, before]);
});

it('names the code of a tenant that the plan holds back, and keeps it when the rollout ends', async () => {
  const { rolloutId, rows } = await setup({
    t1: { wave: 1, ordinal: 0 },
    pinned: { state: 'blocked', reason: 'FLT_PINNED' },
  });
  await cancelLeftovers(db.pool, rolloutId);
  expect(await rows()).toEqual({ t1: [1, 'cancelled', null], pinned: [null, 'blocked', 'FLT_PINNED'] });
  expect(await countStates(db.pool, rolloutId)).toEqual({ cancelled: 1, blocked: 1 });
});
