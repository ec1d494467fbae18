import type { Freeze } from '../../domain/asks.js';
import type { HoldRecord } from '../../workflows/admin-messages.js';

/** A freeze or a pin as clients see it. */
export const holdRecord = ({ actor, reason, sinceMs, untilMs }: Freeze): HoldRecord => ({
  actor,
  reason,
  since: new Date(sinceMs).toISOString(),
  ...(untilMs === undefined ? {} : { until: new Date(untilMs).toISOString() }),
});
