import { FlotillaError } from '../domain/errors.js';
import type { AdminAnswers } from '../workflows/admin-messages.js';
import { type AdminOptions, askAdmin } from './admin.js';
import type { ClientContext } from './context.js';

export interface MigrateTenantOptions extends AdminOptions {
  /** Also a pinned tenant, and while the fleet is frozen; needs a reason. @defaultValue false */
  readonly force?: boolean;
  /** Newest migration the caller knows of: a worker without it is waited for, then refused (FLT_MIGRATION_MISMATCH). */
  readonly expect?: string;
  /** How long to wait for a worker that has `expect`. @defaultValue 120000 */
  readonly expectTimeoutMs?: number;
}
export type MigrateTenantResult = AdminAnswers['migrate'];

/**
 * Brings one tenant to the newest migration that the workers have, also one that has no history yet or is still being provisioned: for
 * applications that create tenants. Beside a rollout it is safe: a tenant that the rollout has in hand is waited for, and one that is done is
 * found up to date there. Waves, gates and windows do not hold it; a freeze and a pin do. A
 * contract that the fleet is not ready for waits for it too (in `findings`): the tenant comes to where the fleet stands. Safe to repeat: the same requestId gets the first
 * answer, and any other finds what is done done.
 * @throws FLT_UNKNOWN_TENANT, FLT_TENANT_INACTIVE, FLT_PINNED, FLT_FROZEN, FLT_UNRESOLVED_FAILURE, FLT_TENANT_BUSY after 2 minutes, the codes of
 * `plan`, and the code of the migration's failure
 */
export async function migrateTenant(
  context: ClientContext,
  tenant: string,
  { force = false, expect, expectTimeoutMs, ...options }: MigrateTenantOptions = {},
): Promise<MigrateTenantResult> {
  if (force && !options.reason) throw new FlotillaError('FLT_USAGE', 'Migrating a tenant by force needs a reason.');
  const expecting = { ...(expect === undefined ? {} : { expect }), ...(expectTimeoutMs === undefined ? {} : { expectTimeoutMs }) };
  return askAdmin(context, 'migrate', { tenant, force, ...expecting }, options);
}
