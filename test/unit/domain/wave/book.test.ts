import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ListResult, TenantException } from '../../../../src/domain/outcome.js';
import type { PlannedWave } from '../../../../src/domain/plan.js';
import { resolveStrategy } from '../../../../src/domain/resolve-strategy.js';
import { countTotals, TENANT_STATES, unresolved } from '../../../../src/domain/tenant.js';
import { WaveBook } from '../../../../src/domain/wave/book.js';
import type { WaveInput, WaveItem } from '../../../../src/domain/wave/contract.js';
import type { HostState } from '../../../../src/domain/wave/host.js';

const HOSTS = ['a', 'b', 'c'];
const idOf = (host: string, n: number) => `${host}-${n}`;
/** Every third tenant has a window. */
const entry = (host: string, n: number) => ({ id: idOf(host, n), ...(n % 3 === 0 ? { windows: '0' } : {}) });

function input(tenants: readonly number[], more: Partial<WaveInput> = {}): WaveInput {
  const wave: PlannedWave = {
    index: 0,
    name: 'all',
    canary: false,
    tenants: tenants.reduce((a, b) => a + b, 0),
    hosts: tenants.map((n, i) => ({ host: HOSTS[i]!, cell: 'eu', tenants: n, window: 3, limit: 4 })),
    canaries: [],
    maxFailures: 3,
    maxConcurrency: 10,
    worstCaseFailures: 13,
    bakeMs: 0,
    approval: false,
  };
  return {
    fleet: 'shop',
    rolloutId: 'r-1',
    planId: 'p-1',
    digest: 'd',
    taskQueue: 'q',
    actor: 'ana',
    wave,
    direction: 'up',
    policy: { ...resolveStrategy({ name: 'fast', pending: 10, noBake: true }).policy, onBreach: 'halt' },
    limits: { maxFailures: wave.maxFailures, maxConcurrency: wave.maxConcurrency },
    paces: {},
    paused: false,
    skip: [],
    force: false,
    ...more,
  };
}

/** Answers numbers from a list, then zeros. */
const tape = (numbers: readonly number[]) => {
  let at = 0;
  return (below: number): number => (numbers[at++] ?? 0) % below;
};

interface List {
  readonly host: HostState;
  readonly items: WaveItem[];
}

/** A wave that is played through by a tape, as the workflow would. */
class Play {
  book: WaveBook;
  readonly lists: List[] = [];
  nowMs = 0;
  /** Unresolved failures beyond the limit, as counted here. */
  breached = false;

  constructor(
    readonly pick: (below: number) => number,
    readonly first: WaveInput,
  ) {
    this.book = new WaveBook(first);
  }

  step(): unknown {
    this.nowMs += this.pick(500);
    switch (this.pick(12)) {
      case 0:
      case 1:
        return this.load();
      case 2:
      case 3:
      case 4:
        return this.dispatch();
      case 5:
      case 6:
      case 7:
        return this.answer();
      case 8:
        return this.say();
      case 9:
        return void this.book.parked(this.book.toPark.splice(0).map(({ tenant }) => tenant));
      case 10:
        return this.resolve();
      default:
        return this.next();
    }
  }

  load(): void {
    const host = this.book.hosts[this.pick(this.book.hosts.length)]!;
    const limit = Math.min(1 + this.pick(4), host.tenants - host.cursor);
    if (limit > 0)
      this.book.take(
        host,
        Array.from({ length: limit }, (_, i) => entry(host.host, host.cursor + i)),
        limit,
      );
  }

  dispatch(): void {
    if (this.book.halt) return;
    const host = this.book.hosts[this.pick(this.book.hosts.length)]!;
    const items = this.book.next(host, 1 + this.pick(3), this.nowMs);
    if (items.length === 0) return;
    host.inFlight++;
    this.lists.push({ host, items });
  }

  answer(): unknown {
    if (this.lists.length === 0) return;
    const { host, items } = this.lists.splice(this.pick(this.lists.length), 1)[0]!;
    host.inFlight--;
    if (this.pick(8) === 0) return this.book.handBack(host, items, { again: true, alone: this.pick(2) === 0 });
    this.book.settle(host, items, this.resultOf(items), this.nowMs, () => 0.5);
    if (unresolved(this.book.totals) > this.book.limits.maxFailures) this.breached = true;
  }

  resultOf(items: readonly WaveItem[]): ListResult {
    const exceptions: TenantException[] = [];
    const counts: Record<string, number> = {};
    let next = 0;
    for (const { id } of items.slice(0, this.pick(items.length + 1))) {
      next++;
      const kind = this.pick(12);
      const outcome = (['failed', 'unknown', 'deferred', 'upToDate', 'skipped', 'gone', 'moved'] as const)[kind];
      counts[outcome ?? 'applied'] = (counts[outcome ?? 'applied'] ?? 0) + 1;
      if (outcome === undefined) continue;
      const to = { host: HOSTS[this.pick(3)]!, cell: 'eu', limit: 2 };
      const code = outcome === 'deferred' && this.pick(2) ? 'FLT_OUTSIDE_WINDOW' : `FLT_${this.pick(30)}`;
      exceptions.push({
        id,
        outcome,
        code,
        message: 'm',
        ...(outcome === 'moved' ? { to } : {}),
        ...(this.pick(4) ? {} : { partial: true }),
      });
    }
    return { counts, exceptions, next };
  }

  say(): unknown {
    const anybody = idOf(HOSTS[this.pick(this.first.wave.hosts.length)]!, this.pick(8));
    switch (this.pick(6)) {
      case 5:
        return this.book.windows.learn({ '0': { open: this.pick(2) === 0 } });
      case 0:
        return this.book.skip([anybody]);
      case 1:
        return this.book.pin([anybody]);
      case 2:
        return this.pick(4) ? undefined : this.book.skipHosts([HOSTS[this.pick(3)]!]);
      case 3:
        return this.book.setPaces({ [HOSTS[this.pick(3)]!]: this.pick(2) ? 'hold' : 'throttle' });
      default: {
        this.book.setLimits({ maxFailures: this.pick(6), maxConcurrency: 1 + this.pick(10), perHost: 1 + this.pick(4) });
        if (unresolved(this.book.totals) > this.book.limits.maxFailures) this.breached = true;
      }
    }
  }

  resolve(): void {
    const [tenant] = [...this.book.troubled].find(([, it]) => it.state === 'parked' || it.state === 'failed') ?? [];
    if (tenant === undefined) return;
    const resolution = (['applied', 'skipped', 'failedAgain', 'rolledBack'] as const)[this.pick(4)]!;
    this.book.resolve({ rolloutId: 'r-1', tenant, wave: 0, resolution });
  }

  /** Continue-as-new, once drained. */
  next(): void {
    if (this.lists.length > 0 || this.book.halt) return;
    const { limits } = this.book;
    const carry = JSON.parse(JSON.stringify(this.book.carry(0)));
    this.book = new WaveBook({ ...this.first, ...this.book.leftOut(), carry, limits, paces: this.book.paces() });
  }

  /** Until nobody is left, with no more trouble. */
  finish(): void {
    this.book.setPaces({});
    this.book.windows.learn({ '0': { open: true } });
    for (let round = 0; round < 2_000 && (this.book.left() || this.lists.length > 0); round++) {
      this.nowMs += 120_000;
      for (const host of this.book.hosts) {
        delete host.silent;
        if (host.cursor < host.tenants) this.book.take(host, [entry(host.host, host.cursor)], 1);
        const items = this.book.next(host, 2, this.nowMs);
        if (items.length > 0) {
          host.inFlight++;
          this.lists.push({ host, items });
        }
      }
      for (const { host, items } of this.lists.splice(0)) {
        host.inFlight--;
        this.book.settle(host, items, { counts: { applied: items.length }, exceptions: [], next: items.length }, this.nowMs, () => 0.5);
      }
    }
  }
}

const games = fc.tuple(
  fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 3 }),
  fc.array(fc.nat(10_000), { minLength: 20, maxLength: 400 }),
);
const play = (tenants: readonly number[], numbers: readonly number[], each: (game: Play) => void): Play => {
  const game = new Play(tape(numbers), input(tenants));
  for (let step = 0; step < numbers.length / 3; step++) {
    game.step();
    each(game);
  }
  return game;
};

describe('whatever happens to it in whatever order, a wave', () => {
  it('counts each of its tenants once, in a state that it has', () => {
    fc.assert(
      fc.property(games, ([tenants, numbers]) => {
        play(tenants, numbers, ({ book, first }) => {
          expect(book.count()).toBe(first.wave.tenants);
          for (const state of TENANT_STATES) expect(book.totals[state], state).toBeGreaterThanOrEqual(0);
          expect(countTotals(book.view(0))).toBe(first.wave.tenants);
        });
      }),
      { numRuns: 400 },
    );
  });

  it('loses no tenant and takes none up twice at once', () => {
    fc.assert(
      fc.property(games, ([tenants, numbers]) => {
        const game = play(tenants, numbers, ({ book, lists }) => {
          const held = [...book.hosts.flatMap((host) => host.queue), ...lists.flatMap(({ items }) => items)].map(({ id }) => id);
          expect(new Set(held).size).toBe(held.length);
        });
        game.book.halt = undefined;
        game.finish();
        expect(game.book.left()).toBe(false);
        const { pending, running, deferred, ...settled } = game.book.totals;
        expect([pending, running, deferred]).toEqual([0, 0, 0]);
        expect(Object.values(settled).reduce((a, b) => a + b, 0)).toBe(game.first.wave.tenants);
      }),
      { numRuns: 400 },
    );
  });

  it('halts if and only if more failures are unresolved than allowed, and stays halted', () => {
    fc.assert(
      fc.property(games, ([tenants, numbers]) => {
        let latched: string | undefined;
        play(tenants, numbers, (game) => {
          if (game.first.policy.sameError === undefined || game.book.halt?.code !== 'FLT_SAME_ERROR')
            expect(game.book.halt !== undefined).toBe(game.breached);
          if (latched !== undefined) expect(game.book.halt?.text).toBe(latched);
          latched = game.book.halt?.text;
          // Halted by the same error, the budget is judged no more
          if (game.book.halt?.code === 'FLT_SAME_ERROR') game.breached = true;
        });
      }),
      { numRuns: 400 },
    );
  });

  it('never lets a total number of failures decrease', () => {
    fc.assert(
      fc.property(games, ([tenants, numbers]) => {
        let before = 0;
        play(tenants, numbers, ({ book }) => {
          expect(book.failuresTotal).toBeGreaterThanOrEqual(before);
          before = book.failuresTotal;
        });
      }),
    );
  });
});

it('hands on only who was dispatched or put aside; whoever was only loaded is loaded again', () => {
  const book = new WaveBook(input([6]));
  const [host] = book.hosts;
  book.take(
    host!,
    Array.from({ length: 6 }, (_, n) => ({ id: idOf('a', n) })),
    6,
  );
  const items = book.next(host!, 2, 0);
  book.settle(host!, items, { counts: { applied: 1 }, exceptions: [], next: 1 }, 0, Math.random);
  book.skip([idOf('a', 5)]);
  const carry = book.carry(0);
  expect(carry.hosts).toEqual([{ host: 'a', cursor: 2, queue: [{ id: 'a-1', again: true }] }]);

  const again = new WaveBook({ ...input([6]), ...book.leftOut(), carry });
  again.take(
    again.hosts[0]!,
    [2, 3, 4, 5].map((n) => ({ id: idOf('a', n) })),
    4,
  );
  expect(again.hosts[0]!.queue.map(({ id }) => id)).toEqual(['a-1', 'a-2', 'a-3', 'a-4']);
  expect(again.totals).toMatchObject({ applied: 1, skipped: 1, pending: 4 });
});
