import { stagedIds } from '../control/plan-tenants.js';
import type { Finding } from '../domain/plan.js';
import type { ActivityDeps } from './deps.js';

const SAMPLE = 5;

/** Named tenants that no source knows, as a finding. */
export async function unknownTenants(
  deps: Pick<ActivityDeps, 'control'>,
  planId: string,
  tenants: readonly string[] | undefined,
): Promise<Finding | undefined> {
  if (tenants === undefined) return undefined;
  const known = new Set(await stagedIds(deps.control, planId, tenants));
  const unknown = tenants.filter((id) => !known.has(id));
  if (unknown.length === 0) return undefined;
  return {
    severity: 'error',
    code: 'FLT_UNKNOWN_TENANT',
    message: `The fleet has no tenant ${unknown
      .slice(0, SAMPLE)
      .map((id) => `"${id}"`)
      .join(', ')}${unknown.length > SAMPLE ? `, and ${unknown.length - SAMPLE} more` : ''}.`,
    tenants: unknown.length,
    sample: unknown.slice(0, SAMPLE),
  };
}
