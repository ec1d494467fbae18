/** The worker's log says how many rows a migration moved in which tenant, so that no migration has to. */

import type { Logger } from '@temporalio/common';
import type { TenantRef } from '../domain/tenant.js';
import type { MigrationRun } from '../postgres/contract.js';

/** One line for each migration that committed and wrote rows; changes of structure alone are silent. */
export function logRowsWritten(
  log: Pick<Logger, 'info'>,
  { id: tenant, host }: TenantRef,
  direction: 'up' | 'down',
  runs: readonly MigrationRun[],
): void {
  for (const { name: migration, rows = 0, durationMs } of runs)
    if (rows > 0) log.info('rows written', { tenant, host, migration, direction, rows, durationMs: Math.round(durationMs) });
}
