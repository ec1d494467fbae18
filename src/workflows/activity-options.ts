/** Every way in which a workflow calls an activity, by name. */

import { ActivityCancellationType, type ActivityInterfaceFor, proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/contract.js';
import { cellQueue } from '../domain/ids.js';

type Proxied = ActivityInterfaceFor<Activities>;

/** Short work on the control database. Tried until it succeeds: errors that another try cannot mend come back as non-retryable. */
export const controlActivities = (taskQueue: string): Proxied =>
  proxyActivities<Activities>({
    taskQueue,
    startToCloseTimeout: '60s',
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { initialInterval: 500, backoffCoefficient: 2, maximumInterval: '10s' },
  });

/** "Is anybody there?" No answer in time is an answer. */
export const helloActivities = (taskQueue: string, timeoutMs: number): Proxied =>
  proxyActivities<Activities>({
    taskQueue,
    scheduleToStartTimeout: timeoutMs,
    startToCloseTimeout: '30s',
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { maximumAttempts: 1 },
  });

/** Discovery and scan of one cell's hosts: minutes at most, with a heartbeat. */
export const planningActivities = (taskQueue: string, cell: string): Proxied =>
  proxyActivities<Activities>({
    taskQueue: cellQueue(taskQueue, cell),
    scheduleToStartTimeout: '30s',
    startToCloseTimeout: '30m',
    heartbeatTimeout: '10s',
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { initialInterval: 500, maximumInterval: '5s', maximumAttempts: 5 },
  });

/** A list of tenants. Cancelled lists finish the tenant in hand and hand back the rest, so we wait for their answer. */
export const listActivities = (taskQueue: string, cell: string, summary: string): Proxied =>
  proxyActivities<Activities>({
    taskQueue: cellQueue(taskQueue, cell),
    startToCloseTimeout: '24h',
    heartbeatTimeout: '6s',
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { initialInterval: 500, maximumInterval: '5s', maximumAttempts: 3 },
    summary,
  });

/** Waits for a silent host for as long as it takes, in one activity instead of thousands of events. */
export const watchActivities = (taskQueue: string, cell: string, summary: string): Proxied =>
  proxyActivities<Activities>({
    taskQueue: cellQueue(taskQueue, cell),
    startToCloseTimeout: '24h',
    heartbeatTimeout: '10s',
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { initialInterval: 500, maximumInterval: '10s' },
    summary,
  });

/** Every tenant of one cell, one small transaction each. Repeated by another worker when one goes away: what is done is recognised. */
export const tendActivities = (taskQueue: string, cell: string, summary: string): Proxied =>
  proxyActivities<Activities>({
    taskQueue: cellQueue(taskQueue, cell),
    scheduleToStartTimeout: '30s',
    startToCloseTimeout: '24h',
    heartbeatTimeout: '10s',
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { initialInterval: 500, maximumInterval: '5s', maximumAttempts: 10 },
    summary,
  });

/** Comparing a wave with its canaries, one host at a time. */
export const verifyActivities = (taskQueue: string, cell: string, summary: string): Proxied =>
  proxyActivities<Activities>({
    taskQueue: cellQueue(taskQueue, cell),
    startToCloseTimeout: '30m',
    heartbeatTimeout: '10s',
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { initialInterval: 500, maximumInterval: '10s' },
    summary,
  });

/** A webhook: a few tries within a minute or so, then it is left. */
export const notifyActivities = (taskQueue: string): Proxied =>
  proxyActivities<Activities>({
    taskQueue,
    startToCloseTimeout: '30s',
    scheduleToCloseTimeout: '2m',
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { initialInterval: 1_000, backoffCoefficient: 2, maximumInterval: '15s', maximumAttempts: 5 },
  });
