/** One tenant that is migrated by name: on record like a rollout, so that its ledger row, its readiness and the way back are what they always are. */

import { recordEvents } from '../control/events.js';
import { freezeOf } from '../control/holds.js';
import { stagedTenant } from '../control/plan-tenants.js';
import { cancelLeftovers, openTenants } from '../control/rollout-tenants.js';
import { finishRollout, openRollout } from '../control/rollouts.js';
import { FlotillaError } from '../domain/errors.js';
import type { Activities } from './contract.js';
import type { ActivityDeps } from './deps.js';

export const createBeginMigrate =
  ({ control }: ActivityDeps): Activities['beginMigrate'] =>
  async ({ fleet, planId, rolloutId, tenant, force, ...ask }) => {
    if (force && !ask.reason) throw new FlotillaError('FLT_USAGE', 'Migrating a tenant by force needs a reason.');
    const found = await stagedTenant(control, planId, tenant);
    if (!found) throw new FlotillaError('FLT_UNKNOWN_TENANT', `Plan ${planId} holds no tenant "${tenant}".`, { tenant });
    const freeze = force || found.state !== 'pending' ? undefined : await freezeOf(control, fleet);
    if (freeze) throw new FlotillaError('FLT_FROZEN', `${freeze.actor} froze the fleet: "${freeze.reason}".`, { tenant });
    // The request that asked is in the audit trail: it may be tried anew, each time as a run of its own
    await openRollout(control, { ...ask, fleet, rolloutId, planId, requestId: rolloutId, tenant });
    await openTenants(control, rolloutId, planId);
    await recordEvents(control, fleet, rolloutId, [{ ...ask, verb: 'migrate', subject: tenant, atMs: Date.now() }]);
    return { host: found.host, cell: found.cell };
  };

export const createEndMigrate =
  ({ control }: ActivityDeps): Activities['endMigrate'] =>
  async ({ rolloutId, finalState }) => {
    await cancelLeftovers(control, rolloutId);
    await finishRollout(control, rolloutId, finalState);
  };
