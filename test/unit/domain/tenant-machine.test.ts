import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { ListResult } from '../../../src/domain/outcome.js';
import type { PlannedWave } from '../../../src/domain/plan.js';
import { resolveStrategy } from '../../../src/domain/resolve-strategy.js';
import { noTotals, TENANT_STATES, type TenantState, type Totals } from '../../../src/domain/tenant.js';
import { canTenantMove, drawTenantMachine, TENANT_MACHINE } from '../../../src/domain/tenant-machine.js';
import { WaveBook } from '../../../src/domain/wave/book.js';
import type { WaveItem } from '../../../src/domain/wave/contract.js';

it('has one row for each state, and each leads only to states that there are, each way once', () => {
  expect(TENANT_MACHINE.map(({ state }) => state)).toEqual([...TENANT_STATES]);
  for (const { state, moves } of TENANT_MACHINE) {
    expect(moves.map(({ to }) => to)).not.toContain(state);
    expect(new Set(moves.map(({ by, to }) => `${by} ${to}`)).size, state).toBe(moves.length);
    for (const { to, by } of moves) {
      expect(TENANT_STATES).toContain(to);
      expect(by).toMatch(/^[^:;#\n]+$/);
    }
  }
});

it('loses nobody: from every state one leads to an end, and what is untouched at the end stays so', () => {
  const ends = ['applied', 'upToDate', 'parked', 'rolledBack', 'skipped', 'gone', 'cancelled'];
  for (const { state } of TENANT_MACHINE) {
    const seen = new Set<TenantState>([state]);
    for (const at of seen) for (const { to } of TENANT_MACHINE.find((it) => it.state === at)!.moves) seen.add(to);
    expect(
      [...seen].some((at) => ends.includes(at)),
      state,
    ).toBe(true);
  }
  expect(TENANT_MACHINE.find(({ state }) => state === 'cancelled')!.moves).toEqual([]);
});

it('draws each way as an arrow', () => {
  for (const { state, moves } of TENANT_MACHINE)
    for (const { by, to } of moves) expect(drawTenantMachine()).toContain(`  ${state} --> ${to}: ${by}`);
});

// ── The books ────────────────────────────────────────────────────────────────────────────────────────────────────────

const plan: PlannedWave = {
  index: 0,
  name: 'all',
  canary: false,
  tenants: 1,
  hosts: [{ host: 'a', cell: 'eu', tenants: 1, window: 1, limit: 1 }],
  canaries: [],
  maxFailures: 5,
  maxConcurrency: 1,
  worstCaseFailures: 1,
  bakeMs: 0,
  approval: false,
};
const { policy } = resolveStrategy({ name: 'fast', pending: 1, noBake: true });

/** A wave of one tenant: its totals say which state that one is in. */
class Lonely {
  readonly book: WaveBook;
  items: WaveItem[] | undefined;
  nowMs = 0;

  constructor(
    readonly direction: 'up' | 'down',
    state: TenantState,
    readonly windows: boolean,
  ) {
    const troubled = { x: { state, code: 'FLT_X', host: 'a' } };
    this.book = new WaveBook({
      fleet: 'shop',
      rolloutId: 'r',
      planId: 'p',
      digest: 'd',
      taskQueue: 'q',
      actor: 'ana',
      wave: plan,
      direction,
      policy,
      limits: { maxFailures: 5, maxConcurrency: 1 },
      paces: {},
      paused: false,
      skip: [],
      force: false,
      ...(direction === 'down'
        ? {
            carry: {
              totals: { ...noTotals(), [state]: 1 },
              hosts: [],
              troubled: state === 'applied' ? {} : troubled,
              failures: [],
              failuresTotal: 0,
            },
          }
        : {}),
    });
  }

  state(): TenantState {
    const totals: Totals = this.book.view(this.nowMs);
    const there = TENANT_STATES.filter((state) => totals[state] !== 0);
    // Asked too often for `expect`
    if (there.length !== 1 || totals[there[0]!] !== 1) throw new Error(`expected one tenant in one state, got ${JSON.stringify(totals)}`);
    return there[0]!;
  }

  do(event: Event): void {
    const host = this.book.hosts[0]!;
    switch (event) {
      case 'load':
        if (host.cursor < host.tenants) this.book.take(host, [{ id: 'x', ...(this.windows ? { windows: '0' } : {}) }], 1);
        return;
      case 'open':
        this.book.windows.learn({ '0': { open: true, onClose: 'finish' } });
        return;
      case 'close':
        this.book.windows.learn({ '0': { open: false, onClose: 'finish' } });
        return;
      case 'dispatch': {
        if (this.items || host.silent) return;
        const items = this.book.next(host, 1, this.nowMs);
        if (items.length === 0) return;
        this.items = items;
        host.inFlight++;
        return;
      }
      case 'later':
        this.nowMs += 120_000;
        return;
      case 'silent':
        host.silent = { code: 'FLT_HOST_UNAVAILABLE', sinceMs: this.nowMs };
        return;
      case 'answers':
        delete host.silent;
        return;
      case 'skip':
        this.book.skip(['x']);
        return;
      case 'pin':
        this.book.pin(['x']);
        return;
      case 'park':
        this.book.toPark.splice(0);
        this.book.parked(['x']);
        return;
      case 'retried':
      case 'left out':
      case 'returned': {
        // The tenant's lock lets one of them at it at a time
        if (!['parked', 'rollbackFailed'].includes(this.state()) || (this.items && event !== 'left out')) return;
        const resolution = ({ retried: 'applied', 'left out': 'skipped', returned: 'rolledBack' } as const)[event];
        this.book.resolve({ rolloutId: 'r', tenant: 'x', wave: 0, resolution });
        return;
      }
      default:
        this.#settle(event);
    }
  }

  #settle(event: string): void {
    if (!this.items) return;
    const host = this.book.hosts[0]!;
    const down = this.direction === 'down';
    const plain: ListResult = { counts: down ? { rolledBack: 1 } : { applied: 1 }, exceptions: [], next: 1 };
    const not = (outcome: 'failed' | 'rollbackFailed' | 'deferred' | 'upToDate' | 'gone' | 'skipped', code = 'FLT_X'): ListResult => ({
      counts: { [outcome]: 1 },
      exceptions: [{ id: 'x', outcome, code, message: 'no' }],
      next: 1,
    });
    const result =
      event === 'done'
        ? plain
        : event === 'fails'
          ? not(down ? 'rollbackFailed' : 'failed')
          : event === 'locked'
            ? not('deferred', 'FLT_LOCK_TIMEOUT')
            : event === 'nothing to do'
              ? not('upToDate')
              : event === 'deleted'
                ? not('gone')
                : event === 'inactive' && !down
                  ? not('skipped')
                  : { counts: {}, exceptions: [], next: 0 };
    const { items } = this;
    this.items = undefined;
    this.book.settle(host, items, result, this.nowMs, () => 0.5);
    host.inFlight--;
  }
}

const EVENTS = [
  'load',
  'open',
  'close',
  'dispatch',
  'later',
  'silent',
  'answers',
  'skip',
  'pin',
  'park',
  'retried',
  'left out',
  'returned',
  'done',
  'fails',
  'locked',
  'nothing to do',
  'deleted',
  'inactive',
  'handed back',
] as const;

type Event = (typeof EVENTS)[number];

/** Every move of one tenant, from where it begins. */
function follow(direction: 'up' | 'down', first: TenantState, windows: boolean, events: readonly Event[]): TenantState {
  const it = new Lonely(direction, first, windows);
  let before = it.state();
  for (const event of events) {
    it.do(event);
    const after = it.state();
    if (!canTenantMove(before, after)) throw new Error(`${direction}: ${before} to ${after} by "${event}" is not in the table`);
    before = after;
  }
  return before;
}

it.each<[TenantState, 'up' | 'down', readonly Event[]]>([
  ['blocked', 'up', ['load', 'silent']],
  ['running', 'up', ['load', 'dispatch']],
  ['deferred', 'up', ['load', 'dispatch', 'locked']],
  ['applied', 'up', ['load', 'dispatch', 'done']],
  ['upToDate', 'up', ['load', 'dispatch', 'nothing to do']],
  ['failed', 'up', ['load', 'dispatch', 'fails']],
  ['parked', 'up', ['load', 'dispatch', 'fails', 'park']],
  ['skipped', 'up', ['load', 'skip']],
  ['gone', 'up', ['load', 'dispatch', 'deleted']],
  ['rollingBack', 'down', ['load', 'dispatch']],
  ['rolledBack', 'down', ['load', 'dispatch', 'done']],
  ['rollbackFailed', 'down', ['load', 'dispatch', 'fails']],
])('a wave brings a tenant to "%s", %s, as the table says', (state, direction, events) => {
  expect(follow(direction, direction === 'up' ? 'pending' : 'applied', false, events)).toBe(state);
});

it('a wave moves a tenant only as the table says, up or down, whatever happens in whatever order', () => {
  fc.assert(
    fc.property(
      fc.constantFrom<readonly ['up' | 'down', TenantState]>(
        ['up', 'pending'],
        ['down', 'applied'],
        ['down', 'parked'],
        ['down', 'rollbackFailed'],
      ),
      fc.boolean(),
      // Long ones: a tenant that nobody has loaded goes nowhere
      fc.array(
        fc.oneof({ weight: 2, arbitrary: fc.constantFrom<Event>('load', 'dispatch', 'later', 'park') }, fc.constantFrom(...EVENTS)),
        {
          maxLength: 25,
          size: 'max',
        },
      ),
      ([direction, first], windows, events) => void follow(direction, first, windows, events),
    ),
    { numRuns: 3_000 },
  );
});
