/** Canaries of real databases: chosen to differ, and told why. */

import { expect, it } from 'vitest';
import { addTitle, createNotes } from '../support/migration-sources.js';
import { steeredFleet, strategy } from '../support/steered-fleet.js';

const schemas = Array.from({ length: 12 }, (_, n) => `t${String(n).padStart(2, '0')}`);

it('chooses a large tenant, one of median size and one at another migration, and says so', async () => {
  const fleet = await steeredFleet({
    hosts: { h1: { schemas } },
    migrations: { '20260101000000_notes.js': createNotes },
    config: strategy(`canary: { count: 3, seed: 'one' }, waves: [{ name: 'rest' }]`),
  });
  await fleet.client.start({ tenants: schemas.slice(0, 11) });
  await fleet.ended();
  await fleet.migration('20260102000000_title.js', addTitle);
  await fleet.workerProcess.stop();
  await fleet.worker();
  const fill = (schema: string, rows: number) =>
    `create table ${schema}.filling as select repeat('x', 500) as body from generate_series(1, ${rows});`;
  await fleet.rows('h1', schemas.map((schema, n) => fill(schema, n === 7 ? 20_000 : 20 + n)).join(' '));
  await fleet.rows('h1', 'analyze');
  const plan = await fleet.client.plan();
  const reasons = Object.fromEntries(plan.waves[0]!.canaries.map(({ tenant, reason }) => [tenant, reason]));
  expect(Object.keys(reasons)).toHaveLength(3);
  expect(reasons.t07).toContain('large');
  expect(Object.keys(reasons)).toContain('t11');
  expect(Object.values(reasons).join()).toContain('median');
});
