/** What Flotilla reads of each host by itself, with the limits it holds against: numbers that a healthy server stays under. */

/** On unless a strategy turns them off. */
export const HOST_CHECKS = ['replicationLag', 'lockWaits', 'oldestTransaction', 'connections', 'walQueue', 'invalidIndexes'] as const;
export type HostCheck = (typeof HOST_CHECKS)[number];

export interface HostCheckRow {
  readonly means: string;
  readonly unit: string;
  readonly throttle: number;
  readonly abort?: number;
  /** Why these limits. */
  readonly why: string;
}

export const HOST_CHECK_TABLE: Readonly<Record<HostCheck, HostCheckRow>> = {
  replicationLag: {
    means: 'the furthest that a standby is behind in replaying',
    unit: 's',
    throttle: 10,
    abort: 300,
    why: 'readers of a standby see old data; minutes behind, a failover loses too much',
  },
  lockWaits: {
    means: 'sessions that have waited for a lock for more than a second',
    unit: 'sessions',
    throttle: 5,
    abort: 50,
    why: 'our own waits end after the lock time-out, so these are the traffic',
  },
  oldestTransaction: {
    means: 'age of the oldest transaction, Flotilla’s own left out',
    unit: 's',
    throttle: 600,
    abort: 3_600,
    why: 'it holds back vacuum, and every lock it took',
  },
  connections: {
    means: 'connections in use, of max_connections',
    unit: '%',
    throttle: 80,
    abort: 95,
    why: 'the application must still get one',
  },
  walQueue: {
    means: 'WAL files that wait to be archived',
    unit: 'files',
    throttle: 42,
    abort: 500,
    why: 'the archive does not keep up; 42 is the limit of GitLab’s batched migrations',
  },
  invalidIndexes: {
    means: 'invalid indexes that nobody is building, beyond those there were at first',
    unit: 'indexes',
    throttle: 0,
    abort: 10,
    why: 'each is a build that has failed and costs every write since',
  },
};
