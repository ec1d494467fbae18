/** Whether the database can bear another chunk now. */

export interface Load {
  readonly replicationLagMs: number;
  /** Statements of this database that have waited for a lock for more than a second. */
  readonly lockWaits: number;
  /** Since when a vacuum of the table that is filled has been running. */
  readonly vacuumSinceMs?: number;
}

export interface PaceLimits {
  /** Idle time after a chunk, as a share of the time it took. */
  readonly rest: number;
  readonly maxReplicationLagMs: number;
  readonly maxLockWaits: number;
  /** Waits for a vacuum of the table, but not for ever: its own writes call for the next one. */
  readonly maxVacuumWaitMs: number;
}

/** Why the next chunk waits; undefined: it does not. */
export function holdsBack({ replicationLagMs, lockWaits, vacuumSinceMs }: Load, limits: PaceLimits, nowMs: number): string | undefined {
  if (replicationLagMs > limits.maxReplicationLagMs)
    return `a replica is ${Math.round(replicationLagMs / 100) / 10} s behind (at most ${limits.maxReplicationLagMs / 1000} s)`;
  if (lockWaits > limits.maxLockWaits) return `${lockWaits} statements wait for locks (at most ${limits.maxLockWaits})`;
  if (vacuumSinceMs !== undefined && nowMs - vacuumSinceMs < limits.maxVacuumWaitMs) return 'the table is being vacuumed';
  return undefined;
}
