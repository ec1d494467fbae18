import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { backstageMigrations, copyMigrations, withKnex } from '../support/backstage.js';
import {
  closeBackstage,
  createBackstage,
  createDatabase,
  inexact,
  knexBuilds,
  rolledBack,
  startedAndApplied,
} from '../support/backstage-fleet.js';
import { catalogOf } from '../support/catalog.js';

afterEach(closeBackstage);

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

  for (const file of copyMigrations(await backstageMigrations(), join(fleet.dir, 'all')))
    if (file.startsWith('20260510000000')) cpSync(join(fleet.dir, 'all', file), join(directory, file));
  rmSync(join(fleet.dir, 'all'), { recursive: true });
  const ended = await fleet.cli(['start', '--wait', '--yes', '--json']);
  expect(ended.code, ended.stdout).not.toBe(0);
  expect(JSON.stringify(ended.json.failures)).toContain('FLT_DIVERGED');
  const [one, two] = await Promise.all(['t1', 't2'].map((schema) => catalogOf(fleet.hostUrls.h1!, schema)));
  expect(one).not.toEqual(two);
});
