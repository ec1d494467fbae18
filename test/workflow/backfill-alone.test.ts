/** The workflow beside a rollout that is nothing but a backfill: what it shows, what it passes on, and how long it lives. */

import { WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { expect, it, vi } from 'vitest';
import type { FleetBackfill } from '../../src/domain/backfill/fleet-progress.js';
import { workflowIds } from '../../src/domain/ids.js';
import { alone, filling, MIGRATION } from '../support/backfill-alone.js';
import { type Fleet, stack, wave } from '../support/temporal.js';

const s = stack();
const test = (title: string, body: () => Promise<void>) => it(title, () => s.watched(body));

const besideOf = (fleet: Fleet) => s.client().workflow.getHandle(workflowIds.backfillAlone(fleet.name, 'r-1'));
const say = (fleet: Fleet, verb: string, ask: object = {}) =>
  besideOf(fleet).executeUpdate<{ accepted: boolean; message: string }, [object]>(verb, {
    args: [{ actor: 'bo', reason: 'why', requestId: `${verb} ${JSON.stringify(ask)}`, ...ask }],
  });
const waves = () => [wave(0, 'first', { h1: 2 }), wave(1, 'rest', { h1: 4 }, { approval: true })];
const approval = (fleet: Fleet) => fleet.until((p) => p.state === 'awaitingApproval', 'approval');

async function refusal(sent: Promise<unknown>): Promise<string | undefined> {
  const error = await sent.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof WorkflowUpdateFailedError) || !(error.cause instanceof ApplicationFailure)) throw error ?? new Error('accepted');
  return error.cause.type ?? undefined;
}

test('has the id of its rollout, shows all waves with rows, percent and time left while none runs, and ends with the rollout, which waits for it', async () => {
  let asked: unknown;
  const running = {
    tenant: 't01',
    host: 'h1',
    pass: 1,
    visited: 150,
    written: 150,
    total: 400,
    exact: false,
    rowsPerSecond: 50,
    waiting: null,
  };
  const shown = filling({ running: [running] });
  const fleet = s.fleet(
    alone(waves(), s.client, {
      fakes: {
        async readBackfills(input) {
          asked = input;
          return [shown];
        },
      },
    }),
  );
  await fleet.start();
  expect(await approval(fleet)).toMatchObject({ backfillOf: MIGRATION });
  const beside = besideOf(fleet);
  await vi.waitFor(async () => expect(await beside.query<readonly FleetBackfill[]>('progress')).toEqual([shown]), { timeout: 10_000 });
  expect(asked).toEqual({ rolloutId: 'r-1' });
  const { currentDetails } = await beside.query<{ currentDetails: string }>('__temporal_workflow_metadata');
  expect(currentDetails).toContain('400 of 1,000 rows, 40 %, 50 rows/s, 12 s left; 0 of 1 tenants done');
  expect(currentDetails).toContain('| t01 | h1 | 150 of about 400 rows, 37 %, 50 rows/s, 5 s left |');
  const { staticSummary } = await beside.describe().then((it) => ({ staticSummary: it.staticSummary as unknown }));
  expect(await (staticSummary as () => Promise<string>)()).toBe(`the backfill of ${MIGRATION}, run again: how far it has come`);
  await fleet.send('approve', { wave: 'rest', digest: 'd1' });
  expect((await fleet.report()).finalState).toBe('succeeded');
  expect(await beside.result()).toEqual([shown]);
  const ofWave = s.client().workflow.getHandle(workflowIds.backfill(workflowIds.wave(fleet.name, 'r-1', 0, 'first')));
  await expect(ofWave.describe(), 'the waves have none of their own').rejects.toThrow(/not found/i);
});

test('passes every message on: the rollout answers, carries it out once for each request, and audits who asked', async () => {
  const events: { verb: string; actor: string }[] = [];
  const fleet = s.fleet(
    alone(waves(), s.client, {
      fakes: { recordRollout: async ({ events: told }) => void events.push(...told.map(({ verb, actor }) => ({ verb, actor }))) },
    }),
  );
  await fleet.start();
  await approval(fleet);
  expect(await say(fleet, 'pause')).toMatchObject({ accepted: true, message: expect.stringContaining('No tenant is started') });
  expect(await say(fleet, 'pause'), 'the first answer').toMatchObject({ accepted: true });
  expect((await fleet.progress()).desired).toBe('pause');
  expect(await say(fleet, 'resume')).toMatchObject({ accepted: true });
  expect(await say(fleet, 'speed', { maxConcurrency: 3 })).toMatchObject({ accepted: true });
  expect(await refusal(say(fleet, 'rollback'))).toBe('FLT_BACKFILL_STAYS');
  expect(await refusal(say(fleet, 'approve', { wave: 'rest', digest: 'another' }))).toBe('FLT_APPROVAL_MISMATCH');
  expect(await say(fleet, 'skip', { tenants: ['w1-h1-0'] })).toMatchObject({ accepted: true });
  expect(await refusal(say(fleet, 'retry', { failed: true }))).toBe('FLT_REFUSED');
  expect(await refusal(say(fleet, 'reject', { wave: 'rest', digest: 'another' }))).toBe('FLT_APPROVAL_MISMATCH');
  await besideOf(fleet).signal('pause', { actor: 'bo', requestId: 'signalled' });
  await fleet.until((p) => p.desired === 'pause', 'the signalled pause');
  expect(await say(fleet, 'abort')).toMatchObject({ accepted: true });
  expect((await fleet.report()).finalState).toBe('aborted');
  expect(events.filter(({ actor }) => actor === 'bo').map(({ verb }) => verb)).toEqual([
    'pause',
    'resume',
    'speed',
    'skip',
    'pause',
    'abort',
  ]);
});

/** The workflow beside it has been asked so much that it has continued as new. */
async function continued(): Promise<Fleet> {
  const fleet = s.fleet(alone(waves(), s.client));
  await fleet.start({ continueAsNewAfterEvents: 40 });
  await approval(fleet);
  const first = (await besideOf(fleet).describe()).runId;
  for (let n = 0; (await besideOf(fleet).describe()).runId === first; n++)
    expect(await say(fleet, n % 2 ? 'resume' : 'pause', { requestId: `n${n}` })).toMatchObject({ accepted: true });
  return fleet;
}

test('continues as new, goes on showing and passing on, and ends with its rollout', async () => {
  const fleet = await continued();
  await fleet.send('pause');
  expect(await say(fleet, 'resume', { requestId: 'last' })).toMatchObject({ accepted: true });
  expect(await besideOf(fleet).query('progress'), 'as the run before has seen it').toEqual([filling()]);
  expect(await say(fleet, 'abort')).toMatchObject({ accepted: true });
  await fleet.report();
  expect((await besideOf(fleet).describe()).status.name).toBe('COMPLETED');
});

test('ends when its rollout is terminated, and refuses what comes when that is not open', async () => {
  const fleet = s.fleet(alone(waves(), s.client));
  await fleet.start();
  await approval(fleet);
  await fleet.handle().terminate('gone');
  expect(await refusal(say(fleet, 'pause')).catch(() => 'FLT_NO_OPEN_ROLLOUT')).toBe('FLT_NO_OPEN_ROLLOUT');
  expect(await besideOf(fleet).result()).toEqual([filling()]);

  const left = s.fleet(alone([], s.client));
  const input = { rolloutId: 'r-1', taskQueue: s.queue, alone: { fleet: left.name } };
  const lone = await s.start('backfillWorkflow', workflowIds.backfillAlone(left.name, 'r-1'), input);
  expect(await refusal(say(left, 'pause'))).toBe('FLT_NO_OPEN_ROLLOUT');
  await lone.cancel();
  expect(await lone.result()).toEqual([filling()]);
});

test('ends when its rollout is terminated also once it has continued as new', async () => {
  const fleet = await continued();
  await fleet.handle().terminate('gone');
  expect(await besideOf(fleet).result()).toEqual([filling()]);
});

test('a rollout goes on without it when somebody has terminated it', async () => {
  const fleet = s.fleet(alone(waves(), s.client));
  await fleet.start();
  await approval(fleet);
  await besideOf(fleet).terminate('by mistake');
  await fleet.send('approve', { wave: 'rest', digest: 'd1' });
  expect(await fleet.report()).toMatchObject({ finalState: 'succeeded', totals: { applied: 6 } });
});

test('more failures than the wave bears halt it, and nothing is taken back', async () => {
  const fleet = s.fleet(
    alone([wave(0, 'first', { h1: 4 })], s.client, {
      tenant: () => ({ outcome: 'failed', code: 'FLT_CHECK_VIOLATION', message: 'a row' }),
    }),
  );
  await fleet.start();
  await fleet.until((p) => p.state === 'halted', 'the halt');
  expect(fleet.moved.filter(({ direction }) => direction === 'down')).toEqual([]);
  await fleet.send('abort');
  await fleet.report();
});

test('10,000 small tenants cost lists, and three workflows in all', async () => {
  let looks = 0;
  const fleet = s.fleet(
    alone([wave(0, 'all', { h1: 5_000, h2: 5_000 }, { maxConcurrency: 50, window: 8 })], s.client, {
      fakes: {
        async readBackfills() {
          looks++;
          return [filling()];
        },
      },
    }),
  );
  await fleet.start();
  expect(await fleet.report()).toMatchObject({ finalState: 'succeeded', totals: { applied: 10_000 } });
  expect(fleet.lists.length).toBeLessThan(600);
  const ids = async () => {
    const found = new Set<string>();
    for await (const { workflowId } of s.client().workflow.list({ query: `WorkflowId STARTS_WITH "${workflowIds.rollout(fleet.name)}"` }))
      found.add(workflowId);
    return [...found].sort();
  };
  const all = [
    workflowIds.rollout(fleet.name),
    workflowIds.backfillAlone(fleet.name, 'r-1'),
    workflowIds.wave(fleet.name, 'r-1', 0, 'all'),
  ];
  await expect.poll(ids, { timeout: 10_000 }).toEqual(all.sort());
  const { events } = await besideOf(fleet).fetchHistory();
  expect(events!.length, 'of the one beside it').toBeLessThan(12 * (looks + 1));
});
