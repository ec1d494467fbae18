import { afterEach, expect, it } from 'vitest';
import { createFleet, type FleetFixture } from '../support/fleet.js';

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

/** Leaves behind from when until when it ran. */
const span = `
exports.up = async (knex) => {
  const { rows } = await knex.raw('select clock_timestamp() as began');
  await knex.raw('select pg_sleep(0.4)');
  await knex.raw("create table span as select ?::timestamptz as began, clock_timestamp() as ended", [rows[0].began]);
};
exports.down = (knex) => knex.schema.dropTable('span');
`;

it("[S30] two fleets on one server: never more tenants at once than the host's slots, whichever fleet they are of", async () => {
  const schemas = Array.from({ length: 8 }, (_, n) => `t${n}`);
  const setup = async (): Promise<FleetFixture> => {
    const fleet = await createFleet({
      hosts: { h1: { schemas, maxConcurrency: 2 } },
      migrations: { '20260101000000_span.js': span },
      config: `strategy: 's', strategies: { s: { canary: false, waves: [{ name: 'all' }], ramp: { initial: 2 } } },`,
    });
    open.push(() => fleet.close());
    await fleet.worker();
    return fleet;
  };
  const fleets = [await setup(), await setup()];
  for (const fleet of fleets) expect((await fleet.cli(['start', '--yes', '--json'])).code).toBe(0);
  for (const fleet of fleets) {
    const ended = await fleet.cli(['wait', '--json']);
    expect(ended.code, ended.stdout).toBe(0);
    expect(ended.json.totals).toMatchObject({ applied: 8, failed: 0 });
  }
  const spans = await Promise.all(
    fleets.map((fleet) =>
      fleet.rows<{ began: Date; ended: Date }>(
        'h1',
        schemas.map((schema) => `select began, ended from ${schema}.span`).join(' union all '),
      ),
    ),
  );
  const overlaps = (among: { began: Date; ended: Date }[]) =>
    Math.max(...among.map(({ began }) => among.filter((it) => it.began <= began && began < it.ended).length));
  expect(overlaps(spans.flat())).toBe(2);
  // They did run at the same time
  const first = (of: { began: Date }[]) => Math.min(...of.map(({ began }) => began.getTime()));
  const last = (of: { ended: Date }[]) => Math.max(...of.map(({ ended }) => ended.getTime()));
  const [ours, theirs] = spans as [(typeof spans)[number], (typeof spans)[number]];
  expect(first(theirs)).toBeLessThan(last(ours));
});
