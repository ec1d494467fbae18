/** Backfills as part of a rollout: steered, killed, and watched, on real tenants. */

import { Client, Connection } from '@temporalio/client';
import { expect, it, onTestFinished } from 'vitest';
import { DOCUMENTS } from '../../src/client/documents.js';
import { workflowIds } from '../../src/domain/ids.js';
import { filledIn, fillingFleet, ROWS, stopHalfWay } from '../support/filling-fleet.js';
import { ask } from '../support/steered-fleet.js';
import { until } from '../support/until.js';

it('[B6] a backfill is paused at the edge of a chunk, resumed, cut off by a dead worker, and comes to the same end', async () => {
  // t01 is alone in its list: nobody waits there whom it would make way for
  const fleet = await fillingFleet(`canary: { count: 1, include: ['t01'] }, waves: [{ name: 'rest' }]`);
  await fleet.client.start();
  const first = await stopHalfWay(fleet, 0);
  await fleet.client.pause(ask('too busy'));
  const paused = await fleet.until(
    (at) => at.state === 'paused' && at.waves[0]!.inFlight === 0 && at.backfills?.[0]?.tenants === 1,
    'standing still, and said so',
  );
  expect(paused.backfills).toMatchObject([{ migration: '20260102000000_doubled', tenants: 1, done: 0, exact: true }]);
  await first.release();
  expect(await filledIn(fleet, 't01')).toBe(first.stood);
  await fleet.client.resume(ask('quiet again'));
  const second = await stopHalfWay(fleet, first.stood);
  await fleet.workerProcess.stop('SIGKILL');
  await second.release();
  await fleet.worker();
  expect(await fleet.ended()).toMatchObject({ state: 'succeeded', totals: { applied: 3 } });
  for (const schema of ['t01', 't02', 't03'])
    expect(await fleet.rows('h1', `select count(*)::int n, count(*) filter (where doubled = n * 2)::int ok from ${schema}.items`)).toEqual([
      { n: ROWS, ok: ROWS },
    ]);
  const rows = await fleet.control(`select distinct done, visited::int, written::int from flotilla.backfill`);
  expect(rows).toEqual([{ done: true, visited: ROWS, written: ROWS }]);
});

it('[B6] status knows from the first rows on how far a backfill is, also when nobody watches the wave', async () => {
  const fleet = await fillingFleet(`canary: false, waves: [{ name: 'all' }], maxConcurrency: 1`);
  await fleet.client.start();
  const { openWave } = await fleet.until((at) => at.openWave?.backfills, 'the wave');
  const connection = await Connection.connect({ address: fleet.temporalAddress });
  onTestFinished(() => connection.close());
  const temporal = new Client({ connection });
  await until(
    async () =>
      temporal.workflow
        .getHandle(workflowIds.backfill(openWave!.workflowId))
        .terminate('pressed in the UI')
        .then(
          () => true,
          () => false,
        ),
    'the workflow beside the wave',
  );
  const { stood, release } = await stopHalfWay(fleet, 0);
  const at = await fleet.until(({ backfills }) => (backfills?.[0]?.visited ?? 0) > 0, 'the first rows');
  expect(at).toMatchObject({
    backfills: [{ migration: '20260102000000_doubled', tenants: 1, done: 0, total: ROWS, exact: true }],
  });
  expect(at.backfills![0]!.visited).toBeLessThanOrEqual(stood);
  const held = 'somebody holds the lock that stops all backfills of its database';
  const waits = async () => (await fleet.client.tenantStatus('t01')).backfill?.waiting === held;
  await until(waits, 'word of what it waits for');
  const one = await fleet.cli(['status', '--tenant', 't01', '--json']);
  expect(DOCUMENTS.tenant.parse(one.json)).toEqual(one.json);
  expect(one.json.tenant).toMatchObject({
    state: 'running',
    backfill: { migration: '20260102000000_doubled', rows: ROWS, exact: true, waiting: held },
  });
  expect(one.json.tenant.backfill.share).toBeCloseTo(one.json.tenant.backfill.visited / ROWS);
  expect((await fleet.cli(['status', '--tenant', 't01'])).stdout).toMatch(
    /backfill +20260102000000_doubled\n +[\d,]+ of 8,000 rows, \d+ %/,
  );
  expect(await fleet.client.tenantStatus('t02'), 'it has begun none').not.toHaveProperty('backfill');
  await release();
  expect(await fleet.ended()).toMatchObject({ state: 'succeeded', totals: { applied: 3 } });
  expect(await fleet.client.tenantStatus('t01'), 'it is done').not.toHaveProperty('backfill');
});

it('[B8] a rollout that is aborted half-way keeps what it has filled, and the next start goes on from there: no row is written twice', async () => {
  const fleet = await fillingFleet(`canary: false, waves: [{ name: 'all' }], maxConcurrency: 1`);
  /** Rows of t01 that are filled, each as its last writer left it. */
  const written = async () =>
    new Map(
      (
        await fleet.rows<{ id: number; version: string }>(
          'h1',
          'select id, xmin::text version from t01.items where doubled is not null order by id',
        )
      ).map(({ id, version }) => [id, version]),
    );
  await fleet.client.start();
  const { stood, release } = await stopHalfWay(fleet, 0);
  await fleet.client.abort(ask('not today'));
  expect(await fleet.ended()).toMatchObject({ state: 'aborted', totals: { applied: 0 } });
  await release();
  const first = await written();
  expect([...first.keys()], 'the rows up to the cursor').toEqual(Array.from({ length: stood }, (_, n) => n + 1));
  await fleet.client.start();
  expect(await fleet.ended()).toMatchObject({ state: 'succeeded', totals: { applied: 3 } });
  const all = await written();
  expect(all.size).toBe(ROWS);
  expect([...all].filter(([id, version]) => first.get(id) !== version).length, 'written by the second').toBe(ROWS - stood);
  expect(
    await fleet.control(
      `select tenant_id as tenant, done, written::int from flotilla.backfill where tenant_id = 't01' order by rollout_id`,
    ),
    'the second counts what the first has written',
  ).toEqual([
    { tenant: 't01', done: false, written: stood },
    { tenant: 't01', done: true, written: ROWS },
  ]);
});

it('[B8] a rollout that is rolled back takes half-done backfills with it, and the columns they filled', async () => {
  const fleet = await fillingFleet(`canary: false, waves: [{ name: 'all' }], maxConcurrency: 1`);
  await fleet.client.start();
  await stopHalfWay(fleet, 0);
  await fleet.client.rollback(ask('not today'));
  expect(await fleet.ended()).toMatchObject({ state: 'rolledBack' });
  expect(await fleet.having('items')).toEqual([]);
});
