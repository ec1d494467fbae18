/** The backfill of an applied migration, run again over a real fleet: steered, killed, watched, refused. */

import { Client, Connection } from '@temporalio/client';
import { expect, it, onTestFinished } from 'vitest';
import { DOCUMENTS } from '../../src/client/documents.js';
import { workflowIds } from '../../src/domain/ids.js';
import { FILL, filledIn, fillingFleet, ROWS, stopHalfWay } from '../support/filling-fleet.js';
import { ask, type SteeredFleet } from '../support/steered-fleet.js';

const MIGRATION = '20260102000000_doubled';
const WAVES = `canary: { count: 1, include: ['t01'] }, waves: [{ name: 'rest' }]`;
const SCHEMAS = ['t01', 't02', 't03'];

/** All tenants have the migration, and rows have come behind it without a value. */
async function fleetBehind(): Promise<SteeredFleet> {
  const fleet = await fillingFleet(WAVES, 0);
  await fleet.client.start();
  expect(await fleet.ended()).toMatchObject({ state: 'succeeded', totals: { applied: 3 } });
  for (const schema of SCHEMAS)
    await fleet.rows('h1', `insert into ${schema}.items (id, n) select i, i from generate_series(1, ${ROWS}) i`);
  return fleet;
}

async function expectFilled(fleet: SteeredFleet, schemas = SCHEMAS): Promise<void> {
  for (const schema of schemas)
    expect(await fleet.rows('h1', `select count(*)::int n, count(*) filter (where doubled = n * 2)::int ok from ${schema}.items`)).toEqual([
      { n: ROWS, ok: ROWS },
    ]);
}

async function temporalOf(fleet: SteeredFleet): Promise<Client> {
  const connection = await Connection.connect({ address: fleet.temporalAddress });
  onTestFinished(() => connection.close());
  return new Client({ connection });
}

it('is paused at the edge of a chunk, resumed, cut off by a dead worker, and goes on to the same end', async () => {
  const fleet = await fleetBehind();
  const started = await fleet.client.backfill(MIGRATION, ask('rows came behind'));
  expect(started).toMatchObject({ outcome: 'started', plan: { operation: 'backfill', to: MIGRATION, totals: { pending: 3 } } });
  const first = await stopHalfWay(fleet, 0);
  await fleet.client.pause(ask('too busy'));
  const paused = await fleet.until(
    (at) => at.state === 'paused' && at.waves[0]!.inFlight === 0 && at.backfills?.[0]?.tenants === 1,
    'standing still, and said so',
  );
  expect(paused).toMatchObject({ backfillOf: MIGRATION, backfills: [{ migration: MIGRATION, tenants: 1, done: 0, exact: true }] });
  await first.release();
  expect(await filledIn(fleet, 't01')).toBe(first.stood);
  await fleet.client.resume(ask('quiet again'));
  const second = await stopHalfWay(fleet, first.stood);
  await fleet.workerProcess.stop('SIGKILL');
  expect(await fleet.client.status(), 'what Temporal alone knows').toMatchObject({ source: 'temporal', backfillOf: MIGRATION });
  await second.release();
  await fleet.worker();
  expect(await fleet.ended()).toMatchObject({ state: 'succeeded', totals: { applied: 3 } });
  await expectFilled(fleet);
  const { rolloutId } = paused;
  for (const schema of SCHEMAS)
    expect(
      await fleet.rows('h1', `select rollout, rows_written::int rows from ${schema}.flotilla_ledger where kind = 'filled'`),
      'all rows were written by one run, each once',
    ).toEqual([{ rollout: rolloutId, rows: ROWS }]);
  expect(await fleet.rows('h1', 'select name, batch from t01.knex_migrations order by id')).toEqual([
    { name: '20260101000000_items.js', batch: 1 },
    { name: `${MIGRATION}.js`, batch: 1 },
  ]);
});

it('says in every place that it is a backfill, and how far it has come', async () => {
  const fleet = await fleetBehind();
  const run = fleet.cli(['backfill', MIGRATION, '--wait', '--json', '--reason', 'rows came behind']);
  const { release } = await stopHalfWay(fleet, 0);
  await fleet.until((at) => (at.backfills?.[0]?.running[0]?.visited ?? 0) > 0, 'progress');
  const status = (await fleet.cli(['status', '--json'])).json;
  expect(DOCUMENTS.status.parse(status)).toEqual(status);
  expect(status).toMatchObject({ operation: 'backfill', backfillOf: MIGRATION, backfills: [{ migration: MIGRATION, tenants: 1 }] });
  expect(status.backfills[0].share).toBeGreaterThan(0);
  expect(status.backfills[0].running).toMatchObject([{ tenant: 't01', rows: ROWS }]);
  expect(status.next.map(({ command }: { command: string }) => command).join()).not.toContain('rollback');
  const { stdout } = await fleet.cli(['status']);
  expect(stdout).toContain(`backfill of ${MIGRATION}`);
  expect(stdout).toMatch(new RegExp(`BACKFILLS\n.*${MIGRATION} .* of 8,000 rows`));
  const beside = (await temporalOf(fleet)).workflow.getHandle(workflowIds.backfillAlone(fleet.name, status.rolloutId));
  expect((await beside.describe()).status.name).toBe('RUNNING');
  expect((await fleet.client.ready(MIGRATION)).ready, 'everybody has the migration all the while').toBe(true);
  await release();
  const { code, json: done } = await run;
  expect(code).toBe(0);
  expect(done).toMatchObject({ kind: 'start', operation: 'backfill', state: 'succeeded', totals: { applied: 3 } });
  expect(done.backfills).toMatchObject([{ tenants: 3, done: 3, visited: 3 * ROWS, written: 3 * ROWS, share: 1 }]);
  const { rollouts } = (await fleet.cli(['history', '--json'])).json;
  expect(rollouts).toMatchObject([{ operation: 'backfill', backfillOf: MIGRATION, to: MIGRATION }, { operation: 'migrate' }]);
  expect((await fleet.cli(['history'])).stdout).toContain(`backfill ${MIGRATION}`);
});

it('takes the messages of its rollout at the workflow beside it, with their refusals', async () => {
  const fleet = await fleetBehind();
  const started = await fleet.client.backfill(MIGRATION);
  if (started.outcome !== 'started') throw new Error(started.outcome);
  const { rolloutId } = started.rollout;
  const { release } = await stopHalfWay(fleet, 0);
  const beside = (await temporalOf(fleet)).workflow.getHandle(workflowIds.backfillAlone(fleet.name, rolloutId));
  const pause = { actor: 'bo', reason: 'from the UI', requestId: 'ui-1' };
  expect(await beside.executeUpdate('pause', { args: [pause] })).toMatchObject({ accepted: true });
  await fleet.until((at) => at.state === 'paused', 'the pause');
  await expect(beside.executeUpdate('rollback', { args: [{ actor: 'bo', reason: 'x', requestId: 'ui-2' }] })).rejects.toMatchObject({
    cause: { type: 'FLT_BACKFILL_STAYS' },
  });
  await expect(fleet.client.rollback(ask('take it back'))).rejects.toMatchObject({ code: 'FLT_BACKFILL_STAYS' });
  await beside.signal('abort', { actor: 'bo', reason: 'enough', requestId: 'ui-3' });
  const ended = await fleet.ended();
  await release();
  expect(ended).toMatchObject({ state: 'aborted', totals: { applied: 0 } });
  const { events } = await fleet.client.audit({ rolloutId });
  expect(events.filter(({ actor }) => actor === 'bo').map(({ verb }) => verb)).toEqual(['abort', 'pause']);
  expect((await beside.describe()).status.name, 'it has ended with its rollout').toBe('COMPLETED');
  await expect(fleet.client.rollback({ rolloutId, ...ask('take it back') })).rejects.toMatchObject({ code: 'FLT_BACKFILL_STAYS' });
});

it('runs in the tenants that are named, and leaves out whoever lacks the migration', async () => {
  const fleet = await fleetBehind();
  await fleet.rows('h1', 'create schema t04');
  await fleet.directory(`insert into public.tenants values ('t04', 'h1', 't04')`);
  await fleet.client.backfill(MIGRATION, { tenants: ['t02', 't04'] });
  expect(await fleet.ended()).toMatchObject({ state: 'succeeded', totals: { applied: 1, skipped: 1 } });
  await expectFilled(fleet, ['t02']);
  expect(await filledIn(fleet, 't01')).toBe(0);
  expect(await fleet.having('knex_migrations'), 'who lacks it was not touched').not.toContain('h1 t04');
  expect(await fleet.states()).toMatchObject({ t04: 'skipped' });
  await expect(fleet.client.backfill(MIGRATION, { tenants: ['t04'] })).rejects.toMatchObject({ code: 'FLT_NOT_APPLIED' });
  expect(await fleet.client.isReady('t02', MIGRATION), 'it is as ready as it was').toBe(true);
});

it('is refused before anything starts: no such migration, none with a backfill, one that was edited, another rollout open', async () => {
  const fleet = await fleetBehind();
  const refused = async (migration: string) => {
    const { code, json } = await fleet.cli(['backfill', migration, '--json']);
    return { code, error: json.error?.code };
  };
  expect(await refused('20260109000000_nothing')).toEqual({ code: 3, error: 'FLT_UNKNOWN_MIGRATION' });
  expect(await refused('20260101000000_items.js')).toEqual({ code: 3, error: 'FLT_NO_BACKFILL' });
  await fleet.client.backfill(MIGRATION);
  const { release } = await stopHalfWay(fleet, 0);
  expect(await refused(MIGRATION)).toEqual({ code: 3, error: 'FLT_ROLLOUT_OPEN' });
  await fleet.client.abort(ask('make room'));
  await fleet.ended();
  await release();
  await fleet.workerProcess.stop('SIGTERM');
  fleet.migration(`${MIGRATION}.js`, `${FILL}// edited since`);
  await fleet.worker();
  expect(await refused(MIGRATION)).toMatchObject({ error: 'FLT_CHECKSUM_DRIFT' });
  const [{ n } = { n: 0 }] = await fleet.control<{ n: number }>(`select count(*)::int n from flotilla.rollout`);
  expect(n, 'what was refused left no rollout').toBe(2);
});

it('leaves the rollouts before it to be taken back, with what it has written', async () => {
  const fleet = await fleetBehind();
  const { rollouts } = await fleet.client.history();
  await fleet.client.backfill(MIGRATION);
  expect(await fleet.ended()).toMatchObject({ state: 'succeeded', totals: { applied: 3 } });
  await fleet.client.rollback({ rolloutId: rollouts[0]!.rolloutId, ...ask('wrong column') });
  expect(await fleet.ended()).toMatchObject({ state: 'rolledBack' });
  expect(await fleet.having('items')).toEqual([]);
});
