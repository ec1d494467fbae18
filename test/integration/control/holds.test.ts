import { expect, it } from 'vitest';
import { dropPins, freezeOf, liftFreeze, pinsOf, pinsWithin, setFreeze, setPins, strangers } from '../../../src/control/holds.js';
import { stageTenants, storeScan } from '../../../src/control/plan-tenants.js';
import { openPlan } from '../../../src/control/plans.js';
import { controlDatabase } from '../../support/control-database.js';

const db = controlDatabase('holds');
let serial = 0;
const fleetName = () => `fleet-${++serial}`;
const by = (reason: string, more: object = {}) => ({ actor: 'ana', reason, sinceMs: Date.now(), ...more });

it('keeps one freeze of a fleet: the latest, until it is lifted', async () => {
  const fleet = fleetName();
  expect(await freezeOf(db.pool, fleet)).toBeUndefined();
  await setFreeze(db.pool, fleet, by('first'));
  const second = by('second', { untilMs: Date.now() + 60_000 });
  await setFreeze(db.pool, fleet, second);
  expect(await freezeOf(db.pool, fleet)).toEqual(second);
  expect(await freezeOf(db.pool, fleetName())).toBeUndefined();
  expect([await liftFreeze(db.pool, fleet), await liftFreeze(db.pool, fleet)]).toEqual([true, false]);
  expect(await freezeOf(db.pool, fleet)).toBeUndefined();
});

it('knows nothing any more of a freeze and of pins whose end has come', async () => {
  const fleet = fleetName();
  await setFreeze(db.pool, fleet, by('x', { untilMs: Date.now() - 1 }));
  await setPins(db.pool, fleet, ['t1'], by('x', { untilMs: Date.now() - 1 }));
  await setPins(db.pool, fleet, ['t2'], by('x', { untilMs: Date.now() + 60_000 }));
  expect(await freezeOf(db.pool, fleet)).toBeUndefined();
  expect((await pinsOf(db.pool, fleet)).map(({ tenant }) => tenant)).toEqual(['t2']);
});

it('pins tenants of one fleet, each by its latest reason, and says whom it let go', async () => {
  const fleet = fleetName();
  await setPins(db.pool, fleet, ['t2', 't1'], by('first'));
  await setPins(db.pool, fleet, ['t2'], { actor: 'bo', reason: 'second' });
  await setPins(db.pool, fleetName(), ['t3'], by('another fleet'));
  expect((await pinsOf(db.pool, fleet)).map(({ tenant, actor, reason }) => [tenant, actor, reason])).toEqual([
    ['t1', 'ana', 'first'],
    ['t2', 'bo', 'second'],
  ]);
  expect(await dropPins(db.pool, fleet, ['t2', 't3'])).toEqual(['t2']);
  expect((await pinsOf(db.pool, fleet)).map(({ tenant }) => tenant)).toEqual(['t1']);
});

it('tells which pins concern a plan, and which names nobody has ever held', async () => {
  const fleet = fleetName();
  const planId = `p-${fleet}`;
  await openPlan(db.pool, { planId, fleet });
  const ids = ['t1', 't2', 't3'];
  await stageTenants(
    db.pool,
    planId,
    'eu',
    ids.map((id) => ({ id, host: 'h1' })),
  );
  await storeScan(db.pool, planId, [
    { id: 't1', state: 'pending', applied: 0, pending: ['m1'] },
    { id: 't2', state: 'upToDate', applied: 1, pending: [] },
    { id: 't3', state: 'pending', applied: 0, pending: ['m1'] },
  ]);
  const untilMs = Date.now() + 60_000;
  await setPins(db.pool, fleet, ['t1', 't2', 'elsewhere'], by('x', { untilMs }));
  expect(await pinsWithin(db.pool, fleet, planId)).toEqual([{ tenant: 't1', untilMs }]);
  expect(await strangers(db.pool, fleet, ['t3', 'nobody', 't1'])).toEqual(['nobody']);
  expect(await strangers(db.pool, fleetName(), ['t1'])).toEqual(['t1']);
});
