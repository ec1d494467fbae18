/** What a rollback takes back, what it refuses, and what it says before: on real tenants. */

import { expect, it } from 'vitest';
import { addTitle, createNotes, failsWherePoisoned } from '../support/migration-sources.js';
import { ask, type SteeredFleet, steeredFleet, strategy } from '../support/steered-fleet.js';

const NOTES = '20260101000000_notes';
const TITLE = '20260102000000_title';
const twoFiles = { [`${NOTES}.js`]: createNotes, [`${TITLE}.js`]: addTitle };
const twoWaves = strategy(
  `canary: false, waves: [{ name: 'one', size: 2, maxFailures: 1 }, { name: 'two', maxFailures: 1 }], onBreach: 'halt'`,
);
const baking = strategy(
  `canary: false, waves: [{ name: 'one', size: 2, maxFailures: 1 }, { name: 'two', maxFailures: 1 }], onBreach: 'halt', finalBakeTime: '1h'`,
);
const noDown = `exports.up = (knex) => knex.schema.alterTable('notes', (t) => { t.text('title'); });`;

const startedId = async (fleet: SteeredFleet, expected?: string) => {
  const started = await fleet.client.start(expected === undefined ? {} : { expect: expected });
  if (started.outcome !== 'started') throw new Error(started.outcome);
  return started.rollout.rolloutId;
};
const applied = async (fleet: SteeredFleet, tenant: string) =>
  (await fleet.rows<{ name: string }>('h1', `select name from ${tenant}.knex_migrations order by id`)).map(({ name }) =>
    name.replace('.js', ''),
  );

it('takes a closed rollout back by a new one over exactly the tenants that it moved, in its waves, and says whose work it took back', async () => {
  const fleet = await steeredFleet({ migrations: { [`${NOTES}.js`]: createNotes }, config: twoWaves });
  await fleet.client.start({ tenants: ['t05'] });
  await fleet.ended();
  fleet.migration(`${TITLE}.js`, addTitle);
  await fleet.client.start({ tenants: ['t05', 't06'], expect: TITLE });
  await fleet.ended();
  const id = await startedId(fleet);
  expect((await fleet.ended()).totals).toMatchObject({ applied: 4, upToDate: 2 });

  const answer = await fleet.client.rollback({ ...ask('wrong release'), rolloutId: id, requestId: 'back-1' });
  expect(answer).toMatchObject({ accepted: true, message: expect.stringContaining('4 tenants') });
  const end = await fleet.ended();
  expect(end).toMatchObject({ rolloutId: answer.rolloutId, state: 'rolledBack', rollbackOf: id });
  expect(end.totals).toMatchObject({ rolledBack: 4, applied: 0, upToDate: 0 });
  expect(end.waves.map(({ name, tenants }) => [name, tenants])).toEqual([
    ['one', 2],
    ['two', 2],
  ]);
  expect(await fleet.having('notes')).toEqual(['h1 t05', 'h1 t06']);
  expect(await applied(fleet, 't05')).toEqual([NOTES, TITLE]);
  expect(await fleet.client.isReady('t05', TITLE)).toBe(true);
  expect(await fleet.client.isReady('t01', NOTES)).toBe(false);

  expect((await fleet.client.rollback({ ...ask('wrong release'), rolloutId: id, requestId: 'back-1' })).rolloutId).toBe(answer.rolloutId);
  const { rollouts } = await fleet.client.history();
  expect(rollouts[0]).toMatchObject({ rolloutId: answer.rolloutId, rollbackOf: id, state: 'rolledBack', reason: 'wrong release' });
  const { events } = await fleet.client.audit({ rolloutId: answer.rolloutId });
  expect(events).toMatchObject([{ verb: 'start', actor: 'ana', reason: 'wrong release' }]);

  await expect(fleet.client.rollback({ ...ask('once more'), rolloutId: answer.rolloutId })).rejects.toMatchObject({ code: 'FLT_REFUSED' });
  await expect(fleet.client.rollback({ ...ask('who'), rolloutId: 'r-nobody' })).rejects.toMatchObject({ code: 'FLT_ROLLOUT_NOT_FOUND' });
  // Everybody is where the next rollout expects them
  await startedId(fleet);
  expect(await fleet.ended()).toMatchObject({ state: 'succeeded', totals: { applied: 4, upToDate: 2 } });
});

it('takes no closed rollout back while another is open, nor one that a later rollout has built on', async () => {
  const fleet = await steeredFleet({ migrations: { [`${NOTES}.js`]: createNotes }, config: baking });
  const first = await startedId(fleet);
  await fleet.until((at) => at.state === 'baking', 'the final bake');
  await fleet.client.abort(ask('no need to wait'));
  await fleet.ended();
  fleet.migration(`${TITLE}.js`, addTitle);
  const second = await startedId(fleet, TITLE);
  await fleet.until((at) => at.state === 'baking', 'the final bake');
  const refused = expect(fleet.client.rollback({ ...ask('back'), rolloutId: first })).rejects;
  await refused.toMatchObject({ code: 'FLT_ROLLOUT_OPEN', details: { rolloutId: second } });
  await fleet.client.abort(ask('no need to wait'));
  await fleet.ended();
  await expect(fleet.client.rollback({ ...ask('back'), rolloutId: first })).rejects.toMatchObject({
    code: 'FLT_REFUSED',
    message: expect.stringContaining(second),
  });
  await fleet.client.rollback({ ...ask('back'), rolloutId: second });
  expect((await fleet.ended()).state).toBe('rolledBack');
  await fleet.client.rollback({ ...ask('back'), rolloutId: first });
  expect((await fleet.ended()).state).toBe('rolledBack');
  expect(await fleet.having('notes')).toEqual([]);
});

it('takes a closed rollout back down to a migration that stays, and only a wave of it when asked so', async () => {
  const fleet = await steeredFleet({ migrations: twoFiles, config: twoWaves });
  const id = await startedId(fleet);
  await fleet.ended();
  await expect(fleet.client.rollback({ ...ask('?'), rolloutId: id, to: 'nothing' })).rejects.toMatchObject({
    code: 'FLT_UNKNOWN_MIGRATION',
  });
  await expect(fleet.client.rollback({ ...ask('?'), rolloutId: id, to: TITLE })).rejects.toMatchObject({ code: 'FLT_REFUSED' });
  await fleet.client.rollback({ ...ask('the title is wrong'), rolloutId: id, to: NOTES, wave: 'two' });
  expect(await fleet.ended()).toMatchObject({ state: 'rolledBack', totals: { rolledBack: 4 } });
  expect(await applied(fleet, 't01')).toEqual([NOTES, TITLE]);
  expect(await applied(fleet, 't06')).toEqual([NOTES]);
  expect(await fleet.client.isReady('t06', NOTES)).toBe(true);
  expect(await fleet.client.isReady('t06', TITLE)).toBe(false);
});

it('an open rollout goes back down to the migration that stays', async () => {
  const fleet = await steeredFleet({ migrations: twoFiles, config: baking });
  await startedId(fleet);
  await fleet.until((at) => at.state === 'baking', 'the final bake');
  await fleet.client.rollback({ ...ask('the title is wrong'), to: NOTES });
  expect(await fleet.ended()).toMatchObject({ state: 'rolledBack', totals: { rolledBack: 6 } });
  for (const tenant of ['t01', 't06']) expect(await applied(fleet, tenant)).toEqual([NOTES]);
  expect(await fleet.client.isReady('t01', NOTES)).toBe(true);
});

it('tenants that a closed rollout left parked need nobody any more once they are back', async () => {
  const fleet = await steeredFleet({
    migrations: { [`${NOTES}.js`]: createNotes, '20260103000000_extras.js': failsWherePoisoned },
    config: twoWaves,
  });
  await fleet.rows('h1', 'create table t04.poison (id int primary key)');
  const id = await startedId(fleet);
  expect(await fleet.ended()).toMatchObject({ state: 'completedWithFailures', totals: { applied: 5, parked: 1 } });
  await fleet.client.rollback({ ...ask('back'), rolloutId: id });
  expect(await fleet.ended()).toMatchObject({ state: 'rolledBack', totals: { rolledBack: 6 } });
  expect(await fleet.having('notes')).toEqual([]);
  await expect(fleet.client.retry({ ...ask('?'), failed: true })).rejects.toMatchObject({ code: 'FLT_REFUSED' });
});

it('[S24] a failure in a rollback of a closed rollout parks that tenant and the others go on; left out, the rest counts as rolled back', async () => {
  const fleet = await steeredFleet({ migrations: { [`${NOTES}.js`]: createNotes }, config: twoWaves });
  const id = await startedId(fleet);
  await fleet.ended();
  await fleet.rows('h1', 'create view t05.held as select * from t05.notes');
  await fleet.client.rollback({ ...ask('back'), rolloutId: id });
  const failed = await fleet.until((at) => at.state === 'rollbackFailed', 'rollbackFailed');
  expect(failed.totals).toMatchObject({ rolledBack: 5, rollbackFailed: 1 });
  expect(failed.rollback?.failed).toMatchObject([{ tenant: 't05' }]);
  expect(failed.next.map(({ command }) => command)).toContain("flotilla rollback --continue --skip t05 --reason '…'");
  await expect(fleet.client.resume(ask('?'))).rejects.toMatchObject({ code: 'FLT_REFUSED' });
  await expect(fleet.client.retry({ ...ask('?'), failed: true })).rejects.toMatchObject({ code: 'FLT_REFUSED' });
  await fleet.client.rollback({ ...ask('they keep it'), continueSkipping: ['t05'] });
  expect(await fleet.ended()).toMatchObject({ state: 'rolledBack', totals: { rolledBack: 5, skipped: 1 } });
  expect(await fleet.having('notes')).toEqual(['h1 t05']);
});

it('[S25] an irreversible migration refuses the whole rollback before anything is reverted; by force it is passed', async () => {
  const fleet = await steeredFleet({ migrations: { [`${NOTES}.js`]: createNotes, [`${TITLE}.js`]: noDown }, config: twoWaves });
  const id = await startedId(fleet);
  await fleet.ended();
  const preview = await fleet.client.previewRollback({ rolloutId: id });
  expect(preview.refused).toMatchObject([{ migration: TITLE, code: 'FLT_NO_DOWN' }]);
  expect(preview.groups).toMatchObject([{ tenants: 6, reverts: [], refused: { migration: TITLE, code: 'FLT_NO_DOWN' } }]);
  await expect(fleet.client.rollback({ ...ask('back'), rolloutId: id })).rejects.toMatchObject({
    code: 'FLT_IRREVERSIBLE',
    message: expect.stringContaining(TITLE),
  });
  expect((await fleet.client.status())?.rolloutId).toBe(id);
  expect(await applied(fleet, 't01')).toEqual([NOTES, TITLE]);
  await expect(fleet.client.rollback({ rolloutId: id, force: true })).rejects.toMatchObject({ code: 'FLT_USAGE' });
});

it('[S25] rows written since park their tenant with the code, and the others come back; by force it follows', async () => {
  const fleet = await steeredFleet({ migrations: { [`${NOTES}.js`]: createNotes }, config: baking });
  await startedId(fleet);
  await fleet.until((at) => at.state === 'baking', 'the final bake');
  await fleet.rows('h1', `insert into t03.notes (body) values ('written since')`);

  const before = await fleet.rows('h1', 'select count(*) n from t03.flotilla_ledger');
  const preview = await fleet.client.previewRollback();
  expect(preview).toMatchObject({ refused: [], tenants: 6, lookedAt: 6, more: 0 });
  expect(preview.groups).toMatchObject([
    { tenants: 5, reverts: [NOTES] },
    { tenants: 1, sample: ['t03'], reverts: [], refused: { migration: NOTES, code: 'FLT_REVERT_REMOVES_DATA' } },
  ]);
  expect(await fleet.rows('h1', 'select count(*) n from t03.flotilla_ledger'), 'a dry run writes nothing').toEqual(before);
  expect(await fleet.having('notes')).toHaveLength(6);

  await fleet.client.rollback(ask('back'));
  const failed = await fleet.until((at) => at.state === 'rollbackFailed', 'rollbackFailed');
  expect(failed.rollback?.failed).toEqual([{ tenant: 't03', code: 'FLT_REVERT_REMOVES_DATA' }]);
  expect((await fleet.client.tenantStatus('t03')).code).toBe('FLT_REVERT_REMOVES_DATA');
  expect(await fleet.having('notes')).toEqual(['h1 t03']);
  await fleet.client.rollback({ ...ask('the row is a test of ours'), force: true });
  expect(await fleet.ended()).toMatchObject({ state: 'rolledBack', totals: { rolledBack: 6 } });
  expect(await fleet.having('notes')).toEqual([]);
});

it('[S26] the rollback of a wave takes back only those whom this rollout moved; whoever was up to date is untouched', async () => {
  const fleet = await steeredFleet({ migrations: { [`${NOTES}.js`]: createNotes }, config: baking });
  // Not by a rollout: its waves know nothing of it
  await fleet.client.freeze(ask('meanwhile'));
  await startedId(fleet);
  await fleet.client.migrateTenant('t06', { ...ask('cannot wait'), force: true });
  await fleet.client.freeze({ lift: true });
  const at = await fleet.until((it) => it.state === 'baking', 'the final bake');
  expect(at.totals).toMatchObject({ applied: 5, upToDate: 1 });
  await fleet.client.rollback({ ...ask('back'), wave: 'two' });
  const halted = await fleet.until((it) => it.state === 'halted', 'halted, the first wave stays');
  expect(halted.totals).toMatchObject({ applied: 2, rolledBack: 3, upToDate: 1 });
  expect(await fleet.having('notes')).toEqual(['h1 t01', 'h1 t02', 'h1 t06']);
  await fleet.client.rollback(ask('all of it'));
  expect(await fleet.ended()).toMatchObject({ state: 'rolledBack', totals: { rolledBack: 5, upToDate: 1 } });
  expect(await fleet.having('notes')).toEqual(['h1 t06']);
});
