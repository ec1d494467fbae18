/** The verbs that hold back and that migrate one tenant by name, from the command line and the client. */

import { expect, it } from 'vitest';
import { DOCUMENTS, type DocumentKind } from '../../src/client/documents.js';
import type { FleetFixture } from '../support/fleet.js';
import { addTitle, createNotes, failsWherePoisoned, waitsAtGate } from '../support/migration-sources.js';
import { ask, steeredFleet } from '../support/steered-fleet.js';

const notes = { '20260101000000_notes.js': createNotes };
const both = { ...notes, '20260102000000_title.js': addTitle };

async function json(fleet: FleetFixture, kind: DocumentKind, ...args: string[]) {
  const ran = await fleet.cli([...args, '--json']);
  expect(ran.json?.kind, `${args.join(' ')} printed ${ran.stdout}${ran.stderr}`).toBe(kind);
  if (!ran.json.error) expect(DOCUMENTS[kind].parse(ran.json)).toEqual(ran.json);
  return { code: ran.code, ...ran.json };
}

it('freezes, shows, lifts, pins, lists and unpins from the command line, each on record and each repeat harmless', async () => {
  const fleet = await steeredFleet({ hosts: { h1: { schemas: ['t01', 't02'] } }, migrations: notes });
  expect(await json(fleet, 'freeze', 'freeze')).toMatchObject({ code: 0, freeze: null });
  expect(await json(fleet, 'freeze', 'freeze', '--until', '2h')).toMatchObject({ code: 2, error: { code: 'FLT_USAGE' } });
  const frozen = await json(fleet, 'freeze', 'freeze', '--reason', 'sale', '--until', '2h', '--actor', 'bo', '--request-id', 'ops-1');
  expect(frozen).toMatchObject({ code: 0, freeze: { actor: 'bo', reason: 'sale' } });
  expect(Date.parse(frozen.freeze.until) - Date.parse(frozen.freeze.since)).toBeGreaterThan(7_190_000);
  expect((await fleet.cli(['freeze'])).stdout).toMatch(/^frozen since .* until .*, by bo: "sale"/);
  await json(fleet, 'freeze', 'freeze', '--lift');
  const again = await json(fleet, 'freeze', 'freeze', '--reason', 'sale', '--until', '2h', '--request-id', 'ops-1');
  expect(again.freeze, 'the same request gets the first answer, and freezes nothing again').toEqual(frozen.freeze);
  expect((await json(fleet, 'freeze', 'freeze')).freeze).toBeNull();

  // Neither a plan nor a rollout has held anybody yet
  expect(await json(fleet, 'pin', 'pin', 't02', '--reason', 'demo day', '--actor', 'bo')).toMatchObject({ code: 0, changed: ['t02'] });
  expect(await json(fleet, 'pin', 'pin', 't02')).toMatchObject({ code: 2, error: { code: 'FLT_USAGE' } });
  expect(await json(fleet, 'pin', 'pin', 't01', 'nobody', '--reason', 'x')).toMatchObject({
    code: 3,
    error: { code: 'FLT_UNKNOWN_TENANT', message: 'The fleet has no tenant "nobody".' },
  });
  const listed = await json(fleet, 'pin', 'pin');
  expect(listed).toMatchObject({ code: 0, changed: [], pins: [{ tenant: 't02', actor: 'bo', reason: 'demo day' }] });
  expect((await fleet.cli(['pin'])).stdout).toContain('t02');
  expect(await json(fleet, 'pin', 'unpin', 't02', 't01')).toMatchObject({ code: 0, changed: ['t02'], pins: [] });
  expect(await json(fleet, 'pin', 'unpin', 't02')).toMatchObject({ code: 0, changed: [] });

  const { events } = await json(fleet, 'audit', 'audit');
  expect(events.map((it: { verb: string; actor: string; subject: string }) => [it.verb, it.subject]).reverse()).toEqual([
    ['freeze', `until ${frozen.freeze.until}`],
    ['freeze', 'lifted'],
    ['pin', 't02'],
    ['unpin', 't01, t02'],
    ['unpin', 't02'],
  ]);
});

it('migrates a tenant that has no history and is not ready for its users yet, and makes it ready', async () => {
  const fleet = await steeredFleet({ hosts: { h1: { schemas: ['t01'] } }, migrations: both });
  await fleet.rows('h1', 'create schema new1');
  await fleet.directory(`insert into public.tenants values ('new', 'h1', 'new1', '{}', 'provisioning')`);
  const done = await json(fleet, 'migrate', 'migrate', 'new', '--actor', 'signup', '--reason', 'new customer', '--request-id', 'signup-1');
  expect(done).toMatchObject({ code: 0, tenant: 'new', outcome: 'applied', migrations: ['20260101000000_notes', '20260102000000_title'] });
  expect(done.durationMs).toBeGreaterThan(0);
  const again = await json(fleet, 'migrate', 'migrate', 'new', '--request-id', 'signup-1');
  expect([again.rolloutId, again.outcome], 'the first answer').toEqual([done.rolloutId, 'applied']);
  expect(await fleet.client.migrateTenant('new')).toMatchObject({ outcome: 'upToDate', migrations: [] });
  expect(await fleet.having('notes')).toEqual(['h1 new1']);

  const ledger = await fleet.rows('h1', `select migration, rollout, actor from new1.flotilla_ledger where kind = 'applied' order by id`);
  expect(ledger).toEqual([
    { migration: '20260101000000_notes', rollout: done.rolloutId, actor: 'signup' },
    { migration: '20260102000000_title', rollout: done.rolloutId, actor: 'signup' },
  ]);
  expect(await json(fleet, 'ready', 'ready', 'new', '20260102000000_title')).toMatchObject({ code: 0, ready: true });
  const { events } = await fleet.client.audit();
  expect(events).toContainEqual(
    expect.objectContaining({
      verb: 'migrate',
      subject: 'new',
      actor: 'signup',
      reason: 'new customer',
      requestId: 'signup-1',
      rolloutId: done.rolloutId,
    }),
  );
  expect((await fleet.client.history()).rollouts, 'it is no rollout of the fleet').toEqual([]);
});

it('refuses by code a tenant that is unknown, asleep, pinned or frozen, and moves the last two only by force with a reason', async () => {
  const fleet = await steeredFleet({ migrations: notes });
  const { migrateTenant } = { migrateTenant: (id: string, more: object = {}) => fleet.client.migrateTenant(id, more) };
  await fleet.directory(`update public.tenants set lifecycle = 'suspended' where id = 't03'`);
  await fleet.client.pin({ tenants: ['t01'], ...ask('demo day') });
  await expect(migrateTenant('nobody')).rejects.toMatchObject({ code: 'FLT_UNKNOWN_TENANT' });
  await expect(migrateTenant('t03')).rejects.toMatchObject({ code: 'FLT_TENANT_INACTIVE' });
  await expect(migrateTenant('t01')).rejects.toMatchObject({ code: 'FLT_PINNED' });
  await expect(migrateTenant('t01', { force: true })).rejects.toMatchObject({ code: 'FLT_USAGE' });
  await fleet.client.freeze(ask('sale'));
  await expect(migrateTenant('t02', { requestId: 'again-1' })).rejects.toMatchObject({
    code: 'FLT_FROZEN',
    message: expect.stringContaining('sale'),
  });
  expect(await fleet.having('notes')).toEqual([]);
  expect(await json(fleet, 'migrate', 'migrate', 't02')).toMatchObject({ code: 3, error: { code: 'FLT_FROZEN' } });
  expect(await migrateTenant('t01', { force: true, ...ask('they asked') })).toMatchObject({ outcome: 'applied' });
  await fleet.client.freeze({ lift: true });
  expect(await migrateTenant('t02', { requestId: 'again-1' }), 'what was refused is tried anew').toMatchObject({ outcome: 'applied' });
  expect(await fleet.having('notes')).toEqual(['h1 t01', 'h1 t02']);
});

it('waits for a tenant that the open rollout has in hand, and finds it done; what it does first, the rollout finds done', async () => {
  const fleet = await steeredFleet({
    hosts: { h1: { schemas: ['t01', 't02', 't03'] } },
    migrations: { '20260101000000_gated.js': waitsAtGate },
  });
  await fleet.directory('create table public.gate (open boolean); insert into public.gate values (false)');
  await fleet.client.start();
  const at = await fleet.until((it) => it.totals.running === 1, 'the canary in hand');
  const [canary] = (await fleet.client.rolloutTenants(at.rolloutId)).filter(({ wave }) => wave === 0);
  const other = ['t01', 't02', 't03'].find((id) => id !== canary!.id)!;
  const steps: string[] = [];
  const waiting = fleet.client.migrateTenant(canary!.id, { onProgress: (text) => void steps.push(text) });
  const twice = [fleet.client.migrateTenant(other), fleet.client.migrateTenant(other)];
  const queued = `select count(*)::int n from flotilla.rollout where tenant is not null`;
  while ((await fleet.control<{ n: number }>(queued))[0]!.n < 3);
  await fleet.directory('update public.gate set open = true');
  expect(await waiting).toMatchObject({ outcome: 'upToDate', migrations: [] });
  const answers = await Promise.all(twice);
  const ended = await fleet.ended();
  expect(ended.state).toBe('succeeded');
  expect(ended.totals.applied + ended.totals.upToDate).toBe(3);
  // Whoever came first, it ran once
  const ledger = await fleet.rows<{ n: number }>('h1', `select count(*)::int n from ${other}.flotilla_ledger where kind = 'applied'`);
  expect(ledger).toEqual([{ n: 1 }]);
  expect(answers.filter(({ outcome }) => outcome === 'applied').length + (ended.totals.upToDate === 0 ? 1 : 0)).toBe(1);
});

it('answers the code of a migration that fails, leaves the tenant as it was, and can be asked again once the cause is mended', async () => {
  const fleet = await steeredFleet({
    hosts: { h1: { schemas: ['t01', 't02'] } },
    migrations: { '20260101000000_extras.js': failsWherePoisoned },
  });
  await fleet.rows('h1', 'create table t01.poison (id int primary key)');
  const failed = await json(fleet, 'migrate', 'migrate', 't01', '--request-id', 'q-1');
  expect(failed).toMatchObject({ code: 4, error: { code: 'FLT_UNIQUE_VIOLATION', message: expect.stringContaining('t01') } });
  expect(await fleet.having('extras')).toEqual([]);
  await fleet.rows('h1', 'drop table t01.poison');
  expect(await json(fleet, 'migrate', 'migrate', 't01', '--request-id', 'q-1')).toMatchObject({ code: 0, outcome: 'applied' });
  // A clean failure holds nobody back
  await fleet.client.start();
  expect(await fleet.ended()).toMatchObject({ state: 'succeeded', totals: { applied: 1, upToDate: 1 } });
});
