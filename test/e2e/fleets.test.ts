import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, inject, it } from 'vitest';
import { withKnex } from '../support/backstage.js';
import { createFleet, type FleetFixture, type FleetOptions, query } from '../support/fleet.js';
import { addTitle, createNotes } from '../support/migration-sources.js';

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});
const setup = async (options: Partial<FleetOptions> = {}): Promise<FleetFixture> => {
  const fleet = await createFleet({ migrations: { '20260101000000_notes.js': createNotes }, ...options });
  open.push(() => fleet.close());
  return fleet;
};
let serial = 0;
async function createDatabase(sql = 'select'): Promise<{ name: string; url: string }> {
  const { url } = inject('postgres');
  const name = `fleets_${process.pid}_${++serial}`;
  await query(url, `create database ${name}`);
  open.push(() => query(url, `drop database ${name} with (force)`));
  const at = new URL(url);
  at.pathname = `/${name}`;
  await query(at.toString(), sql);
  return { name, url: at.toString() };
}

it('mixes schemas, databases, a query and a function in one fleet, each tenant where it belongs', async () => {
  const [one, two] = [await createDatabase(), await createDatabase('create schema inner_one')];
  const directory = await createDatabase(
    `create table tenants (id text, database text, schema text, labels jsonb, lifecycle text);
     insert into tenants values ('db-one', '${one.name}', 'public', '{"plan": "gold"}', null), ('asleep', '${one.name}', 'nowhere', '{}', 'suspended')`,
  );
  const fleet = await setup({
    hosts: { h1: { schemas: ['tenant_a', 'tenant_b', 'tenantXc', 'other'] }, h2: { schemas: [], url: directory.url } },
    tenants: `[
      fromSchemas({ host: 'h1', like: 'tenant_*' }),
      fromQuery({ host: 'h2', sql: 'select * from tenants' }),
      () => [{ id: 'db-two', host: 'h2', database: '${two.name}', schema: 'inner_one' }],
    ]`,
  });
  await fleet.worker();
  const tenants = (await fleet.cli(['tenants', '--json'])).json.tenants as { id: string; host: string; state: string }[];
  expect(tenants.map((it) => [it.id, it.host])).toEqual([
    ['a', 'h1'],
    ['asleep', 'h2'],
    ['b', 'h1'],
    ['db-one', 'h2'],
    ['db-two', 'h2'],
  ]);
  const ended = await fleet.cli(['start', '--wait', '--yes', '--json']);
  expect(ended.code, ended.stdout).toBe(0);
  expect(ended.json.totals).toMatchObject({ applied: 4, skipped: 1 });
  const notes = `select nspname from pg_class c join pg_namespace n on n.oid = relnamespace where relname = 'notes' order by 1`;
  expect(await fleet.rows('h1', notes)).toEqual([{ nspname: 'tenant_a' }, { nspname: 'tenant_b' }]);
  expect(await query(one.url, notes)).toEqual([{ nspname: 'public' }]);
  expect(await query(two.url, notes)).toEqual([{ nspname: 'inner_one' }]);
});

it('selects tenants by label, by name, and leaves the others alone', async () => {
  const fleet = await setup({
    tenants: `[fromList([{ id: 'a', host: 'h1', schema: 't01', labels: { plan: 'gold' } }, { id: 'b', host: 'h1', schema: 't02', labels: { plan: 'free' } }, { id: 'c', host: 'h1', schema: 't03' }])]`,
  });
  await fleet.worker();
  expect((await fleet.cli(['plan', '--selector', 'plan=gold', '--json'])).json.totals).toMatchObject({ tenants: 1, pending: 1 });
  const ended = await fleet.cli(['start', '--selector', 'plan!=gold', '--tenant', 'b', '--wait', '--yes', '--json']);
  expect(ended.json.totals).toMatchObject({ applied: 1 });
  expect(
    await fleet.rows('h1', `select nspname from pg_class c join pg_namespace n on n.oid = relnamespace where relname = 'notes'`),
  ).toEqual([{ nspname: 't02' }]);
});

it('takes over tenants that Knex has migrated, writes nothing to them before their first migration, and Knex goes on where it stopped', async () => {
  const fleet = await setup({ hosts: { h1: { schemas: ['t1', 't2', 't3'] } } });
  const url = fleet.hostUrls.h1!;
  const directory = join(fleet.dir, 'migrations');
  for (const schema of ['t1', 't2']) await withKnex(url, directory, schema, (db) => db.migrate.latest());
  const everything = () =>
    fleet.rows(
      'h1',
      `select nspname, relname, c.xmin::text from pg_class c join pg_namespace n on n.oid = relnamespace where nspname like 't_' order by 1, 2`,
    );
  const before = await everything();

  await fleet.worker();
  expect((await fleet.cli(['tenants', '--json'])).json.totals).toMatchObject({ upToDate: 2, pending: 1 });
  expect((await fleet.cli(['plan', '--check', '--json'])).code).toBe(7);
  expect(await everything()).toEqual(before);

  writeFileSync(join(directory, '20260102000000_title.js'), addTitle);
  const ended = await fleet.cli(['start', '--wait', '--yes', '--json']);
  expect(ended.code, ended.stdout).toBe(0);
  expect(ended.json.totals.applied).toBe(3);
  for (const schema of ['t1', 't2', 't3']) {
    const [done, pending] = await withKnex(url, directory, schema, (db) => db.migrate.list());
    expect(done.map((it: { name: string }) => it.name)).toEqual(['20260101000000_notes.js', '20260102000000_title.js']);
    expect(pending).toEqual([]);
    // One Knex batch per rollout: Knex's own rollback takes back what the rollout brought.
    const [, undone] = await withKnex(url, directory, schema, (db) => db.migrate.rollback());
    expect(undone.map((it: string) => it.split('/').pop())).toEqual(
      schema === 't3' ? ['20260102000000_title.js', '20260101000000_notes.js'] : ['20260102000000_title.js'],
    );
  }
});

it('uses a credential of its own for each tenant and the admin reference for discovery; one that is refused parks that tenant alone', async () => {
  const fleet = await setup({
    hosts: { h1: { schemas: ['t1', 't2', 't3'] } },
    config: `strategy: 's', strategies: { s: { bakeTime: '0s', canary: { exclude: ['t3'] }, waves: [{ name: 'all', maxFailures: 1 }] } },`,
  });
  const url = new URL(fleet.hostUrls.h1!);
  const roles = ['t1', 't2', 't3'].map((schema) => ({ schema, role: `own_${process.pid}_${schema}` }));
  await query(url.toString(), 'revoke all on schema public from public');
  for (const { schema, role } of roles)
    await query(url.toString(), `create role ${role} login password 'x'; grant all on schema ${schema} to ${role}`);
  const config = join(fleet.dir, 'flotilla.config.mjs');
  writeFileSync(
    config,
    readFileSync(config, 'utf8').replace(
      `{ connection: 'env:PG_H1' }`,
      `{ connection: (tenant) => 'env:PG_' + tenant.id.toUpperCase(), admin: 'env:PG_H1' }`,
    ),
  );
  const env = Object.fromEntries(
    roles.map(({ schema, role }) => {
      const own = new URL(url);
      own.username = role;
      own.password = schema === 't3' ? 'mistaken-secret' : 'x';
      return [`PG_${schema.toUpperCase()}`, own.toString()];
    }),
  );
  const worker = await fleet.worker([], env);
  const ended = await fleet.cli(['start', '--wait', '--yes', '--json']);
  expect(ended.code, ended.stdout).toBe(9);
  expect(ended.json.totals).toMatchObject({ applied: 2, parked: 1 });
  expect(ended.json.failures).toMatchObject([{ code: 'FLT_AUTH_FAILED', tenants: ['t3'] }]);
  expect(ended.stdout + worker.output()).not.toContain('mistaken-secret');
  expect(await fleet.rows('h1', `select schemaname, tableowner from pg_tables where tablename = 'notes' order by 1`)).toEqual(
    roles.slice(0, 2).map(({ schema, role }) => ({ schemaname: schema, tableowner: role })),
  );
  await worker.stop();
  for (const { role } of roles) await query(url.toString(), `drop owned by ${role}; drop role ${role}`);
});
