import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, expect, inject, it } from 'vitest';
import { backstageMigrations, copyMigrations, withKnex } from '../support/backstage.js';
import { catalogOf } from '../support/catalog.js';
import { createFleet, type FleetFixture, type FleetOptions, query, until } from '../support/fleet.js';

let source: string;
beforeAll(async () => {
  source = await backstageMigrations();
});

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const undo of cleanup.splice(0).reverse()) await undo();
});

let serial = 0;
async function createDatabase(): Promise<{ name: string; url: string }> {
  const { url } = inject('postgres');
  const name = `backstage_${process.pid}_${++serial}`;
  await query(url, `create database ${name}`);
  cleanup.push(() => query(url, `drop database ${name} with (force)`));
  const at = new URL(url);
  at.pathname = `/${name}`;
  return { name, url: at.toString() };
}

/** The final bake keeps the rollout open, so that it can be rolled back as a whole. */
const keptOpen = `strategy: 'kept', strategies: { kept: { canary: { count: 1, bakeTime: '0s' }, bakeTime: '0s', finalBakeTime: '1h', waves: [{ name: 'all' }] } },`;

async function createBackstage(
  options: Omit<FleetOptions, 'migrations'>,
  last?: string,
): Promise<{ fleet: FleetFixture; files: string[]; directory: string }> {
  const fleet = await createFleet({ ...options, config: keptOpen, migrations: {} });
  cleanup.push(() => fleet.close());
  const directory = join(fleet.dir, 'migrations');
  return { fleet, directory, files: copyMigrations(source, directory, last) };
}

/** What Knex alone builds from the same files in an empty database. */
async function knexBuilds(directory: string): Promise<string[]> {
  const { url } = await createDatabase();
  await withKnex(url, directory, undefined, (db) => db.migrate.latest());
  return catalogOf(url, 'public');
}

async function startedAndApplied(fleet: FleetFixture, tenants: number) {
  const started = await fleet.cli(['start', '--yes', '--json']);
  expect(started.code, started.stdout + started.stderr).toBe(0);
  return until(
    async () => {
      const { json } = await fleet.cli(['status', '--json']);
      if (json.totals.failed + json.totals.parked > 0) throw new Error(JSON.stringify(json.failures));
      return json.totals.applied === tenants && json.state === 'baking' && json;
    },
    'every tenant applied',
    180_000,
  );
}

interface Place {
  readonly id: string;
  readonly url: string;
  readonly schema: string;
}

/** Refused first, because deltas removed something and nothing proved the return exact; then forced with a reason. */
async function rolledBack(fleet: FleetFixture, places: readonly Place[], first: readonly (readonly string[])[], files: readonly string[]) {
  const refused = await fleet.cli(['rollback', '--reason', 'not what we wanted', '--json']);
  expect(refused.code, refused.stdout).toBe(3);
  const named = JSON.stringify(refused.json.error);
  expect(
    files.some((file) => named.includes(file.replace('.js', ''))),
    named,
  ).toBe(true);
  expect((await fleet.cli(['status', '--json'])).json.totals.applied).toBe(places.length);

  const forced = await fleet.cli(['rollback', '--force', '--reason', 'not what we wanted', '--json']);
  expect(forced.code, forced.stdout + forced.stderr).toBe(0);
  const end = await fleet.cli(['wait', '--json']);
  expect([4, 5], end.stdout).toContain(end.code);
  const failed = new Map((await fleet.cli(['status', '--tenants', '--json'])).json.tenants.map((t: { id: string }) => [t.id, t]));
  const verdicts: string[] = [];
  for (const [index, place] of places.entries()) {
    const now = await catalogOf(place.url, place.schema);
    const tenant = failed.get(place.id) as { state: string; code?: string; message?: string };
    if (JSON.stringify(now) === JSON.stringify(first[index])) {
      expect(tenant.state).toBe('rolledBack');
      verdicts.push('returned');
    } else {
      expect(tenant.code, JSON.stringify(tenant)).toMatch(/^FLT_/);
      expect(
        files.some((file) => tenant.message?.includes(file.replace('.js', ''))),
        tenant.message,
      ).toBe(true);
      verdicts.push(`${tenant.code}: ${tenant.message?.replace(place.id, '…')}`);
    }
  }
  return [...new Set(verdicts)];
}

/** Its down forgets a comment on a column that its up drops: all later migrations are taken back, and this one is named. */
const inexact = `FLT_REVERT_INEXACT: …: the down of 20220116144621_remove_legacy is not the inverse of its up, and was rolled back (added: comment entities: full_name 'The full name of the entity').`;

it('rolls the 45 migrations of a published Knex project over five tenant databases as Knex itself would, and back', async () => {
  const databases = await Promise.all(Array.from({ length: 5 }, createDatabase));
  const admin = await createDatabase();
  const places = databases.map(({ url }, i) => ({ id: `d${i}`, url, schema: 'public' }));
  const tenants = databases.map(({ name }, i) => `{ id: 'd${i}', host: 'h1', database: '${name}', schema: 'public' }`);
  const { fleet, directory, files } = await createBackstage({
    hosts: { h1: { schemas: [], url: admin.url } },
    tenants: `[fromList([${tenants}])]`,
  });
  expect(files).toHaveLength(45);
  const first = await Promise.all(places.map((place) => catalogOf(place.url, place.schema)));
  await fleet.worker();
  await startedAndApplied(fleet, 5);

  const expected = await knexBuilds(directory);
  for (const place of places) {
    expect(await catalogOf(place.url, place.schema)).toEqual(expected);
    const [done, pending] = await withKnex(place.url, directory, undefined, (db) => db.migrate.list());
    expect(done.map((it: { name: string }) => it.name)).toEqual(files);
    expect(pending).toEqual([]);
  }
  const verdicts = await rolledBack(fleet, places, first, files);
  expect(verdicts).toEqual([inexact]);
});

it('rolls the first 38 of them over fifty schemas of one database, and back', async () => {
  const schemas = Array.from({ length: 50 }, (_, i) => `t${String(i).padStart(2, '0')}`);
  const { fleet, directory, files } = await createBackstage({ hosts: { h1: { schemas } } }, '20260403000000');
  expect(files).toHaveLength(38);
  const places = schemas.map((schema) => ({ id: schema, url: fleet.hostUrls.h1!, schema }));
  const first = await Promise.all(places.slice(0, 1).map((place) => catalogOf(place.url, place.schema)));
  await fleet.worker();
  await startedAndApplied(fleet, 50);

  const expected = await knexBuilds(directory);
  for (const place of places) {
    expect(await catalogOf(place.url, place.schema)).toEqual(expected);
    const [done, pending] = await withKnex(place.url, directory, place.schema, (db) => db.migrate.list());
    expect(done.map((it: { name: string }) => it.name)).toEqual(files);
    expect(pending).toEqual([]);
  }
  const verdicts = await rolledBack(
    fleet,
    places,
    places.map(() => first[0]!),
    files,
  );
  expect(verdicts).toEqual([inexact]);
});

it('notices that a migration which looks names up without their schema leaves the second tenant different', async () => {
  const { fleet, directory } = await createBackstage({ hosts: { h1: { schemas: ['t1', 't2'] } } }, '20260507');
  await fleet.worker();
  await startedAndApplied(fleet, 2);
  expect((await fleet.cli(['abort', '--yes', '--json'])).code).toBe(0);
  await fleet.cli(['wait', '--json']);

  for (const file of copyMigrations(source, join(fleet.dir, 'all')))
    if (file.startsWith('20260510000000')) cpSync(join(fleet.dir, 'all', file), join(directory, file));
  rmSync(join(fleet.dir, 'all'), { recursive: true });
  const ended = await fleet.cli(['start', '--wait', '--yes', '--json']);
  expect(ended.code, ended.stdout).not.toBe(0);
  expect(JSON.stringify(ended.json.failures)).toContain('FLT_DIVERGED');
  const [one, two] = await Promise.all(['t1', 't2'].map((schema) => catalogOf(fleet.hostUrls.h1!, schema)));
  expect(one).not.toEqual(two);
});
