import { Context } from '@temporalio/activity';
import { expect, it } from 'vitest';
import { workflowIds } from '../../src/domain/ids.js';
import { countTotals } from '../../src/domain/tenant.js';
import { type Fleet, stack, wave } from '../support/temporal.js';

const s = stack();
const test = (title: string, body: () => Promise<void>) => it(title, () => s.watched(body));
const fails = { outcome: 'failed', code: 'FLT_UNIQUE_VIOLATION', message: 'rows are doubled' } as const;
const stuck = { outcome: 'rollbackFailed', code: 'FLT_REVERT_INEXACT', message: 'a column stays' } as const;
const ids = (fleet: Fleet, direction: 'up' | 'down') => fleet.moved.filter((it) => it.direction === direction).map((it) => it.id);

/** A promise that a test settles. */
function gate() {
  let open = () => {};
  const opened = new Promise<undefined>((resolve) => {
    open = () => resolve(undefined);
  });
  return { open, opened };
}

/** Holds a tenant in hand, heartbeating, until the gate opens. */
async function held(opened: Promise<undefined>): Promise<undefined> {
  const beat = setInterval(() => Context.current().heartbeat(), 500);
  await opened;
  clearInterval(beat);
}

test('tries only those again that a first rollback could not return, and ends rolledBack with every tenant counted once', async () => {
  let broken = true;
  const fleet = s.fleet({
    waves: [wave(0, 'all', { h1: 10 }, { bakeMs: 3_600_000 })],
    tenant: (id, { direction }) => (direction === 'down' && id === 'w0-h1-3' && broken ? stuck : undefined),
  });
  await fleet.start();
  await fleet.until((p) => p.state === 'baking', 'the bake');
  await fleet.send('rollback', { reason: 'r', force: true });
  const failed = await fleet.until((p) => p.state === 'rollbackFailed', 'rollbackFailed');
  expect(failed.totals).toMatchObject({ rolledBack: 9, rollbackFailed: 1, applied: 0 });
  expect(fleet.parked).toEqual(['w0-h1-3']); // case 24: a person can find it
  broken = false;
  await fleet.send('rollback', { reason: 'r', force: true });
  const report = await fleet.report();
  expect(report.finalState).toBe('rolledBack');
  expect(report.totals).toMatchObject({ rolledBack: 10, rollbackFailed: 0, applied: 0 });
  expect(ids(fleet, 'down').filter((id) => id === 'w0-h1-0')).toHaveLength(1);
  expect(fleet.dismissed).toContain('w0-h1-3');
});

test('ends rolledBack when the last tenant that could not be returned is dealt with in its own workflow', async () => {
  const fleet = s.fleet({
    waves: [wave(0, 'all', { h1: 4 }, { bakeMs: 3_600_000 })],
    tenant: (id, { direction }) => (direction === 'down' && id === 'w0-h1-2' ? stuck : undefined),
  });
  await fleet.start();
  await fleet.until((p) => p.state === 'baking', 'the bake');
  await fleet.send('rollback', { reason: 'r', force: true });
  await fleet.until((p) => p.state === 'rollbackFailed', 'rollbackFailed');
  await fleet.handle().signal('tenantResolved', { rolloutId: 'r-1', tenant: 'w0-h1-2', wave: 0, resolution: 'rolledBack' });
  const report = await fleet.report();
  expect(report.finalState).toBe('rolledBack');
  expect(report.totals).toMatchObject({ rolledBack: 4, rollbackFailed: 0 });
});

test('goes on with a rollback that is ordered while the rollout is paused', async () => {
  const fleet = s.fleet({ waves: [wave(0, 'a', { h1: 3 }), wave(1, 'b', { h1: 3 }, { approval: true })] });
  await fleet.start();
  await fleet.until((p) => p.state === 'awaitingApproval', 'approval');
  await fleet.send('pause');
  await fleet.send('rollback', { reason: 'changed our mind' });
  const report = await fleet.report();
  expect(report.finalState).toBe('rolledBack');
  expect(ids(fleet, 'down').sort()).toEqual(['w0-h1-0', 'w0-h1-1', 'w0-h1-2']);
});

test('compares with the canaries also when the last tenants were finished during a pause', async () => {
  const { open, opened } = gate();
  const verified: number[] = [];
  const fleet = s.fleet({
    waves: [wave(0, 'all', { h1: 2 }, { window: 1 })],
    tenant: async (id) => (id === 'w0-h1-1' ? held(opened) : undefined),
    fakes: {
      async verifyWave({ wave: index }) {
        verified.push(index);
        return { checked: 2, diverged: [] };
      },
    },
  });
  await fleet.start();
  await fleet.until(() => fleet.lists.length === 2, 'the last tenant in hand');
  await fleet.send('pause');
  open();
  await fleet.until((p) => p.state === 'paused', 'the tenant to finish');
  await fleet.send('resume');
  expect((await fleet.report()).finalState).toBe('succeeded');
  expect(verified).toEqual([0]);
});

test('leaves a tenant out that is skipped while the wave is halted and holds it already', async () => {
  const fleet = s.fleet({
    waves: [wave(0, 'all', { h1: 6 }, { window: 1, maxFailures: 0 })],
    tenant: (id) => (id === 'w0-h1-1' ? fails : undefined),
  });
  await fleet.start();
  await fleet.until((p) => p.state === 'halted', 'the halt');
  await fleet.send('skip', { tenants: ['w0-h1-4'], reason: 'moves away' });
  await fleet.send('resume', { acceptFailures: 1 });
  const report = await fleet.report();
  expect(ids(fleet, 'up')).not.toContain('w0-h1-4');
  expect(report.totals).toMatchObject({ applied: 4, skipped: 1, parked: 1, pending: 0 });
  expect(countTotals(report.totals)).toBe(6);
});

test('reverts a tenant that was skipped after it had been moved', async () => {
  const fleet = s.fleet({ waves: [wave(0, 'all', { h1: 4 }, { bakeMs: 3_600_000 })] });
  await fleet.start();
  await fleet.until((p) => p.state === 'baking', 'the bake');
  await fleet.send('skip', { tenants: ['w0-h1-2'], reason: 'too late' });
  await fleet.send('rollback', { reason: 'r' });
  const report = await fleet.report();
  expect(report.finalState).toBe('rolledBack');
  expect(report.totals).toMatchObject({ rolledBack: 4, skipped: 0, applied: 0, pending: 0 });
});

test('keeps a tenant for a person where a migration outside a transaction stopped half-way, and does not call it rolled back', async () => {
  const fleet = s.fleet({
    waves: [wave(0, 'all', { h1: 3 }, { window: 1 })],
    policy: { onBreach: 'rollbackRollout' },
    tenant: (id, { direction }) =>
      id !== 'w0-h1-1' ? undefined : direction === 'up' ? { ...fails, partial: true } : { outcome: 'upToDate' },
  });
  await fleet.start();
  const at = await fleet.until((p) => p.state === 'rollbackFailed', 'rollbackFailed');
  expect(at.totals).toMatchObject({ rolledBack: 1, rollbackFailed: 1 });
  expect(fleet.dismissed).not.toContain('w0-h1-1');
  await fleet.send('rollback', { continueSkipping: ['w0-h1-1'], reason: 'the index is dropped by hand' });
  expect((await fleet.report()).totals).toMatchObject({ skipped: 1, rollbackFailed: 0 });
});

test('does not take a wave as rolled back when its way down broke off, and finishes it with the next order', async () => {
  const { open, opened } = gate();
  let broken = true;
  const fleet = s.fleet({
    waves: [wave(0, 'a', { h1: 2 }), wave(1, 'b', { h1: 4 }, { bakeMs: 3_600_000, window: 1 })],
    tenant: async (id, { direction }) => (direction === 'down' && id === 'w1-h1-2' && broken ? held(opened) : undefined),
  });
  await fleet.start();
  await fleet.until((p) => p.state === 'baking', 'the bake');
  await fleet.send('rollback', { reason: 'r' });
  const down = s.client().workflow.getHandle(workflowIds.waveDown(fleet.name, 'r-1', 1, 'b'));
  await fleet.until(() => ids(fleet, 'down').length === 2, 'half of the way down');
  await down.terminate('an operator');
  open();
  const halted = await fleet.until((p) => p.state === 'halted', 'the halt');
  expect(halted.reasons[0]?.text).toContain('terminated');
  expect(ids(fleet, 'down').some((id) => id.startsWith('w0'))).toBe(false);
  broken = false;
  await fleet.send('rollback', { reason: 'again' });
  const report = await fleet.report();
  expect(report.finalState).toBe('rolledBack');
  expect(report.totals).toMatchObject({ rolledBack: 6, applied: 0 });
});

test('starts every wave anew that was rolled back, when it is resumed', async () => {
  let broken = true;
  const fleet = s.fleet({
    waves: [wave(0, 'a', { h1: 2 }), wave(1, 'b', { h1: 2 }), wave(2, 'c', { h1: 3 }, { window: 1 })],
    policy: { onBreach: 'rollbackWave' },
    tenant: (id, { direction }) => (id === 'w2-h1-1' && direction === 'up' && broken ? fails : undefined),
  });
  await fleet.start();
  await fleet.until((p) => p.state === 'halted' && p.totals.rolledBack === 1, 'wave c rolled back');
  await fleet.send('rollback', { wave: 'b', reason: 'this one too' });
  await fleet.until((p) => p.state === 'halted' && p.totals.rolledBack === 3, 'wave b rolled back');
  broken = false;
  await fleet.send('resume');
  const report = await fleet.report();
  expect(report.finalState).toBe('succeeded');
  expect(report.totals).toMatchObject({ applied: 7, rolledBack: 0 });
  expect(report.failuresTotal).toBe(1); // never decreases
});

test('goes on after failed canaries with onBreach continue', async () => {
  const fleet = s.fleet({
    waves: [wave(0, 'canary', { h1: 1, h2: 1 }, { canary: true, maxConcurrency: 1, window: 1 }), wave(1, 'rest', { h1: 3 })],
    policy: { onBreach: 'continue' },
    tenant: (id) => (id === 'w0-h1-0' ? fails : undefined),
  });
  await fleet.start();
  expect((await fleet.report()).totals).toMatchObject({ applied: 4, parked: 1 });
});

test('halts, and reverts nothing by itself, when a wave stops for another reason than its budget', async () => {
  const fleet = s.fleet({
    waves: [wave(0, 'all', { h1: 3 })],
    policy: { onBreach: 'rollbackRollout' },
    fakes: {
      async verifyWave() {
        const { ApplicationFailure } = await import('@temporalio/common');
        throw ApplicationFailure.create({ type: 'FLT_INTERNAL', message: 'a bug', nonRetryable: true });
      },
    },
  });
  await fleet.start();
  const halted = await fleet.until((p) => p.state === 'halted', 'the halt');
  expect(halted.totals.applied).toBe(3);
  expect(ids(fleet, 'down')).toEqual([]);
});

test('holds the whole rollout to its own budget until a person accepts more', async () => {
  const fleet = s.fleet({
    waves: [wave(0, 'a', { h1: 6 }, { maxFailures: 5, window: 1 })],
    policy: { maxFailures: 1 },
    tenant: (id) => (['w0-h1-0', 'w0-h1-1', 'w0-h1-4'].includes(id) ? fails : undefined),
  });
  await fleet.start();
  await fleet.until((p) => p.state === 'halted', 'the halt');
  await expect(fleet.send('resume')).rejects.toThrow();
  await fleet.send('resume', { acceptFailures: 3 });
  const report = await fleet.report();
  expect(report.finalState).toBe('completedWithFailures');
  expect(report.totals).toMatchObject({ applied: 3, parked: 3 });
});

test('stays halted with its tenants untouched when a wave is terminated in Temporal, and finishes when it is resumed', async () => {
  const { open, opened } = gate();
  const fleet = s.fleet({
    waves: [wave(0, 'all', { h1: 4 }, { window: 1 })],
    tenant: async (id) => (id === 'w0-h1-2' ? held(opened) : undefined),
  });
  await fleet.start();
  await fleet.until(() => ids(fleet, 'up').length === 2, 'two tenants');
  await s
    .client()
    .workflow.getHandle(workflowIds.wave(fleet.name, 'r-1', 0, 'all'))
    .terminate('an operator');
  open();
  await fleet.until((p) => p.state === 'halted', 'the halt');
  await fleet.send('resume');
  const report = await fleet.report();
  expect(report.finalState).toBe('succeeded');
  expect(report.totals.applied).toBe(4);
});

test('[S27] tries parked tenants again behind a probe, and passes over one whose workflow is gone', async () => {
  const signalled: string[][] = [];
  const tell = (fleet: Fleet, tenant: string) =>
    fleet.handle().signal('tenantResolved', { rolloutId: 'r-1', tenant, wave: 0, resolution: 'applied' });
  const fleet: Fleet = s.fleet({
    waves: [wave(0, 'all', { h1: 4 }, { maxFailures: 3, bakeMs: 3_600_000 })],
    tenant: (id) => (id === 'w0-h1-0' ? undefined : fails),
    fakes: {
      findParked: async () => ['w0-h1-1', 'w0-h1-2', 'w0-h1-3'].map((tenant) => ({ tenant, wave: 0, host: 'h1' })),
      async signalTenants({ tenants }) {
        signalled.push([...tenants]);
        const there = tenants.filter((id) => id !== 'w0-h1-1');
        for (const tenant of there) await tell(fleet, tenant);
        return there;
      },
    },
  });
  await fleet.start();
  await fleet.until((p) => p.state === 'baking' && p.totals.parked === 3, 'three parked');
  await fleet.send('retry', { failed: true });
  const at = await fleet.until((p) => p.totals.applied === 3, 'two of them applied');
  expect(signalled).toEqual([['w0-h1-1'], ['w0-h1-2'], ['w0-h1-3']]);
  expect(at.totals).toMatchObject({ applied: 3, parked: 1 });
  await fleet.send('skip', { bake: true });
  expect((await fleet.report()).finalState).toBe('completedWithFailures');
});
