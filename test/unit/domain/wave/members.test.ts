/** Tenants of a wave that are held back, move, or have gone to another wave. Counts always add up. */

import { expect, it } from 'vitest';
import { WaveBook } from '../../../../src/domain/wave/book.js';
import type { WaveInput } from '../../../../src/domain/wave/contract.js';
import { samplePlan } from '../../client/samples.js';

const ids = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => ({ id: `t${from + n}` }));

/** Four tenants on one host, all of them loaded. */
function setup(more: Partial<WaveInput> = {}) {
  const plan = samplePlan();
  const book = new WaveBook({
    fleet: 'shop',
    rolloutId: 'r-1',
    planId: 'p-1',
    digest: 'd',
    taskQueue: 'q',
    actor: 'ana',
    wave: { ...plan.waves[1]!, tenants: 4, hosts: [{ host: 'h1', cell: 'eu', tenants: 4, window: 2, limit: 8 }] },
    direction: 'up',
    policy: plan.policy,
    limits: { maxFailures: 0, maxConcurrency: 10 },
    paces: {},
    paused: false,
    skip: [],
    force: false,
    ...more,
  });
  const [host] = book.hosts;
  book.take(host!, ids(0, 4), 4);
  const waiting = () => book.hosts.flatMap((it) => it.queue.map(({ id }) => `${it.host} ${id}`));
  return { book, host: host!, waiting };
}

it('[S36] blocks whoever is pinned before its turn, and says so once', () => {
  const { book, host, waiting } = setup({ pinned: ['t0'] });
  const [hand] = [book.next(host, 1, 0)];
  expect(hand.map(({ id }) => id)).toEqual(['t1']);
  book.pin(['t0', 't1', 't2']);
  book.pin(['t0', 't1', 't2']);
  expect(waiting()).toEqual(['h1 t3']);
  expect(book.totals).toMatchObject({ pending: 2, blocked: 2 });
  expect(book.toMark.map(({ tenant, state, code }) => [tenant, state, code])).toEqual([
    ['t0', 'blocked', 'FLT_PINNED'],
    ['t2', 'blocked', 'FLT_PINNED'],
  ]);
  // In hand when it was pinned: it settles, or is held back when it comes back unsettled
  book.settle(host, hand, { counts: {}, exceptions: [], next: 0 }, 0, () => 0);
  book.next(host, 1, 0);
  expect(book.totals).toMatchObject({ pending: 1, blocked: 3 });
  expect(book.count()).toBe(4);
});

it('[S36] keeps a tenant that is in hand when it is skipped, and its result', () => {
  const { book, host, waiting } = setup();
  const hand = book.next(host, 1, 0);
  book.skip(['t0', 't1']);
  book.settle(host, hand, { counts: { applied: 1 }, exceptions: [], next: 1 }, 0, () => 0);
  expect(waiting()).toEqual(['h1 t2', 'h1 t3']);
  expect(book.totals).toMatchObject({ applied: 1, skipped: 1, pending: 2 });
});

it('[S36] holds nobody back from the way down', () => {
  const { waiting } = setup({ direction: 'down', pinned: ['t0'] });
  expect(waiting()).toHaveLength(4);
});

it('[S20] takes a tenant that has moved to its new host, within the limit of that host, up and down', () => {
  for (const direction of ['up', 'down'] as const) {
    const { book, host, waiting } = setup({ direction });
    const hand = book.next(host, 1, 0);
    const to = { host: 'h2', cell: 'us', limit: 1 };
    book.settle(host, hand, { counts: { moved: 1 }, exceptions: [{ id: 't0', outcome: 'moved', to }], next: 1 }, 0, () => 0);
    expect(waiting()).toEqual(['h1 t1', 'h1 t2', 'h1 t3', 'h2 t0']);
    expect(book.hosts[1]).toMatchObject({ host: 'h2', cell: 'us', window: 1, joined: true });
    expect(book.count()).toBe(4);
    const next = setup({ direction, carry: book.carry(0) }).book;
    expect(next.hosts[1], 'the next run of the wave knows the host').toMatchObject({ host: 'h2', cell: 'us', joined: true });
    expect(next.hosts[1]!.queue.map(({ id }) => id)).toEqual(['t0']);
  }
});

it('[S15] loads past the places of tenants that have gone to another wave, each of the others once', () => {
  const { book, host } = setup({ without: ['t5'] });
  const wide = setup({
    without: ['t1'],
    wave: { ...samplePlan().waves[1]!, tenants: 5, hosts: [{ host: 'h1', cell: 'eu', tenants: 6, window: 2, limit: 8 }] },
  });
  expect(host.cursor).toBe(4);
  // Ordinal 4 is there; ordinal 5 has gone, so the page is shorter than asked for
  wide.book.take(wide.host, [{ id: 't4' }], 2);
  expect(wide.host.cursor).toBe(6);
  expect(wide.waiting()).toEqual(['h1 t0', 'h1 t2', 'h1 t3', 'h1 t4']);
  expect(book.left()).toBe(true);
});
