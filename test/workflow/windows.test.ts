import { Context } from '@temporalio/activity';
import { expect, it } from 'vitest';
import type { WindowView } from '../../src/domain/windows.js';
import { stack, tenantId, wave } from '../support/temporal.js';

const s = stack();
const test = (title: string, body: () => Promise<void>) => it(title, () => s.watched(body));

/** Rejects when the activity is cancelled: it hears of that by its heartbeats. */
async function cancellation(): Promise<void> {
  const context = Context.current();
  const timer = setInterval(() => context.heartbeat(), 50);
  await context.cancelled.finally(() => clearInterval(timer));
}

/** Windows that the test opens and closes; a wave is told so when it asks next, a moment later. */
function shutters(views: Record<string, Omit<WindowView, 'changesAtMs'>>) {
  const asked: (readonly string[])[] = [];
  return {
    views,
    asked,
    windowsAt: async ({ keys }: { readonly keys: readonly string[] }) => {
      asked.push(keys);
      return Object.fromEntries(keys.map((key) => [key, { ...views[key]!, changesAtMs: Date.now() + 400 }]));
    },
  };
}
/** The first half of each page has window 0, the rest window 1. */
const halves = async ({ wave: index, host, from, limit }: { wave: number; host: string; from: number; limit: number }) =>
  Array.from({ length: limit }, (_, i) => ({ id: tenantId(index, host, from + i), windows: i < limit / 2 ? '0' : '1' }));

test('[S31] starts only tenants whose window is open, says whom it waits for, and takes the others up when theirs opens', async () => {
  const { views, asked, windowsAt } = shutters({ '0': { open: true }, '1': { open: false } });
  const fleet = s.fleet({ waves: [wave(0, 'all', { h1: 8 })], fakes: { loadTenants: halves, windowsAt } });
  await fleet.start();
  const waiting = await fleet.until((p) => p.state === 'paused', 'only closed windows are left');
  expect(waiting.reasons).toEqual([expect.objectContaining({ kind: 'window', clears: 'itself', text: '4 tenants wait for their window' })]);
  expect(waiting.reasons[0]!.untilMs).toBeGreaterThan(0);
  expect(fleet.moved.map(({ id }) => id).sort()).toEqual([0, 1, 2, 3].map((n) => tenantId(0, 'h1', n)));
  expect(new Set(asked.flat())).toEqual(new Set(['0', '1']));
  views['1'] = { open: true };
  const report = await fleet.report();
  expect(report.totals).toMatchObject({ applied: 8, pending: 0 });
  expect(fleet.moved).toHaveLength(8);
});

it.each([
  ['finish', ['w0-h1-0']],
  ['cancel', []],
] as const)('[S31] a window that closes in the middle lets tenants in hand %s', (onClose, finished) =>
  s.watched(async () => {
    const { views, windowsAt } = shutters({ '0': { open: true }, '1': { open: false } });
    let began = () => {};
    const inHand = new Promise<void>((resolve) => {
      began = resolve;
    });
    let cancelled: readonly string[] = [];
    let letGo = () => {};
    const free = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const fleet = s.fleet({
      waves: [wave(0, 'all', { h1: 2 }, { window: 1 })],
      fakes: {
        loadTenants: halves,
        windowsAt,
        async cancelBackends({ tenants }) {
          cancelled = tenants;
          letGo();
          return cancellation();
        },
      },
      async tenant(id) {
        if (views['0']!.open === false || id !== 'w0-h1-0') return undefined;
        began();
        await free;
        return !views['0']!.open && cancelled.length > 0 ? { outcome: 'deferred', code: 'FLT_CANCELLED', message: 'cancelled' } : undefined;
      },
    });
    await fleet.start();
    await inHand;
    views['0'] = { open: false, onClose };
    if (onClose === 'cancel') await fleet.until(() => cancelled.length > 0, 'its statement is cancelled');
    else letGo();
    await fleet.until((p) => p.state === 'paused', 'nothing is in hand any more');
    expect(fleet.moved.map(({ id }) => id)).toEqual(finished);
    expect(cancelled).toEqual(onClose === 'cancel' ? ['w0-h1-0'] : []);
    Object.assign(views, { '0': { open: true }, '1': { open: true } });
    expect((await fleet.report()).totals).toMatchObject({ applied: 2, failed: 0, parked: 0 });
  }),
);

test('[S31] leaves deadlines alone while everybody waits for a window', async () => {
  const { views, windowsAt } = shutters({ '0': { open: false }, '1': { open: false } });
  const fleet = s.fleet({
    waves: [wave(0, 'all', { h1: 2 })],
    policy: { deadlines: { waveMs: 400, progressMs: 200 } },
    fakes: { loadTenants: halves, windowsAt },
  });
  await fleet.start();
  const since = Date.now();
  const late = await fleet.until((p) => p.state === 'paused' && Date.now() - since > 1_000, 'both deadlines would be over');
  expect(late.reasons.map(({ kind }) => kind)).toEqual(['window']);
  Object.assign(views, { '0': { open: true }, '1': { open: true } });
  expect((await fleet.report()).finalState).toBe('succeeded');
});

/** A wave that one tenant holds up until it is let go. */
function heldUp(policy: object) {
  let letGo = () => {};
  const free = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const fleet = s.fleet({
    waves: [wave(0, 'all', { h1: 2 }, { window: 1 })],
    policy,
    async tenant(id) {
      if (id === 'w0-h1-0') await Promise.race([free, cancellation().catch(() => undefined)]);
      return undefined;
    },
  });
  return { fleet, letGo };
}

test('[S32] the progress deadline tells somebody and stops nothing; while paused it stands still', async () => {
  const { fleet, letGo } = heldUp({ deadlines: { progressMs: 300 } });
  await fleet.start();
  await fleet.until((p) => p.totals.pending === 2 && p.openWave !== undefined, 'the wave runs');
  await fleet.send('pause');
  const since = Date.now();
  const paused = await fleet.until((p) => p.state === 'paused' && Date.now() - since > 900, 'three deadlines of a pause');
  expect(paused.reasons.map(({ kind }) => kind)).toEqual(['operator']);
  await fleet.send('resume');
  letGo();
  expect((await fleet.report()).finalState).toBe('succeeded');
});

test('[S32] the progress deadline fires when tenants are in hand and none settles', async () => {
  const { fleet, letGo } = heldUp({ deadlines: { progressMs: 150 } });
  await fleet.start();
  const stalled = await fleet.until((p) => p.reasons.some(({ kind }) => kind === 'progress'), 'it is said');
  expect(stalled.state).toBe('running');
  letGo();
  expect((await fleet.report()).totals.applied).toBe(2);
});

test('a wave that takes longer than its deadline halts, and goes on when resumed', async () => {
  const { fleet, letGo } = heldUp({ deadlines: { waveMs: 200, progressMs: 60_000 } });
  await fleet.start();
  const halted = await fleet.until((p) => p.state === 'halted', 'halted');
  expect(halted.reasons[0]).toMatchObject({ kind: 'deadline', clears: 'person' });
  letGo();
  await fleet.send('resume');
  expect((await fleet.report()).totals).toMatchObject({ applied: 2, pending: 0 });
});
