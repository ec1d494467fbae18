/** Does somebody take up the work of each cell? Told from the work that waits: poller lists stay wrong for minutes after a worker went away. */

import type { WorkflowExecutionDescription } from '@temporalio/client';
import type { Reason } from '../domain/rollout/contract.js';
import type { ClientContext } from './context.js';

/** A worker with room takes work in milliseconds. */
const TAKEN_WITHIN_MS = 10_000;

/** `PENDING_ACTIVITY_STATE_SCHEDULED` */
const SCHEDULED = 1;

/** One reason per queue whose work has waited for a worker too long, the oldest first. */
export function waitingForWorkers(context: ClientContext, descriptions: readonly WorkflowExecutionDescription[], nowMs: number): Reason[] {
  const since = new Map<string, number>();
  for (const activity of descriptions.flatMap(({ raw }) => raw.pendingActivities ?? [])) {
    const queue = activity.activityOptions?.taskQueue?.name;
    const sinceMs = Number(activity.scheduledTime?.seconds ?? 0) * 1_000;
    if (activity.state !== SCHEDULED || !queue || sinceMs === 0 || nowMs - sinceMs < TAKEN_WITHIN_MS) continue;
    since.set(queue, Math.min(sinceMs, since.get(queue) ?? Number.POSITIVE_INFINITY));
  }
  return [...since].sort(([, a], [, b]) => a - b).map(([queue, sinceMs]) => reasonFor(context, queue, sinceMs));
}

function reasonFor({ taskQueue }: ClientContext, queue: string, sinceMs: number): Reason {
  const cell = queue.startsWith(`${taskQueue}/`) ? queue.slice(taskQueue.length + 1) : undefined;
  const whose = cell === undefined ? `on "${queue}"` : `of cell "${cell}"`;
  const text = `no worker takes up the work ${whose}: none is there, or each is full`;
  return { kind: 'worker', text, clears: 'person', sinceMs, ...(cell === undefined ? {} : { cell }) };
}
