/** The bookkeeping of one wave: where every tenant of it stands. No I/O; `wave.ts` acts on what this says. */

import { backoffMs } from '../domain/backoff.js';
import { exceeded } from '../domain/failure-budget.js';
import type { ListResult, TenantException } from '../domain/outcome.js';
import type { FailureGroup } from '../domain/rollout.js';
import { countTotals, noTotals, type TenantState, type Totals, unresolved } from '../domain/tenant.js';
import type { TenantResolved } from './messages.js';
import type { Halt, HostCarry, Troubled, WaveCarry, WaveInput, WaveItem } from './wave-contract.js';

export interface HostState {
  readonly host: string;
  readonly cell: string;
  readonly window: number;
  /** Tenants of the wave on this host; on the way down only those that were dispatched. */
  readonly tenants: number;
  cursor: number;
  queue: WaveItem[];
  inFlight: number;
  loading: boolean;
  silent?: { readonly code: string; readonly sinceMs: number };
  /** Incidents since a tenant of it was last settled: a host that answers and is still out of disk is asked ever more rarely. */
  relapses?: number;
  /** This host's workers have other files: not before `untilMs`. */
  files?: { readonly sinceMs: number; readonly text: string; untilMs: number };
}

const fresh = (id: string): WaveItem => ({ id, again: false, deferrals: 0, alone: false, dueMs: 0 });

export class WaveBook {
  readonly totals: Totals;
  readonly hosts: HostState[];
  readonly troubled: Map<string, Troubled>;
  readonly toPark: { tenant: string; host: string; code: string; message: string; partial: boolean }[] = [];
  readonly toMark: string[] = [];
  failuresTotal: number;
  halt: Halt | undefined;
  #groups: Map<string, { code: string; count: number; tenants: string[]; sample: string }>;
  readonly #skip: Set<string>;
  readonly #unsettled: ReadonlySet<string>;
  /** down: tried before in vain; they go first, and not again with their page. */
  readonly #tried: ReadonlySet<string>;
  #skipRest = false;
  readonly #input: WaveInput;

  constructor(input: WaveInput) {
    this.#input = input;
    const carry = input.carry;
    this.totals = { ...(carry?.totals ?? { ...noTotals(), pending: input.wave.tenants }) };
    this.troubled = new Map(Object.entries(carry?.troubled ?? {}));
    this.failuresTotal = carry?.failuresTotal ?? 0;
    this.#groups = new Map((carry?.failures ?? []).map((group) => [group.code, { ...group, tenants: [...group.tenants] }]));
    this.#skip = new Set(input.skip);
    this.#unsettled = new Set(input.unsettled);
    const tried = input.direction === 'down' ? [...this.troubled].filter(([, it]) => it.state === 'rollbackFailed') : [];
    this.#tried = new Set(tried.map(([id]) => id));
    this.hosts = input.wave.hosts.map(({ host, cell, tenants, window }) => {
      const from = carry?.hosts.find((it) => it.host === host);
      const queue = [...(from?.queue ?? [])];
      for (const [id, it] of tried)
        if (it.host === host && !this.#skip.has(id) && !queue.some((item) => item.id === id)) queue.push({ ...fresh(id), again: true });
      return { host, cell, window, tenants, cursor: from?.cursor ?? 0, queue, inFlight: 0, loading: false };
    });
  }

  /** Tenants that are left out, for the next run of this wave. */
  skips(): readonly string[] {
    return [...this.#skip];
  }

  /** Tenants nobody has settled yet: loaded or not. */
  left(): boolean {
    return !this.#skipRest && this.hosts.some((host) => host.queue.length > 0 || host.cursor < host.tenants);
  }

  inFlight(): number {
    return this.hosts.reduce((n, host) => n + host.inFlight, 0);
  }

  take(host: HostState, page: readonly string[], limit: number): void {
    // A page shorter than asked for means that the plan holds fewer; the cursor still moves on, so that the wave can end.
    host.cursor += Math.max(page.length, page.length === 0 ? limit : 0);
    for (const id of page)
      if (this.#input.direction === 'up' || !(this.#skip.has(id) || this.#tried.has(id) || this.troubled.get(id)?.state === 'gone'))
        host.queue.push(fresh(id));
    this.#dropSkipped(host);
  }

  /** The next list for a host: one kind of items (fresh, or dispatched before), none of them due later. */
  next(host: HostState, size: number, nowMs: number): WaveItem[] {
    this.#dropSkipped(host);
    const first = host.queue.findIndex((item) => item.dueMs <= nowMs);
    if (first < 0) return [];
    const { again, alone } = host.queue[first]!;
    if (alone) return host.queue.splice(first, 1);
    const list: WaveItem[] = [];
    for (let at = first; at < host.queue.length && list.length < size; ) {
      const item = host.queue[at]!;
      if (item.again === again && !item.alone && item.dueMs <= nowMs) list.push(...host.queue.splice(at, 1));
      else at++;
    }
    return list;
  }

  /** Back to the front: not reached, or the list was lost. */
  handBack(host: HostState, items: readonly WaveItem[], change: Partial<WaveItem> = {}): void {
    host.queue.unshift(...items.map((item) => ({ ...item, ...change })));
  }

  /** Books what a list answered; the tenants not reached go back to the queue. */
  settle(host: HostState, items: readonly WaveItem[], result: ListResult, nowMs: number, random: () => number): void {
    const exceptions = new Map(result.exceptions.map((it) => [it.id, it]));
    for (const item of items.slice(0, result.next)) {
      const exception = exceptions.get(item.id);
      if (exception) this.#except(host, item, exception, nowMs, random);
      else if (this.#input.direction === 'down') this.#returned(item.id);
      else if (item.id) this.#move('pending', 'applied');
    }
    // Plain `upToDate` comes as a count only
    const upToDate =
      this.#input.direction === 'up'
        ? (result.counts.upToDate ?? 0) - result.exceptions.filter((it) => it.outcome === 'upToDate').length
        : 0;
    this.totals.applied -= upToDate;
    this.totals.upToDate += upToDate;
    this.handBack(host, items.slice(result.next), { again: true });
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
      case 'deferred': {
        const deferrals = item.deferrals + 1;
        const { retry } = this.#input.policy;
        if (deferrals * retry.quickTries >= retry.maxAttempts) {
          if (down) this.#except(host, item, { ...exception, outcome: 'rollbackFailed' }, nowMs, random);
          else this.fail(host.host, item.id, code, exception.message ?? code, false);
          return;
        }
        host.queue.push({ ...item, again: true, alone: true, deferrals, dueMs: nowMs + backoffMs(deferrals, retry, random) });
        return;
      }
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
      case 'gone':
        this.#move(down ? this.#stateOf(item.id) : 'pending', 'gone');
        this.troubled.set(item.id, { state: 'gone', code, host: host.host });
        return;
    }
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

  /** A latched halt once the budget is exceeded. On the way down failures do not stop the others. */
  judge(): void {
    const { wave, policy, direction, rolloutAllowance } = this.#input;
    if (this.halt || direction === 'down' || policy.onBreach === 'continue') return;
    const now = unresolved(this.totals);
    if (exceeded(now, this.#input.maxFailures))
      this.halt = {
        code: 'FLT_BUDGET_EXCEEDED',
        text: `the failure budget of wave "${wave.name}" is exceeded: ${now} failed, ${this.#input.maxFailures} allowed`,
      };
    else if (rolloutAllowance !== undefined && exceeded(now, rolloutAllowance))
      this.halt = { code: 'FLT_BUDGET_EXCEEDED', text: `the failure budget of the rollout is exceeded in wave "${wave.name}"` };
  }

  parked(ids: readonly string[]): void {
    for (const id of ids) {
      const trouble = this.troubled.get(id);
      if (trouble?.state !== 'failed') continue; // resolved in the meantime
      this.#move('failed', 'parked');
      this.troubled.set(id, { ...trouble, state: 'parked' });
    }
  }

  /** A parked tenant was resolved by a person. */
  resolve(it: TenantResolved): void {
    const trouble = this.troubled.get(it.tenant);
    if (!trouble || it.resolution === 'failedAgain') return;
    const to: TenantState = it.resolution === 'rollbackFailed' ? 'rollbackFailed' : it.resolution;
    this.#move(trouble.state, to);
    if (to === 'applied') this.troubled.delete(it.tenant);
    else this.troubled.set(it.tenant, { ...trouble, state: to, code: it.code ?? trouble.code });
  }

  /** Leaves tenants out that were not started; those on the way settle first, and are left out if they come back unsettled. */
  skip(ids: readonly string[]): void {
    for (const id of ids) this.#skip.add(id);
    for (const host of this.hosts) this.#dropSkipped(host);
  }

  #dropSkipped(host: HostState): void {
    if (this.#skip.size === 0) return;
    const skipped = host.queue.filter((item) => this.#skip.has(item.id));
    if (skipped.length === 0) return;
    host.queue = host.queue.filter((item) => !this.#skip.has(item.id));
    if (this.#input.direction === 'down') return; // stays as it is
    for (const { id } of skipped) {
      this.#move('pending', 'skipped');
      this.troubled.set(id, { state: 'skipped', code: '', host: host.host });
      this.toMark.push(id);
    }
  }

  skipRest(): void {
    this.#skipRest = true;
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

  /** What operators see: the tenants on the way, deferred and waiting for their host are told apart from the plainly pending. */
  view(nowMs: number): Totals {
    const running = Math.min(this.inFlight(), this.#base());
    const deferred = this.hosts.reduce((n, host) => n + host.queue.filter((item) => item.deferrals > 0 && item.dueMs > nowMs).length, 0);
    const blocked = this.hosts.reduce(
      (n, host) =>
        n +
        (host.silent || host.files
          ? host.queue.filter((item) => !(item.deferrals > 0 && item.dueMs > nowMs)).length + host.tenants - host.cursor
          : 0),
      0,
    );
    if (this.#input.direction === 'down')
      return {
        ...this.totals,
        applied: this.totals.applied - Math.min(running, this.totals.applied),
        rollingBack: Math.min(running, this.totals.applied),
      };
    const taken = Math.min(this.totals.pending, running + deferred + blocked);
    return {
      ...this.totals,
      pending: this.totals.pending - taken,
      running: Math.min(running, taken),
      deferred: Math.min(deferred, Math.max(0, taken - running)),
      blocked: Math.max(0, taken - running - deferred),
    };
  }

  groups(): FailureGroup[] {
    return [...this.#groups.values()].sort((a, b) => b.count - a.count);
  }

  carry(): WaveCarry {
    return {
      totals: this.totals,
      hosts: this.hosts.map(({ host, cursor, queue }): HostCarry => ({ host, cursor, queue })),
      troubled: Object.fromEntries(this.troubled),
      failures: this.groups(),
      failuresTotal: this.failuresTotal,
    };
  }

  #base(): number {
    return this.#input.direction === 'down' ? this.totals.applied : this.totals.pending;
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

  /** For tests: nothing is ever lost. */
  count(): number {
    return countTotals(this.totals);
  }
}
