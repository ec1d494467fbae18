import { rebuildRollouts } from '../../control/rebuild.js';
import type { TenantRef } from '../../domain/tenant.js';
import { type RolloutTrace, readRollouts } from '../../postgres/tend/read-rollouts.js';
import type { ActivityDeps } from '../deps.js';
import { eachAtOnce } from '../each-at-once.js';
import { hostTrouble } from '../host-trouble.js';
import { CONNECTIONS_PER_HOST, isMissingDatabase, placesOf, type Slice, slices } from '../read-positions.js';
import type { TendInput, Visit } from './visit.js';

/** Reads what rollouts did to each tenant, and stores it where the control database does not know the rollout. */
export const createRefreshVisit = async (deps: ActivityDeps, { fleet, planId }: TendInput<'refresh'>): Promise<Visit> => {
  return async (host, tenants, { tally, refuseWhenStopped }) => {
    let silent: { readonly code: string; readonly message: string } | undefined;
    await eachAtOnce(slices(tenants), CONNECTIONS_PER_HOST, async (slice) => {
      await refuseWhenStopped();
      let traces: readonly RolloutTrace[] = [];
      if (!silent)
        try {
          traces = await read(deps, host, slice, fleet);
        } catch (error) {
          silent ??= hostTrouble(error, 'reading the ledgers');
        }
      await rebuildRollouts(deps.control, fleet, planId, host, traces);
      const having = new Set(traces.map((trace) => trace.tenant));
      const outcome = ({ id }: TenantRef) => (silent ? 'unreached' : having.has(id) ? 'done' : 'unchanged');
      for (const tenant of slice.tenants) tally.add(tenant.id, { outcome: outcome(tenant), ...silent });
    });
  };
};

async function read(deps: ActivityDeps, host: string, slice: Slice, fleet: string): Promise<readonly RolloutTrace[]> {
  try {
    return await deps.hosts.withHost(host, (client) => readRollouts(client, placesOf(slice), fleet), slice.database);
  } catch (error) {
    if (isMissingDatabase(error, slice)) return [];
    throw error;
  }
}
