/** Adds up what happened to the tenants of one list: for the wave (counts and exceptions) and for the control database (a row each). */

import type { TenantOutcomeRow } from '../control/rollout-tenants.js';
import type { ListResult, Outcome, TenantException } from '../domain/outcome.js';
import type { TenantState } from '../domain/tenant.js';

export interface TenantOutcome {
  readonly id: string;
  readonly outcome: Outcome;
  readonly code?: string;
  readonly message?: string;
  readonly partial?: boolean;
  readonly durationMs: number;
  /** Newest migration the tenant has now; undefined: as before. */
  readonly ready?: string;
  /** moved: where to. */
  readonly to?: TenantException['to'];
}

/** What an outcome makes of the tenant. */
const STATES: Readonly<Record<Outcome, TenantState>> = {
  applied: 'applied',
  upToDate: 'upToDate',
  rolledBack: 'rolledBack',
  failed: 'failed',
  rollbackFailed: 'rollbackFailed',
  deferred: 'deferred',
  unknown: 'unknown',
  skipped: 'skipped',
  moved: 'pending',
  gone: 'gone',
};

/** On the way down these leave a tenant as it was. */
const NOTHING_REVERTED: readonly Outcome[] = ['upToDate', 'deferred', 'moved'];

export class ListOutcomes {
  readonly #counts: Partial<Record<Outcome, number>> = {};
  readonly #exceptions: TenantException[] = [];
  readonly #rows: TenantOutcomeRow[] = [];

  /** @param closed the way down of a closed rollout: nothing else is known of its tenants */
  constructor(
    private readonly direction: 'up' | 'down',
    private readonly closed = false,
  ) {}

  add({ id, outcome, code, message, partial, durationMs, ready, to }: TenantOutcome): void {
    this.#counts[outcome] = (this.#counts[outcome] ?? 0) + 1;
    const what = {
      ...(code === undefined ? {} : { code }),
      ...(message === undefined ? {} : { message }),
      ...(partial ? { partial } : {}),
    };
    if (outcome !== 'applied') this.#exceptions.push({ id, outcome, ...what, ...(to === undefined ? {} : { to }) });
    if (this.direction === 'down' && NOTHING_REVERTED.includes(outcome) && !(this.closed && outcome === 'upToDate')) return;
    this.#rows.push({ id, state: STATES[outcome], ...what, durationMs, ...(ready === undefined ? {} : { ready }) });
  }

  rows(): readonly TenantOutcomeRow[] {
    return this.#rows;
  }

  /** @param next index of the first tenant not reached */
  result(next: number, why: Pick<ListResult, 'hostDown' | 'filesDiffer'> = {}): ListResult {
    return { counts: this.#counts, exceptions: this.#exceptions, next, ...why };
  }
}
