import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it, onTestFinished } from 'vitest';
import { FlotillaClient } from '../../src/index.js';
import { createFleet, type FleetFixture, type FleetOptions, query, sixTenants } from '../support/fleet.js';
import { addTitle, createNotes, waitsAtGate } from '../support/migration-sources.js';
import { until } from '../support/until.js';

const open: FleetFixture[] = [];
/** The final bake keeps a rollout open, so that it can be rolled back. */
const keptOpen = `strategy: 'kept', strategies: { kept: { bakeTime: '0s', finalBakeTime: '1h', waves: [{ name: 'all' }] } },`;
const setup = async (options: Partial<FleetOptions> = {}) => {
  const fleet = await createFleet({ migrations: { '20260101000000_notes.js': createNotes }, ...options });
  open.push(fleet);
  return fleet;
};
afterEach(async () => {
  for (const fleet of open.splice(0)) await fleet.close();
});

/** Another deploy of the same project: what a worker of an older or newer build has on its disk. */
function deployOf(fleet: FleetFixture): string {
  const folder = `${fleet.dir}-deploy`;
  cpSync(fleet.dir, folder, { recursive: true });
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const noStack = (ran: { stdout: string; stderr: string }) => expect(ran.stdout + ran.stderr).not.toMatch(/\n\s+at .*[:(]\d+/);

it('names a host that does not answer, with exit 8 and the remedy', async () => {
  const fleet = await setup({
    hosts: { h1: { schemas: sixTenants }, h2: { schemas: [], url: 'postgres://u:secretword@127.0.0.1:1/none' } },
  });
  await fleet.worker();
  const ran = await fleet.cli(['plan', '--json']);
  expect(ran.code).toBe(8);
  expect(ran.json.error.code).toBe('FLT_HOST_UNAVAILABLE');
  expect(JSON.stringify(ran.json)).toContain('h2');
  expect(ran.stdout + ran.stderr).not.toContain('secretword');
  noStack(ran);
});

it('names the host that refuses the credential, without showing it', async () => {
  const fleet = await setup();
  await query(fleet.hostUrls.h1!, `create role wrongpass_${process.pid} login password 'right'`);
  const bad = new URL(fleet.hostUrls.h1!);
  bad.username = `wrongpass_${process.pid}`;
  bad.password = 'mistaken-secret';
  await fleet.worker([], { PG_H1: bad.toString() });
  const ran = await fleet.cli(['plan', '--json']);
  expect(ran.json.error.code).toBe('FLT_AUTH_FAILED');
  expect(ran.code).toBe(3);
  expect(ran.stdout + ran.stderr).not.toContain('mistaken-secret');
  await query(fleet.hostUrls.h1!, `drop role wrongpass_${process.pid}`);
});

it('names a tenant whose schema does not exist', async () => {
  const fleet = await setup({
    tenants: `[fromList([{ id: 'a', host: 'h1', schema: 't01' }, { id: 'lost', host: 'h1', schema: 'nowhere' }])]`,
  });
  await fleet.worker();
  const ran = await fleet.cli(['plan', '--json']);
  expect(ran.code).toBe(3);
  expect(ran.json.error.code).toBe('FLT_SCHEMA_MISSING');
  expect(JSON.stringify(ran.json)).toContain('lost');
});

it('names duplicate tenants and tenants on an unknown host, all at once', async () => {
  const fleet = await setup({
    tenants: `[fromList([{ id: 'a', host: 'h1', schema: 't01' }, { id: 'a', host: 'h1', schema: 't02' }]), () => [{ id: 'stray', host: 'nohost', schema: 'x' }]]`,
  });
  await fleet.worker();
  const ran = await fleet.cli(['plan', '--json']);
  expect(ran.code).toBe(3);
  const codes =
    ran.json.findings?.map((f: { code: string }) => f.code) ?? ran.json.error.details.findings.map((f: { code: string }) => f.code);
  expect(codes).toEqual(expect.arrayContaining(['FLT_DUPLICATE_TENANT', 'FLT_UNKNOWN_HOST']));
});

it('reports a migration with a syntax error and one without up together, and plans nothing', async () => {
  const fleet = await setup({
    migrations: {
      '20260101000000_notes.js': createNotes,
      '20260102000000_broken.js': 'exports.up = (',
      '20260103000000_noup.js': 'exports.down = () => {};',
    },
  });
  await fleet.worker();
  const ran = await fleet.cli(['plan', '--json']);
  expect(ran.code).toBe(3);
  expect(ran.json.error.code).toBe('FLT_MIGRATION_INVALID');
  expect(JSON.stringify(ran.json)).toContain('20260102000000_broken');
  expect(JSON.stringify(ran.json)).toContain('20260103000000_noup');
  noStack(ran);
});

it('plans a migration without down, says that it cannot be rolled back, what it does outside the database and what it waives, and refuses the rollback before anything is reverted', async () => {
  const fleet = await setup({
    config: keptOpen,
    migrations: {
      '20260101000000_notes.js': `exports.flotilla = { sideEffects: 'one mail to the admin', owner: 'billing', waive: { FLT_BULK_WRITE: 'nobody reads it yet' } }; exports.up = (knex) => knex.schema.createTable('notes', (t) => { t.increments('id'); });`,
    },
  });
  await fleet.worker();
  const plan = await fleet.cli(['plan', '--json']);
  expect(plan.code).toBe(0);
  expect(plan.json.migrations[0].reversible).toMatchObject({ verdict: 'no', code: 'FLT_NO_DOWN' });
  expect(plan.json.findings).toContainEqual(
    expect.objectContaining({
      severity: 'info',
      code: 'FLT_SIDE_EFFECTS',
      message: '20260101000000_notes has effects outside the database: one mail to the admin. Its owner is billing.',
    }),
  );
  expect(plan.json.findings).toContainEqual(
    expect.objectContaining({
      severity: 'info',
      code: 'FLT_BULK_WRITE',
      message: '20260101000000_notes waives FLT_BULK_WRITE: nobody reads it yet.',
    }),
  );
  expect((await fleet.cli(['start', plan.json.planId, '--yes', '--json'])).code).toBe(0);
  await until(async () => (await fleet.cli(['status', '--json'])).json.state === 'baking', 'every tenant migrated');
  const refused = await fleet.cli(['rollback', '--reason', 'no use', '--json']);
  expect(refused.code).toBe(3);
  expect(refused.json.error.code).toBe('FLT_IRREVERSIBLE');
  expect(refused.json.error.message).toContain('20260101000000_notes');
  expect(await fleet.rows('h1', `select 1 from pg_class where relname = 'notes' and relkind = 'r'`)).toHaveLength(6);
});

it('warns of a plain file that writes a large table in one statement, in how many tenants and how large, and goes ahead', async () => {
  const migration = '20260102000000_totals';
  const write = `exports.up = async (knex) => { await knex('orders').where('n', 0).update({ n: 1 }); };\nexports.down = async () => {};`;
  const fleet = await setup({
    hosts: { h1: { schemas: ['t01', 't02', 't03'] }, h2: { schemas: ['t04'] } },
    seed: 'create table orders (id int, n int not null default 0)',
    migrations: { '20260101000000_notes.js': createNotes, [`${migration}.js`]: write },
  });
  const fill = (host: string, schema: string, rows: number) =>
    fleet.rows(host, `set search_path to ${schema}; insert into orders select generate_series(1, ${rows}); analyze orders`);
  await fill('h1', 't01', 12_000);
  await fill('h1', 't02', 9_000);
  await fill('h2', 't04', 30_000);
  await fleet.worker();
  const about = { severity: 'warning', code: 'FLT_BULK_WRITE', migration, table: 'orders' };
  const plan = await fleet.cli(['plan', '--json']);
  expect(plan, plan.stdout).toMatchObject({ code: 0, json: { frozen: true } });
  expect(plan.json.findings).toMatchObject([{ ...about, tenants: 2, rows: 30_000, remedy: expect.stringContaining('waive') }]);
  expect([...plan.json.findings[0].sample].sort()).toEqual(['t01', 't04']);
  const { stdout } = await fleet.cli(['plan']);
  expect(stdout).toContain(`FLT_BULK_WRITE  ${migration}, 2 tenants`);
  expect(stdout.replace(/\s+/g, ' ')).toContain(
    `${migration} writes to "orders" in one statement: some 30000 rows in the largest of 2 tenants. do: Write the rows in chunks`,
  );
  expect((await fleet.cli(['plan', '--to', '20260101000000_notes', '--json'])).json.findings).toEqual([]);
  expect((await fleet.cli(['plan', '--tenant', 't02', '--json'])).json.findings).toEqual([]);
  await fleet.cli(['pin', 't04', '--reason', 'demo day']);
  expect((await fleet.cli(['plan', '--tenant', 't04', '--json'])).json.findings, 'nobody would run it').toMatchObject([
    { code: 'FLT_PINNED' },
  ]);
  await fleet.cli(['unpin', 't04']);

  const one = await fleet.cli(['migrate', 't04', '--json']);
  expect(one).toMatchObject({ code: 0, json: { outcome: 'applied', findings: [{ ...about, tenants: 1, rows: 30_000 }] } });
  const rest = await fleet.cli(['start', '--wait', '--yes', '--json']);
  expect(rest).toMatchObject({ code: 0, json: { findings: [{ ...about, tenants: 1, rows: 12_000, sample: ['t01'] }] } });
  expect(await fleet.rows('h1', 'select 1 from t01.orders where n = 1')).toHaveLength(12_000);
  expect((await fleet.cli(['plan', '--json'])).json.findings).toEqual([]);
});

it('warns of a file that builds an index before it fills the table, and goes ahead', async () => {
  const migration = '20260102000000_preferences';
  const fleet = await setup({
    migrations: {
      '20260101000000_notes.js': createNotes,
      [`${migration}.js`]: `exports.up = async (knex) => {
          await knex.schema.createTable('preferences', (t) => { t.increments('id'); t.index(['id']); });
          await knex('preferences').insert(knex('notes').select('id'));
        };
        exports.down = (knex) => knex.schema.dropTable('preferences');`,
    },
  });
  await fleet.worker();
  const plan = await fleet.cli(['plan', '--json']);
  expect(plan, plan.stdout).toMatchObject({ code: 0, json: { frozen: true } });
  expect(plan.json.findings).toMatchObject([{ severity: 'warning', code: 'FLT_INDEX_BEFORE_LOAD', migration }]);
  expect((await fleet.cli(['plan', '--to', '20260101000000_notes', '--json'])).json.findings).toEqual([]);
  const { stdout } = await fleet.cli(['plan']);
  expect(stdout.replace(/\s+/g, ' ')).toContain(`FLT_INDEX_BEFORE_LOAD ${migration} ${migration} builds an index on "preferences"`);
});

it('[K-gap] refuses a plan when an applied file was edited: one finding for the fleet, exit 3', async () => {
  const fleet = await setup();
  const worker = await fleet.worker();
  expect((await fleet.cli(['start', '--wait', '--yes', '--json'])).code).toBe(0);
  await worker.stop();
  fleet.migration('20260101000000_notes.js', `${createNotes}\n// edited`);
  fleet.migration('20260102000000_title.js', addTitle);
  await fleet.worker();
  const ran = await fleet.cli(['start', '--wait', '--yes', '--json']);
  expect(ran.code).toBe(3);
  expect(ran.json.error.code).toBe('FLT_CHECKSUM_DRIFT');
  expect(
    await fleet.rows('h1', `select 1 from information_schema.columns where column_name = 'title' and table_name = 'notes'`),
  ).toHaveLength(0);
});

it('refuses an out-of-order file and names it', async () => {
  const fleet = await setup({ migrations: { '20260105000000_notes.js': createNotes } });
  const worker = await fleet.worker();
  expect((await fleet.cli(['start', '--wait', '--yes', '--json'])).code).toBe(0);
  await worker.stop();
  fleet.migration('20260101000000_older.js', addTitle);
  await fleet.worker();
  const ran = await fleet.cli(['plan', '--json']);
  expect(ran.code).toBe(3);
  expect(ran.json.error.code).toBe('FLT_OUT_OF_ORDER');
  expect(JSON.stringify(ran.json)).toContain('20260101000000_older');
});

it('says within seconds that no worker runs, with exit 8, instead of hanging', async () => {
  const fleet = await setup();
  const ran = await fleet.cli(['plan', '--json']);
  expect(ran.code).toBe(8);
  expect(ran.json.error.code).toBe('FLT_NO_WORKFLOW_WORKER');
  noStack(ran);
});

it('never says "nothing to do" when the worker lacks the newest file that the caller has', async () => {
  const fleet = await setup();
  const old = deployOf(fleet);
  await fleet.worker([], {}, old);
  expect((await fleet.cli(['start', '--wait', '--yes', '--json'])).code).toBe(0);
  fleet.migration('20260109000000_newer.js', addTitle);
  const ran = await fleet.cli(['start', '--wait', '--yes', '--json', '--expect-timeout', '1s']);
  expect(ran.code).toBe(8);
  expect(ran.json.error.code).toBe('FLT_MIGRATION_MISMATCH');
});

it('waits for a worker that has the files of the plan, pauses with reason "files", and goes on by itself when one comes', async () => {
  const fleet = await setup();
  const first = await fleet.worker();
  const plan = await fleet.cli(['plan', '--json']);
  expect(plan.code).toBe(0);
  await first.stop();
  const other = deployOf(fleet);
  writeFileSync(join(other, 'migrations', '20260101000000_notes.js'), `${createNotes}\n// another build`);
  const differs = await fleet.worker([], {}, other);
  const client = await FlotillaClient.connect({ fleet: fleet.name, taskQueue: fleet.name, address: fleet.temporalAddress });
  await client.start({ planId: plan.json.planId, tuning: { filesPauseAfterMs: 500, filesRetryMs: 200 } });
  await client.close();
  await until(async () => {
    const status = await fleet.cli(['status', '--json']);
    return JSON.stringify(status.json.reasons ?? []).includes('files') && status;
  }, 'reason files');
  await differs.stop();
  await fleet.worker();
  const end = await fleet.cli(['wait', '--json']);
  expect(end.code).toBe(0);
  expect(end.json.totals.applied).toBe(6);
});

it('says that Temporal is down, with exit 8', async () => {
  const fleet = await setup();
  const ran = await fleet.cli(['plan', '--json'], { env: { TEMPORAL_ADDRESS: '127.0.0.1:1' } });
  expect(ran.code).toBe(8);
  expect(ran.json.error.code).toBe('FLT_TEMPORAL_UNAVAILABLE');
  noStack(ran);
});

it('refuses a second start while one is open and names it; the same request id gets the same rollout', async () => {
  const fleet = await setup({ migrations: { '20260101000000_gated.js': waitsAtGate } });
  await query(fleet.hostUrls.h1!, 'create table public.gate (open boolean); insert into public.gate values (false)');
  await fleet.worker();
  const one = await fleet.cli(['start', '--yes', '--json', '--request-id', 'ci-77']);
  expect(one.code).toBe(0);
  const two = await fleet.cli(['start', '--yes', '--json']);
  expect(two.code).toBe(3);
  expect(two.json.error.code).toBe('FLT_ROLLOUT_OPEN');
  expect(JSON.stringify(two.json.error)).toContain(one.json.rolloutId);
  const again = await fleet.cli(['start', '--yes', '--json', '--request-id', 'ci-77']);
  expect(again.code).toBe(0);
  expect(again.json.rolloutId).toBe(one.json.rolloutId);
  await query(fleet.hostUrls.h1!, 'update public.gate set open = true');
  expect((await fleet.cli(['wait', '--json'])).code).toBe(0);
  const afterwards = await fleet.cli(['start', '--yes', '--json', '--request-id', 'ci-77']);
  expect(afterwards.code).toBe(0);
  expect(afterwards.json.rolloutId).toBe(one.json.rolloutId);
});

it('reports every mistake in a config at once, each with its path', async () => {
  const fleet = await setup();
  writeFileSync(
    join(fleet.dir, 'flotilla.config.mjs'),
    `export default { name: 'x y', control: { connection: 'postgres://literal:secretword@h/db' }, hosts: { h1: { connection: 'env:A', maxConcurency: 3 } }, tenants: [], migrations: {} };`,
  );
  const ran = await fleet.cli(['plan', '--json']);
  expect(ran.code).toBe(2);
  expect(ran.json.error.code).toBe('FLT_CONFIG_INVALID');
  const text = JSON.stringify(ran.json.error);
  for (const path of ['name', 'control.connection', 'hosts.h1', 'maxConcurency', 'tenants', 'migrations.directory'])
    expect(text).toContain(path);
  expect(text).not.toContain('secretword');
});

it('answers unknown verbs and flags with exit 2', async () => {
  const fleet = await setup();
  expect((await fleet.cli(['plann'])).code).toBe(2);
  expect((await fleet.cli(['plan', '--nope'])).code).toBe(2);
});

it('asks for --yes, with exit 2, when production would be changed and there is no terminal to ask at', async () => {
  const fleet = await setup({ config: `environment: 'production',` });
  await fleet.worker();
  const ran = await fleet.cli(['start']);
  expect(ran.code).toBe(2);
  expect(ran.stderr).toContain('--yes');
  expect(await fleet.rows('h1', `select 1 from information_schema.tables where table_name = 'notes'`)).toHaveLength(0);
});
