/**
 * Tenants and the states one can be in during a rollout. Every count in Flotilla is a `Totals`: one key per state, so that
 * counts can be added up and compared with the frozen total.
 */

/** Where a tenant lives. `schema` for schema-per-tenant, `database` for database-per-tenant; both may be given. */
export interface TenantRef {
  readonly id: string;
  /** Name of a host in the fleet config. */
  readonly host: string;
  /** Database on that host; default: the one in the host's connection. */
  readonly database?: string;
  /** Schema holding the tenant's tables; default: `public` (database-per-tenant). */
  readonly schema?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly lifecycle?: Lifecycle;
  /** Database role to assume (SET ROLE) while migrating this tenant. */
  readonly role?: string;
}

export const LIFECYCLES = ['active', 'suspended', 'provisioning', 'deleted', 'template'] as const;
export type Lifecycle = (typeof LIFECYCLES)[number];

/** What moves a tenant out of each state is said beside it; final states of a finished rollout carry (final). */
export const TENANT_STATES = [
  'pending', // selected, not dispatched yet → running
  'blocked', // waits for its host, its files or an older parked failure → running when that clears
  'running', // in a list that a worker holds → applied, failed, deferred…
  'deferred', // lock not granted in the quick tries → running after a pause
  'applied', // (final) moved by this rollout
  'upToDate', // (final) nothing was pending
  'failed', // (final) a migration failed; clean or partial → parked
  'unknown', // outcome lost; the ledger is read before anything else → applied or failed
  'parked', // (final) waits in a tenantWorkflow for retry, skip or rollback
  'rollingBack', // its revert is on the way → rolledBack, rollbackFailed
  'rolledBack', // (final) returned to where this rollout found it
  'rollbackFailed', // (final) a revert was refused or failed; needs a person
  'skipped', // (final) left out by exclusion, lifecycle or an operator
  'gone', // (final) deleted at its source
  'cancelled', // (final) untouched when the rollout ended
] as const;
export type TenantState = (typeof TENANT_STATES)[number];

/** Tenants per state; always has every key. */
export type Totals = Record<TenantState, number>;

export function noTotals(): Totals {
  return Object.fromEntries(TENANT_STATES.map((s) => [s, 0])) as Totals;
}

export function addTotals(...all: readonly Partial<Totals>[]): Totals {
  const sum = noTotals();
  for (const totals of all) for (const state of TENANT_STATES) sum[state] += totals[state] ?? 0;
  return sum;
}

export function countTotals(totals: Partial<Totals>): number {
  return TENANT_STATES.reduce((n, state) => n + (totals[state] ?? 0), 0);
}

/** Failures that count against a budget: everything that went wrong and that nobody has resolved. */
export function unresolved(totals: Partial<Totals>): number {
  return (totals.failed ?? 0) + (totals.unknown ?? 0) + (totals.parked ?? 0) + (totals.rollbackFailed ?? 0);
}
