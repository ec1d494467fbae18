/** Who belongs to a rollout, when tenants come, go, move and are held back while it runs. */

import { expect, it } from 'vitest';
import { addTitle, createNotes, waitsAtGate } from '../support/migration-sources.js';
import { ask, steeredFleet, strategy } from '../support/steered-fleet.js';
import { until } from '../support/until.js';

const notes = { '20260101000000_notes.js': createNotes };
const held = (at: { readonly state: string; readonly reasons: readonly { readonly kind: string }[] }) =>
  at.state === 'paused' && at.reasons.some(({ kind }) => kind === 'freeze');

it('[S07] starts while the fleet is frozen and moves nobody until the freeze is lifted, whoever resumes', async () => {
  const fleet = await steeredFleet({ migrations: notes });
  await fleet.client.freeze({ ...ask('black friday'), requestId: 'freeze-1' });
  const { outcome } = await fleet.client.start();
  expect(outcome).toBe('started');
  const frozen = await fleet.until(held, 'the pause');
  expect(frozen).toMatchObject({ state: 'paused', totals: { pending: 6 }, needsPerson: false });
  await expect(fleet.client.resume(ask('now'))).rejects.toMatchObject({
    code: 'FLT_REFUSED',
    message: expect.stringContaining('black friday'),
  });
  await fleet.client.pause(ask('lunch'));
  const resumed = await fleet.client.resume(ask('back'));
  expect(resumed).toMatchObject({ accepted: true, state: 'paused', message: expect.stringContaining('black friday') });
  expect((await fleet.client.wait({ timeoutMs: 1_500, pollMs: 100 })).why, 'a freeze does not end the waiting').toBe('timedOut');
  expect((await fleet.client.status())?.totals.pending).toBe(6);

  const lifted = await fleet.client.freeze({ ...ask('over'), lift: true });
  expect(lifted).toMatchObject({ freeze: null, rolloutId: frozen.rolloutId });
  expect(await fleet.ended()).toMatchObject({ state: 'succeeded', totals: { applied: 6 } });
  const { events } = await fleet.client.audit();
  expect(events.filter(({ verb }) => verb === 'freeze').map(({ subject, reason }) => [subject, reason])).toEqual([
    ['lifted', 'over'],
    ['until lifted', 'black friday'],
  ]);
});

it('[S07] lets a freeze that comes while tenants are in hand finish those, and ends it by itself at its end', async () => {
  const fleet = await steeredFleet({ migrations: { '20260101000000_gated.js': waitsAtGate } });
  await fleet.directory('create table public.gate (open boolean); insert into public.gate values (false)');
  await fleet.client.start();
  await fleet.until((at) => at.totals.running > 0, 'a tenant in hand');
  const until = new Date(Date.now() + 5_000);
  expect(await fleet.client.freeze({ ...ask('incident'), until })).toMatchObject({ freeze: { until: until.toISOString() } });
  await fleet.directory('update public.gate set open = true');
  const at = await fleet.until((it) => it.state === 'paused', 'the pause');
  expect(at.totals).toMatchObject({ applied: 1, pending: 5 });
  expect(at.reasons).toMatchObject([{ kind: 'freeze', clears: 'itself', untilMs: until.getTime() }]);
  expect(await fleet.ended()).toMatchObject({ state: 'succeeded', totals: { applied: 6 } });
  expect(Date.now()).toBeGreaterThanOrEqual(until.getTime());
  expect((await fleet.client.freeze()).freeze).toBeNull();
});

it('[S15] takes another tenant of its host for a canary that is up to date by the time it runs, and rolls it back with its wave', async () => {
  const fleet = await steeredFleet({
    migrations: notes,
    config: strategy(`canary: { count: 1 }, waves: [{ name: 'rest' }], finalBakeTime: '1h'`),
  });
  await fleet.client.freeze(ask('meanwhile'));
  const started = await fleet.client.start();
  const canary = started.outcome === 'started' ? started.plan!.waves[0]!.canaries[0]!.tenant : '';
  await fleet.until(held, 'the pause');
  expect(await fleet.client.migrateTenant(canary, { ...ask('cannot wait'), force: true })).toMatchObject({ outcome: 'applied' });
  await fleet.client.freeze({ lift: true });
  const at = await fleet.until((it) => it.state === 'baking', 'the final bake');
  expect(at.waves.map(({ name, tenants, totals }) => [name, tenants, totals.applied, totals.upToDate])).toEqual([
    ['canary', 2, 1, 1],
    ['rest', 4, 4, 0],
  ]);
  await fleet.client.rollback(ask('try the way back'));
  expect(await fleet.ended()).toMatchObject({ state: 'rolledBack', totals: { rolledBack: 5, upToDate: 1 } });
  expect(await fleet.having('notes')).toEqual([`h1 ${canary}`]);
});

it('[S15] pauses when no canary is evidence and nobody can take its place, and goes on without when a person resumes', async () => {
  const fleet = await steeredFleet({
    hosts: { h1: { schemas: ['t01'] }, h2: { schemas: ['t02', 't03'] } },
    migrations: notes,
    config: strategy(`canary: { count: 1, include: ['t01'] }, waves: [{ name: 'rest' }]`),
  });
  await fleet.client.freeze(ask('meanwhile'));
  await fleet.client.start();
  await fleet.until(held, 'the pause');
  await fleet.client.migrateTenant('t01', { ...ask('cannot wait'), force: true });
  await fleet.client.freeze({ lift: true });
  const waited = await fleet.client.wait({ pollMs: 200 });
  expect(waited).toMatchObject({ why: 'needsPerson', status: { state: 'paused', totals: { upToDate: 1, pending: 2 } } });
  expect(waited.status.reasons[0]).toMatchObject({ kind: 'canary', clears: 'person' });
  await fleet.client.resume(ask('it is fine'));
  expect(await fleet.ended()).toMatchObject({ state: 'succeeded', totals: { upToDate: 1, applied: 2 } });
});

it('[S18] calls a tenant gone that its source does not name or calls deleted, and failed when only its schema is missing', async () => {
  const fleet = await steeredFleet({
    migrations: notes,
    config: strategy(`canary: { count: 1, include: ['t01'] }, waves: [{ name: 'rest', maxFailures: 1 }]`),
  });
  await fleet.client.freeze(ask('meanwhile'));
  await fleet.client.start();
  await fleet.until(held, 'the pause');
  await fleet.directory(`delete from public.tenants where id = 't03'`);
  await fleet.rows('h1', 'drop schema t03 cascade; drop schema t05 cascade');
  await fleet.directory(`update public.tenants set lifecycle = 'deleted' where id = 't04'`);
  await fleet.client.freeze({ lift: true });
  const ended = await fleet.ended();
  expect(ended).toMatchObject({ state: 'completedWithFailures', totals: { applied: 3, gone: 2, parked: 1 } });
  expect(await fleet.states()).toMatchObject({ t03: 'gone', t04: 'gone', t05: 'parked' });
  expect(ended.failures).toMatchObject([{ code: 'FLT_SCHEMA_MISSING', tenants: ['t05'] }]);
  expect(await fleet.having('notes')).toEqual(['h1 t01', 'h1 t02', 'h1 t06']);
});

it('[S18] asks the source of a tenant whose schema goes away between two of its migrations', async () => {
  const gone = `
exports.config = { transaction: false };
exports.up = async (knex) => {
  while (!(await knex.raw('select open from public.gate')).rows[0].open) await new Promise((done) => setTimeout(done, 20));
};
exports.down = async () => {};
`;
  const fleet = await steeredFleet({
    hosts: { h1: { schemas: ['t01', 't02'] } },
    migrations: { ...notes, '20260102000000_waits.js': gone, '20260103000000_title.js': addTitle },
    config: strategy(`canary: false, waves: [{ name: 'all', maxFailures: 1 }]`),
  });
  await fleet.directory('create table public.gate (open boolean); insert into public.gate values (false)');
  await fleet.client.start();
  await fleet.until((at) => at.totals.running > 0, 'a tenant in hand');
  await fleet.directory(`delete from public.tenants where id = 't01'`);
  const first = async () => (await fleet.having('notes')).includes('h1 t01');
  await until(first, 'its first migration');
  await fleet.rows('h1', 'drop schema t01 cascade');
  await fleet.directory('update public.gate set open = true');
  expect(await fleet.ended()).toMatchObject({ state: 'succeeded', totals: { applied: 1, gone: 1 } });
});

it('[S19] sweeps up tenants born while it runs, counts those up to date, and leaves out the suspended and the half-ready', async () => {
  const fleet = await steeredFleet({
    hosts: { h1: { schemas: ['t01', 't02', 't03', 't04'] }, h2: { schemas: ['t05', 't06'] } },
    migrations: notes,
  });
  await fleet.directory(`delete from public.tenants where id in ('t03', 't05', 't06')`);
  await fleet.client.freeze(ask('meanwhile'));
  await fleet.client.start();
  const before = await fleet.until(held, 'the pause');
  expect(before.totals).toMatchObject({ pending: 3 });
  await fleet.rows('h2', 'create schema t07; create schema t08; create schema t09');
  await fleet.directory(`insert into public.tenants values
    ('t05', 'h2', 't05', '{}', 'active'), ('t06', 'h2', 't06', '{}', 'provisioning'), ('t07', 'h2', 't07', '{}', 'suspended'), ('t08', 'h2', 't08', '{}', null),
    ('t09', 'h2', 't09', '{}', null)`);
  await fleet.client.pin({ tenants: ['t09'], ...ask('on holiday') });
  expect(await fleet.client.migrateTenant('t08', { ...ask('signed up'), force: true })).toMatchObject({ outcome: 'applied' });
  await fleet.client.freeze({ lift: true });
  const ended = await fleet.ended();
  expect(ended).toMatchObject({ state: 'succeeded', totals: { applied: 4, upToDate: 1, skipped: 2, blocked: 1 } });
  expect(await fleet.states()).toMatchObject({ t05: 'applied', t06: 'skipped', t07: 'skipped', t08: 'upToDate', t09: 'blocked' });
  expect(ended.waves.map(({ name, tenants }) => [name, tenants])).toContainEqual(['sweep', 1]);
  expect(await fleet.having('notes')).toEqual(['h1 t01', 'h1 t02', 'h1 t04', 'h2 t05', 'h2 t08']);
  const { events } = await fleet.client.audit();
  expect(events).toContainEqual(expect.objectContaining({ verb: 'sweep', actor: 'flotilla', subject: '1 tenant' }));
});

it('[S19] ends without a sweep of a cell that has no worker any more, and says so', async () => {
  const fleet = await steeredFleet({
    hosts: { h1: { schemas: ['t01', 't02'], cell: 'eu' }, h2: { schemas: ['t03'], cell: 'us' } },
    tenants: `['h1', 'h2'].map((host) => fromSchemas({ host, like: 't0*', id: (schema) => schema }))`,
    migrations: notes,
    config: strategy(`canary: false, waves: [{ name: 'all', bakeTime: '1h' }]`),
    worker: ['--cell', 'eu'],
  });
  const us = await fleet.worker(['--cell', 'us']);
  await fleet.client.start();
  await fleet.until((at) => at.state === 'baking', 'the bake');
  await us.stop();
  await fleet.client.skip({ bake: true, ...ask('long enough') });
  const ended = await fleet.ended();
  expect(ended).toMatchObject({ state: 'succeeded', totals: { applied: 3 } });
  expect(ended.findings).toMatchObject([
    { severity: 'warning', code: 'FLT_NO_CELL_WORKER', message: expect.stringContaining('cell "us"') },
  ]);
  const { json } = await fleet.cli(['status', '--json']);
  expect(json.sweepFindings).toHaveLength(1);
});

it('[S20] follows a tenant to another host and back down again, and leaves its wave as it was', async () => {
  const fleet = await steeredFleet({
    hosts: { h1: { schemas: ['t01', 't02', 't03', 't04'] }, h2: { schemas: ['t05'] } },
    migrations: notes,
    config: strategy(
      `canary: { count: 1, include: ['t01'] }, waves: [{ name: 'eu', selector: { matchExpressions: [{ key: 'plan', operator: 'DoesNotExist' }] } }, { name: 'last' }], finalBakeTime: '1h'`,
    ),
  });
  await fleet.client.freeze(ask('meanwhile'));
  await fleet.client.start();
  await fleet.until(held, 'the pause');
  await fleet.rows('h2', 'create schema t03');
  await fleet.directory(`update public.tenants set host = 'h2', labels = '{"plan": "gold"}' where id = 't03'`);
  await fleet.client.freeze({ lift: true });
  const at = await fleet.until((it) => it.state === 'baking', 'the final bake');
  expect(at.totals).toMatchObject({ applied: 5 });
  expect(at.waves.map(({ name, tenants }) => [name, tenants])).toEqual([
    ['canary', 1],
    ['eu', 4],
  ]);
  expect(await fleet.having('notes'), 'the old schema is another matter').toEqual(['h1 t01', 'h1 t02', 'h1 t04', 'h2 t03', 'h2 t05']);
  expect((await fleet.client.tenantStatus('t03')).host).toBe('h2');

  // Another one changes its schema after it was migrated
  await fleet.rows('h1', 'alter schema t04 rename to t04b');
  await fleet.directory(`update public.tenants set schema = 't04b' where id = 't04'`);
  await fleet.client.rollback(ask('try the way back'));
  expect(await fleet.ended()).toMatchObject({ state: 'rolledBack', totals: { rolledBack: 5 } });
  expect(await fleet.having('notes')).toEqual([]);
});

it('[S36] skips a tenant that is in hand only when it comes back unsettled', async () => {
  const fleet = await steeredFleet({
    hosts: { h1: { schemas: ['t01', 't02', 't03'] } },
    migrations: { '20260101000000_gated.js': waitsAtGate },
    config: strategy(`canary: false, waves: [{ name: 'all' }], maxConcurrency: 1`),
  });
  await fleet.directory('create table public.gate (open boolean); insert into public.gate values (false)');
  await fleet.client.start();
  await fleet.until((at) => at.totals.running === 1, 'a tenant in hand');
  await fleet.client.skip({ tenants: ['t01', 't02'], ...ask('not these') });
  await fleet.directory('update public.gate set open = true');
  expect(await fleet.ended()).toMatchObject({ state: 'succeeded', totals: { applied: 2, skipped: 1 } });
  expect(await fleet.states()).toEqual({ t01: 'applied', t02: 'skipped', t03: 'applied' });
});

it('[S36] blocks a tenant pinned before its turn, and takes it up in the sweep once it is let go', async () => {
  const fleet = await steeredFleet({
    migrations: notes,
    config: strategy(`canary: { count: 1, include: ['t01'] }, waves: [{ name: 'rest', bakeTime: '1h' }]`),
  });
  await fleet.client.freeze(ask('meanwhile'));
  await fleet.client.start();
  await fleet.until(held, 'the pause');
  const pinned = await fleet.client.pin({ tenants: ['t05', 't06'], ...ask('on holiday') });
  expect(pinned).toMatchObject({ changed: ['t05', 't06'], rolloutId: expect.stringMatching(/^r-/) });
  await fleet.client.freeze({ lift: true });
  const baking = await fleet.until((at) => at.state === 'baking' && at.totals.applied === 4, 'the bake of the last wave');
  expect(baking.totals).toMatchObject({ applied: 4, blocked: 2 });
  expect(await fleet.client.tenantStatus('t05')).toMatchObject({ state: 'blocked', code: 'FLT_PINNED' });
  expect(await fleet.client.unpin({ tenants: ['t05', 't01'] })).toMatchObject({ changed: ['t05'], pins: [{ tenant: 't06' }] });
  await fleet.client.skip({ bake: true, ...ask('long enough') });
  expect(await fleet.ended()).toMatchObject({ state: 'succeeded', totals: { applied: 5, blocked: 1 } });
});

it('[S36] takes a pinned tenant through no later rollout either, until it is let go', async () => {
  const fleet = await steeredFleet({ hosts: { h1: { schemas: ['t01', 't02'] } }, migrations: notes });
  await fleet.client.pin({ tenants: ['t02'], ...ask('on holiday') });
  const first = await fleet.client.plan();
  expect(first.totals).toMatchObject({ pending: 1, blocked: 1 });
  expect(first.findings).toMatchObject([{ severity: 'info', code: 'FLT_PINNED', tenants: 1, sample: ['t02'] }]);
  await fleet.client.start({ planId: first.planId });
  expect(await fleet.ended()).toMatchObject({ state: 'succeeded', totals: { applied: 1, blocked: 1 } });

  fleet.migration('20260102000000_title.js', addTitle);
  await fleet.client.start({ expect: '20260102000000_title' });
  expect(await fleet.ended()).toMatchObject({ totals: { applied: 1, blocked: 1 } });
  expect(await fleet.having('notes')).toEqual(['h1 t01']);
  await fleet.client.unpin({ tenants: ['t02'], reason: 'back' });
  await fleet.client.start();
  expect(await fleet.ended()).toMatchObject({ totals: { applied: 1, upToDate: 1 } });
  expect(await fleet.having('notes')).toEqual(['h1 t01', 'h1 t02']);
});
