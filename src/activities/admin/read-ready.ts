import { notReady } from '../../control/readiness.js';
import { FlotillaError } from '../../domain/errors.js';
import type { AdminAnswers, AdminArgs } from '../../workflows/admin-messages.js';
import type { ActivityDeps } from '../deps.js';
import type { AdminContext } from './answer-admin.js';

const SAMPLE = 5;

/**
 * Is the tenant, or the whole fleet, at least at this migration? As the control database knows it from the newest plan and from the rollouts
 * since. A fleet that was never planned is not ready. @throws FLT_UNKNOWN_TENANT
 */
export async function readReady(
  deps: ActivityDeps,
  { fleet }: AdminContext,
  { migration, tenant }: AdminArgs['ready'],
): Promise<AdminAnswers['ready']> {
  const found = await notReady(deps.control, fleet, migration.replace(/\.[cm]?[jt]s$/, ''), tenant, SAMPLE);
  if (tenant !== undefined && found.known === 0)
    throw new FlotillaError('FLT_UNKNOWN_TENANT', `No plan and no rollout of this fleet has held a tenant "${tenant}".`, { tenant });
  return { ready: found.known > 0 && found.missing === 0, missing: found.missing, sample: found.sample };
}
