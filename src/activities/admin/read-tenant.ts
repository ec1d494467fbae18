import { backfillOfTenant } from '../../control/backfills.js';
import { latestOfTenant } from '../../control/rollout-tenants.js';
import { comesToItsEnd } from '../../domain/backfill/fleet-progress.js';
import type { TenantState } from '../../domain/tenant.js';
import { blockersOf } from '../../postgres/blockers.js';
import type { AdminAnswers, AdminArgs, Blocker } from '../../workflows/admin-messages.js';
import { applicationName } from '../application-name.js';
import type { ActivityDeps } from '../deps.js';
import type { AdminContext } from './answer-admin.js';
import { place } from './read-tenants.js';

/** The latest word on one tenant, how far its backfill is, and who holds up the session that is at work on it. Never shows anybody's query. */
export async function readTenant(
  deps: ActivityDeps,
  { fleet }: AdminContext,
  { tenant, rolloutId }: AdminArgs['tenant'],
): Promise<AdminAnswers['tenant']> {
  const found = await latestOfTenant(deps.control, fleet, tenant, rolloutId);
  if (!found) return { tenant: null };
  const { id, host, database, schema, wave, state, code, message } = found;
  const live = await lookAtHost(deps, host, database ?? undefined, applicationName(found.rolloutId, id));
  const filling = comesToItsEnd(state) ? await backfillOfTenant(deps.control, found.rolloutId, id) : undefined;
  return {
    tenant: {
      id,
      host,
      ...place(database, schema),
      state: isAtWork(state, live.atWork, filling?.atWork ?? false) ? 'running' : state,
      ...(wave === null ? {} : { wave }),
      ...(code === null ? {} : { code }),
      ...(message === null ? {} : { message }),
      rolloutId: found.rolloutId,
      blockers: live.blockers,
      ...(filling ? { backfill: filling.backfill } : {}),
    },
  };
}

/** Between two chunks the session of a backfill is idle. A deferred tenant was at work a moment ago: of that one, only its session tells. */
const isAtWork = (state: TenantState, session: boolean, fills: boolean): boolean =>
  state === 'pending' ? session || fills : state === 'deferred' && session;

/** Best effort: this worker may serve another cell, or the host may be silent; the record is worth showing all the same. */
async function lookAtHost(
  deps: ActivityDeps,
  host: string,
  database: string | undefined,
  name: string,
): Promise<{ readonly atWork: boolean; readonly blockers: readonly Blocker[] }> {
  try {
    return await deps.hosts.withHost(host, (client) => blockersOf(client, name), database);
  } catch {
    return { atWork: false, blockers: [] };
  }
}
