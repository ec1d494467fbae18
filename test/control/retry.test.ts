/** Tenants that failed, tried again: whom a retry reaches, by which files, and what happens meanwhile. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { expect, it } from 'vitest';
import { tenantKey } from '../../src/postgres/keys.js';
import { addTitle, createNotes, failsWherePoisoned } from '../support/migration-sources.js';
import { ask, type SteeredFleet, steeredFleet, strategy } from '../support/steered-fleet.js';
import { until } from '../support/until.js';

const EXTRAS = '20260101000000_extras';
const oneWave = (more = '') =>
  strategy(`canary: false, waves: [{ name: 'all', maxFailures: 0 }], onBreach: 'halt', maxConcurrency: 1, ${more}`);
const poisoned = { [`${EXTRAS}.js`]: failsWherePoisoned };
const poison = (fleet: SteeredFleet, ...tenants: string[]) =>
  Promise.all(tenants.map((t) => fleet.rows('h1', `create table ${t}.poison (id int primary key)`)));
const heal = (fleet: SteeredFleet, ...tenants: string[]) => Promise.all(tenants.map((t) => fleet.rows('h1', `drop table ${t}.poison`)));
const halted = (fleet: SteeredFleet) => fleet.until((at) => at.state === 'halted' && at.totals.parked > 0, 'halted');
const stateOf = async (fleet: SteeredFleet, tenant: string) => (await fleet.client.tenantStatus(tenant)).state;

it('[S27] retry of all that failed leaves out whom the plan left out, whom somebody skipped, and who was never tried', async () => {
  const fleet = await steeredFleet({ migrations: poisoned, config: oneWave(`exclude: ['t06']`) });
  await poison(fleet, 't01', 't06');
  await fleet.client.start();
  await halted(fleet);
  // A second one fails, once the first is accepted; it is left out
  await poison(fleet, 't02');
  await fleet.client.resume({ ...ask('one is not many'), acceptFailures: 1 });
  await fleet.until((at) => at.state === 'halted' && at.totals.parked === 2, 'halted again');
  await fleet.client.skip({ ...ask('leaves us'), tenants: ['t02'] });
  await fleet.until((at) => at.totals.skipped === 2, 't02 left out');
  await heal(fleet, 't01', 't02', 't06');

  expect((await fleet.client.retry({ ...ask('rows mended'), failed: true })).accepted).toBe(true);
  const at = await fleet.until((it) => it.totals.parked === 0, 't01 tried again');
  expect(at).toMatchObject({ state: 'halted', totals: { applied: 1, skipped: 2, pending: 3 } });
  expect(await fleet.having('extras')).toEqual(['h1 t01']);
  await fleet.client.resume(ask('go on'));
  expect(await fleet.ended()).toMatchObject({ state: 'succeeded', totals: { applied: 4, skipped: 2 } });
});

it('[S27] retry of what is unfinished also goes on with those never attempted', async () => {
  const fleet = await steeredFleet({ migrations: poisoned, config: oneWave() });
  await poison(fleet, 't01');
  await fleet.client.start();
  expect((await halted(fleet)).totals).toMatchObject({ parked: 1, pending: 5 });
  await heal(fleet, 't01');
  await fleet.client.retry({ ...ask('rows mended'), unfinished: true });
  expect(await fleet.ended()).toMatchObject({ state: 'succeeded', totals: { applied: 6 } });
});

it('a retry begins with a probe: while that fails again nobody else is tried', async () => {
  const fleet = await steeredFleet({
    migrations: poisoned,
    config: strategy(`canary: false, waves: [{ name: 'all', maxFailures: 6 }]`),
  });
  await poison(fleet, 't01', 't02', 't03');
  await fleet.client.start();
  expect(await fleet.ended()).toMatchObject({ state: 'completedWithFailures', totals: { applied: 3, parked: 3 } });
  const open = await steeredFleet({
    migrations: poisoned,
    config: strategy(`canary: false, waves: [{ name: 'all', maxFailures: 6 }], finalBakeTime: '1h'`),
  });
  await poison(open, 't01', 't02', 't03');
  await open.client.start();
  await open.until((at) => at.state === 'baking' && at.totals.parked === 3, 'three parked');
  await heal(open, 't02', 't03');
  await open.client.retry({ ...ask('try'), error: 'FLT_UNIQUE_VIOLATION' });
  const attempts = async () =>
    (
      await open.control<{ n: number }>(
        `select attempts::int n from flotilla.rollout_tenant where tenant_id in ('t01', 't02', 't03') order by tenant_id`,
      )
    ).map(({ n }) => n);
  await until(async () => (await attempts())[0] === 2, 'the probe');
  await until(async () => (await stateOf(open, 't01')) === 'parked', 'the probe parked again');
  expect(await attempts()).toEqual([2, 1, 1]);
  await heal(open, 't01');
  await open.client.retry({ ...ask('now'), error: 'FLT_UNIQUE_VIOLATION', host: 'h1' });
  await open.until((at) => at.totals.applied === 6, 'all three');
  await open.client.abort(ask('enough'));
  await open.ended();
});

it('[S28] a retry after the file was edited is refused with the digest of the plan, open or closed, and nobody is touched', async () => {
  const fleet = await steeredFleet({ migrations: poisoned, config: oneWave() });
  await poison(fleet, 't01');
  await fleet.client.start();
  const at = await halted(fleet);
  const file = join(fleet.dir, 'migrations', `${EXTRAS}.js`);
  writeFileSync(file, `${failsWherePoisoned}\n// edited`);
  await heal(fleet, 't01');
  const refused = { code: 'FLT_MIGRATION_MISMATCH', message: expect.stringContaining(at.digest.slice(0, 12)) };
  // A worker looks at its files every now and then
  const seen = (is: boolean) =>
    until(
      async () => (await fleet.client.plan({ check: true })).findings.some(({ severity }) => severity === 'error') === is,
      'the worker to see the file',
    );
  await seen(true);
  await expect(fleet.client.retry({ ...ask('mended'), failed: true })).rejects.toMatchObject(refused);
  expect((await fleet.client.audit()).events.map(({ verb }) => verb)).not.toContain('retry');
  expect(await stateOf(fleet, 't01')).toBe('parked');
  await fleet.client.abort(ask('a new rollout then'));
  await fleet.ended();
  await expect(fleet.client.retry({ ...ask('mended'), tenants: ['t01'] })).rejects.toMatchObject(refused);
  expect(await fleet.having('extras')).toEqual([]);
  writeFileSync(file, failsWherePoisoned);
  await seen(false);
  await fleet.client.retry({ ...ask('as it was'), tenants: ['t01'] });
  await until(async () => (await stateOf(fleet, 't01')) === 'applied', 't01 applied');
});

it("[S29] a retry while an earlier attempt still holds the tenant's lock is deferred, and goes on by itself when that is over", async () => {
  const fleet = await steeredFleet({ migrations: poisoned, config: oneWave() });
  await poison(fleet, 't01');
  await fleet.client.start();
  await halted(fleet);
  await heal(fleet, 't01');
  const earlier = new pg.Client({ connectionString: fleet.hostUrls.h1! });
  await earlier.connect();
  try {
    await earlier.query(`begin; select pg_advisory_xact_lock(${tenantKey('t01')})`);
    await fleet.client.retry({ ...ask('mended'), tenants: ['t01'] });
    await until(async () => (await stateOf(fleet, 't01')) === 'deferred', 'deferred');
    expect((await fleet.client.tenantStatus('t01')).code).toBe('FLT_TENANT_BUSY');
    expect(await fleet.having('extras')).toEqual([]);
    await earlier.query('rollback');
    await fleet.until((at) => at.totals.parked === 0 && at.totals.applied === 1, 't01 applied');
  } finally {
    await earlier.end();
  }
  await fleet.client.resume(ask('go on'));
  expect(await fleet.ended()).toMatchObject({ state: 'succeeded', totals: { applied: 6 } });
  const [count] = await fleet.rows<{ n: number }>('h1', `select count(*)::int n from t01.flotilla_ledger where kind = 'applied'`);
  expect(count!.n, 'once').toBe(1);
});

it('[S22] a worker that dies with two of three migrations committed is followed by one that begins with the third', async () => {
  const third = '20260103000000_third';
  const fleet = await steeredFleet({
    hosts: { h1: { schemas: ['t01'] } },
    migrations: {
      '20260101000000_notes.js': createNotes,
      '20260102000000_title.js': addTitle,
      [`${third}.js`]: `exports.up = async (knex) => {
        await knex.raw('insert into public.seen values (pg_backend_pid())');
        while (!(await knex.raw('select open from public.gate')).rows[0].open) await new Promise((done) => setTimeout(done, 20));
        await knex.schema.createTable('third', (t) => { t.increments('id'); });
      };
      exports.down = (knex) => knex.schema.dropTable('third');`,
    },
    config: `${strategy(`canary: false, waves: [{ name: 'all' }]`)} shared: [{ object: 'public.seen', maxLock: 'ROW EXCLUSIVE' }, { object: 'public.gate', maxLock: 'ACCESS SHARE' }],`,
  });
  await fleet.directory(
    'create table public.gate (open boolean); insert into public.gate values (false); create table public.seen (pid int)',
  );
  await fleet.client.start();
  const committed = async () =>
    (await fleet.rows<{ migration: string }>('h1', `select migration from t01.flotilla_ledger where kind = 'applied' order by id`)).map(
      (it) => it.migration,
    );
  await until(async () => (await committed()).length === 2, 'two migrations committed');
  fleet.workerProcess.process.kill('SIGKILL');
  await fleet.worker();
  await fleet.directory('update public.gate set open = true');
  expect(await fleet.ended()).toMatchObject({ state: 'succeeded', totals: { applied: 1 } });
  expect(await committed()).toEqual(['20260101000000_notes', '20260102000000_title', third]);
});
