/** The bookkeeping of one wave: where every tenant of it stands. Pure; `workflows/wave.ts` acts on what this says. */

import type { TenantResolved } from '../asks.js';
import { backoffMs } from '../backoff.js';
import type { ListResult, TenantException } from '../outcome.js';
import type { FailureGroup } from '../rollout/contract.js';
import { countTotals, noTotals, type TenantState, type Totals, unresolved } from '../tenant.js';
import type { Halt, HostCarry, Pace, Troubled, WaveCarry, WaveInput, WaveItem, WaveLimits } from './contract.js';
import { exceeded } from './failure-budget.js';
import { carriedHost, freshItem, type HostState, hasWork, isBlocked, restored, takeList } from './host.js';
import { errorFingerprint, type Settled, settle, systemic } from './same-error.js';
import { faster, slower, startSpeed } from './speed.js';
import { WindowBoard } from './window-board.js';

/** How a page of the plan names a tenant: its id, and the windows that concern it when there are any. */
export interface WaveEntry {
  readonly id: string;
  readonly windows?: string;
}

/** Cut off or cancelled by ourselves, outside its window after all, or to be looked for in another place. */
const COSTS_NO_TRY = ['FLT_BACKFILL_CUT', 'FLT_CANCELLED', 'FLT_OUTSIDE_WINDOW', 'FLT_TENANT_MOVED'];
const NOT_AT_ONCE_MS = 500;

export class WaveBook {
  readonly totals: Totals;
  readonly hosts: HostState[];
  readonly troubled: Map<string, Troubled>;
  readonly windows = new WindowBoard();
  readonly toPark: { tenant: string; host: string; code: string; message: string; partial: boolean }[] = [];
  readonly toMark: { tenant: string; state: 'skipped' | 'blocked'; code?: string; reason: string }[] = [];
  failuresTotal: number;
  halt: Halt | undefined;
  limits: WaveLimits;
  /** Canaries that were up to date when their turn came. */
  readonly noEvidence: string[] = [];
  /** Tenants that have come to an end in this run. */
  settledCount = 0;
  readonly #groups: Map<string, { code: string; count: number; tenants: string[]; sample: string }>;
  readonly #skip: Set<string>;
  readonly #skipHosts: Set<string>;
  readonly #pinned: Set<string>;
  readonly #without: ReadonlySet<string>;
  readonly #unsettled: ReadonlySet<string>;
  /** down: tried before in vain; they go first, and not again with their page. */
  readonly #tried: ReadonlySet<string>;
  #settled: Settled;
  #skipRest = false;
  readonly #input: WaveInput;

  constructor(input: WaveInput) {
    this.#input = input;
    const { carry, wave } = input;
    this.totals = { ...(carry?.totals ?? { ...noTotals(), pending: wave.tenants }) };
    this.troubled = new Map(Object.entries(carry?.troubled ?? {}));
    this.failuresTotal = carry?.failuresTotal ?? 0;
    this.limits = input.limits;
    this.#settled = carry?.settled ?? [];
    this.#groups = new Map((carry?.failures ?? []).map((group) => [group.code, { ...group, tenants: [...group.tenants] }]));
    this.#skip = new Set(input.skip);
    this.#skipHosts = new Set(input.skipHosts);
    this.#pinned = new Set(input.pinned);
    this.#without = new Set(input.without);
    this.#unsettled = new Set(input.unsettled);
    const tried = input.direction === 'down' ? [...this.troubled].filter(([, it]) => it.state === 'rollbackFailed') : [];
    this.#tried = new Set(tried.map(([id]) => id));
    this.hosts = wave.hosts.map(({ host, cell, tenants, limit, window }) =>
      this.#host(
        { host, cell, tenants, limit, window, joined: false },
        carry?.hosts.find((it) => it.host === host),
      ),
    );
    for (const it of carry?.hosts ?? []) if (it.joined) this.#join(it.host, it.joined, it);
    for (const [id, it] of tried) {
      const queue = this.hosts.find(({ host }) => host === it.host)?.queue;
      if (queue && !this.#skip.has(id) && !queue.some((item) => item.id === id)) queue.push({ ...freshItem(id), again: true });
    }
  }

  #host(fixed: Pick<HostState, 'host' | 'cell' | 'tenants' | 'limit' | 'window' | 'joined'>, carry: HostCarry | undefined): HostState {
    const { limits, policy, paces } = this.#input;
    const window = limits.perHost === undefined ? fixed.window : Math.min(limits.perHost, fixed.limit);
    const pace = paces[fixed.host];
    return {
      ...fixed,
      window,
      cursor: carry?.cursor ?? 0,
      reached: (carry?.cursor ?? 0) - 1,
      queue: (carry?.queue ?? []).map(restored),
      inFlight: 0,
      loading: false,
      speed: startSpeed(policy.ramp, window),
      ...(pace ? { pace } : {}),
    };
  }

  /** A host that the plan did not put into this wave: one of its tenants lives there now. */
  #join(host: string, { cell, limit }: { readonly cell: string; readonly limit: number }, carry?: HostCarry): HostState {
    const known = this.hosts.find((it) => it.host === host);
    if (known) return known;
    const window = Math.min(limit, Math.max(1, ...this.#input.wave.hosts.map((it) => it.window)));
    const joined = this.#host({ host, cell, tenants: 0, limit, window, joined: true }, carry);
    this.hosts.push(joined);
    return joined;
  }

  // ── What is said to it ────────────────────────────────────────────────────────────────────────────────────────────

  /** The next dispatch goes by them: a host that was as fast as it might be goes to the new limit at once. More unresolved failures than they allow halt at once. */
  setLimits(limits: WaveLimits): void {
    this.limits = limits;
    for (const host of this.hosts) {
      const wasFastest = host.pace === undefined && host.speed.now >= host.window;
      const planned = this.#input.wave.hosts.find((it) => it.host === host.host)?.window ?? host.window;
      host.window = limits.perHost === undefined ? planned : Math.min(limits.perHost, host.limit);
      if (wasFastest || host.speed.now > host.window) host.speed = { now: host.window, successes: 0 };
    }
    this.judge();
  }

  /** A host that begins to throttle is halved once; it does not grow before it passes again. */
  setPaces(paces: Readonly<Record<string, Pace>>): void {
    for (const host of this.hosts) {
      const pace = paces[host.host];
      if (pace !== undefined && host.pace === undefined) host.speed = slower(host.speed);
      if (pace === undefined) delete host.pace;
      else host.pace = pace;
    }
  }

  /** Hosts that go slower or wait, for the next run of this wave. */
  paces(): Readonly<Record<string, Pace>> {
    return Object.fromEntries(this.hosts.flatMap(({ host, pace }) => (pace ? [[host, pace]] : [])));
  }

  /** Leaves tenants out that were not started; those on the way settle first, and are left out if they come back unsettled. */
  skip(ids: readonly string[]): void {
    for (const id of ids) this.#skip.add(id);
    for (const host of this.hosts) this.#leaveOut(host);
  }

  /** The same for all of a host. */
  skipHosts(hosts: readonly string[]): void {
    for (const host of hosts) this.#skipHosts.add(host);
    for (const host of this.hosts) this.#leaveOut(host);
  }

  /** Holds tenants back that were not started: their turn is in a later sweep, or rollout. */
  pin(ids: readonly string[]): void {
    this.#pinned.clear();
    for (const id of ids) this.#pinned.add(id);
    for (const host of this.hosts) this.#leaveOut(host);
  }

  skipRest(): void {
    this.#skipRest = true;
  }

  /** Tenants that are left out, for the next run of this wave. */
  leftOut(): Pick<WaveInput, 'skip' | 'skipHosts' | 'pinned'> {
    return { skip: [...this.#skip], skipHosts: [...this.#skipHosts], pinned: [...this.#pinned] };
  }

  /** A parked tenant was resolved by a person. */
  resolve(it: TenantResolved): void {
    const trouble = this.troubled.get(it.tenant);
    if (!trouble || it.resolution === 'failedAgain') return;
    this.#move(trouble.state, it.resolution);
    if (it.resolution === 'applied') this.troubled.delete(it.tenant);
    else this.troubled.set(it.tenant, { ...trouble, state: it.resolution, code: it.code ?? trouble.code });
  }

  // ── Whose turn it is ──────────────────────────────────────────────────────────────────────────────────────────────

  /** Tenants nobody has settled yet: loaded or not. */
  left(): boolean {
    return !this.#skipRest && this.hosts.some(hasWork);
  }

  inFlight(): number {
    return this.hosts.reduce((n, host) => n + host.inFlight, 0);
  }

  take(host: HostState, page: readonly WaveEntry[], limit: number): void {
    const from = host.cursor;
    // The cursor counts ordinals: a page is shorter than asked for where tenants have gone to another wave
    host.cursor += limit;
    const whole = page.length === limit;
    const down = this.#input.direction === 'down';
    for (const [index, { id, windows }] of page.entries()) {
      const state = this.troubled.get(id)?.state;
      if (this.#without.has(id)) continue;
      if (down && (this.#skip.has(id) || this.#tried.has(id) || state === 'gone')) continue;
      if (!down && state !== undefined) continue; // left out before it was dispatched, and loaded once more
      host.queue.push({ ...freshItem(id), ...(windows === undefined ? {} : { windows }), ...(whole ? { at: from + index } : {}) });
    }
    this.#leaveOut(host);
  }

  next(host: HostState, size: number, nowMs: number): WaveItem[] {
    this.#leaveOut(host);
    return takeList(host, size, nowMs, this.windows);
  }

  /** Back to the front: not reached, or the list was lost. */
  handBack(host: HostState, items: readonly WaveItem[], change: Partial<WaveItem> = {}): void {
    host.queue.unshift(...items.map((item) => ({ ...item, ...change })));
  }

  /** Windows that concern a tenant who waits. */
  windowKeys(): Set<string> {
    return new Set(this.hosts.flatMap((host) => host.queue.flatMap((item) => item.windows ?? [])));
  }

  /** Tenants who are loaded and wait for their window. */
  outsideWindow(nowMs: number): number {
    return this.hosts.reduce((n, host) => n + host.queue.filter((item) => !this.windows.isOpen(item.windows, nowMs)).length, 0);
  }

  /** Nobody who waits can be started, for a reason that no operator has given. */
  stuck(nowMs: number): boolean {
    if (this.inFlight() > 0) return false;
    const waiting = this.hosts.filter(hasWork);
    return waiting.every(
      (host) => isBlocked(host) || (host.cursor >= host.tenants && host.queue.every((item) => !this.windows.isOpen(item.windows, nowMs))),
    );
  }

  // ── What became of them ───────────────────────────────────────────────────────────────────────────────────────────

  /** Books what a list answered; the tenants not reached go back to the queue. */
  settle(host: HostState, items: readonly WaveItem[], result: ListResult, nowMs: number, random: () => number): void {
    const exceptions = new Map(result.exceptions.map((it) => [it.id, it]));
    const up = this.#input.direction === 'up';
    const errors: string[] = [];
    for (const item of items.slice(0, result.next)) {
      const exception = exceptions.get(item.id);
      if (exception) {
        this.#except(host, item, exception, nowMs, random);
        if (up && (exception.outcome === 'failed' || exception.outcome === 'unknown'))
          errors.push(errorFingerprint(exception.code ?? '', exception.message ?? '', [item.id]));
        continue;
      }
      errors.push('');
      if (up) this.#move('pending', 'applied');
      else this.#returned(item.id);
    }
    if (up) this.#plainlyUpToDate(items, result);
    this.settledCount += result.next;
    this.#judgeErrors(errors);
    this.handBack(host, items.slice(result.next), { again: true });
    if (result.next === items.length && exceptions.size === 0 && host.pace === undefined)
      host.speed = faster(host.speed, this.#input.policy.ramp, host.window);
  }

  /** They come as a count only, and were booked as applied. */
  #plainlyUpToDate(items: readonly WaveItem[], result: ListResult): void {
    const upToDate = (result.counts.upToDate ?? 0) - result.exceptions.filter((it) => it.outcome === 'upToDate').length;
    this.totals.applied -= upToDate;
    this.totals.upToDate += upToDate;
    // Lists of a canary hold one tenant each
    if (this.#input.wave.canary && (result.counts.upToDate ?? 0) > 0 && items.length === 1) this.noEvidence.push(items[0]!.id);
  }

  #except(host: HostState, item: WaveItem, exception: TenantException, nowMs: number, random: () => number): void {
    const down = this.#input.direction === 'down';
    const code = exception.code ?? 'FLT_INTERNAL';
    switch (exception.outcome) {
      case 'failed':
        this.fail(host.host, item.id, code, exception.message ?? code, exception.partial ?? false);
        if (exception.partial) this.troubled.set(item.id, { state: 'failed', code, host: host.host, partial: true });
        return;
      case 'unknown':
        this.fail(host.host, item.id, code, exception.message ?? code, true);
        return;
      case 'rollbackFailed':
        this.#notReturned(host.host, item.id, code, exception.message ?? code);
        return;
      case 'deferred':
        this.#defer(host, item, exception, nowMs, random);
        return;
      case 'upToDate': // down: nothing of this rollout to revert, it stays what it was
        if (down) this.#nothingToRevert(host.host, item.id);
        else this.#move('pending', 'upToDate');
        return;
      case 'rolledBack':
        this.#returned(item.id);
        return;
      case 'skipped':
        this.#move('pending', 'skipped');
        this.troubled.set(item.id, { state: 'skipped', code, host: host.host });
        return;
      case 'moved': {
        const { host: there, ...place } = exception.to!;
        const { at: _, ...anywhere } = item;
        this.#join(there, place).queue.push({ ...anywhere, dueMs: 0 });
        return;
      }
      case 'gone':
        this.#move(down ? this.#stateOf(item.id) : 'pending', 'gone');
        this.troubled.set(item.id, { state: 'gone', code, host: host.host });
        return;
    }
  }

  #defer(host: HostState, item: WaveItem, exception: TenantException, nowMs: number, random: () => number): void {
    if (COSTS_NO_TRY.includes(exception.code ?? '')) {
      const left = exception.partial ? { left: exception.message ?? '' } : {};
      // A long backfill keeps nobody else waiting a second time
      const alone = exception.code === 'FLT_BACKFILL_CUT' ? { alone: true } : {};
      host.queue.push({ ...item, ...left, ...alone, again: true, dueMs: nowMs + NOT_AT_ONCE_MS });
      return;
    }
    const deferrals = item.deferrals + 1;
    const { retry } = this.#input.policy;
    if (deferrals * retry.quickTries < retry.maxAttempts) {
      host.queue.push({ ...item, again: true, alone: true, deferrals, dueMs: nowMs + backoffMs(deferrals, retry, random) });
      return;
    }
    const { code = 'FLT_INTERNAL', message = code } = exception;
    if (this.#input.direction === 'down') this.#except(host, item, { ...exception, outcome: 'rollbackFailed' }, nowMs, random);
    else this.fail(host.host, item.id, code, message, false);
  }

  /** A failure counts once, and waits to be parked. */
  fail(host: string, id: string, code: string, message: string, partial: boolean, from: TenantState = 'pending'): void {
    this.#move(from, 'failed');
    this.troubled.set(id, { state: 'failed', code, host });
    this.failuresTotal++;
    this.#group(code, id, message);
    this.toPark.push({ tenant: id, host, code, message, partial });
    this.judge();
  }

  parked(ids: readonly string[]): void {
    for (const id of ids) {
      const trouble = this.troubled.get(id);
      if (trouble?.state !== 'failed') continue; // resolved in the meantime
      this.#move('failed', 'parked');
      this.troubled.set(id, { ...trouble, state: 'parked' });
    }
  }

  /** A latched halt once the budget is exceeded. On the way down failures do not stop the others. */
  judge(): void {
    if (this.halt || !this.#halts()) return;
    const { wave } = this.#input;
    const now = unresolved(this.totals);
    const { maxFailures, allowance } = this.limits;
    if (exceeded(now, maxFailures))
      this.halt = {
        code: 'FLT_BUDGET_EXCEEDED',
        text: `the failure budget of wave "${wave.name}" is exceeded: ${now} failed, ${maxFailures} allowed`,
      };
    else if (allowance !== undefined && exceeded(now, allowance))
      this.halt = { code: 'FLT_BUDGET_EXCEEDED', text: `the failure budget of the rollout is exceeded in wave "${wave.name}"` };
  }

  #judgeErrors(errors: readonly string[]): void {
    const { sameError } = this.#input.policy;
    if (!sameError || errors.length === 0) return;
    this.#settled = settle(this.#settled, errors, sameError);
    const often = this.#halts() && !this.halt ? systemic(this.#settled, sameError) : undefined;
    if (!often) return;
    this.halt = {
      code: 'FLT_SAME_ERROR',
      text: `${often.count} of the last ${this.#settled.length} tenants of wave "${this.#input.wave.name}" failed with the same error: ${often.fingerprint}`,
    };
    // Whoever goes on after this has seen it: only new ones count
    this.#settled = [];
  }

  #halts(): boolean {
    return this.#input.direction === 'up' && this.#input.policy.onBreach !== 'continue';
  }

  #leaveOut(host: HostState): void {
    const down = this.#input.direction === 'down';
    const why = (id: string): 'skipped' | 'blocked' | undefined => {
      if (this.#skip.has(id) || (!down && this.#skipHosts.has(host.host))) return 'skipped';
      return !down && this.#pinned.has(id) ? 'blocked' : undefined;
    };
    if (this.#skip.size + this.#pinned.size === 0 && !this.#skipHosts.has(host.host)) return;
    const left = host.queue.filter((item) => why(item.id) !== undefined);
    if (left.length === 0) return;
    host.queue = host.queue.filter((item) => why(item.id) === undefined);
    if (down) return; // stays as it is
    for (const { id } of left) {
      const state = why(id)!;
      this.#move('pending', state);
      this.troubled.set(id, { state, code: state === 'blocked' ? 'FLT_PINNED' : '', host: host.host });
      this.toMark.push({
        tenant: id,
        state,
        ...(state === 'blocked' ? { code: 'FLT_PINNED', reason: 'pinned' } : { reason: 'skipped by an operator' }),
      });
    }
  }

  /** Nobody's turn comes any more: who was cancelled half-way is not untouched. */
  giveUp(): void {
    if (this.#input.direction === 'down') return;
    for (const host of this.hosts) {
      const half = host.queue.filter((item) => item.left !== undefined);
      host.queue = host.queue.filter((item) => item.left === undefined);
      for (const { id, left } of half) {
        this.fail(host.host, id, 'FLT_CANCELLED', left!, true);
        this.troubled.set(id, { state: 'failed', code: 'FLT_CANCELLED', host: host.host, partial: true });
      }
    }
  }

  /** Once nothing is on the way: what `skipRest` left becomes skipped. */
  closeRest(): void {
    if (!this.#skipRest) return;
    const rest = this.totals.pending;
    this.totals.pending = 0;
    this.totals.skipped += rest;
    for (const host of this.hosts) {
      host.queue = [];
      host.cursor = host.tenants;
    }
  }

  // ── What others see ───────────────────────────────────────────────────────────────────────────────────────────────

  /** The tenants on the way, deferred, and waiting for their host or their window are told apart from the plainly pending. */
  view(nowMs: number): Totals {
    const running = Math.min(this.inFlight(), this.#input.direction === 'down' ? this.totals.applied : this.totals.pending);
    if (this.#input.direction === 'down') return { ...this.totals, applied: this.totals.applied - running, rollingBack: running };
    const isDeferred = (item: WaveItem) => item.deferrals > 0 && item.dueMs > nowMs;
    let deferred = 0;
    let blocked = 0;
    for (const host of this.hosts) {
      deferred += host.queue.filter(isDeferred).length;
      const waits = (item: WaveItem) => !isDeferred(item) && (isBlocked(host) || !this.windows.isOpen(item.windows, nowMs));
      blocked += host.queue.filter(waits).length + (isBlocked(host) ? host.tenants - host.cursor : 0);
    }
    const taken = Math.min(this.totals.pending, running + deferred + blocked);
    return {
      ...this.totals,
      pending: this.totals.pending - taken,
      running: Math.min(running, taken),
      deferred: Math.min(deferred, Math.max(0, taken - running)),
      blocked: this.totals.blocked + Math.max(0, taken - running - deferred),
    };
  }

  groups(): FailureGroup[] {
    return [...this.#groups.values()].sort((a, b) => b.count - a.count);
  }

  carry(movingMs: number): WaveCarry {
    return {
      totals: this.totals,
      hosts: this.hosts.map(carriedHost),
      troubled: Object.fromEntries(this.troubled),
      failures: this.groups(),
      failuresTotal: this.failuresTotal,
      settled: this.#settled,
      movingMs,
    };
  }

  /** Tenants of the wave, in whatever state: never more, never fewer. */
  count(): number {
    return countTotals(this.totals);
  }

  /** On the way down: what the way up has counted the tenant as. Those up to date are not kept by id. */
  #stateOf(id: string): TenantState {
    const trouble = this.troubled.get(id);
    if (trouble) return trouble.state;
    if (this.#unsettled.has(id)) return 'pending';
    return (['applied', 'upToDate'] as const).find((state) => this.totals[state] > 0) ?? 'pending';
  }

  #returned(id: string): void {
    const trouble = this.troubled.get(id);
    if (trouble?.partial) {
      this.#nothingToRevert(trouble.host, id);
      return;
    }
    this.#move(this.#stateOf(id), 'rolledBack');
    if (trouble) this.troubled.set(id, { ...trouble, state: 'rolledBack' });
  }

  #nothingToRevert(host: string, id: string): void {
    const trouble = this.troubled.get(id);
    if (trouble?.partial)
      this.#notReturned(host, id, trouble.code, `${id}: a migration outside a transaction stopped half-way; what it did stays.`);
    else if (trouble?.state === 'rollbackFailed') this.#returned(id);
    // Of a closed rollout nothing else is known of it: its ledger says that it is back already
    else if (this.#input.rollbackOf !== undefined) this.#move('pending', 'upToDate');
  }

  #notReturned(host: string, id: string, code: string, message: string): void {
    const partial = this.troubled.get(id)?.partial;
    this.#move(this.#stateOf(id), 'rollbackFailed');
    this.troubled.set(id, { state: 'rollbackFailed', code, host, ...(partial ? { partial } : {}) });
    this.#group(code, id, message);
    this.toPark.push({ tenant: id, host, code, message, partial: partial ?? false });
  }

  #move(from: TenantState, to: TenantState): void {
    this.totals[from]--;
    this.totals[to]++;
  }

  #group(code: string, id: string, message: string): void {
    const group = this.#groups.get(code) ?? { code, count: 0, tenants: [], sample: message };
    group.count++;
    if (group.tenants.length < 5) group.tenants.push(id);
    this.#groups.set(code, group);
  }
}
