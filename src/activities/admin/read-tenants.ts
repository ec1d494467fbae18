import { positionsPage } from '../../control/plan-tenants.js';
import { loadSummary } from '../../control/plans.js';
import { rolloutTenantsPage } from '../../control/rollout-tenants.js';
import { rolloutsPage } from '../../control/rollouts.js';
import { FlotillaError } from '../../domain/errors.js';
import type { AdminAnswers, AdminArgs, TenantRecord } from '../../workflows/admin-messages.js';
import type { ActivityDeps } from '../deps.js';
import type { AdminContext } from './answer-admin.js';
import { nextCursor, pageLimit } from './page.js';

/** One page of tenants, by id: of a scan (`planId`), or of a rollout (without an id, of the latest). */
export async function readTenants(
  deps: ActivityDeps,
  { fleet }: AdminContext,
  args: AdminArgs['tenants'],
): Promise<AdminAnswers['tenants']> {
  const limit = pageLimit(args.limit);
  const after = args.after ?? '';
  const tenants =
    args.planId === undefined
      ? await ofRollout(deps, fleet, args, after, limit)
      : await ofScan(deps, fleet, args.planId, args, after, limit);
  return { tenants, ...nextCursor(tenants, limit, (tenant) => tenant.id) };
}

async function ofScan(
  deps: ActivityDeps,
  fleet: string,
  planId: string,
  { states }: AdminArgs['tenants'],
  after: string,
  limit: number,
): Promise<readonly TenantRecord[]> {
  const summary = await loadSummary(deps.control, planId);
  if (summary?.fleet !== fleet) throw new FlotillaError('FLT_PLAN_NOT_FOUND', `There is no plan ${planId}.`, { planId });
  const rows = await positionsPage(deps.control, planId, states, after, limit);
  return rows.map(({ id, host, database, schema, state, reason, position, pending }) => ({
    id,
    host,
    ...place(database, schema),
    applied: position,
    pending,
    state,
    ...(reason === null ? {} : reason.startsWith('FLT_') ? { code: reason } : { message: reason }),
  }));
}

async function ofRollout(
  deps: ActivityDeps,
  fleet: string,
  { rolloutId, states }: AdminArgs['tenants'],
  after: string,
  limit: number,
): Promise<readonly TenantRecord[]> {
  const id = rolloutId ?? (await rolloutsPage(deps.control, fleet, undefined, 1))[0]?.id;
  if (id === undefined) return [];
  const rows = await rolloutTenantsPage(deps.control, fleet, id, states, after, limit);
  return rows.map(({ id, host, database, schema, state, wave, code, message }) => ({
    id,
    host,
    ...place(database, schema),
    state,
    ...(wave === null ? {} : { wave }),
    ...(code === null ? {} : { code }),
    ...(message === null ? {} : { message }),
  }));
}

export const place = (database: string | null, schema: string | null): Pick<TenantRecord, 'database' | 'schema'> => ({
  ...(database === null ? {} : { database }),
  ...(schema === null ? {} : { schema }),
});
