/** The worker's log says what each check of a migration came to in which tenant, with its numbers. */

import type { Logger } from '@temporalio/common';
import type { TenantRef } from '../domain/tenant.js';
import type { MigrationValidation } from '../domain/validation.js';

/** One line for each check that was made. Counts and checksums only, as on record. */
export function logChecks(
  log: Pick<Logger, 'info' | 'warn'>,
  { id: tenant, host }: TenantRef,
  validations: readonly MigrationValidation[] = [],
): void {
  for (const { migration, results } of validations)
    for (const { check, passed, numbers, message } of results) {
      const what = { tenant, host, migration, check, passed, numbers };
      if (passed) log.info('check passed', what);
      else log.warn('check failed', { ...what, message });
    }
}
