/** What happened to one tenant in one attempt, and what a list of tenants hands back to its wave. */

export const OUTCOMES = [
  'applied', // up: moved by this rollout, now or in an earlier attempt
  'upToDate', // up: nothing pending; down: nothing of this rollout to revert
  'rolledBack', // down: returned to where this rollout found it
  'failed', // up: a migration failed; `partial` says whether something stays behind
  'rollbackFailed', // down: refused or failed
  'deferred', // lock not granted in the quick tries; come back later
  'unknown', // connection lost at COMMIT and the ledger could not be read
  'skipped', // left out: its source says that it is not active any more
  'moved', // it lives on another host now; `to` says where
  'gone', // the tenant's source says that it was deleted
] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** A tenant that is not plainly done. Messages are scrubbed: no DSN, no bindings, no row values. */
export interface TenantException {
  readonly id: string;
  readonly outcome: Exclude<Outcome, 'applied'>;
  readonly code?: string;
  readonly message?: string;
  /** failed: something of the failed migration stays (non-transactional). */
  readonly partial?: boolean;
  /** moved: where it lives now, and that host's own limit. */
  readonly to?: { readonly host: string; readonly cell: string; readonly limit: number };
}

/** Counts of the tenants reached, the exceptions by id, and where to go on. `counts` includes the exceptions. */
export interface ListResult {
  readonly counts: Partial<Record<Outcome, number>>;
  readonly exceptions: readonly TenantException[];
  /** Index in the input's `tenants` of the first one not reached (= length when all were). */
  readonly next: number;
  /** The host did not answer: the tenants from `next` on wait for it; no tries spent. */
  readonly hostDown?: { readonly code: string; readonly message: string };
  /** Others hold the host's slots: the tenants from `next` on wait for one. */
  readonly hostBusy?: { readonly message: string };
  /** On demand: migrations of this rollout that the tenants reached have now. */
  readonly has?: readonly string[];
  /** This worker's files are not the plan's: the tenants from `next` on wait for a worker that has them. */
  readonly filesDiffer?: { readonly build: string; readonly message: string };
}
