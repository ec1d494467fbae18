import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, expect, inject, it } from 'vitest';
import { query } from '../support/fleet.js';

const run = promisify(execFile);
const TENANTS = 100_000;
/** Of V8's heap: a fleet ten times as large needs no more. A process that only loads the modules takes about 25. */
const HEAP_MB = 64;

const database = `large_plan_${process.pid}`;
afterEach(() => query(inject('postgres').url, `drop database if exists ${database} with (force)`));

/** Stages the tenants and makes their waves, as the activity does; answers the waves. */
const script = `
import { createControlPool } from './dist/control/control-pool.js';
import { migrateControl } from './dist/control/migrate-control.js';
import { openPlan } from './dist/control/plans.js';
import { placeWaves } from './dist/activities/place-waves.js';
import { resolveStrategy } from './dist/domain/resolve-strategy.js';
const resolve = async () => process.env.CONTROL;
const control = { resolve, schema: 'flotilla' };
await migrateControl({ ...control, actor: 'test' });
const pool = await createControlPool(control);
await openPlan(pool, { planId: 'p-1', fleet: 'large' });
await pool.query(\`insert into plan_tenant (plan_id, tenant_id, host, cell, schema, labels, position, pending)
  select 'p-1', 'tenant-' || n, 'host-' || n % 20, 'default', 't' || n, jsonb_build_object('plan', (array['free', 'team', 'enterprise'])[1 + n % 3]), '20260101000000_first', '{20260102000000_second}'
  from generate_series(1, ${TENANTS}) n\`);
const hosts = Object.fromEntries(Array.from({ length: 20 }, (_, n) => ['host-' + n, { connection: 'env:X' }]));
const strategy = resolveStrategy({ name: 'auto', pending: ${TENANTS}, noBake: true });
const { waves, findings } = await placeWaves({ control: pool }, { hosts, strategy, planId: 'p-1' }, false);
console.log(JSON.stringify({ findings, waves: waves.map(({ name, tenants, canaries }) => [name, tenants, canaries.length]) }));
await pool.end();
`;

it('makes the waves of 100,000 tenants in a heap of 64 MB', async () => {
  const { url } = inject('postgres');
  await query(url, `create database ${database}`);
  const control = new URL(url);
  control.pathname = `/${database}`;
  const { stdout } = await run(process.execPath, [`--max-old-space-size=${HEAP_MB}`, '--input-type=module', '-e', script], {
    env: { ...process.env, CONTROL: control.toString() },
  });
  const { findings, waves } = JSON.parse(stdout) as { findings: unknown[]; waves: [string, number, number][] };
  expect(findings).toEqual([]);
  expect(waves.map(([name]) => name)).toEqual(['canary', '5%', '25%', 'rest']);
  expect(waves[0]![2]).toBe(20);
  expect(waves.reduce((n, [, tenants]) => n + tenants, 0)).toBe(TENANTS);
  const placed = await query<{ n: number; hosts: number }>(
    control.toString(),
    `select count(*)::int n, count(distinct (wave, host, ordinal))::int hosts from flotilla.plan_tenant where wave is not null`,
  );
  expect(placed).toEqual([{ n: TENANTS, hosts: TENANTS }]);
});
