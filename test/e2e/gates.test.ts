/** Gates, for real: a number in a table of the host, an address that goes away, a person who pauses and resumes. */

import { afterEach, expect, it } from 'vitest';
import { createFleet, type FleetFixture, query, sixTenants } from '../support/fleet.js';
import { createNotes } from '../support/migration-sources.js';
import { type RolloutAt, reason, rolloutOf } from '../support/rollout.js';
import { startWeb } from '../support/web.js';

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

/** Two tenants, then the rest; the host's gate reads `public.load`. */
async function setup({ bakeTime = '2s', gates = '', gate = '', rules = '', config = '' }): Promise<FleetFixture> {
  const fleet = await createFleet({
    migrations: { '20260101000000_notes.js': createNotes },
    config: `${config} strategy: 's', strategies: { s: {
      canary: false,
      waves: [{ name: 'first', selector: { names: ['t01', 't02'] }, bakeTime: '${bakeTime}' }, { name: 'rest' }],
      ${rules}
      gates: [
        { type: 'sql', name: 'load', query: 'select n from public.load', throttle: 5, abort: 50, interval: '100ms', failureLimit: 1, errorLimit: 1, holdLimit: '2s', ${gate} },
        ${gates}
      ],
    } },`,
  });
  open.push(() => fleet.close());
  await query(fleet.hostUrls.h1!, 'create table public.load (n float8); insert into public.load values (0)');
  await fleet.worker();
  return fleet;
}
const load = (fleet: FleetFixture, n: number | null) => fleet.rows('h1', 'update public.load set n = $1', [n]);
const migrated = async (fleet: FleetFixture) =>
  (await fleet.rows<{ at: string }>('h1', `select schemaname as at from pg_tables where tablename = 'notes' order by 1`)).map(
    ({ at }) => at,
  );
async function started(fleet: FleetFixture): Promise<RolloutAt> {
  const { code, stdout } = await fleet.cli(['start', '--yes', '--json']);
  expect(code, stdout).toBe(0);
  const rollout = await rolloutOf(fleet);
  open.push(() => rollout.close());
  return rollout;
}

it('[S06] paused while it bakes: gates are looked at on and on, the next wave does not begin, and a gate that fails halts it', async () => {
  const fleet = await setup({});
  const rollout = await started(fleet);
  const baking = await rollout.seen((it) => it.state === 'baking' && reason(it, 'bake')?.untilMs !== undefined, 'it bakes');
  await rollout.send('pause', { reason: 'lunch' });
  const bakedAt = reason(baking, 'bake')!.untilMs!;
  const paused = await rollout.seen((it) => Date.now() > bakedAt && it.state === 'paused', 'paused, and its bake time over');
  expect(reason(paused, 'operator', 'lunch')).toBeDefined();
  expect(await migrated(fleet)).toEqual(['t01', 't02']);

  await load(fleet, 99);
  const halted = await rollout.seen((it) => it.state === 'halted', 'halted');
  expect(reason(halted, 'gate', 'load on h1: 99 is above 50')).toBeDefined();
  expect(await migrated(fleet)).toEqual(['t01', 't02']);
});

it('[S06] what onGateFail says follows at once, also when the gate fails while it is paused and the bake time is over', async () => {
  const fleet = await setup({ bakeTime: '1s', rules: `onGateFail: 'rollbackWave',` });
  const rollout = await started(fleet);
  const baking = await rollout.seen((it) => reason(it, 'bake')?.untilMs !== undefined, 'it bakes');
  await rollout.send('pause');
  await rollout.seen((it) => Date.now() > reason(baking, 'bake')!.untilMs! && it.state === 'paused', 'paused, and its bake time over');
  await load(fleet, 99);
  await rollout.seen((it) => it.state === 'rolledBack' && it.totals.rolledBack === 2, 'rolled back');
  expect(await migrated(fleet)).toEqual([]);
});

it('[S08] resumed after a gate that says nothing: what it says is acknowledged, and nothing pauses for it again', async () => {
  const fleet = await setup({});
  const rollout = await started(fleet);
  await rollout.seen((it) => it.state === 'baking', 'it bakes');
  await load(fleet, null);
  const paused = await rollout.seen((it) => it.state === 'paused', 'paused');
  expect(reason(paused, 'gate', 'load on h1: it answers null')).toBeDefined();
  await rollout.send('resume');
  const ended = await fleet.cli(['wait', '--json']);
  expect(ended.code, ended.stdout).toBe(0);
  expect(await migrated(fleet)).toEqual(sixTenants);
  const trail = (await fleet.cli(['audit', '--json'])).json.events.map(({ verb }: { verb: string }) => verb);
  expect(trail.filter((verb: string) => verb === 'resume')).toHaveLength(1);
});

it('[S13] a gate that flaps around its limit is not believed when it is calm for a moment; held up for too long it halts the rollout', async () => {
  const web = await startWeb();
  web.answers(() => ({ body: { rate: web.asked.length % 2 === 0 ? 6 : 0 } })); // the plan's look is the first
  const fleet = await setup({
    gates: `{ type: 'http', name: 'errors', url: '${web.url}', field: 'rate', throttle: 5, interval: '100ms', holdLimit: '2s', phase: ['pre'] },`,
  });
  const rollout = await started(fleet);
  const slow = await rollout.seen((it) => reason(it, 'gate', 'errors: 6 is above 5') !== undefined, 'held up');
  expect(slow.state).toBe('running');
  expect(slow.totals.applied).toBe(0);
  const halted = await rollout.seen((it) => it.state === 'halted', 'halted');
  expect(reason(halted, 'gate')!.text).toMatch(/errors: 6 is above 5, now and again for \d+ seconds?/);
  expect(await migrated(fleet)).toEqual([]);

  web.answers({ body: { rate: 0 } });
  await rollout.send('resume');
  const ended = await fleet.cli(['wait', '--json']);
  expect(ended.code, ended.stdout).toBe(0);
  expect(await migrated(fleet)).toEqual(sixTenants);
});

it('[S14] a gate whose backend is down pauses it after the looks that are borne, and the bake time stands still meanwhile', async () => {
  const web = await startWeb({ body: { rate: 0 } });
  const receiver = await startWeb({ status: 204 });
  const errors = `{ type: 'http', name: 'errors', url: '${web.url}', field: 'rate', abort: 5, interval: '100ms', errorLimit: 2 },`;
  const fleet = await setup({ bakeTime: '3s', gates: errors, config: `notify: [{ url: '${receiver.url}' }],` });
  const rollout = await started(fleet);
  const baking = await rollout.seen((it) => reason(it, 'bake')?.untilMs !== undefined, 'it bakes');
  await web.close();
  const paused = await rollout.seen((it) => it.state === 'paused', 'paused');
  expect(reason(paused, 'gate', 'errors: it does not answer (ECONNREFUSED)')).toBeDefined();
  expect(reason(paused, 'bake', 'stands still')).toBeDefined();
  const stoodAt = Date.now();
  const wouldEnd = reason(baking, 'bake')!.untilMs!;
  const still = await rollout.seen(() => Date.now() > wouldEnd, 'the time at which it would have been over');
  expect(still.state).toBe('paused');
  expect(await migrated(fleet)).toEqual(['t01', 't02']);

  const stoodFor = Date.now() - stoodAt;
  await rollout.send('resume');
  const goesOn = await rollout.seen((it) => reason(it, 'bake')?.untilMs !== undefined, 'the bake time runs again');
  expect(reason(goesOn, 'bake')!.untilMs! - wouldEnd).toBeGreaterThanOrEqual(stoodFor);
  expect((await fleet.cli(['wait', '--json'])).code).toBe(0);
  expect(await migrated(fleet)).toEqual(sixTenants);
  expect(receiver.asked.map(({ body }) => JSON.parse(body).kind)).toEqual(['paused', 'finished']);
});

it('turns off what cannot be read when the plan is made, says so in the plan, and goes on without it', async () => {
  const web = await startWeb();
  await web.close();
  const fleet = await setup({
    bakeTime: '0s',
    gates: `{ type: 'sql', name: 'jobs', query: 'select count(*) from public.no_such_table' }, { type: 'http', name: 'status', url: '${web.url}', field: 'x' },`,
  });
  const { json } = await fleet.cli(['plan', '--json']);
  const why = 'it fails: relation "public.no_such_table" does not exist';
  const off = Object.fromEntries(json.gates.map((gate: { name: string; off: unknown[] }) => [gate.name, gate.off]));
  expect(off).toMatchObject({
    load: [],
    lockWaits: [],
    jobs: [{ host: 'h1', why }],
    status: [{ why: 'it does not answer (ECONNREFUSED)' }],
  });
  expect(json.findings.map(({ severity, code }: { severity: string; code: string }) => [severity, code])).toEqual([
    ['warning', 'FLT_GATE_OFF'],
    ['warning', 'FLT_GATE_OFF'],
  ]);
  expect((await fleet.cli(['plan'])).stdout).toContain(`off on h1: it fails: relation`);
  const ended = await fleet.cli(['start', '--wait', '--yes', '--json']);
  expect(ended.code, ended.stdout).toBe(0);
});
