import { expect, it } from 'vitest';
import { standings } from '../../../src/control/phases.js';
import { type ScannedTenant, stageTenants, storeScan } from '../../../src/control/plan-tenants.js';
import { openPlan } from '../../../src/control/plans.js';
import { controlDatabase } from '../../support/control-database.js';

const db = controlDatabase('phases');
let serial = 0;
const ask = async (sql: string, values: unknown[]) => void (await db.pool.query(sql, values));

/** A fleet with migrations m1 (the expand) and m2 (the contract). */
function setup() {
  const fleet = `f${++serial}`;
  let id = 0;
  /** @param has by tenant: what it has applied; undefined: nothing */
  async function plan(
    has: Readonly<Record<string, 'm1' | 'm2' | undefined>>,
    { whole = true, stored = true, lifecycle = {} as Record<string, string> } = {},
  ) {
    const planId = `p-${fleet}-${++id}`;
    await openPlan(db.pool, { planId, fleet });
    const ids = Object.keys(has);
    await stageTenants(
      db.pool,
      planId,
      'eu',
      ids.map((tenant) => ({ id: tenant, host: 'h1', lifecycle: (lifecycle[tenant] ?? 'active') as 'active' })),
    );
    const found = ids.map((tenant): ScannedTenant => {
      const at = has[tenant];
      const pending = ['m1', 'm2'].filter((m) => at === undefined || m > at);
      return {
        id: tenant,
        state: pending.length ? 'pending' : 'upToDate',
        applied: 2 - pending.length,
        pending,
        ...(at ? { position: at } : {}),
      };
    });
    await storeScan(db.pool, planId, found);
    if (stored) await ask(`update plan set whole = $2, summary = '{"migrations": []}' where id = $1`, [planId, whole]);
    return planId;
  }
  /** A rollout of a plan that carries the migrations; it ended `minutes` after the epoch, or is open. */
  async function rollout(
    planId: string,
    migrations: readonly string[],
    minutes: number | null,
    { state = 'succeeded', rollbackOf = '' } = {},
  ) {
    const rolloutId = `r-${fleet}-${++id}`;
    const summary = { migrations: migrations.map((name) => ({ name })), ...(rollbackOf ? { rollbackOf: { rolloutId: rollbackOf } } : {}) };
    await ask('update plan set summary = $2 where id = $1', [planId, JSON.stringify(summary)]);
    await ask(
      `insert into rollout (id, fleet, plan_id, request_id, actor, state, finished_at) values ($1, $2, $3, $1, 'ana', $4, to_timestamp($5))`,
      [rolloutId, fleet, planId, minutes === null ? 'running' : state, minutes === null ? null : minutes * 60],
    );
    return rolloutId;
  }
  const look = async (migration = 'm1', more: { planId?: string; whole?: boolean } = {}) =>
    (await standings(db.pool, { fleet, ...more }, ['m1', 'm2'])).get(migration)!;
  return { fleet, plan, rollout, look };
}

it('[Z-gap] counts active tenants by what the plan in hand found, and the others by the newest plan of the whole fleet', async () => {
  const { plan, look } = setup();
  expect(await look()).toMatchObject({ has: 0, lacks: 0 });
  await plan({ a: 'm1', b: undefined, c: 'm1', asleep: undefined }, { lifecycle: { asleep: 'suspended' } });
  expect(await look()).toMatchObject({ has: 2, lacks: 1, inUse: 0, sample: ['b'] });
  const now = { planId: await plan({ b: 'm1' }, { whole: false, stored: false }) };
  expect(await look('m1', now)).toMatchObject({ has: 3, lacks: 0 });
  expect(await look('m2', now)).toMatchObject({ has: 0, lacks: 3, inUse: 3 });
  const whole = { planId: await plan({ a: undefined }, { stored: false }), whole: true };
  expect(await look('m1', whole), 'who is not in it is gone').toMatchObject({ has: 0, lacks: 1 });
});

it('[Z-gap] what a rollout did since counts, and a tenant that is gone does not', async () => {
  const { plan, rollout, look } = setup();
  const first = await plan({ a: undefined, b: undefined, c: undefined });
  const id = await rollout(first, ['m1'], 1);
  for (const [tenant, state, ready] of [
    ['a', 'applied', 'm1'],
    ['b', 'failed', null],
    ['c', 'gone', null],
  ])
    await ask(`insert into rollout_tenant (rollout_id, tenant_id, host, state, ready) values ($1, $2, 'h1', $3, $4)`, [
      id,
      tenant,
      state,
      ready,
    ]);
  expect(await look()).toMatchObject({ has: 1, lacks: 1, sample: ['b'], left: 1 });
});

it('[Z-gap] tells those who were there when it was rolled out from those born later, who start no bake time anew', async () => {
  const { plan, rollout, look } = setup();
  await rollout(await plan({ a: undefined }, { whole: false }), ['m1'], 1);
  expect(await look(), 'a part of the fleet is not the fleet').toMatchObject({ rolledOut: false, endedAtMs: 60_000 });
  await rollout(await plan({ a: 'm1', b: undefined }), ['m1'], 2, { state: 'completedWithFailures' });
  await rollout(await plan({ a: 'm1', b: 'm1', born: undefined }), ['m1'], 3);
  await plan({ a: 'm1', b: 'm1', born: 'm1', late: undefined });
  expect(await look()).toMatchObject({ rolledOut: true, lacks: 1, left: 0, sample: ['late'], endedAtMs: 120_000 });
  await rollout(await plan({ a: 'm1', b: undefined, late: undefined }), ['m1'], 4);
  await plan({ a: 'm1', b: undefined, late: undefined });
  expect(await look(), 'b was there').toMatchObject({ lacks: 2, left: 1, sample: ['b', 'late'], endedAtMs: 240_000 });
});

it('[Z-gap] neither a rollout that took itself back nor one that was taken back counts; an open one is named', async () => {
  const { fleet, plan, rollout, look } = setup();
  await rollout(await plan({ a: undefined }), ['m1'], 1, { state: 'rolledBack' });
  expect(await look()).toMatchObject({ rolledOut: false, succeeded: false });
  const open = await rollout(await plan({ a: undefined }), ['m1'], null);
  expect(await look()).toMatchObject({ rolledOut: false, open });
  await ask(`update rollout set finished_at = now(), state = 'succeeded' where id = $1`, [open]);
  expect(await look()).toMatchObject({ rolledOut: true, succeeded: true });
  expect((await look()).open).toBeUndefined();
  await rollout(await plan({ a: 'm1' }), ['m1'], 9, { rollbackOf: open });
  expect(await look()).toMatchObject({ succeeded: false });
  expect(await standings(db.pool, { fleet: `${fleet}x` }, ['m1'])).toMatchObject(new Map([['m1', { has: 0, rolledOut: false }]]));
});

it('[Z-gap] of rollouts that were rebuilt from ledgers only the time is known', async () => {
  const { fleet, plan, look } = setup();
  const planId = await plan({ a: 'm1' });
  await ask(
    `insert into rollout (id, fleet, plan_id, request_id, actor, state, finished_at, rebuilt_to) values ($1, $2, $3, $1, 'ana', 'succeeded', to_timestamp(60), 'm1')`,
    [`r-${fleet}`, fleet, planId],
  );
  expect(await look()).toMatchObject({ rolledOut: false, endedAtMs: 60_000 });
  expect((await look('m2')).endedAtMs).toBeUndefined();
});

it('[Z-gap] knows where 10,000 tenants stand with ten changes within a few seconds', { timeout: 60_000 }, async () => {
  const { fleet, plan, rollout } = setup();
  const tenants = Array.from({ length: 10_000 }, (_, n) => [`t${n}`, n % 3 === 0 ? undefined : 'm1'] as const);
  await rollout(await plan(Object.fromEntries(tenants)), ['m1'], 1);
  const planId = await plan(Object.fromEntries(tenants), { stored: false });
  const began = performance.now();
  const found = await standings(db.pool, { fleet, planId, whole: true }, ['m1', 'm2', ...Array.from({ length: 38 }, (_, n) => `m1_${n}`)]);
  expect(performance.now() - began).toBeLessThan(10_000);
  expect(found.get('m1')).toMatchObject({ has: 6_666, lacks: 3_334, left: 3_334 });
});
