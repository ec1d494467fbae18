import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterEach, expect, inject, it } from 'vitest';
import { startTemporal } from '../../src/dev/temporal-server.js';
import { FlotillaClient } from '../../src/index.js';
import { createFleet, createFleetOn, type FleetFixture, type FleetOptions, query } from '../support/fleet.js';
import { createNotes, slow, waitsAtGate } from '../support/migration-sources.js';
import { until } from '../support/until.js';

const open: FleetFixture[] = [];
const setup = async (options: Partial<FleetOptions> = {}) => {
  const fleet = await createFleet({ migrations: { '20260101000000_notes.js': createNotes }, ...options });
  open.push(fleet);
  return fleet;
};
afterEach(async () => {
  for (const fleet of open.splice(0)) await fleet.close();
});

const tenants = (n: number) => Array.from({ length: n }, (_, i) => `t${String(i).padStart(3, '0')}`);
const migrated = async (fleet: FleetFixture, table = 'slow_table') =>
  Number((await fleet.rows<{ n: string }>('h1', `select count(*) n from information_schema.tables where table_name = '${table}'`))[0]!.n);

/** Rows of the ledger that say "applied", per tenant and migration; more than one would be a doubled effect. */
async function effects(fleet: FleetFixture, schemas: readonly string[]) {
  const sql = schemas
    .map(
      (s) =>
        `select '${s}' s, migration, count(*)::int n from "${s}".flotilla_ledger where direction = 'up' and migration is not null group by 2`,
    )
    .join(' union all ');
  return fleet.rows<{ s: string; migration: string; n: number }>('h1', sql);
}

async function everythingOnce(fleet: FleetFixture, schemas: readonly string[], migration: string) {
  const rows = (await effects(fleet, schemas)).filter((row) => row.migration === migration);
  expect(rows).toHaveLength(schemas.length);
  expect(rows.filter((row) => row.n !== 1)).toEqual([]);
  const history = await fleet.rows<{ n: string }>(
    'h1',
    `select count(*) n from (${schemas.map((s) => `select name from "${s}".knex_migrations`).join(' union all ')}) h where name like '${migration}%'`,
  );
  expect(Number(history[0]!.n)).toBe(schemas.length);
}

it('finishes on another worker after kill -9 of an activity worker in mid-rollout, each migration once per tenant', async () => {
  const schemas = tenants(60);
  const fleet = await setup({ hosts: { h1: { schemas } }, migrations: { '20260101000000_slow.js': slow(0.1) } });
  const victim = await fleet.worker();
  await fleet.worker();
  expect((await fleet.cli(['start', '--yes', '--json'])).code).toBe(0);
  await until(async () => (await migrated(fleet)) >= 10, '10 tenants migrated');
  victim.process.kill('SIGKILL');
  const end = await fleet.cli(['wait', '--json']);
  expect(end.code).toBe(0);
  expect(end.json.totals).toMatchObject({ applied: 60, failed: 0, parked: 0, unknown: 0, pending: 0 });
  await everythingOnce(fleet, schemas, '20260101000000_slow');
});

it('goes on when the only process is killed with -9 and a new one is started', async () => {
  const schemas = tenants(40);
  const fleet = await setup({ hosts: { h1: { schemas } }, migrations: { '20260101000000_slow.js': slow(0.1) } });
  const victim = await fleet.worker();
  expect((await fleet.cli(['start', '--yes', '--json'])).code).toBe(0);
  await until(async () => (await migrated(fleet)) >= 8, '8 tenants migrated');
  victim.process.kill('SIGKILL');
  await fleet.worker();
  const end = await fleet.cli(['wait', '--json']);
  expect(end.code).toBe(0);
  expect(end.json.totals.applied).toBe(40);
  await everythingOnce(fleet, schemas, '20260101000000_slow');
});

it('lets a worker that is asked to stop finish the tenant in hand and hand back the rest', async () => {
  const schemas = tenants(40);
  const fleet = await setup({ hosts: { h1: { schemas } }, migrations: { '20260101000000_slow.js': slow(0.2) } });
  const leaving = await fleet.worker();
  expect((await fleet.cli(['start', '--yes', '--json'])).code).toBe(0);
  await until(async () => (await migrated(fleet)) >= 4, '4 tenants migrated');
  const code = await leaving.stop('SIGTERM');
  expect(code).toBe(0);
  const busy = await fleet.rows(
    'h1',
    `select 1 from pg_stat_activity where application_name like 'flotilla%' and state <> 'idle' and datname = current_database() and pid <> pg_backend_pid()`,
  );
  expect(busy).toHaveLength(0);
  await fleet.worker();
  const end = await fleet.cli(['wait', '--json']);
  expect(end.code).toBe(0);
  expect(end.json.totals.applied).toBe(40);
  await everythingOnce(fleet, schemas, '20260101000000_slow');
});

const temporal = async (fleet: FleetFixture) => {
  const connection = await Connection.connect({ address: fleet.temporalAddress });
  return { client: new Client({ connection }), close: () => connection.close() };
};

it('takes Request Cancellation in the Temporal UI as abort: tenants in hand finish, nothing is undone, counts add up', async () => {
  const schemas = tenants(60);
  const fleet = await setup({ hosts: { h1: { schemas } }, migrations: { '20260101000000_slow.js': slow(0.2) } });
  await fleet.worker();
  expect((await fleet.cli(['start', '--yes', '--json'])).code).toBe(0);
  await until(async () => (await migrated(fleet)) >= 4, '4 tenants migrated');
  const { client, close } = await temporal(fleet);
  await client.workflow.getHandle(`flotilla/${fleet.name}`).cancel();
  await close();
  const end = await fleet.cli(['wait', '--json']);
  expect(end.code).toBe(9);
  expect(end.json.state).toBe('aborted');
  expect(end.json.totals.applied).toBe(await migrated(fleet));
  expect(end.json.totals.applied + end.json.totals.cancelled).toBe(60);
});

it('stays true after Terminate in the Temporal UI: the waves stop, and the next start takes up what is left', async () => {
  const schemas = tenants(40);
  const fleet = await setup({ hosts: { h1: { schemas } }, migrations: { '20260101000000_slow.js': slow(0.2) } });
  await fleet.worker();
  const one = await fleet.cli(['start', '--yes', '--json']);
  await until(async () => (await migrated(fleet)) >= 6, '6 tenants migrated');
  const { client, close } = await temporal(fleet);
  await client.workflow.getHandle(`flotilla/${fleet.name}`).terminate('pressed in the UI');
  await until(async () => {
    for await (const it of client.workflow.list({ query: `FlotillaRollout = '${one.json.rolloutId}' and ExecutionStatus = 'Running'` }))
      if (it) return false;
    return true;
  }, 'no workflow of the rollout open');
  await close();
  const before = await migrated(fleet);
  const ended = await fleet.cli(['wait', one.json.rolloutId, '--json']);
  expect([9]).toContain(ended.code);
  const two = await fleet.cli(['start', '--wait', '--yes', '--json']);
  expect(two.code).toBe(0);
  expect(two.json.totals.applied).toBe(40 - before);
  await everythingOnce(fleet, schemas, '20260101000000_slow');
});

it('counts a tenant that is deleted at its source in mid-rollout as gone, not as a failure', async () => {
  const schemas = tenants(6);
  const fleet = await setup({ hosts: { h1: { schemas } }, migrations: { '20260101000000_gated.js': waitsAtGate } });
  await query(fleet.hostUrls.h1!, 'create table public.gate (open boolean); insert into public.gate values (false)');
  await fleet.worker();
  const started = await fleet.cli(['start', '--yes', '--json']);
  const canary = started.json.waves[0].canaries[0].tenant;
  const victim = schemas.find((s) => s !== canary)!;
  await query(fleet.hostUrls.h1!, `drop schema ${victim} cascade`);
  await query(fleet.hostUrls.h1!, 'update public.gate set open = true');
  const end = await fleet.cli(['wait', '--json']);
  expect(end.code).toBe(0);
  expect(end.json.totals).toMatchObject({ applied: 5, gone: 1, failed: 0 });
});

it('survives a password that is rotated in mid-run', async () => {
  const schemas = tenants(30);
  const role = `rotating_${process.pid}`;
  const fleet = await setup({ hosts: { h1: { schemas } }, migrations: { '20260101000000_slow.js': slow(0.1) } });
  const secretFile = `${fleet.dir}/h1.url`;
  const { writeFileSync, readFileSync } = await import('node:fs');
  await query(fleet.hostUrls.h1!, `create role ${role} superuser login password 'first-secret'`);
  const dsn = new URL(fleet.hostUrls.h1!);
  dsn.username = role;
  dsn.password = 'first-secret';
  writeFileSync(secretFile, dsn.toString());
  const config = `${fleet.dir}/flotilla.config.mjs`;
  writeFileSync(config, readFileSync(config, 'utf8').replace(`'env:PG_H1'`, `'file:${secretFile}'`));
  await fleet.worker();
  expect((await fleet.cli(['start', '--yes', '--json'])).code).toBe(0);
  await until(async () => (await migrated(fleet)) >= 5, '5 tenants migrated');
  await query(fleet.hostUrls.h1!, `alter role ${role} password 'second-secret'`);
  dsn.password = 'second-secret';
  writeFileSync(secretFile, dsn.toString());
  await query(fleet.hostUrls.h1!, `select pg_terminate_backend(pid) from pg_stat_activity where usename = '${role}'`);
  const end = await fleet.cli(['wait', '--json']);
  expect(end.code).toBe(0);
  expect(end.json.totals).toMatchObject({ applied: 30, failed: 0, parked: 0 });
  await everythingOnce(fleet, schemas, '20260101000000_slow');
  await query(fleet.hostUrls.h1!, `reassign owned by ${role} to postgres; drop owned by ${role}; drop role ${role}`);
});

it('serves two cells with a worker each, and says which cell has none', async () => {
  const fleet = await setup({ hosts: { h1: { schemas: tenants(4), cell: 'eu' }, h2: { schemas: ['tx1', 'tx2'], cell: 'us' } } });
  await fleet.worker(['--cell', 'eu']);
  const lacking = await fleet.cli(['plan', '--json']);
  expect(lacking.code).toBe(8);
  expect(lacking.json.error.code).toBe('FLT_NO_CELL_WORKER');
  expect(lacking.json.error.message).toContain('us');
  await fleet.worker(['--cell', 'us']);
  const end = await fleet.cli(['start', '--wait', '--yes', '--json']);
  expect(end.code).toBe(0);
  expect(end.json.totals.applied).toBe(6);
});

it('names the cell whose workers are gone in the middle of a rollout, until one comes', async () => {
  const fleet = await setup({
    hosts: { h1: { schemas: tenants(2), cell: 'eu' }, h2: { schemas: ['tx1', 'tx2'], cell: 'us' } },
    migrations: { '20260101000000_slow.js': slow(2) },
  });
  await fleet.worker(['--cell', 'eu']);
  const us = await fleet.worker(['--cell', 'us']);
  expect((await fleet.cli(['start', '--strategy', 'fast', '--yes', '--json'])).code).toBe(0);
  await until(
    async () => (await fleet.cli(['status', '--json'])).json.waves.some((wave: { inFlight: number }) => wave.inFlight > 0),
    'it runs',
  );
  await us.stop('SIGKILL');
  const at = await until(async () => {
    const { json } = await fleet.cli(['status', '--json']);
    return json.reasons.some(({ kind }: { kind: string }) => kind === 'worker') && json;
  }, 'somebody says that a worker is missing');
  expect(at.reasons).toContainEqual(expect.objectContaining({ kind: 'worker', cell: 'us', clears: 'person' }));
  expect(at.next[0]).toMatchObject({ command: 'flotilla worker --cell us' });
  expect((await fleet.cli(['explain'])).stdout).toContain('cell "us"');
  await fleet.worker(['--cell', 'us']);
  const end = await fleet.cli(['wait', '--json']);
  expect(end.json.totals).toMatchObject({ applied: 4, failed: 0, parked: 0 });
});

it('only detaches on Ctrl-C while waiting: exit 130, the rollout goes on', async () => {
  const fleet = await setup({ hosts: { h1: { schemas: tenants(12) } }, migrations: { '20260101000000_slow.js': slow(0.1) } });
  await fleet.worker();
  const waiting = fleet.start(['start', '--wait', '--yes', '--json']);
  await until(async () => (await migrated(fleet)) >= 1, 'the first tenant migrated');
  expect(await waiting.stop('SIGINT')).toBe(130);
  const end = await fleet.cli(['wait', '--json']);
  expect(end.code).toBe(0);
  expect(end.json.totals.applied).toBe(12);
});

it('[S35] goes on with the same members when the Temporal server is killed with -9 and started again on the same file, with lists and a pause on the way', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'flotilla-temporal-'));
  const options = { headless: true, path: process.env.PATH ?? '', dbFile: join(folder, 'temporal.db') };
  let server = await startTemporal(options);
  try {
    const schemas = tenants(60);
    const fleet = await createFleetOn(
      { serverUrl: inject('postgres').url, temporalAddress: server.address },
      {
        hosts: { h1: { schemas } },
        migrations: { '20260101000000_slow.js': slow(0.1) },
        config: `strategy: 'one', strategies: { one: { canary: false, waves: [{ name: 'all' }], bakeTime: '0s' } },`,
      },
    );
    open.push(fleet);
    await fleet.worker();
    const client = await FlotillaClient.connect({ fleet: fleet.name, taskQueue: fleet.name, address: server.address });
    const started = await client.start({ tuning: { continueAsNewAfterEvents: 60, smallWave: 1, listSize: 3, timeBoxMs: 300 } });
    expect(started.outcome).toBe('started');
    await until(async () => (await migrated(fleet)) >= 15, '15 tenants migrated');
    await client.pause({ reason: 'the server is about to die' });
    await client.close();
    await server.kill();
    const port = Number(server.address.split(':')[1]);
    server = await startTemporal({ ...options, port });
    const paused = await until(async () => {
      const { json } = await fleet.cli(['status', '--json']);
      return json.state === 'paused' && json;
    }, 'the pause has outlived the server');
    expect(paused.totals.applied).toBeLessThan(60);
    expect((await fleet.cli(['resume', '--json'])).code).toBe(0);
    const end = await fleet.cli(['wait', '--json']);
    expect(end.code, end.stdout).toBe(0);
    expect(end.json.totals).toMatchObject({ applied: 60, failed: 0, unknown: 0, pending: 0, parked: 0 });
    await everythingOnce(fleet, schemas, '20260101000000_slow');
    await fleet.close();
    open.splice(open.indexOf(fleet), 1);
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
