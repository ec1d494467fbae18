/** Who belongs to a rollout's waves while it runs: substitutes of canaries, sweeps, pins. Counts always add up. */

import { expect, it } from 'vitest';
import type { PlannedWave, RolloutPlan } from '../../../../src/domain/plan.js';
import { RolloutBook } from '../../../../src/domain/rollout/book.js';
import { substituteCanaries, takeSweep, wantsSweep } from '../../../../src/domain/rollout/membership.js';
import { emptyCarry } from '../../../../src/domain/rollout/record.js';
import { countTotals, noTotals, type Totals } from '../../../../src/domain/tenant.js';
import type { WaveCarry } from '../../../../src/domain/wave/contract.js';
import { samplePlan } from '../../client/samples.js';

const carry = (totals: Partial<Totals>, more: Partial<WaveCarry> = {}): WaveCarry => ({
  ...emptyCarry({ ...noTotals(), ...totals }),
  ...more,
});
const wave = (index: number, name: string, tenants: number, canary = false): PlannedWave => ({
  ...samplePlan().waves[canary ? 0 : 1]!,
  index,
  name,
  tenants,
  canary,
  approval: false,
  hosts: [{ host: 'h1', cell: 'eu', tenants, window: 1, limit: 8 }],
});

/** Two canaries, then ten others; one tenant is up to date and in no wave. */
function setup(more: Partial<RolloutPlan> = {}, selection?: { tenants?: string[]; selector?: string }) {
  const book = new RolloutBook({ fleet: 'shop', rolloutId: 'r-1', planId: 'p-1', actor: 'ana' }, 0);
  const plan = samplePlan();
  const summary = {
    ...plan,
    policy: { ...plan.policy, membership: 'catchUp' as const },
    waves: [wave(0, 'canary', 2, true), wave(1, 'rest', 10)],
    ...(selection ? { selection } : {}),
  };
  book.adopt({ summary, outside: { upToDate: 1 }, ...more });
  const [canary, rest] = book.waves;
  const count = () => countTotals(book.totals());
  const ended = (index: number, result: WaveCarry) => {
    book.began(book.waves[index]!, 'up', `w${index}`);
    book.ended(book.waves[index]!, { ended: 'done', carry: result }, 1);
  };
  return { book, canary: canary!, rest: rest!, count, ended };
}

it('[S15] lets substitutes take the places of canaries that proved nothing, out of the later wave', () => {
  const { book, canary, rest, count, ended } = setup();
  ended(0, carry({ upToDate: 2 }));
  substituteCanaries(book, canary, [{ id: 't7', host: 'h1', wave: 1 }], 2);
  expect(book.nextWave()).toBe(canary);
  expect(canary.plan).toMatchObject({ tenants: 3, hosts: [{ host: 'h1', tenants: 3 }] });
  expect(rest).toMatchObject({ plan: { tenants: 9 }, without: ['t7'] });
  expect(book.totals()).toMatchObject({ pending: 10, upToDate: 3 });
  expect(count()).toBe(13);
  ended(0, carry({ upToDate: 2, applied: 1 }));
  expect(book.nextWave()).toBe(rest);
});

it('[S15] skips a wave whose last tenant became a canary', () => {
  const { book, canary, rest, count, ended } = setup();
  ended(0, carry({ upToDate: 2 }));
  const all = Array.from({ length: 10 }, (_, n) => ({ id: `t${n}`, host: 'h1', wave: 1 }));
  substituteCanaries(book, canary, all, 2);
  expect(rest).toMatchObject({ state: 'skipped', settled: true, bakeLeftMs: 0 });
  expect(count()).toBe(13);
});

it('[S15] goes on without a substitute while another canary is evidence', () => {
  const { book, canary, rest, ended } = setup();
  ended(0, carry({ upToDate: 1, applied: 1 }));
  substituteCanaries(book, canary, [], 2);
  expect(book.state()).toBe('running');
  expect(book.nextWave()).toBe(rest);
});

it('[S15] pauses when no canary is evidence and nobody can be one, and goes on when a person says so', () => {
  const { book, canary, rest, ended } = setup();
  ended(0, carry({ upToDate: 2 }));
  substituteCanaries(book, canary, [], 2);
  expect(book.state()).toBe('paused');
  expect(book.reasons()).toMatchObject([{ kind: 'canary', clears: 'person' }]);
  const ask = { actor: 'ana', requestId: 'q-1' };
  book.validate('resume', ask);
  book.take('resume', ask, 3);
  expect(book.state()).toBe('running');
  expect(book.nextWave()).toBe(rest);
});

it('[S15] does not pause for a canary when nobody is left to protect', () => {
  const { book, canary, ended } = setup();
  ended(1, carry({ applied: 10 }));
  ended(0, carry({ upToDate: 2 }));
  substituteCanaries(book, canary, [], 2);
  expect(book.state()).toBe('running');
});

it('takes tenants up again in one more wave, and none of them counts twice', () => {
  const { book, count, ended } = setup();
  ended(0, carry({ applied: 2 }));
  const troubled = { t3: { state: 'gone' as const, code: 'FLT_TENANT_GONE', host: 'h1' } };
  ended(1, carry({ applied: 9, gone: 1 }, { troubled }));
  expect(wantsSweep(book)).toBe(true);
  // t3 is back, n1 is new and pending, n2 is new and up to date
  takeSweep(book, { wave: wave(2, 'sweep', 2), outside: { upToDate: 2 }, retaken: [{ id: 't3', wave: 1 }], findings: [] }, 5);
  expect(book.totals()).toMatchObject({ applied: 11, pending: 2, upToDate: 2, gone: 0 });
  expect(count()).toBe(15);
  expect(book.waves[1]!.carry!.troubled).toEqual({});
  expect(book.nextWave()?.plan.name).toBe('sweep');
  expect(book.events).toMatchObject([{ actor: 'flotilla', verb: 'sweep', subject: '2 tenants' }]);
});

it('does not run a tenant of a sweep again in the wave that held it before, when that wave begins anew', () => {
  const { book, rest, count, ended } = setup();
  const troubled = { t3: { state: 'blocked' as const, code: 'FLT_PINNED', host: 'h1' } };
  ended(0, carry({ applied: 2 }));
  ended(1, carry({ applied: 9, blocked: 1 }, { troubled }));
  takeSweep(book, { wave: wave(2, 'sweep', 1), retaken: [{ id: 't3', wave: 1 }], findings: [] }, 5);
  rest.down = [];
  book.pauses.set('operator', { text: 'paused', sinceMs: 0 });
  book.take('resume', { actor: 'ana', requestId: 'q-1' }, 6);
  expect(rest).toMatchObject({ plan: { tenants: 9 }, without: ['t3'], carry: { totals: { pending: 9 } } });
  expect(count()).toBe(13);
});

it('sweeps at most three times, and not again once nobody was found', () => {
  const { book, ended } = setup();
  ended(0, carry({ applied: 2 }));
  ended(1, carry({ applied: 10 }));
  for (let n = 2; n < 5; n++) {
    expect(wantsSweep(book)).toBe(true);
    takeSweep(book, { wave: wave(n, `sweep-${n}`, 1), retaken: [], findings: [] }, 5);
  }
  expect(wantsSweep(book)).toBe(false);
  const other = setup().book;
  takeSweep(other, { outside: {}, retaken: [], findings: [] }, 5);
  expect(wantsSweep(other)).toBe(false);
  expect(other.progress().sweeps).toBe(1);
  expect(other.events).toEqual([]);
});

it('goes without a sweep that could not be made, and says what it missed, once', () => {
  const { book, count } = setup();
  const finding = { severity: 'warning', code: 'FLT_NO_CELL_WORKER', message: 'Nobody looked in cell "us".' } as const;
  takeSweep(book, { wave: wave(2, 'sweep', 1), outside: { upToDate: 1 }, retaken: [], findings: [finding] }, 5);
  takeSweep(book, { retaken: [], findings: [finding] }, 6);
  expect(wantsSweep(book)).toBe(false);
  expect(book.progress().findings).toEqual([finding]);
  expect(count()).toBe(14);
  expect(book.events).toMatchObject([{ verb: 'sweep' }, { subject: 'nobody', reason: expect.stringContaining('FLT_NO_CELL_WORKER') }]);
});

it('sweeps nobody into a rollout of named tenants, and those who fit into one of a selector', () => {
  expect(wantsSweep(setup({}, { tenants: ['t1'] }).book)).toBe(false);
  expect(wantsSweep(setup({}, { selector: 'plan=gold' }).book)).toBe(true);
});

it('[S07] holds while the fleet is frozen, from its start, and tells a resume why it stays so', () => {
  const freeze = { actor: 'bo', reason: 'black friday', sinceMs: 5, untilMs: 50 };
  const { book } = setup({ freeze });
  expect(book.state()).toBe('paused');
  expect(book.reasons()).toMatchObject([{ kind: 'freeze', clears: 'itself', untilMs: 50 }]);
  expect(() => book.validate('resume', { actor: 'ana', requestId: 'q-1' })).toThrow(/black friday/);
  book.freezes({ actor: 'bo', reason: 'black friday', sinceMs: 5 });
  expect(() => book.validate('resume', { actor: 'ana', requestId: 'q-2' })).toThrow(/black friday/);
  book.take('pause', { actor: 'ana', requestId: 'q-3' }, 6);
  expect(book.take('resume', { actor: 'ana', requestId: 'q-4' }, 7)).toMatchObject({
    state: 'paused',
    message: expect.stringContaining('black friday'),
  });
  expect(() => book.validate('retry', { actor: 'ana', requestId: 'q-5', failed: true } as never)).toThrow(
    expect.objectContaining({ code: 'FLT_FROZEN' }),
  );
  book.freezes(undefined);
  expect(book.state()).toBe('running');
});

it('lets go of a freeze and of pins when their time is over', () => {
  const { book } = setup({ freeze: { actor: 'bo', reason: 'x', sinceMs: 5, untilMs: 50 }, pins: [{ tenant: 't1', untilMs: 30 }] });
  book.pins({ tenants: ['t2'], pinned: true });
  expect(book.nextRelease()).toBe(30);
  book.release(30);
  expect([[...book.pinned.keys()], book.held()]).toEqual([['t2'], true]);
  expect(book.nextRelease()).toBe(50);
  book.release(50);
  expect([[...book.pinned.keys()], book.held(), book.nextRelease()]).toEqual([['t2'], false, undefined]);
});

it('believes what it is told before its plan comes rather than what the plan came with', () => {
  const book = new RolloutBook({ fleet: 'shop', rolloutId: 'r-1', planId: 'p-1', actor: 'ana' }, 0);
  book.freezes(undefined);
  book.pins({ tenants: ['t1'], pinned: false });
  book.pins({ tenants: ['t2'], pinned: true });
  book.adopt({
    summary: samplePlan(),
    outside: {},
    freeze: { actor: 'bo', reason: 'x', sinceMs: 5 },
    pins: [{ tenant: 't1' }, { tenant: 't3' }],
  });
  expect(book.held()).toBe(false);
  expect([...book.pinned.keys()]).toEqual(['t2', 't3']);
});
