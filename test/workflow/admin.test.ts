import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { expect, it } from 'vitest';
import type { Activities } from '../../src/activities/contract.js';
import { workflowIds } from '../../src/domain/ids.js';
import { Tally } from '../../src/domain/tend.js';
import type { AdminInput, AdminVerb } from '../../src/workflows/messages.js';
import { type Fakes, stack } from '../support/temporal.js';

const s = stack();
const test = (title: string, body: () => Promise<void>) => it(title, () => s.watched(body));

/** Every activity notes its name, and its input where a test looks at it. */
function noted(more: Fakes = {}) {
  const steps: string[] = [];
  const inputs: Record<string, any> = {};
  const note =
    <T>(name: keyof Activities, answer: T) =>
    async (input: unknown): Promise<T> => {
      steps.push(name);
      inputs[name] = input;
      return answer;
    };
  const tally = new Tally();
  tally.add('t1', { outcome: 'done' });
  const fakes: Fakes = {
    hello: note('hello', { build: 'b', pid: 1, newest: 'm2', migrations: 2, cells: ['eu'], expectMet: true }),
    openTending: note('openTending', { migration: 'm2', digest: 'd2' }),
    discoverTenants: note('discoverTenants', {
      tenants: 1,
      findings: [{ severity: 'warning', code: 'FLT_NO_TENANTS', message: 'a source is empty' }],
    }),
    scanTenants: note('scanTenants', {
      tenants: 1,
      pending: 0,
      upToDate: 1,
      findings: [],
      edited: [{ migration: 'm1', checksum: 'c', others: ['o'], accepted: false }],
    }),
    freezePlan: note('freezePlan', { totals: { tenants: 1, pending: 0, upToDate: 1, excluded: 0, blocked: 0 }, findings: [] } as never),
    beginTending: note('beginTending', undefined),
    tendTenants: note('tendTenants', tally.result()),
    concludeRefresh: note('concludeRefresh', { rollouts: 2, tenants: 9 }),
    acceptChecksum: note('acceptChecksum', { outcome: 'accepted' } as never),
    endTending: note('endTending', undefined),
    ...more,
  };
  return { steps, inputs, fakes };
}

async function ask(verb: AdminVerb, args: Record<string, unknown>, fakes: Fakes): Promise<any> {
  const fleet = s.fleet({ waves: [], fakes });
  const input: AdminInput = { fleet: fleet.name, taskQueue: s.queue, verb, args, actor: 'ana', reason: 'why', requestId: 'q-1' };
  const handle = await s.start('adminWorkflow', workflowIds.admin(fleet.name, 'q-1'), input);
  return handle.result();
}
const failure = async (running: Promise<unknown>): Promise<string | null | undefined> => {
  const error = await running.then(
    () => undefined,
    (thrown) => thrown,
  );
  let at: unknown = error;
  while (at instanceof Error && !(at instanceof ApplicationFailure)) at = at.cause;
  expect(error).toBeInstanceOf(WorkflowFailedError);
  return (at as ApplicationFailure).type;
};

test('looks who is there, refuses what cannot be, stages, looks once more, and only then visits tenants', async () => {
  const { steps, inputs, fakes } = noted();
  const answer = await ask('baseline', { tenants: ['t1'], dryRun: false }, fakes);
  expect(steps).toEqual(['hello', 'hello', 'openTending', 'discoverTenants', 'beginTending', 'tendTenants', 'endTending']);
  expect(answer).toMatchObject({ migration: 'm2', dryRun: false, counts: { tenants: 1, done: 1 } });
  expect(inputs.tendTenants).toMatchObject({ verb: 'baseline', migration: 'm2', digest: 'd2', cell: 'eu', actor: 'ana', requestId: 'q-1' });
  expect(inputs.beginTending).toMatchObject({
    verb: 'baseline',
    tenants: ['t1'],
    dryRun: false,
    findings: [{ code: 'FLT_NO_TENANTS' }],
    reason: 'why',
  });
  expect(inputs.tendTenants.planId).toBe(inputs.discoverTenants.planId);
  expect(inputs.endTending.planId).toBe(inputs.discoverTenants.planId);
});

test('visits nobody when the last look refuses', async () => {
  const refuses = async () => {
    throw ApplicationFailure.nonRetryable('no', 'FLT_UNKNOWN_TENANT');
  };
  const { steps, fakes } = noted({ beginTending: refuses });
  expect(await failure(ask('adopt', { tenants: ['nobody'] }, fakes))).toBe('FLT_UNKNOWN_TENANT');
  expect(steps).not.toContain('tendTenants');
});

test('looks at no tenant while a rollout is open', async () => {
  const refuses = async () => {
    throw ApplicationFailure.nonRetryable('open', 'FLT_ROLLOUT_OPEN');
  };
  for (const [verb, args] of [
    ['eject', { force: false }],
    ['refresh', {}],
  ] as const) {
    const { steps, fakes } = noted({ openTending: refuses });
    expect(await failure(ask(verb, args, fakes))).toBe('FLT_ROLLOUT_OPEN');
    expect(steps).toEqual(['hello', 'hello']);
  }
});

test("makes checks again of the migration that is meant, and says what stood in nobody else's way", async () => {
  const { steps, inputs, fakes } = noted();
  const answer = await ask('validate', { migration: 'm2', tenants: ['t1'] }, fakes);
  expect(steps).toEqual(['hello', 'hello', 'openTending', 'discoverTenants', 'beginTending', 'tendTenants', 'endTending']);
  expect(inputs.openTending).toMatchObject({ verb: 'validate', migration: 'm2' });
  expect(inputs.beginTending).toMatchObject({ verb: 'validate', tenants: ['t1'], migration: 'm2' });
  expect(inputs.tendTenants).toMatchObject({ verb: 'validate', migration: 'm2', requestId: 'q-1' });
  expect(answer).toEqual({
    migration: 'm2',
    counts: { tenants: 1, passed: 1, failed: 0, unchecked: 0, unasked: 0 },
    checks: 0,
    failed: [],
    left: [],
    findings: [{ severity: 'warning', code: 'FLT_NO_TENANTS', message: 'a source is empty' }],
  });
});

test('brings every cell to its end when one of them fails, and adds the others up when none does', async () => {
  const ended: number[] = [];
  let fails = true;
  const tally = new Tally();
  tally.add('t', { outcome: 'done' });
  let calls = 0;
  const { fakes } = noted({
    hello: async () => ({ build: 'b', pid: 1, newest: 'm', migrations: 1, cells: ['eu', 'eu'], expectMet: true }),
    async tendTenants() {
      const call = calls++;
      if (call % 2 === 0 && fails) throw ApplicationFailure.nonRetryable('broken', 'FLT_INTERNAL');
      await new Promise((done) => setTimeout(done, 300));
      ended.push(call);
      return tally.result();
    },
  });
  expect(await failure(ask('eject', { force: true }, fakes))).toBe('FLT_INTERNAL');
  expect(ended).toEqual([1]);
  fails = false;
  expect((await ask('eject', { force: true }, fakes)).counts).toMatchObject({ tenants: 2, done: 2 });
});

test('hands what the scan saw to the one who accepts a file', async () => {
  const { steps, inputs, fakes } = noted();
  expect(await ask('repair', { migration: 'm1' }, fakes)).toEqual({ outcome: 'accepted' });
  expect(steps).toEqual(['hello', 'hello', 'openTending', 'discoverTenants', 'scanTenants', 'acceptChecksum', 'endTending']);
  expect(inputs.acceptChecksum).toMatchObject({
    migration: 'm1',
    edited: [{ migration: 'm1', others: ['o'] }],
    actor: 'ana',
    reason: 'why',
  });
});

test('refreshes by a scan of the whole fleet, kept as the one that readiness goes by, and then the ledgers', async () => {
  const { steps, inputs, fakes } = noted();
  const answer = await ask('refresh', {}, fakes);
  expect(steps).toEqual([
    'hello',
    'hello',
    'openTending',
    'discoverTenants',
    'scanTenants',
    'freezePlan',
    'beginTending',
    'tendTenants',
    'concludeRefresh',
  ]);
  expect(inputs.freezePlan).toMatchObject({ mode: 'scan', planId: inputs.tendTenants.planId });
  expect(inputs.freezePlan.tenants).toBeUndefined();
  expect(answer).toMatchObject({ planId: inputs.tendTenants.planId, rebuilt: { rollouts: 2, tenants: 9 }, counts: { done: 1 } });
});

test('plans by what the scan of an older worker answers too, which knows of no edited sources', async () => {
  const { inputs, fakes } = noted({ scanTenants: async () => ({ tenants: 0, pending: 0, upToDate: 0, findings: [] }) });
  const fleet = s.fleet({ waves: [], fakes });
  const handle = await s.start('planWorkflow', workflowIds.plan(fleet.name, 'p-1'), {
    fleet: fleet.name,
    planId: 'p-1',
    taskQueue: s.queue,
    actor: 'ana',
    mode: 'freeze',
  });
  await handle.result();
  expect(inputs.freezePlan.edited).toEqual([]);
});
