/** Versions that applications have reported: one row for each app, tenant and version, with the time it was last heard of. */

import { type AppReports, REPORT_COUNTS_MS, REPORT_KEPT_MS } from '../domain/app-versions.js';
import { ask, type ControlPool } from './control-pool.js';

export interface AppReport {
  readonly app: string;
  readonly version: string;
  /** undefined: it serves all of them. */
  readonly tenant?: string;
}

/** Safe to repeat: the latest time counts. Reports that are too old to matter are dropped. */
export async function storeReport(pool: ControlPool, fleet: string, { app, version, tenant = '' }: AppReport): Promise<void> {
  await ask(
    pool,
    `insert into app_version (fleet, app, tenant_id, version) values ($1, $2, $3, $4)
     on conflict (fleet, app, tenant_id, version) do update set at = now()`,
    [fleet, app, tenant, version],
  );
  await ask(pool, `delete from app_version where fleet = $1 and at < now() - make_interval(secs => $2)`, [fleet, REPORT_KEPT_MS / 1_000]);
}

const TOLD = 20;

/**
 * Reports that speak for tenants of a plan: those of the whole fleet, and their own.
 * @param migration only tenants that the plan would bring this migration. @defaultValue all active ones
 */
export async function reportsFor(pool: ControlPool, fleet: string, planId: string, migration?: string): Promise<AppReports> {
  const of = `with concerned as (select tenant_id from plan_tenant where plan_id = $2 and lifecycle = 'active' and ($3::text is null or $3 = any (pending))),
    report as (
      select app, nullif(tenant_id, '') as tenant, version, at, at > now() - make_interval(secs => $4) as counts from app_version
      where fleet = $1 and at > now() - make_interval(secs => $5) and (tenant_id = '' or tenant_id in (select tenant_id from concerned)))`;
  const values = [fleet, planId, migration ?? null, REPORT_COUNTS_MS / 1_000, REPORT_KEPT_MS / 1_000];
  const running = await ask<{ app: string; version: string; tenant: string | null }>(
    pool,
    `${of} select app, version, min(tenant) as tenant from report where counts group by app, version order by 1, 2`,
    values,
  );
  const silent = await ask<{ app: string; since: Date; tenant: string | null }>(
    pool,
    `${of} select app, tenant, max(at) as since from report group by app, tenant having not bool_or(counts) order by 1, 2 limit ${TOLD}`,
    values,
  );
  const [row] = await ask<{ unheard: number }>(
    pool,
    `${of} select count(*)::int as unheard from concerned where not exists (
       select from report where counts and (tenant is null or tenant = concerned.tenant_id))`,
    values,
  );
  const withTenant = (tenant: string | null) => (tenant === null ? {} : { tenant });
  return {
    running: running.map(({ tenant, ...it }) => ({ ...it, ...withTenant(tenant) })),
    silent: silent.map(({ app, since, tenant }) => ({ app, sinceMs: since.getTime(), ...withTenant(tenant) })),
    unheard: row!.unheard,
  };
}
