/** A change in phases, on real tenants: what a plan refuses, what it lets out, and when. */

import { expect, it } from 'vitest';
import { DOCUMENTS } from '../../src/client/documents.js';
import type { RolloutStatus } from '../../src/client/rollout-status.js';
import { migrationSources, namesOf } from '../../src/dev/scaffold/migration-templates.js';
import type { PlanSummary } from '../../src/domain/plan.js';
import { exampleOf } from '../support/example-of.js';
import { createNotes } from '../support/migration-sources.js';
import { ask, type SteeredFleet, steeredFleet, strategy } from '../support/steered-fleet.js';

const EXPAND = '20260102000000_add_text';
const CONTRACT = '20260104000000_drop_body';
const alter = (declares: string, up: string, down: string) => `
exports.flotilla = { ${declares} };
exports.up = (knex) => knex.schema.alterTable('notes', (t) => { ${up} });
exports.down = (knex) => knex.schema.alterTable('notes', (t) => { ${down} });
`;
const notes = { '20260101000000_notes.js': createNotes };
const expand = { [`${EXPAND}.js`]: alter(`phase: 'expand'`, `t.text('text');`, `t.dropColumn('text');`) };
const contract = (more = '') => ({
  [`${CONTRACT}.js`]: alter(`phase: 'contract', after: ['${EXPAND}'], ${more}`, `t.dropColumn('body');`, `t.text('body');`),
});
const all = (more?: string) => ({ ...notes, ...expand, ...contract(more) });

const hosts = { h1: { schemas: ['t01', 't02'] } };
const errors = (plan: PlanSummary) => plan.findings.filter(({ severity }) => severity === 'error').map(({ code }) => code);
async function rollOut(fleet: SteeredFleet, options: Parameters<SteeredFleet['client']['start']>[0] = {}): Promise<void> {
  await fleet.client.start(options);
  expect((await fleet.ended()).state).toBe('succeeded');
}
async function born(fleet: SteeredFleet, id: string): Promise<void> {
  await fleet.rows('h1', `create schema ${id}`);
  await fleet.directory(`insert into public.tenants values ('${id}', 'h1', '${id}')`);
}

it('[Z-gap] refuses a contract in the rollout of its expand with exit 3 and the command that goes on; later a new tenant runs both in one', async () => {
  const fleet = await steeredFleet({ hosts, migrations: all() });
  const refused = await fleet.cli(['start', '--yes', '--json']);
  expect(refused.code).toBe(3);
  const goesOn = expect.stringContaining(`flotilla start --to ${EXPAND}`);
  expect(refused.json.error).toMatchObject({ code: 'FLT_CONTRACT_TOO_SOON', remedy: goesOn });
  expect((await fleet.cli(['start', '--yes'])).stderr).toEqual(goesOn);
  expect(await fleet.having('notes')).toEqual([]);
  expect(await fleet.client.migrateTenant('t01'), 'by name a tenant comes to where the fleet may go').toMatchObject({
    outcome: 'applied',
    migrations: ['20260101000000_notes', EXPAND],
    findings: [{ severity: 'warning', code: 'FLT_CONTRACT_TOO_SOON' }],
  });
  expect(await fleet.client.migrateTenant('t01')).toMatchObject({ outcome: 'upToDate', migrations: [] });

  await rollOut(fleet, { to: EXPAND });
  await rollOut(fleet);
  await born(fleet, 't03');
  const plan = await fleet.client.plan();
  expect(plan.migrations.map(({ name }) => name)).toContain(CONTRACT);
  expect(errors(plan)).toEqual([]);
  expect(await fleet.client.migrateTenant('t03')).toMatchObject({ outcome: 'applied', migrations: [expect.anything(), EXPAND, CONTRACT] });
});

it('[Z-gap] is judged over the whole fleet: tenants that have the expand wait for those that lack it, and not for those born later', async () => {
  const fleet = await steeredFleet({ hosts: { h1: { schemas: ['t01', 't02', 't03'] } }, migrations: all() });
  await rollOut(fleet, { to: EXPAND, tenants: ['t01'] });
  expect(errors(await fleet.client.plan({ tenants: ['t01'] })), 'nobody has looked at the others').toEqual(['FLT_CONTRACT_TOO_SOON']);
  await fleet.client.pin({ tenants: ['t03'], reason: 'holiday' });
  await rollOut(fleet, { to: EXPAND });
  const behind = (await fleet.client.plan({ tenants: ['t01'] })).findings.find(({ code }) => code === 'FLT_CONTRACT_TOO_SOON');
  expect(behind, 'the pinned one was there').toMatchObject({ tenants: 1, sample: ['t03'] });
  await born(fleet, 't04');
  await fleet.client.unpin({ tenants: ['t03'] });
  await rollOut(fleet, { to: EXPAND, tenants: ['t03'] });
  const both = await fleet.client.plan();
  expect(errors(both)).toEqual([]);
  expect(both.migrations.map(({ name }) => name)).toEqual(['20260101000000_notes', EXPAND, CONTRACT]);
  await rollOut(fleet);
  expect(
    await fleet.rows('h1', `select table_schema from information_schema.columns where table_name = 'notes' and column_name = 'body'`),
  ).toEqual([]);
});

it('[Z-gap] a contract waits for its bake time, its flags and the application, is judged again when it starts, and phases says so', async () => {
  const fleet = await steeredFleet({
    hosts,
    migrations: all(`bake: '1h', flags: ['new-text'], appVersion: '2.10.0'`),
    config: `strategy: 'fast', flags: { sql: 'select name from public.flags' },`,
  });
  await fleet.control('create table public.flags (name text)');
  const phases = async (...more: string[]) => {
    const ran = await fleet.cli(['phases', ...more, '--json']);
    expect(DOCUMENTS.phases.parse(ran.json)).toEqual(ran.json);
    return ran.json.changes;
  };
  expect(await phases()).toMatchObject([
    {
      name: EXPAND,
      state: 'notBegun',
      upNext: EXPAND,
      migrations: [{ phase: 'expand', has: 0 }, { phase: 'contract' }],
      next: [{ command: 'flotilla plan' }],
    },
  ]);
  await rollOut(fleet, { to: EXPAND });
  expect(errors(await fleet.client.plan())).toEqual(['FLT_BAKING', 'FLT_FLAG_NOT_CONFIRMED', 'FLT_APP_VERSION_UNKNOWN']);
  const [blocked] = await phases('--tenant', 't01');
  expect(blocked).toMatchObject({
    state: 'underWay',
    upNext: CONTRACT,
    migrations: [
      { name: EXPAND, has: 2, lacks: 0, tenantHas: true },
      { name: CONTRACT, has: 0, lacks: 2, tenantHas: false },
    ],
    blockedBy: [{ code: 'FLT_BAKING' }, { code: 'FLT_FLAG_NOT_CONFIRMED' }, { code: 'FLT_APP_VERSION_UNKNOWN' }],
    next: [{ command: `flotilla start --to ${CONTRACT}` }],
  });
  expect((await fleet.cli(['phases'])).stdout).toMatch(/expand +2 of 2 .*\n→ +contract +0 of 2 .*\n +missing in t01, t02\n/);
  expect(await fleet.cli(['phases', '--tenant', 'nobody', '--json'])).toMatchObject({
    code: 3,
    json: { error: { code: 'FLT_UNKNOWN_TENANT' } },
  });

  await expect(fleet.client.reportAppVersion('newest')).rejects.toMatchObject({ code: 'FLT_USAGE' });
  await fleet.client.reportAppVersion('2.9.1', { app: 'web' });
  await fleet.client.reportAppVersion('2.10.0', { app: 'web' });
  await fleet.control(`update flotilla.rollout set finished_at = finished_at - interval '2 hours'`);
  await fleet.control(`insert into public.flags values ('new-text')`);
  expect(errors(await fleet.client.plan()), 'one instance is old').toEqual(['FLT_APP_VERSION_TOO_OLD']);
  await fleet.control(`update flotilla.app_version set at = at - interval '16 minutes' where version = '2.9.1'`);
  const plan = await fleet.client.plan();
  expect(errors(plan)).toEqual([]);

  await fleet.control('delete from public.flags');
  await expect(fleet.client.start({ planId: plan.planId })).rejects.toMatchObject({ code: 'FLT_FLAG_NOT_CONFIRMED' });
  await fleet.control(`insert into public.flags values ('new-text')`);
  await rollOut(fleet, { planId: plan.planId });
  expect(await phases()).toMatchObject([{ state: 'done', next: [] }]);
});

it('[Z-gap] asks for flags and versions before each wave: one that was switched back holds the next wave until it is on again', async () => {
  const fleet = await steeredFleet({
    hosts,
    migrations: all(`flags: ['new-text'], appVersion: '2.10.0'`),
    config: `${strategy(`canary: false, bakeTime: '1h', waves: [{ name: 'one', size: 1 }, { name: 'two' }]`)}
      flags: { sql: 'select name from public.flags' },`,
  });
  await fleet.control(`create table public.flags as select 'new-text' as name`);
  await fleet.client.reportAppVersion('2.10.0', { app: 'web' });
  await rollOut(fleet, { to: EXPAND, strategy: 'fast' });
  const plan = await fleet.client.plan();
  expect(plan.policy.gates.at(-1)).toMatchObject({ name: `contract:${CONTRACT}`, phases: ['pre'] });
  await fleet.client.start({ planId: plan.planId });
  await fleet.until(({ state }) => state === 'baking', 'the bake between the waves');

  await fleet.control('delete from public.flags');
  await fleet.client.skip({ ...ask('no need to wait'), bake: true });
  const waits = (what: string) => (at: RolloutStatus) => at.reasons.some(({ kind, text }) => kind === 'gate' && text.includes(what));
  const waiting = await fleet.until(waits('"new-text" (off)'), 'the flag holds the wave');
  expect(waiting.reasons).toMatchObject([{ clears: 'itself', text: expect.stringMatching(/; the wave waits$/) }]);
  expect(waiting.totals).toMatchObject({ applied: 1, pending: 1 });
  await fleet.client.reportAppVersion('2.9.0', { app: 'web' });
  await fleet.control(`insert into public.flags values ('new-text')`);
  expect((await fleet.until(waits('web runs 2.9.0'), 'the old code does')).totals).toMatchObject({ applied: 1, pending: 1 });
  await fleet.control(`update flotilla.app_version set at = at - interval '16 minutes' where version = '2.9.0'`);
  await fleet.until(({ state, totals }) => state === 'baking' && totals.applied === 2, 'it goes on by itself');
  await fleet.client.skip({ ...ask('no need to wait'), bake: true });
  expect((await fleet.ended()).state).toBe('succeeded');
});

it('[V-gap] the plan warns of a backfill that nothing checks, and of a contract before which nothing is checked, until the fleet is through it', async () => {
  const FILL = '20260103000000_fill_text';
  const unchecked = (plan: Pick<PlanSummary, 'findings'>) =>
    plan.findings.filter(({ severity }) => severity === 'warning').map(({ code, migration }) => [code, migration]);
  const fleet = await steeredFleet({
    hosts,
    config: `strategy: 'fast',`,
    migrations: {
      ...notes,
      ...expand,
      [`${FILL}.js`]: `const { backfill } = require('flotilla/migration');
        const fill = backfill({ table: 'notes', set: { text: 'body' } });
        exports.config = { transaction: false };
        exports.flotilla = { phase: 'backfill', after: ['${EXPAND}'], backfill: fill };
        exports.up = fill.up;
        exports.down = async () => {};`,
      [`${CONTRACT}.js`]: alter(`phase: 'contract', after: ['${FILL}']`, `t.dropColumn('body');`, `t.text('body');`),
    },
  });
  const unfilled = ['FLT_NOT_VALIDATED', FILL];
  const unlooked = ['FLT_CONTRACT_UNCHECKED', CONTRACT];
  const [all, first] = [await fleet.client.plan(), await fleet.client.plan({ to: FILL })];
  expect(unchecked(all), 'while all of it can still be written').toEqual([unfilled, unlooked]);
  expect(first.frozen).toBe(true);
  expect(unchecked(first)).toEqual([unfilled]);
  expect(unchecked(await fleet.client.migrateTenant('t01')), 'the contract is left out').toEqual([
    ['FLT_CONTRACT_TOO_SOON', CONTRACT],
    unfilled,
  ]);
  await rollOut(fleet, { to: FILL });
  const contracting = await fleet.client.plan();
  expect(contracting).toMatchObject({ frozen: true, migrations: [{ name: CONTRACT }] });
  expect(unchecked(contracting)).toEqual([unlooked]);
  await rollOut(fleet, { planId: contracting.planId });
  await born(fleet, 't03');
  expect(unchecked(await fleet.client.plan()), 'nobody has old rows any more').toEqual([unfilled]);
});

it('[Z5] takes the files of --template zero-downtime as they are: the first three in a plan, the contract in a later one', async () => {
  const names = ['20260101000000_notes', ...namesOf('zero-downtime', 'it').map((name, at) => `2026020100000${at}_${name}`)];
  const sources = migrationSources('zero-downtime', 'people', names.slice(1), 'cjs', '.js');
  const people = `exports.up = (knex) => knex.schema.createTable('people', (t) => { t.increments('id'); t.text('name'); });
    exports.down = (knex) => knex.schema.dropTable('people');`;
  const fleet = await steeredFleet({
    hosts,
    migrations: Object.fromEntries(names.map((name, at) => [`${name}.js`, at === 0 ? people : sources[at - 1]!])),
  });
  const plan = await fleet.client.plan({ to: names[3]! });
  expect(plan.findings, 'nor is there anything to warn of').toEqual([]);
  expect(plan.migrations.map(({ name }) => name)).toEqual(names.slice(0, 4));
  expect((await fleet.client.plan()).findings).toMatchObject([{ code: 'FLT_CONTRACT_TOO_SOON' }]);
  await rollOut(fleet, { planId: plan.planId });
  await fleet.control(`update flotilla.rollout set finished_at = finished_at - interval '7 days'`);
  await rollOut(fleet);
  expect(await fleet.client.phases()).toMatchObject([{ name: names[1], state: 'done' }]);
});

it('[Z5] tells of every mistake in how files are tied together, with the file, and plans nothing', async () => {
  const fleet = await steeredFleet({
    hosts,
    migrations: {
      ...notes,
      [`${EXPAND}.js`]: alter(`phase: 'expand', after: ['${CONTRACT}', 'no_such']`, `t.text('text');`, `t.dropColumn('text');`),
      ...contract(),
      '20260105000000_alone.js': alter(`phase: 'contract'`, `t.text('more');`, `t.dropColumn('more');`),
    },
  });
  const plan = await fleet.client.plan();
  expect(plan.frozen).toBe(false);
  const said = plan.findings.filter(({ code }) => code === 'FLT_MIGRATION_INVALID').map(({ message }) => message);
  expect(said).toEqual(
    expect.arrayContaining([
      expect.stringMatching(new RegExp(`${EXPAND}.js: flotilla.after: "${CONTRACT}" is newer.*cycle`)),
      `${EXPAND}.js: flotilla.after: there is no migration "no_such"`,
      expect.stringContaining('20260105000000_alone.js: it does not load: flotilla.after: expected what the contract comes after'),
    ]),
  );
  expect(said).toHaveLength(3);
});

it('[Z1] [Z2] [Z3] [Z4] [Z5] the example of docs/migrations/zero-downtime.md goes through a fleet in two rollouts', async () => {
  const files = exampleOf('migrations/zero-downtime');
  const [, , constrain, last] = Object.keys(files).map((file) => file.replace('.ts', ''));
  const fleet = await steeredFleet({
    hosts,
    migrations: files,
    seed: `create table users (id int primary key, email text unique); insert into users values (1, 'Ana@Shop.example'), (2, null);`,
    config: `strategy: 'fast', flags: async (flag) => flag === 'read-email-new',`,
  });
  const email = async () => (await fleet.rows<{ email: string }>('h1', 'select email from t01.users order by id')).map((row) => row.email);
  const { findings } = await fleet.client.plan();
  expect(JSON.stringify(findings)).toContain(`flotilla start --to ${constrain}`);
  expect(findings.map(({ severity }) => severity)).not.toContain('warning');
  await rollOut(fleet, { to: constrain! });
  await fleet.client.reportAppVersion('4.2.0', { app: 'web' });
  expect(errors(await fleet.client.plan())).toEqual(['FLT_BAKING']);
  await fleet.control(`update flotilla.rollout set finished_at = finished_at - interval '7 days'`);
  await rollOut(fleet);
  expect(await email()).toEqual(['ana@shop.example', 'user-2@invalid']);
  expect(await fleet.client.phases()).toMatchObject([{ state: 'done', migrations: [{}, {}, {}, { name: last, has: 2, lacks: 0 }] }]);
  const own = { failed: [], counts: { tenants: 2, passed: 2 }, checks: 2 };
  expect(await fleet.client.validate(), "one in each tenant: the contract's own").toMatchObject(own);
  await fleet.rows('h1', 'alter table t02.users drop constraint users_email_unique');
  expect(await fleet.client.validate()).toMatchObject({
    failed: [{ migration: last, tenants: ['t02'] }],
    counts: { passed: 1, failed: 1 },
  });
});
