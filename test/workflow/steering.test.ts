/** Every verb in every situation: what it changes, what it is refused for, and that no tenant is lost by it. */

import { Context } from '@temporalio/activity';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { expect, it, vi } from 'vitest';
import { workflowIds } from '../../src/domain/ids.js';
import type { WaveProgress } from '../../src/domain/rollout/contract.js';
import { countTotals } from '../../src/domain/tenant.js';
import { type Fleet, stack, wave } from '../support/temporal.js';

const s = stack();
const test = (title: string, body: () => Promise<void>) => it(title, () => s.watched(body));
const fails = (code = 'FLT_UNIQUE_VIOLATION', message = 'rows are doubled') => ({ outcome: 'failed', code, message }) as const;
const HOUR = 3_600_000;

/** A promise that a test settles. */
function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  /** Keeps a tenant in hand until the gate opens. */
  const hold = async (): Promise<undefined> => {
    const { heartbeat } = Context.current();
    const beat = setInterval(() => heartbeat(), 500);
    await opened;
    clearInterval(beat);
  };
  return { open, hold };
}

const soon = (check: () => void) => vi.waitFor(check, { timeout: 20_000, interval: 30 });
const inHand = (fleet: Fleet, n: number) => soon(() => expect(fleet.lists).toHaveLength(n));

/** Waits until the wave "all" has heard of it: its rollout answers first. */
const heard = (fleet: Fleet, limits: Partial<WaveProgress>) =>
  vi.waitFor(
    async () =>
      expect(
        await fleet.client.workflow.getHandle(workflowIds.wave(fleet.name, 'r-1', 0, 'all')).query<WaveProgress>('progress'),
      ).toMatchObject(limits),
    { timeout: 20_000, interval: 30 },
  );

/** The code that an update was refused with. */
async function refusal(sent: Promise<unknown>): Promise<string | undefined> {
  const error = await sent.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof WorkflowUpdateFailedError) || !(error.cause instanceof ApplicationFailure)) throw error ?? new Error('accepted');
  return error.cause.type ?? undefined;
}

test('[S01] abort with ten in hand starts nobody else; those finish and count, nothing is taken back, and counts add up', async () => {
  const { open, hold } = gate();
  const fleet = s.fleet({ waves: [wave(0, 'all', { h1: 30 }, { window: 10 }), wave(1, 'more', { h1: 5 })], tenant: hold });
  await fleet.start();
  await inHand(fleet, 10);
  await fleet.send('abort', { reason: 'enough' });
  await fleet.until((p) => p.state === 'draining', 'draining');
  open();
  const report = await fleet.report();
  expect(report.finalState).toBe('aborted');
  expect(report.totals).toMatchObject({ applied: 10, cancelled: 25, rolledBack: 0 });
  expect(countTotals(report.totals)).toBe(35);
  expect(fleet.moved.filter((it) => it.direction === 'down')).toEqual([]);
});

const waitsForSomething: readonly [string, Parameters<typeof s.fleet>[0], (fleet: Fleet) => Promise<unknown>, object][] = [
  [
    'baking',
    { waves: [wave(0, 'all', { h1: 4 }, { bakeMs: HOUR }), wave(1, 'more', { h1: 3 })] },
    async () => undefined,
    { applied: 4, cancelled: 3 },
  ],
  [
    'awaitingApproval',
    { waves: [wave(0, 'all', { h1: 4 }), wave(1, 'more', { h1: 3 }, { approval: true })] },
    async () => undefined,
    { applied: 4, cancelled: 3 },
  ],
  [
    'paused',
    { waves: [wave(0, 'all', { h1: 4 }, { bakeMs: HOUR }), wave(1, 'more', { h1: 3 })] },
    async (fleet) => {
      await fleet.until((p) => p.state === 'baking', 'the bake');
      await fleet.send('pause');
    },
    { applied: 4, cancelled: 3 },
  ],
  [
    'halted',
    { waves: [wave(0, 'all', { h1: 1 }), wave(1, 'more', { h1: 3 })], tenant: () => fails() },
    async () => undefined,
    { parked: 1, cancelled: 3 },
  ],
];
for (const [state, plan, bring, totals] of waitsForSomething)
  test(`[S03] abort while ${state} ends it, with everything as it is`, async () => {
    const fleet = s.fleet(plan);
    await fleet.start();
    await bring(fleet);
    await fleet.until((p) => p.state === state || (state === 'paused' && p.desired === 'pause'), state);
    expect((await fleet.send('abort')).accepted).toBe(true);
    const report = await fleet.report();
    expect(report.finalState).toBe('aborted');
    expect(report.totals).toMatchObject(totals);
    expect(countTotals(report.totals)).toBe(plan.waves.reduce((n, it) => n + it.tenants, 0));
  });

test('[S03] abort while rolling back needs to be confirmed, and then stops half-way', async () => {
  const { open, hold } = gate();
  const fleet = s.fleet({
    waves: [wave(0, 'all', { h1: 12 }, { window: 2, bakeMs: HOUR })],
    tenant: (_id, { direction }) => (direction === 'down' ? hold() : undefined),
  });
  await fleet.start();
  await fleet.until((p) => p.state === 'baking', 'the bake');
  await fleet.send('rollback', { reason: 'wrong data' });
  await inHand(fleet, 14);
  expect(await refusal(fleet.send('abort'))).toBe('FLT_CONFIRM_NEEDED');
  await fleet.handle().signal('abort', { actor: 'ana', requestId: 'by-signal' });
  expect((await fleet.progress()).state).toBe('rollingBack');
  expect((await fleet.send('abort', { confirm: true, reason: 'leave it' })).accepted).toBe(true);
  open();
  const report = await fleet.report();
  expect(report.finalState).toBe('aborted');
  expect(report.totals).toMatchObject({ applied: 10, rolledBack: 2 });
});

test('a pause and a resume while it rolls back leave what is back as it is', async () => {
  const { open, hold } = gate();
  const fleet = s.fleet({
    waves: [wave(0, 'one', { h1: 3 }), wave(1, 'two', { h1: 3 }, { bakeMs: HOUR })],
    tenant: (id, { direction }) => (direction === 'down' && id.startsWith('w0') ? hold() : undefined),
  });
  await fleet.start();
  await fleet.until((p) => p.state === 'baking', 'the bake');
  await fleet.send('rollback', { reason: 'wrong data' });
  await fleet.until((p) => p.waves[1]!.state === 'rolledBack' && p.waves[0]!.state === 'rollingBack', 'one wave back, one on its way');
  await fleet.send('pause');
  await fleet.send('resume');
  open();
  const report = await fleet.report();
  expect(report.finalState).toBe('rolledBack');
  expect(report.totals).toMatchObject({ rolledBack: 6, cancelled: 0 });
});

test('[S04] abort twice is one abort; after the end there is nobody to ask', async () => {
  const { open, hold } = gate();
  const fleet = s.fleet({ waves: [wave(0, 'all', { h1: 5 }, { window: 1 })], tenant: hold });
  await fleet.start();
  await inHand(fleet, 1);
  const first = await fleet.send('abort', { requestId: 'once' });
  expect(await fleet.send('abort', { requestId: 'once' })).toEqual(first);
  expect((await fleet.send('abort', { requestId: 'twice' })).accepted).toBe(true);
  expect(await refusal(fleet.send('resume'))).toBe('FLT_REFUSED');
  open();
  expect((await fleet.report()).totals).toMatchObject({ applied: 1, cancelled: 4 });
  await expect(fleet.send('abort')).rejects.toThrow(/not found|completed/i);

  const done = s.fleet({ waves: [wave(0, 'all', { h1: 2 })] });
  await done.start();
  expect((await done.report()).finalState).toBe('succeeded');
  await expect(done.send('abort')).rejects.toThrow(/not found|completed/i);
});

test('[S05] after a pause those in hand finish and count', async () => {
  const { open, hold } = gate();
  const fleet = s.fleet({ waves: [wave(0, 'all', { h1: 10 }, { window: 3 })], tenant: hold });
  await fleet.start();
  await inHand(fleet, 3);
  await fleet.send('pause');
  await fleet.until((p) => p.state === 'draining', 'draining');
  open();
  await fleet.until((p) => p.state === 'paused', 'paused');
  expect(fleet.moved).toHaveLength(3);
  await fleet.send('resume');
  expect((await fleet.report()).totals.applied).toBe(10);
});

test('[S05] a breach while it pauses becomes halted, not paused', async () => {
  const { open, hold } = gate();
  const fleet = s.fleet({
    waves: [wave(0, 'all', { h1: 10 }, { window: 3 })],
    tenant: async (id) => {
      await hold();
      return id === 'w0-h1-1' ? fails() : undefined;
    },
  });
  await fleet.start();
  await inHand(fleet, 3);
  await fleet.send('pause');
  open();
  const halted = await fleet.until((p) => p.state === 'halted', 'halted');
  expect(halted.reasons.map(({ kind }) => kind)).toEqual(['budget', 'operator']);
  expect(halted.totals).toMatchObject({ applied: 2, parked: 1, pending: 7 });
  expect(fleet.recorded).not.toContain('paused');
  await fleet.send('abort');
  await fleet.report();
});

test('[S11] a whole batch that fails under the tolerance does not stop the wave, unless it is the same error each time', async () => {
  const all = (message: (n: number) => string) => (id: string) => {
    const n = Number(id.split('-').at(-1));
    return n < 5 ? fails('FLT_UNIQUE_VIOLATION', message(n)) : undefined;
  };
  const words = ['orders', 'invoices', 'users', 'notes', 'tags'];
  const waves = [wave(0, 'all', { h1: 20 }, { window: 5, maxFailures: 5 })];
  const tolerant = s.fleet({ waves, policy: { sameError: { count: 5, window: 20 } }, tenant: all((n) => `${words[n]} is doubled`) });
  await tolerant.start();
  const report = await tolerant.report();
  expect(report.finalState).toBe('completedWithFailures');
  expect(report.totals).toMatchObject({ applied: 15, parked: 5 });

  const systemic = s.fleet({ waves, policy: { sameError: { count: 5, window: 20 } }, tenant: all(() => 'orders is doubled') });
  await systemic.start();
  const halted = await systemic.until((p) => p.state === 'halted', 'halted');
  expect(halted.reasons[0]).toMatchObject({ kind: 'sameError', clears: 'person' });
  expect((await systemic.send('resume')).accepted).toBe(true);
  expect((await systemic.report()).totals).toMatchObject({ applied: 15, parked: 5 });
});

const asked = [wave(0, 'rest', { h1: 5 }, { approval: true })];
test('[S16] an approval that timed out halts; a late approve, or one of another digest, is refused', async () => {
  const fleet = s.fleet({ waves: asked, policy: { approvalTimeoutMs: 300 } });
  await fleet.start();
  await fleet.until((p) => p.state === 'awaitingApproval', 'awaitingApproval');
  expect(await refusal(fleet.send('approve', { wave: 'rest', digest: 'd0' }))).toBe('FLT_APPROVAL_MISMATCH');
  const halted = await fleet.until((p) => p.state === 'halted', 'halted');
  expect(halted.reasons[0]).toMatchObject({ kind: 'approval', clears: 'person' });
  expect(await refusal(fleet.send('approve', { wave: 'rest', digest: 'd1' }))).toBe('FLT_APPROVAL_EXPIRED');
  expect((await fleet.progress()).state).toBe('halted');
  await fleet.send('abort');
  expect((await fleet.report()).totals.cancelled).toBe(5);
});

test('[S16] approve and its timeout race: one of them wins, and what is answered is what happens', async () => {
  const races = [180, 190, 195, 200, 205, 210, 230].map(async (afterMs) => {
    const fleet = s.fleet({ waves: asked, policy: { approvalTimeoutMs: 200 } });
    await fleet.start();
    const { approval } = await fleet.until((p) => p.approval !== undefined || p.state === 'halted', 'the question');
    const opened = approval ? approval.expiresAtMs - 200 : 0;
    await vi.waitFor(() => expect(Date.now()).toBeGreaterThanOrEqual(opened + afterMs), { interval: 1, timeout: 5_000 });
    const accepted = await fleet.send('approve', { wave: 'rest', digest: 'd1' }).then(
      () => true,
      () => false,
    );
    if (accepted) expect((await fleet.report()).finalState).toBe('succeeded');
    else {
      expect((await fleet.progress()).state).toBe('halted');
      await fleet.send('abort');
      expect((await fleet.report()).totals.applied).toBe(0);
    }
  });
  await Promise.all(races);
});

test('[S17] approve while baking is kept, and the bake is not shortened by it', async () => {
  const fleet = s.fleet({ waves: [wave(0, 'canary', { h1: 1 }, { bakeMs: HOUR }), wave(1, 'rest', { h1: 5 }, { approval: true })] });
  await fleet.start();
  await fleet.until((p) => p.state === 'baking', 'the bake');
  expect((await fleet.send('approve', { wave: 'rest', digest: 'd1' })).accepted).toBe(true);
  expect((await fleet.progress()).state).toBe('baking');
  expect(fleet.lists).toHaveLength(1);
  await fleet.send('skip', { bake: true });
  expect((await fleet.report()).finalState).toBe('succeeded');
  expect(fleet.recorded).not.toContain('awaitingApproval');
});

test('[S34] skip of the wave that runs: it drains, and the rest of it is skipped', async () => {
  const { open, hold } = gate();
  const fleet = s.fleet({ waves: [wave(0, 'one', { h1: 10 }, { window: 2 }), wave(1, 'two', { h1: 3 })], tenant: hold });
  await fleet.start();
  await inHand(fleet, 2);
  await fleet.send('skip', { wave: 'one', reason: 'tonight' });
  open();
  const report = await fleet.report();
  expect(report.finalState).toBe('succeeded');
  expect(report.waves[0]!.state).toBe('skipped');
  expect(report.waves[0]!.totals).toMatchObject({ applied: 2, skipped: 8 });
  expect(report.waves[1]!.totals).toMatchObject({ applied: 3 });
});

test('[S34] while halted tenants can be skipped and retried and nothing else; within the limit a plain resume is taken, and nothing resumes by itself', async () => {
  const fleet = s.fleet({
    waves: [wave(0, 'one', { h1: 6 }, { window: 1 }), wave(1, 'two', { h1: 3 })],
    tenant: (id) => (id === 'w0-h1-1' ? fails() : undefined),
    fakes: { signalTenants: async ({ tenants }) => tenants, findParked: async () => [{ tenant: 'w0-h1-1', wave: 0, host: 'h1' }] },
  });
  await fleet.start();
  await fleet.until((p) => p.state === 'halted' && p.totals.parked === 1, 'halted');
  for (const other of [{ wave: 'one' }, { bake: true }, { host: 'h1' }, { gate: 'lag' }])
    expect(await refusal(fleet.send('skip', other)), JSON.stringify(other)).toBe('FLT_REFUSED');
  expect(await refusal(fleet.send('resume'))).toBe('FLT_REFUSED');
  expect((await fleet.send('retry', { failed: true })).accepted).toBe(true);
  expect((await fleet.send('skip', { tenants: ['w0-h1-1'], reason: 'leaves us' })).accepted).toBe(true);
  // Its own workflow says so
  await fleet.handle().signal('tenantResolved', { rolloutId: 'r-1', tenant: 'w0-h1-1', wave: 0, resolution: 'skipped' });
  const resolved = await fleet.until((p) => p.totals.skipped === 1, 'the skip');
  expect(resolved.state).toBe('halted');
  expect((await fleet.send('resume')).accepted).toBe(true);
  const report = await fleet.report();
  expect(report.finalState).toBe('succeeded');
  expect(report.totals).toMatchObject({ applied: 8, skipped: 1 });
});

test('[S37] a higher or lower speed holds from the next dispatch on', async () => {
  const gates = [gate(), gate(), gate()];
  const of = (id: string) => (Number(id.split('-').at(-1)) < 2 ? 0 : Number(id.split('-').at(-1)) < 8 ? 1 : 2);
  const fleet = s.fleet({ waves: [wave(0, 'all', { h1: 20 }, { window: 2 })], tenant: (id) => gates[of(id)]!.hold() });
  await fleet.start();
  await inHand(fleet, 2);
  expect((await fleet.send('speed', { perHost: 6 })).message).toContain('6 on each host');
  await inHand(fleet, 6);
  expect(await refusal(fleet.send('speed', {}))).toBe('FLT_REFUSED');
  expect(await refusal(fleet.send('speed', { perHost: 0 }))).toBe('FLT_USAGE');
  expect((await fleet.progress()).speed).toEqual({ perHost: 6 });
  await fleet.send('speed', { maxConcurrency: 1 });
  await heard(fleet, { maxConcurrency: 1 });
  gates[0]!.open();
  gates[1]!.open();
  await soon(() => expect(fleet.moved).toHaveLength(8));
  await inHand(fleet, 9);
  // One at a time now: the next comes when this one is done
  expect(fleet.lists.length - fleet.moved.length).toBe(1);
  gates[2]!.open();
  expect((await fleet.report()).totals.applied).toBe(20);
});

test('[S37] more failures are borne from now on; a limit below those that are unresolved halts at once', async () => {
  const gates = [gate(), gate(), gate()];
  const fleet = s.fleet({
    waves: [wave(0, 'all', { h1: 12 }, { window: 1, maxFailures: 0 })],
    tenant: async (id) => {
      const n = Number(id.split('-').at(-1));
      if (n < 3) await gates[n]!.hold();
      return n < 2 ? fails() : undefined;
    },
  });
  await fleet.start();
  await inHand(fleet, 1);
  await fleet.send('speed', { maxFailures: 3 });
  await heard(fleet, { maxFailures: 3 });
  gates[0]!.open();
  gates[1]!.open();
  await inHand(fleet, 3);
  expect((await fleet.progress()).waves[0]!.maxFailures).toBe(3);
  await fleet.send('speed', { maxFailures: 1 });
  await fleet.until((p) => p.state === 'draining', 'it drains');
  gates[2]!.open();
  const halted = await fleet.until((p) => p.state === 'halted', 'halted');
  expect(halted.reasons[0]).toMatchObject({ kind: 'budget', text: expect.stringContaining('2 failed, 1 allowed') });
  await fleet.send('speed', { maxFailures: 2 });
  expect((await fleet.send('resume')).accepted).toBe(true);
  expect((await fleet.report()).totals).toMatchObject({ applied: 10, parked: 2 });
});

test('a wave that was halted by its deadline gets its time anew when somebody resumes it', async () => {
  const { open, hold } = gate();
  const fleet = s.fleet({
    waves: [wave(0, 'all', { h1: 4 }, { window: 1 })],
    policy: { deadlines: { waveMs: 400, progressMs: 60_000 } },
    tenant: (id) => (id === 'w0-h1-1' ? hold() : undefined),
  });
  await fleet.start();
  await inHand(fleet, 2);
  await fleet.until((p) => p.state === 'draining', 'the deadline');
  open();
  const halted = await fleet.until((p) => p.state === 'halted', 'halted');
  expect(halted.reasons[0]).toMatchObject({ kind: 'deadline' });
  await fleet.send('resume');
  expect((await fleet.report()).totals.applied).toBe(4);
});
