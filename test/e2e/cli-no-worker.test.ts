import { Client, Connection } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import { afterEach, expect, it } from 'vitest';
import { createFleet, type FleetFixture } from '../support/fleet.js';
import { createNotes } from '../support/migration-sources.js';

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

/** A fleet with no worker, and an open rollout that nobody works on. */
async function setup({ rollout = true, state = 'running' } = {}) {
  const fleet: FleetFixture = await createFleet({ migrations: { '20260101000000_notes.js': createNotes } });
  const connection = await Connection.connect({ address: fleet.temporalAddress });
  const client = new Client({ connection });
  const handle = client.workflow.getHandle(`flotilla/${fleet.name}`);
  open.push(
    () => fleet.close(),
    () => connection.close(),
  );
  if (rollout) {
    await client.workflow.start('rolloutWorkflow', {
      workflowId: handle.workflowId,
      taskQueue: fleet.name,
      args: [],
      memo: { rolloutId: 'r-lonely', planId: 'p-lonely', requestId: 'ci-1', actor: 'ana' },
      typedSearchAttributes: [{ key: defineSearchAttributeKey('FlotillaState', 'KEYWORD'), value: state }],
    });
    open.push(async () => void (await handle.terminate('end of test')));
  }
  const events = async () =>
    (await handle.fetchHistory()).events!.map((event) => Object.keys(event).find((key) => /EventAttributes$/.test(key)));
  return { fleet, client, events };
}

it.each(['pause', 'abort'])('hands in %s durably and says that it is pending, with exit 6', async (verb) => {
  const { fleet, events } = await setup();
  const first = await fleet.cli([verb, '--json', '--reason', 'looking', '--request-id', 'ops-1']);
  expect(first.code).toBe(6);
  expect(first.json).toMatchObject({ kind: 'steer', verb, rolloutId: 'r-lonely', accepted: true, pending: true, state: null });
  expect(await events()).toContain('workflowExecutionSignaledEventAttributes');
});

it.each([['resume'], ['retry', '--failed'], ['skip', '--bake'], ['rollback']])(
  'does not send %s when nobody answers: exit 8, and nothing in the history',
  async (...args) => {
    const { fleet, events } = await setup();
    const before = await events();
    const ran = await fleet.cli([...args, '--json', '--reason', 'trying']);
    expect(ran.code).toBe(8);
    expect(ran.json.error).toMatchObject({ code: 'FLT_NO_WORKFLOW_WORKER', retryable: true });
    expect(ran.json.error.message).toMatch(/Nothing was (sent|done)/);
    expect(await events()).toEqual(before);
  },
);

it('still says what Temporal knows, with the reason, and exit 0', async () => {
  const { fleet } = await setup();
  const ran = await fleet.cli(['status', '--json']);
  expect(ran.code).toBe(0);
  expect(ran.json).toMatchObject({ kind: 'status', rolloutId: 'r-lonely', state: 'running', source: 'temporal', open: true });
  expect(ran.json.reasons[0]).toMatchObject({ kind: 'worker' });
  const text = await fleet.cli(['status']);
  expect(text.stdout).toContain('no workflow worker answers');
});

it('refuses a start at once while one is open, and answers the same request id with the open one', async () => {
  const { fleet } = await setup();
  const other = await fleet.cli(['start', '--yes', '--json']);
  expect(other.code).toBe(3);
  expect(other.json.error).toMatchObject({ code: 'FLT_ROLLOUT_OPEN', details: { rolloutId: 'r-lonely', actor: 'ana' } });
  const same = await fleet.cli(['start', '--yes', '--json', '--request-id', 'ci-1']);
  expect(same.code).toBe(0);
  expect(same.json).toMatchObject({ kind: 'start', outcome: 'alreadyStarted', rolloutId: 'r-lonely' });
});

it('ends a wait with exit 6 when --timeout runs out', async () => {
  const { fleet } = await setup();
  const ran = await fleet.cli(['wait', '--json', '--timeout', '1s']);
  expect(ran.code).toBe(6);
  expect(ran.json).toMatchObject({ kind: 'wait', why: 'timedOut', rolloutId: 'r-lonely' });
});

it('waits on where the rollout was last known to be paused: a worker that comes may find it moving', async () => {
  const { fleet } = await setup({ state: 'paused' });
  const ran = await fleet.cli(['wait', '--json', '--timeout', '8s']);
  expect(ran.code).toBe(6);
  expect(ran.json).toMatchObject({ kind: 'wait', why: 'timedOut', state: 'paused', source: 'temporal' });
});

it('terminates a plan that no worker takes, so that it does not run later with nobody waiting', async () => {
  const { fleet, client } = await setup({ rollout: false });
  const ran = await fleet.cli(['plan', '--json']);
  expect(ran.code).toBe(8);
  expect(ran.json.error.code).toBe('FLT_NO_WORKFLOW_WORKER');
  const open = await client.workflow.count(`WorkflowId STARTS_WITH 'flotilla/${fleet.name}/' AND ExecutionStatus = 'Running'`);
  expect(open.count).toBe(0);
});

it('says where there is nothing to steer', async () => {
  const { fleet } = await setup({ rollout: false });
  const ran = await fleet.cli(['pause', '--json']);
  expect(ran.code).toBe(3);
  expect(ran.json.error.code).toBe('FLT_NO_OPEN_ROLLOUT');
});
