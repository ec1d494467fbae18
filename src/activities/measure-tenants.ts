/** Sizes and versions of the tenants that a plan may choose its canaries from. */

import { storeSizes } from '../control/plan-tenants.js';
import type { TenantRef } from '../domain/tenant.js';
import { measureSchemas } from '../postgres/tenant-sizes.js';
import type { ActivityDeps } from './deps.js';
import { eachAtOnce } from './each-at-once.js';
import { hostTrouble } from './host-trouble.js';
import { CONNECTIONS_PER_HOST, slices } from './read-positions.js';

/** A host or a database that does not answer now has said so to the scan: its tenants have no size then. */
export async function measureTenants(deps: ActivityDeps, planId: string, host: string, tenants: readonly TenantRef[]): Promise<void> {
  await eachAtOnce(slices(tenants), CONNECTIONS_PER_HOST, async ({ database, tenants: some }) => {
    try {
      const schemas = some.map(({ schema = 'public' }) => schema);
      const { pgVersion, sizes } = await deps.hosts.withHost(host, (client) => measureSchemas(client, schemas), database);
      const measured = some.map(({ id, schema = 'public' }) => ({ id, bytes: sizes.get(schema) ?? 0 }));
      await storeSizes(deps.control, planId, measured, pgVersion);
    } catch (error) {
      hostTrouble(error, 'measuring tenants'); // a bug is thrown on
    }
  });
}
