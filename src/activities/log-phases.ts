/** The worker's log says which phase of a change a tenant has gone through, or back. */

import type { Logger } from '@temporalio/common';
import { type Phased, phasesEndedBy } from '../domain/phases.js';
import type { TenantRef } from '../domain/tenant.js';
import type { MigrationRun } from '../postgres/contract.js';

/** One line for each phase that these runs have brought to its end. */
export function logPhases(
  log: Pick<Logger, 'info'>,
  { id: tenant, host }: TenantRef,
  direction: 'up' | 'down',
  files: readonly Phased[],
  runs: readonly MigrationRun[],
): void {
  if (runs.length === 0) return;
  const names = runs.map(({ name }) => name);
  for (const { change, phase, migration } of phasesEndedBy(files, names, direction))
    log.info(direction === 'up' ? 'phase done' : 'phase taken back', { tenant, host, change, phase, migration });
}
