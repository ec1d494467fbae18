/** Checks that migrations declare: in a rollout, and made again on demand. */

import { expect, it } from 'vitest';
import { DOCUMENTS } from '../../src/client/documents.js';
import type { FleetFixture } from '../support/fleet.js';
import { ask, steeredFleet, strategy } from '../support/steered-fleet.js';

const PROFILES = '20260101000000_profiles';
const CONTRACT = '20260102000000_contract';
const migrations = {
  [`${PROFILES}.mjs`]: `
import { noOrphans, sameCount } from 'flotilla/migration';
export const up = (knex) => knex.raw('create table profiles (user_id int); insert into profiles select id from users where id > 0');
export const down = (knex) => knex.schema.dropTable('profiles');
export const flotilla = { validate: [
  sameCount({ source: { table: 'users' }, target: { table: 'profiles' } }),
  noOrphans({ table: 'profiles', columns: ['user_id'], references: { table: 'users', columns: ['id'] } }),
] };`,
  [`${CONTRACT}.mjs`]: `
export const up = (knex) => knex.raw('delete from users where id = 3');
export const down = async () => {};`,
};
const seed = 'create table users (id int); insert into users values (1), (2), (3)';

async function validate(fleet: FleetFixture, ...args: string[]) {
  const ran = await fleet.cli(['validate', ...args, '--json']);
  expect(ran.json?.kind, ran.stdout + ran.stderr).toBe('validate');
  if (!ran.json.error) expect(DOCUMENTS.validate.parse(ran.json)).toEqual(ran.json);
  return { code: ran.code, ...ran.json };
}
const stored = (fleet: FleetFixture) =>
  fleet.control(
    `select tenant_id as tenant, "check", passed, numbers, rollout_id is not null as rollout from flotilla.validation where not passed or tenant_id = 't01' order by 1, 2`,
  );

it('[V1] parks a tenant that does not pass, with the numbers stored, and applies the migration there once the data is mended', async () => {
  const fleet = await steeredFleet({
    hosts: { h1: { schemas: ['t01', 't02', 't03'] } },
    migrations: { [`${PROFILES}.mjs`]: migrations[`${PROFILES}.mjs`]! },
    seed,
    config: strategy(`canary: { count: 1, include: ['t01'] }, waves: [{ name: 'rest', maxFailures: 1 }]`),
  });
  await fleet.rows('h1', 'insert into t02.users values (-1)');
  await fleet.client.start();
  const ended = await fleet.ended();
  expect(ended).toMatchObject({
    state: 'completedWithFailures',
    totals: { applied: 2, parked: 1 },
    failures: [
      {
        code: 'FLT_VALIDATION_FAILED',
        tenants: ['t02'],
        sample: expect.stringContaining('sameCount users → profiles: 4 expected, 3 found'),
      },
    ],
  });
  expect(await fleet.having('profiles')).toEqual(['h1 t01', 'h1 t03']);
  const orphans = { check: 'noOrphans profiles(user_id) → users(id)', passed: true, numbers: { orphans: 0 }, rollout: true };
  const count = { check: 'sameCount users → profiles', rollout: true };
  expect(await stored(fleet)).toEqual([
    { tenant: 't01', ...orphans },
    { tenant: 't01', ...count, passed: true, numbers: { expected: 3, found: 3 } },
    { tenant: 't02', ...count, passed: false, numbers: { expected: 4, found: 3 } },
  ]);
  await fleet.rows('h1', 'delete from t02.users where id < 0');
  expect(await fleet.client.migrateTenant('t02', ask('mended'))).toMatchObject({ outcome: 'applied' });
  expect((await stored(fleet)).map(({ tenant }) => tenant)).toEqual(['t01', 't01']);
});

it('[V-gap] makes checks again after a later migration: exit 7 with the failures grouped by check, and nothing but results changed', async () => {
  const fleet = await steeredFleet({ hosts: { h1: { schemas: ['t01', 't02'] }, h2: { schemas: ['t03'] } }, migrations, seed });
  expect(await validate(fleet), 'nobody has the migration yet').toMatchObject({
    code: 0,
    counts: { tenants: 3, passed: 0, failed: 0, unchecked: 3, unasked: 0 },
    checks: 0,
  });
  await fleet.client.start({ to: PROFILES });
  await fleet.ended();
  expect(await validate(fleet)).toMatchObject({ code: 0, counts: { tenants: 3, passed: 3 }, checks: 6, failed: [] });
  expect((await fleet.cli(['validate'])).stdout).toBe('3 tenants pass; 6 checks were made\n');
  await fleet.client.start();
  await fleet.ended();
  await fleet.rows('h2', 'insert into t03.users values (3)');

  const after = await validate(fleet, '--actor', 'ana');
  expect(after).toMatchObject({ code: 7, counts: { tenants: 3, passed: 1, failed: 2, unchecked: 0, unasked: 0 }, checks: 6, left: [] });
  const group = { migration: PROFILES, count: 2, tenants: ['t01', 't02'] };
  expect(after.failed).toEqual([
    { ...group, check: 'noOrphans profiles(user_id) → users(id)', sample: '0 orphans expected, 1 found' },
    { ...group, check: 'sameCount users → profiles', sample: '2 expected, 3 found' },
  ]);
  expect(await stored(fleet)).toMatchObject([
    { tenant: 't01', passed: false, numbers: { orphans: 1 }, rollout: false },
    { tenant: 't01', passed: false, numbers: { expected: 2, found: 3 }, rollout: false },
    { tenant: 't02', passed: false, rollout: false },
    { tenant: 't02', passed: false, rollout: false },
  ]);
  const printed = await fleet.cli(['validate']);
  expect(printed.code).toBe(7);
  expect(printed.stdout).toContain('2 of 3 tenants do not pass; 6 checks were made');
  expect(printed.stdout).toMatch(
    /failed sameCount users → profiles {2}20260101000000_profiles\n +2 expected, 3 found; 2 tenants \(t01, t02\)/,
  );

  expect(await validate(fleet, '--tenant', 't03', '--migration', `${PROFILES}.mjs`)).toMatchObject({
    code: 0,
    migration: PROFILES,
    counts: { tenants: 1, passed: 1 },
  });
  expect(await fleet.client.validate({ selector: 'host=h2' })).toMatchObject({ counts: { tenants: 1, passed: 1 } });
  expect(await validate(fleet, '--migration', CONTRACT)).toMatchObject({
    code: 2,
    error: { code: 'FLT_USAGE', message: `${CONTRACT} declares no checks.` },
  });
  expect(await validate(fleet, '--migration', 'nothing')).toMatchObject({ code: 3, error: { code: 'FLT_UNKNOWN_MIGRATION' } });
  expect(await validate(fleet, '--tenant', 'nobody')).toMatchObject({ code: 3, error: { code: 'FLT_UNKNOWN_TENANT' } });
  expect((await fleet.client.audit()).events).toContainEqual(
    expect.objectContaining({ verb: 'validate', actor: 'ana', subject: '3 tenants' }),
  );
});

it('[V-gap] says who could not be asked: exit 8, and the others are checked all the same', async () => {
  const fleet = await steeredFleet({ hosts: { h1: { schemas: ['t01', 't02', 't03'] } }, migrations, seed });
  await fleet.client.start({ to: PROFILES });
  await fleet.ended();
  await fleet.rows('h1', 'drop schema t02 cascade; drop table t03.profiles');
  await fleet.directory(`update public.tenants set lifecycle = 'suspended' where id = 't03'`);
  const at = await validate(fleet);
  expect(at).toMatchObject({
    code: 8,
    counts: { tenants: 3, passed: 1, failed: 0, unchecked: 1, unasked: 1 },
    left: [{ code: 'FLT_SCHEMA_MISSING', tenants: ['t02'] }],
    error: { code: 'FLT_TENANTS_UNREACHED', message: expect.stringContaining('t02: there is no schema "t02"') },
  });
  await fleet.directory(`update public.tenants set lifecycle = null`);
  const broken = await validate(fleet);
  expect(broken).toMatchObject({ code: 7, counts: { passed: 1, failed: 1, unasked: 1 } });
  expect(broken.failed[0]).toMatchObject({ tenants: ['t03'], sample: 'relation "t03.profiles" does not exist' });
  await fleet.rows('h1', `update t01.flotilla_ledger set tenant = 'another' where kind = 'identity'`);
  const swapped = await validate(fleet, '--tenant', 't01');
  expect(swapped).toMatchObject({ code: 8, checks: 0, left: [{ code: 'FLT_IDENTITY_MISMATCH', tenants: ['t01'] }] });
});
