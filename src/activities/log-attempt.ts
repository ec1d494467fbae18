/** The worker's log says of each attempt that did not go through what stopped it, and where. */

import type { Logger } from '@temporalio/common';
import type { TenantRef } from '../domain/tenant.js';
import type { AttemptResult, Direction } from '../postgres/contract.js';

/** One line for an attempt that failed, or was put off; the SDK adds the number of the activity's attempt. Silent where all went well. */
export function logAttempt(
  log: Pick<Logger, 'info' | 'warn'>,
  { id: tenant, host }: TenantRef,
  direction: Direction,
  { outcome, code, message, migration, partial, durationMs }: AttemptResult,
): void {
  if (code === undefined) return;
  const where = migration === undefined ? {} : { migration };
  const what = { tenant, host, ...where, direction, outcome, code, message, ...(partial ? { partial } : {}), durationMs };
  if (outcome === 'deferred') log.info('attempt deferred', what);
  else log.warn('attempt failed', what);
}
