/** Leaving out, on real tenants: what is on record is what the rollout counts. */

import { expect, it } from 'vitest';
import { waitsAtGate } from '../support/migration-sources.js';
import { ask, steeredFleet, strategy } from '../support/steered-fleet.js';

it('[S34] a wave that is left out, in the middle or before its turn, leaves its untouched tenants skipped, also on record', async () => {
  const fleet = await steeredFleet({
    hosts: { h1: { schemas: ['t01', 't02', 't03', 't04', 't05', 't06'] } },
    migrations: { '20260101000000_gated.js': waitsAtGate },
    config: strategy(`canary: false, maxConcurrency: 1, bakeTime: '0s', waves: [{ name: 'one', size: 3 }, { name: 'two' }]`),
  });
  await fleet.directory('create table public.gate (open boolean); insert into public.gate values (false)');
  await fleet.client.start();
  await fleet.until((at) => at.waves[0]?.inFlight === 1, 'its first tenant is in hand');
  await fleet.client.skip({ ...ask('not now'), wave: 'two' });
  await fleet.client.skip({ ...ask('enough'), wave: 'one' });
  await fleet.directory('update public.gate set open = true');
  const end = await fleet.ended();
  expect(end.totals).toMatchObject({ applied: 1, skipped: 5, cancelled: 0 });
  expect(Object.values(await fleet.states()).sort()).toEqual(['applied', 'skipped', 'skipped', 'skipped', 'skipped', 'skipped']);
});
