/** Asks the tenant's source whether a tenant that has lost its schema was deleted there. */

import type { TenantRef } from '../domain/tenant.js';
import type { ActivityDeps } from './deps.js';
import { hostOfSource, readSource } from './tenant-sources.js';

/**
 * true only when every source that could name the tenant has answered and none does. A source that fails, or that still names the tenant
 * as active, says no: the lost schema is then a failure.
 */
export async function isGone(deps: Pick<ActivityDeps, 'fleet' | 'hosts'>, tenant: TenantRef): Promise<boolean> {
  const sources = deps.fleet.tenants
    .map((source, index) => ({ source, index }))
    .filter(
      ({ source }) =>
        typeof source === 'function' || source.kind === 'list' || source.kind === 'query' || hostOfSource(source) === tenant.host,
    );
  try {
    const answers = await Promise.all(sources.map(({ source, index }) => readSource(source, index, deps.hosts)));
    const named = answers.flat().find((it) => it.id === tenant.id && it.host === tenant.host);
    return named === undefined || named.lifecycle === 'deleted';
  } catch {
    return false;
  }
}
