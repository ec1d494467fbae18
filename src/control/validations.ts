/** What each check of each migration came to in each tenant, the last time that it was made. */

import type { MigrationValidation } from '../domain/validation.js';
import { ask, type ControlPool } from './control-pool.js';

export interface TenantValidation extends MigrationValidation {
  readonly tenant: string;
}

/** One statement, and none where there is nothing to store. Safe to repeat. @param rolloutId undefined: somebody asked for it */
export async function recordValidations(
  pool: ControlPool,
  fleet: string,
  rolloutId: string | undefined,
  validations: readonly TenantValidation[],
): Promise<void> {
  const rows = validations.flatMap(({ tenant, migration, results }) => results.map((result) => ({ tenant, migration, ...result })));
  if (rows.length === 0) return;
  await ask(
    pool,
    `insert into validation (fleet, tenant_id, migration, "check", passed, numbers, message, rollout_id)
     select $1, r.tenant, r.migration, r."check", r.passed, r.numbers, r.message, $2
     from jsonb_to_recordset($3::jsonb) as r (tenant text, migration text, "check" text, passed boolean, numbers jsonb, message text)
     order by 2, 3, 4
     on conflict (fleet, tenant_id, migration, "check") do update set
       passed = excluded.passed, numbers = excluded.numbers, message = excluded.message, rollout_id = excluded.rollout_id, at = now()`,
    [fleet, rolloutId ?? null, JSON.stringify(rows)],
  );
}
