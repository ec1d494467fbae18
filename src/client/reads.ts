import { FlotillaError } from '../domain/errors.js';
import type { PlanSummary } from '../domain/plan.js';
import type { TenantState } from '../domain/tenant.js';
import type { AdminAnswers, AuditRecord, ChangeRecord, RolloutRecord, TenantLatest, TenantRecord } from '../workflows/admin-messages.js';
import { askAdmin } from './admin.js';
import { freshId } from './ask.js';
import type { ClientContext } from './context.js';
import { type PlanOptions, scan } from './plan.js';
import { planRefusal } from './plan-refusal.js';

const PAGE = 1_000;

export interface HistoryOptions {
  /** Newest first; at most 1000. @defaultValue 20 */
  readonly limit?: number;
  readonly after?: string;
}

export async function history(
  context: ClientContext,
  options: HistoryOptions = {},
): Promise<{ rollouts: readonly RolloutRecord[]; next?: string }> {
  return askAdmin(context, 'history', { limit: options.limit ?? 20, ...(options.after ? { after: options.after } : {}) });
}

export interface AuditOptions extends HistoryOptions {
  /** @defaultValue every rollout of the fleet */
  readonly rolloutId?: string;
}

export async function audit(
  context: ClientContext,
  options: AuditOptions = {},
): Promise<{ events: readonly AuditRecord[]; next?: string }> {
  const { limit = 50, after, rolloutId } = options;
  return askAdmin(context, 'audit', { limit, ...(after ? { after } : {}), ...(rolloutId ? { rolloutId } : {}) });
}

export interface TenantsOptions
  extends Pick<PlanOptions, 'tenants' | 'selector' | 'to' | 'expect' | 'expectTimeoutMs' | 'onProgress' | 'signal'> {
  /** At most this many. @defaultValue all */
  readonly limit?: number;
}

export interface TenantsResult {
  readonly scan: PlanSummary;
  readonly tenants: readonly TenantRecord[];
}

/** Discovers the tenants and reads where each stands. Writes nothing to a tenant. @throws the codes of `plan` */
export async function tenants(context: ClientContext, options: TenantsOptions = {}): Promise<TenantsResult> {
  const planId = freshId('p');
  const summary = await scan(context, planId, options);
  if (summary.totals.tenants === 0) {
    const refusal = planRefusal(summary);
    if (refusal) throw refusal;
  }
  return { scan: summary, tenants: await tenantPages(context, { planId: summary.planId }, options.limit) };
}

/** Tenants of a rollout, ordered by id. */
export function rolloutTenants(
  context: ClientContext,
  rolloutId: string,
  states?: readonly TenantState[],
  limit?: number,
): Promise<readonly TenantRecord[]> {
  return tenantPages(context, { rolloutId, ...(states?.length ? { states } : {}) }, limit);
}

async function tenantPages(
  context: ClientContext,
  of: { planId?: string; rolloutId?: string; states?: readonly TenantState[] },
  limit = Number.POSITIVE_INFINITY,
): Promise<readonly TenantRecord[]> {
  const all: TenantRecord[] = [];
  for (let after: string | undefined; ; ) {
    const page: AdminAnswers['tenants'] = await askAdmin(context, 'tenants', {
      ...of,
      limit: Math.min(PAGE, limit - all.length),
      ...(after === undefined ? {} : { after }),
    });
    all.push(...page.tenants);
    if (page.next === undefined || all.length >= limit) return all;
    after = page.next;
  }
}

/** One tenant: its last outcome, and what blocks it. @throws FLT_UNKNOWN_TENANT */
export async function tenantStatus(context: ClientContext, tenant: string, rolloutId?: string): Promise<TenantLatest> {
  const found = (await askAdmin(context, 'tenant', { tenant, ...(rolloutId ? { rolloutId } : {}) })).tenant;
  if (!found) throw new FlotillaError('FLT_UNKNOWN_TENANT', `No rollout of this fleet has held a tenant "${tenant}".`, { tenant });
  return found;
}

export interface ReadyResult {
  readonly ready: boolean;
  /** Tenants that are not there yet. */
  readonly missing: number;
  /** Up to 5 of them. */
  readonly sample: readonly string[];
}

/** Is the tenant (without one: the whole fleet) at least at this migration? As the control database knows it. @throws FLT_UNKNOWN_TENANT */
export async function ready(context: ClientContext, migration: string, tenant?: string): Promise<ReadyResult> {
  return askAdmin(context, 'ready', { migration, ...(tenant === undefined ? {} : { tenant }) });
}

/**
 * The changes that the workers' files declare, oldest first: where the fleet (and one tenant) stands with each, what blocks its next migration, and the
 * command that goes on. As the control database knows it. @throws FLT_UNKNOWN_TENANT
 */
export async function phases(context: ClientContext, tenant?: string): Promise<readonly ChangeRecord[]> {
  const all: ChangeRecord[] = [];
  for (let after: string | undefined; ; ) {
    const page: AdminAnswers['phases'] = await askAdmin(context, 'phases', {
      ...(tenant === undefined ? {} : { tenant }),
      ...(after === undefined ? {} : { after }),
    });
    all.push(...page.changes);
    if (page.next === undefined) return all;
    after = page.next;
  }
}
