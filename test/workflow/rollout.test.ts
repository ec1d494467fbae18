import { expect, it } from 'vitest';
import { countTotals } from '../../src/domain/tenant.js';
import { stack, wave } from '../support/temporal.js';

const s = stack();
const test = (title: string, body: () => Promise<void>) => it(title, () => s.watched(body));
const fails = { outcome: 'failed', code: 'FLT_UNIQUE_VIOLATION', message: 'rows are doubled' } as const;

test('migrates a canary and then the waves, each tenant once', async () => {
  const fleet = s.fleet({
    waves: [
      wave(0, 'canary', { h1: 1, h2: 1 }, { canary: true, maxConcurrency: 1, window: 1, bakeMs: 5 }),
      wave(1, 'rest', { h1: 40, h2: 40 }, { bakeMs: 5 }),
    ],
  });
  await fleet.start({ smallWave: 10, listSize: 10 });
  const report = await fleet.report();
  expect(report.finalState).toBe('succeeded');
  expect(report.totals.applied).toBe(82);
  expect(countTotals(report.totals)).toBe(82);
  expect(new Set(fleet.moved.map((m) => m.id)).size).toBe(82);
  expect(fleet.moved).toHaveLength(82);
  expect(fleet.recorded.at(-1)).toBe('succeeded');
});

test('[S09] halts when the failure budget is exceeded, latched, and a canary overshoots by nothing', async () => {
  const fleet = s.fleet({
    waves: [wave(0, 'canary', { h1: 3 }, { canary: true, maxConcurrency: 1, window: 1 }), wave(1, 'rest', { h1: 20 })],
    tenant: () => fails,
  });
  await fleet.start();
  const progress = await fleet.until((p) => p.state === 'halted', 'halted');
  expect(progress.totals.parked).toBe(1);
  expect(fleet.parked).toEqual(['w0-h1-0']);
  expect(progress.totals.pending).toBe(22);
  expect(progress.reasons[0]?.kind).toBe('budget');
  await expect(fleet.send('resume')).rejects.toThrow();
  expect((await fleet.progress()).state).toBe('halted');
  expect((await fleet.send('abort')).accepted).toBe(true);
  const report = await fleet.report();
  expect(report.finalState).toBe('aborted');
  expect(report.totals).toMatchObject({ parked: 1, cancelled: 22, applied: 0 });
});

test('lets the rest go on while failures stay within the budget, and ends completedWithFailures', async () => {
  const fleet = s.fleet({
    waves: [wave(0, 'rest', { h1: 30, h2: 30 }, { maxFailures: 3 })],
    tenant: (id) => (['w0-h1-3', 'w0-h2-5'].includes(id) ? fails : undefined),
  });
  await fleet.start({ smallWave: 10, listSize: 8 });
  const report = await fleet.report();
  expect(report.finalState).toBe('completedWithFailures');
  expect(report.totals).toMatchObject({ applied: 58, parked: 2 });
  expect(fleet.parked.sort()).toEqual(['w0-h1-3', 'w0-h2-5']);
  expect(report.failures).toEqual([{ code: 'FLT_UNIQUE_VIOLATION', count: 2, tenants: expect.any(Array), sample: 'rows are doubled' }]);
});

test('rolls the whole rollout back by itself after a breach, newest wave first, and only what it dispatched', async () => {
  const fleet = s.fleet({
    waves: [
      wave(0, 'canary', { h1: 1 }, { canary: true, maxConcurrency: 1, window: 1 }),
      wave(1, 'rest', { h1: 200 }, { maxFailures: 1, window: 1 }),
    ],
    policy: { onBreach: 'rollbackRollout' },
    tenant: (id, { direction }) =>
      direction === 'down'
        ? ['w1-h1-4', 'w1-h1-9'].includes(id)
          ? { outcome: 'upToDate' }
          : undefined
        : ['w1-h1-4', 'w1-h1-9'].includes(id)
          ? fails
          : undefined,
  });
  await fleet.start({ smallWave: 10, listSize: 5 });
  const report = await fleet.report();
  expect(report.finalState).toBe('rolledBack');
  expect(report.totals.applied).toBe(0);
  expect(report.totals.failed).toBe(2);
  expect(countTotals(report.totals)).toBe(201);
  const up = fleet.moved.filter((m) => m.direction === 'up').map((m) => m.id);
  const down = fleet.moved.filter((m) => m.direction === 'down').map((m) => m.id);
  expect(new Set(down)).toEqual(new Set([...up, ...down]));
  expect(report.totals.rolledBack).toBe(down.length);
  expect(down.at(-1)).toBe('w0-h1-0');
  expect(fleet.dismissed.sort()).toEqual(['w1-h1-4', 'w1-h1-9']);
  expect(fleet.lists.filter((l) => l.direction === 'down').every((l) => l.again)).toBe(true);
});

test('rolls back only the wave with onBreach rollbackWave, then stays halted with earlier waves applied', async () => {
  const fleet = s.fleet({
    waves: [wave(0, 'first', { h1: 5 }), wave(1, 'second', { h1: 10 }, { window: 1 })],
    policy: { onBreach: 'rollbackWave' },
    tenant: (id, { direction }) => (id === 'w1-h1-3' ? (direction === 'up' ? fails : { outcome: 'upToDate' }) : undefined),
  });
  await fleet.start();
  const progress = await fleet.until((p) => p.state === 'halted' && p.waves[1]!.state === 'rolledBack', 'wave rolled back and halted');
  expect(progress.totals).toMatchObject({ applied: 5, rolledBack: 3, failed: 1, pending: 6 });
  await fleet.send('rollback');
  const report = await fleet.report();
  expect(report.finalState).toBe('rolledBack');
  expect(report.totals).toMatchObject({ applied: 0, rolledBack: 8, failed: 1, cancelled: 6 });
});

test('halts with the reasons instead, when a rule refuses the rollback; forced with a reason it goes on', async () => {
  const fleet = s.fleet({
    waves: [wave(0, 'rest', { h1: 6 }, { window: 1 })],
    policy: { onBreach: 'rollbackRollout' },
    tenant: (id, { direction }) => (id === 'w0-h1-2' ? (direction === 'up' ? fails : { outcome: 'upToDate' }) : undefined),
    fakes: { judgeRollback: async () => ({ refused: [{ migration: 'm1', code: 'FLT_IRREVERSIBLE', why: 'its up removed a column' }] }) },
  });
  await fleet.start();
  const progress = await fleet.until((p) => p.state === 'halted' && p.rollback !== undefined, 'halted and refused');
  expect(progress.rollback?.refused[0]?.migration).toBe('m1');
  expect(progress.reasons.map((r) => r.kind)).toEqual(['budget', 'rollback']);
  expect(fleet.moved.every((m) => m.direction === 'up')).toBe(true);
  await expect(fleet.send('rollback', { force: true })).rejects.toThrow();
  await fleet.send('rollback', { force: true, reason: 'the column was empty' });
  const report = await fleet.report();
  expect(report.finalState).toBe('rolledBack');
  expect(fleet.lists.filter((l) => l.direction === 'down').every((l) => l.force)).toBe(true);
});

test('[S24] ends rollbackFailed when a tenant cannot be returned; the others are; leaving it out ends it', async () => {
  const fleet = s.fleet({
    waves: [wave(0, 'rest', { h1: 6 }, { window: 1 })],
    tenant: (id, { direction }) =>
      direction === 'down' && id === 'w0-h1-1'
        ? { outcome: 'rollbackFailed', code: 'FLT_REVERT_REMOVES_DATA', message: 'rows' }
        : id === 'w0-h1-5' && direction === 'up'
          ? fails
          : id === 'w0-h1-5'
            ? { outcome: 'upToDate' }
            : undefined,
  });
  await fleet.start();
  await fleet.until((p) => p.state === 'halted', 'halted');
  await fleet.send('rollback');
  const progress = await fleet.until((p) => p.state === 'rollbackFailed', 'rollbackFailed');
  expect(progress.rollback?.failed).toEqual([{ tenant: 'w0-h1-1', code: 'FLT_REVERT_REMOVES_DATA' }]);
  expect(progress.totals).toMatchObject({ rolledBack: 4, rollbackFailed: 1, failed: 1 });
  await fleet.send('rollback', { continueSkipping: ['w0-h1-1'] });
  const report = await fleet.report();
  expect(report.finalState).toBe('rolledBack');
  expect(report.totals).toMatchObject({ rolledBack: 4, skipped: 1, failed: 1 });
});

test('pauses and resumes under hammering without losing or doubling a tenant, and answers each', async () => {
  const fleet = s.fleet({
    waves: [wave(0, 'rest', { h1: 300, h2: 300 })],
    tenant: () => new Promise((done) => setTimeout(() => done(undefined), 3)),
  });
  await fleet.start({ smallWave: 10, listSize: 10 });
  for (let i = 0; i < 5; i++) {
    await fleet.send('pause', { reason: 'checking' });
    const paused = await fleet.until((p) => p.state === 'paused' || p.state === 'succeeded', 'paused');
    if (paused.state === 'succeeded') break;
    expect(paused.reasons[0]).toMatchObject({ kind: 'operator' });
    await fleet.send('resume');
  }
  const report = await fleet.report();
  expect(report.finalState).toBe('succeeded');
  expect(fleet.moved).toHaveLength(600);
  expect(new Set(fleet.moved.map((m) => m.id)).size).toBe(600);
});

test('gives a repeated request id its first answer and audits it once', async () => {
  const fleet = s.fleet({ waves: [wave(0, 'canary', { h1: 2 }, { canary: true, maxConcurrency: 1, window: 1 })], tenant: () => fails });
  await fleet.start();
  await fleet.until((p) => p.state === 'halted', 'halted');
  const first = await fleet.send('skip', { tenants: ['w0-h1-0'], requestId: 'same' });
  const second = await fleet.send('skip', { tenants: ['other'], requestId: 'same' });
  expect(second).toEqual(first);
  await fleet.send('abort');
  await fleet.report();
  expect(fleet.recorded.filter((r) => r === 'skip')).toHaveLength(1);
});

test('waits for approval bound to wave and digest; a rejected one halts', async () => {
  const fleet = s.fleet({ waves: [wave(0, 'canary', { h1: 1 }, { canary: true }), wave(1, 'rest', { h1: 5 }, { approval: true })] });
  await fleet.start();
  const progress = await fleet.until((p) => p.state === 'awaitingApproval', 'awaitingApproval');
  expect(progress.approval).toMatchObject({ wave: 'rest', digest: 'd1' });
  await expect(fleet.send('approve', { wave: 'rest', digest: 'other' })).rejects.toThrow();
  await fleet.send('reject', { wave: 'rest', digest: 'd1' });
  await fleet.until((p) => p.state === 'halted', 'halted');
  await fleet.send('resume');
  await fleet.until((p) => p.state === 'awaitingApproval', 'awaitingApproval again');
  await fleet.send('approve', { wave: 'rest', digest: 'd1' });
  expect((await fleet.report()).finalState).toBe('succeeded');
});

test('halts when nobody approves in time', async () => {
  const fleet = s.fleet({ waves: [wave(0, 'rest', { h1: 5 }, { approval: true })], policy: { approvalTimeoutMs: 50 } });
  await fleet.start();
  const progress = await fleet.until((p) => p.state === 'halted', 'halted');
  expect(progress.reasons[0]?.text).toContain('nobody approved');
  await fleet.send('abort');
  expect((await fleet.report()).finalState).toBe('aborted');
});

test('goes on after a halt when failures are accepted, with what remains', async () => {
  const fleet = s.fleet({
    waves: [wave(0, 'rest', { h1: 12 }, { window: 1 }), wave(1, 'more', { h1: 3 })],
    tenant: (id) => (id === 'w0-h1-2' ? fails : undefined),
  });
  await fleet.start();
  await fleet.until((p) => p.state === 'halted', 'halted');
  await fleet.send('resume', { acceptFailures: 1 });
  const report = await fleet.report();
  expect(report.finalState).toBe('completedWithFailures');
  expect(report.totals).toMatchObject({ applied: 14, parked: 1 });
  expect(fleet.moved).toHaveLength(14);
});

test('blocks only the tenants of a silent host, spends no budget on them, and takes them up when it answers', async () => {
  let silent = true;
  let answer: () => void = () => undefined;
  const answers = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const fleet = s.fleet({
    waves: [wave(0, 'rest', { h1: 10, h2: 10 })],
    fakes: {
      migrateTenants: async (input) => {
        if (input.host === 'h2' && silent)
          return { counts: {}, exceptions: [], next: 0, hostDown: { code: 'FLT_HOST_UNAVAILABLE', message: 'h2 does not answer' } };
        return { counts: { applied: input.tenants.length }, exceptions: [], next: input.tenants.length };
      },
      awaitHost: async () => {
        await answers;
        silent = false;
      },
    },
  });
  await fleet.start();
  const progress = await fleet.until((p) => p.state === 'paused', 'paused by the host');
  expect(progress.reasons).toEqual([expect.objectContaining({ kind: 'host', host: 'h2', clears: 'itself' })]);
  expect(progress.totals.failed).toBe(0);
  answer();
  const report = await fleet.report();
  expect(report.finalState).toBe('succeeded');
  expect(report.totals.applied).toBe(20);
});

test('comes back to a deferred tenant, and counts it as failed only when its tries are spent', async () => {
  const tries = new Map<string, number>();
  const fleet = s.fleet({
    waves: [wave(0, 'rest', { h1: 5 }, { maxFailures: 1 })],
    tenant: (id) => {
      const n = (tries.get(id) ?? 0) + 1;
      tries.set(id, n);
      if (id === 'w0-h1-1' && n === 1) return { outcome: 'deferred', code: 'FLT_LOCK_TIMEOUT', message: 'locked' };
      if (id === 'w0-h1-3') return { outcome: 'deferred', code: 'FLT_LOCK_TIMEOUT', message: 'locked' };
      return undefined;
    },
  });
  await fleet.start();
  const report = await fleet.report();
  expect(report.totals).toMatchObject({ applied: 4, parked: 1 });
  expect(tries.get('w0-h1-1')).toBe(2);
  expect(tries.get('w0-h1-3')).toBe(2); // 2 × 3 quick tries = the 6 allowed
  expect(report.failures[0]?.code).toBe('FLT_LOCK_TIMEOUT');
});

test('waits for a worker that has the files of the plan, says so, and goes on', async () => {
  let has = false;
  const fleet = s.fleet({
    waves: [wave(0, 'rest', { h1: 4 })],
    fakes: {
      migrateTenants: async (input) =>
        has
          ? { counts: { applied: input.tenants.length }, exceptions: [], next: input.tenants.length }
          : { counts: {}, exceptions: [], next: 0, filesDiffer: { build: 'b1', message: 'build b1 has other files' } },
    },
  });
  await fleet.start({ filesRetryMs: 20, filesPauseAfterMs: 40 });
  const progress = await fleet.until((p) => p.state === 'paused', 'paused by files');
  expect(progress.reasons[0]).toMatchObject({ kind: 'files', clears: 'itself' });
  has = true;
  expect((await fleet.report()).totals.applied).toBe(4);
});

test('counts a diverged tenant as failed and parks it', async () => {
  const fleet = s.fleet({
    waves: [wave(0, 'rest', { h1: 5 }, { maxFailures: 1 })],
    fakes: { verifyWave: async () => ({ checked: 5, diverged: [{ id: 'w0-h1-2', message: 'an index is missing' }] }) },
  });
  await fleet.start();
  const report = await fleet.report();
  expect(report.finalState).toBe('completedWithFailures');
  expect(report.totals).toMatchObject({ applied: 4, parked: 1 });
  expect(report.failures[0]?.code).toBe('FLT_DIVERGED');
});

test('continues-as-new in the middle of a wave without losing or doubling a tenant', async () => {
  const fleet = s.fleet({
    waves: [wave(0, 'rest', { h1: 150, h2: 150 }, { maxFailures: 5 })],
    tenant: (id) => (id === 'w0-h1-20' ? fails : undefined),
  });
  await fleet.start({ smallWave: 10, listSize: 3, continueAsNewAfterEvents: 80 });
  const report = await fleet.report();
  expect(report.totals).toMatchObject({ applied: 299, parked: 1 });
  expect(fleet.moved).toHaveLength(299);
  expect(new Set(fleet.moved.map((m) => m.id)).size).toBe(299);
});

test('takes Request Cancellation as abort: tenants in hand finish and count', async () => {
  const fleet = s.fleet({
    waves: [wave(0, 'rest', { h1: 200 })],
    tenant: () => new Promise((done) => setTimeout(() => done(undefined), 10)),
  });
  const handle = await fleet.start({ smallWave: 10, listSize: 5 });
  while (fleet.moved.length < 10) await new Promise((done) => setTimeout(done, 10));
  await handle.cancel();
  const report = await fleet.report();
  expect(report.finalState).toBe('aborted');
  expect(report.totals.applied).toBe(fleet.moved.length);
  expect(countTotals(report.totals)).toBe(200);
  expect(report.totals.cancelled).toBe(200 - fleet.moved.length);
});

test('skips tenants, the rest of a wave, and a bake', async () => {
  let free: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => {
    free = resolve;
  });
  const fleet = s.fleet({
    waves: [wave(0, 'one', { h1: 10 }, { window: 1, bakeMs: 600_000 }), wave(1, 'two', { h1: 10 })],
    tenant: async (id) => {
      if (id === 'w0-h1-0') await gate;
      return undefined;
    },
  });
  await fleet.start();
  while (fleet.lists.length === 0) await new Promise((done) => setTimeout(done, 10));
  await fleet.send('skip', { tenants: ['w0-h1-5', 'w1-h1-1'] });
  free();
  await fleet.until((p) => p.state === 'baking', 'baking');
  await fleet.send('skip', { bake: true });
  const report = await fleet.report();
  expect(report.finalState).toBe('succeeded');
  expect(report.totals).toMatchObject({ applied: 18, skipped: 2 });
});
