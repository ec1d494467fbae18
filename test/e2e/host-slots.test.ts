import { afterEach, expect, it } from 'vitest';
import type { WaveProgress } from '../../src/domain/rollout/contract.js';
import { createFleet, type FleetFixture, query } from '../support/fleet.js';
import { type RolloutAt, rolloutOf } from '../support/rollout.js';
import { until } from '../support/until.js';

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

/** Waits until `public.gate.open` is true, and leaves behind from when until when it ran. */
const span = `
exports.up = async (knex) => {
  const { rows } = await knex.raw('select clock_timestamp() as began');
  while (!(await knex.raw('select open from public.gate')).rows[0].open) await new Promise((done) => setTimeout(done, 20));
  await knex.raw('select pg_sleep(0.1)');
  await knex.raw("create table span as select ?::timestamptz as began, clock_timestamp() as ended", [rows[0].began]);
};
exports.down = (knex) => knex.schema.dropTable('span');
`;
const schemas = Array.from({ length: 8 }, (_, n) => `t${n}`);

async function setup(): Promise<FleetFixture> {
  const fleet = await createFleet({
    hosts: { h1: { schemas, maxConcurrency: 2 } },
    migrations: { '20260101000000_span.js': span },
    config: `strategy: 's', strategies: { s: { canary: false, waves: [{ name: 'all' }], ramp: { initial: 2 } } },`,
  });
  open.push(() => fleet.close());
  await query(fleet.hostUrls.h1!, 'create table public.gate (open boolean); insert into public.gate values (false)');
  await fleet.worker();
  return fleet;
}
async function start(fleet: FleetFixture): Promise<RolloutAt> {
  expect((await fleet.cli(['start', '--yes', '--json'])).code).toBe(0);
  const rollout = await rolloutOf(fleet);
  open.push(() => rollout.close());
  return rollout;
}
const openGate = (fleet: FleetFixture) => fleet.rows('h1', 'update public.gate set open = true');
const inTransaction = async (fleet: FleetFixture) => {
  const sql = `select count(*)::int as n from pg_stat_activity where datname = current_database() and application_name like 'flotilla r-%' and xact_start is not null`;
  return (await fleet.rows<{ n: number }>('h1', sql))[0]!.n;
};

it("[S30] two fleets on one server: never more tenants at once than the host's slots, whichever fleet they are of", async () => {
  const [ours, theirs] = [await setup(), await setup()];
  await start(ours);
  await until(async () => (await inTransaction(ours)) === 2, 'our fleet holds both slots');
  const second = await start(theirs);
  await until(async () => {
    const { openWave } = await second.progress();
    const wave = openWave && (await second.handle.client.getHandle(openWave.workflowId).query<WaveProgress>('progress'));
    return wave && wave.inFlight === 2;
  }, 'their fleet has two lists on the way');
  await openGate(theirs);
  expect(await inTransaction(theirs)).toBe(0);
  await openGate(ours);
  for (const fleet of [ours, theirs]) {
    const ended = await fleet.cli(['wait', '--json']);
    expect(ended.code, ended.stdout).toBe(0);
    expect(ended.json.totals).toMatchObject({ applied: 8, failed: 0 });
  }
  const spans = await Promise.all(
    [ours, theirs].map((fleet) =>
      fleet.rows<{ began: Date; ended: Date }>(
        'h1',
        schemas.map((schema) => `select began, ended from ${schema}.span`).join(' union all '),
      ),
    ),
  );
  const all = spans.flat();
  const atOnce = all.map(({ began }) => all.filter((it) => it.began <= began && began < it.ended).length);
  expect(Math.max(...atOnce)).toBe(2);
});
