/** Where a tenant of a list is now: on this host, elsewhere, gone, or not to be touched. */

import { setPlace } from '../control/plan-tenants.js';
import { FlotillaError } from '../domain/errors.js';
import type { TenantException } from '../domain/outcome.js';
import type { TenantRef } from '../domain/tenant.js';
import { HOST_CONCURRENCY } from '../domain/wave-plan.js';
import type { AttemptResult } from '../postgres/contract.js';
import { DEFAULT_CELL } from '../spec/cells.js';
import type { MigrateTenantsInput } from './contract.js';
import type { ActivityDeps } from './deps.js';
import { samePlace } from './tenant-directory.js';

export type Whereabouts = { readonly here: TenantRef } | { readonly elsewhere: Omit<TenantException, 'id'> };

/** Before its turn: as the plan says, unless a source that names hosts says something newer. */
export async function whereaboutsOf(deps: ActivityDeps, input: MigrateTenantsInput, tenant: TenantRef): Promise<Whereabouts> {
  const { createdAt } = await deps.plans.summary(input.planId);
  const now = await deps.directory.lookUp(tenant, Date.parse(createdAt));
  if (now === undefined) return tenant.host === input.host ? { here: tenant } : movedTo(deps, tenant);
  return follow(deps, input, tenant, now);
}

/** Whether a tenant that went wrong went because its schema, or its database, is not there any more. */
export async function hasVanished({ hosts }: ActivityDeps, tenant: TenantRef, { outcome, code }: AttemptResult): Promise<boolean> {
  if (code === 'FLT_SCHEMA_MISSING') return true;
  if (!['failed', 'rollbackFailed', 'unknown'].includes(outcome)) return false;
  try {
    const found = await hosts.withTenant(tenant, ({ client }) =>
      client.query<{ there: boolean }>(`select exists (select from pg_namespace where nspname = $1) there`, [tenant.schema ?? 'public']),
    );
    return found.rows[0]?.there === false;
  } catch (error) {
    return error instanceof FlotillaError && error.code === 'FLT_SCHEMA_MISSING'; // what else is wrong has been said
  }
}

/** After its schema was not found there. Undefined: it should have been, or nobody can tell. */
export async function searchFor(deps: ActivityDeps, input: MigrateTenantsInput, tenant: TenantRef): Promise<Whereabouts | undefined> {
  const now = await deps.directory.search(tenant);
  if (now === undefined) return undefined;
  if (now === 'gone') return { elsewhere: GONE };
  return samePlace(now, tenant) ? undefined : follow(deps, input, tenant, now);
}

const GONE = {
  outcome: 'gone',
  code: 'FLT_TENANT_GONE',
  message: 'its schema is not there any more, and its source does not name it',
} as const;

async function follow(deps: ActivityDeps, input: MigrateTenantsInput, planned: TenantRef, now: TenantRef): Promise<Whereabouts> {
  const lifecycle = now.lifecycle ?? 'active';
  if (lifecycle === 'deleted')
    return { elsewhere: { outcome: 'gone', code: 'FLT_TENANT_GONE', message: 'its source says that it was deleted' } };
  const asked = input.onDemand === true && lifecycle === 'provisioning';
  // What is taken back is taken back from suspended tenants too
  if (lifecycle !== 'active' && !asked && input.direction === 'up')
    return { elsewhere: { outcome: 'skipped', code: 'FLT_TENANT_INACTIVE', message: `its source says that it is ${lifecycle}` } };
  const here = { ...now, labels: planned.labels };
  if (!samePlace(now, planned)) await setPlace(deps.control, input.planId, now.id, now);
  return now.host === input.host ? { here } : movedTo(deps, here);
}

function movedTo({ fleet }: ActivityDeps, { host }: TenantRef): Whereabouts {
  const there = fleet.hosts[host];
  if (!there)
    return {
      elsewhere: {
        outcome: 'failed',
        code: 'FLT_UNKNOWN_HOST',
        message: `it lives on host "${host}" now, which the config of this worker lacks`,
      },
    };
  const to = { host, cell: there.cell ?? DEFAULT_CELL, limit: there.maxConcurrency ?? HOST_CONCURRENCY };
  return { elsewhere: { outcome: 'moved', code: 'FLT_TENANT_MOVED', message: `it lives on host "${host}" now`, to } };
}
