/** Is a workflow worker there? Told from the workflow itself: poller lists stay wrong for minutes after a worker went away. */

import type { WorkflowExecutionDescription, WorkflowHandle } from '@temporalio/client';
import { FlotillaError } from '../domain/errors.js';
import type { ClientContext } from './context.js';
import { delay } from './delay.js';
import { Detached } from './detached.js';
import { isUnanswered, toFlotillaError } from './errors.js';

/** A worker that polls takes a task in milliseconds; one that went away leaves a sticky task for up to 3 s. */
export const TAKEN_WITHIN_MS = 5_000;
const FAILING_ATTEMPTS = 4;

export interface TaskProbe {
  /** Key of the workflow task that no worker has begun; undefined when none waits. */
  readonly waiting?: string;
  /** Above 1: workflow code failed and is tried again. */
  readonly attempt: number;
}

export function probeTask(description: WorkflowExecutionDescription): TaskProbe {
  const task = description.raw.pendingWorkflowTask;
  if (!task) return { attempt: 0 };
  const attempt = Number(task.attempt ?? 1);
  const scheduled = task.originalScheduledTime ?? task.scheduledTime;
  return task.startedTime?.seconds ? { attempt } : { attempt, waiting: String(scheduled?.seconds ?? 0) };
}

export const noWorkflowWorker = (context: ClientContext, more = ''): FlotillaError =>
  new FlotillaError('FLT_NO_WORKFLOW_WORKER', `No workflow worker takes tasks from "${context.taskQueue}".${more}`, {
    taskQueue: context.taskQueue,
    address: context.address,
    namespace: context.namespace,
  });

/**
 * Result of a short workflow that this call started. When no worker takes it up for 5 s, it is terminated, so that it does not run later
 * with nobody waiting. @throws FLT_NO_WORKFLOW_WORKER, or what the workflow failed with
 */
export async function resultOfTaken<T>(context: ClientContext, handle: WorkflowHandle, signal?: AbortSignal): Promise<T> {
  const timer = new AbortController();
  let over = false;
  const result = (handle.result() as Promise<T>).finally(() => {
    over = true;
    timer.abort();
  });
  result.catch(() => undefined);
  const stop = () => timer.abort();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    let waitingSince: { key: string; atMs: number } | undefined = { key: 'first', atMs: Date.now() };
    for (let first = true; !over && !signal?.aborted; first = false) {
      await delay(first ? TAKEN_WITHIN_MS : 1_000, timer.signal);
      if (over || signal?.aborted) break;
      const probe = await handle.describe().then(probeTask, () => ({ attempt: 0 }) as TaskProbe);
      if (over) break;
      if (probe.attempt >= FAILING_ATTEMPTS && probe.waiting === undefined) throw await failing(context, handle, probe.attempt);
      if (probe.waiting === undefined) waitingSince = undefined;
      else if (first && probe.attempt <= 1) await giveUp(context, handle);
      else if (waitingSince?.key !== probe.waiting) waitingSince = { key: probe.waiting, atMs: Date.now() };
      else if (Date.now() - waitingSince.atMs > TAKEN_WITHIN_MS) {
        if (probe.attempt >= FAILING_ATTEMPTS) throw await failing(context, handle, probe.attempt);
        await giveUp(context, handle);
      }
    }
    if (signal?.aborted && !over) throw new Detached();
    return await result;
  } catch (error) {
    throw error instanceof Detached ? error : toFlotillaError(context, error);
  } finally {
    signal?.removeEventListener('abort', stop);
    timer.abort();
  }
}

async function giveUp(context: ClientContext, handle: WorkflowHandle): Promise<never> {
  await handle.terminate('flotilla: no workflow worker took this within 5 s, so nothing was done').catch(() => undefined);
  throw noWorkflowWorker(context, ' Nothing was done.');
}

async function failing(context: ClientContext, handle: WorkflowHandle, attempt: number): Promise<FlotillaError> {
  await handle.terminate('flotilla: workflow code keeps failing').catch(() => undefined);
  return new FlotillaError('FLT_INTERNAL', `Workflow code failed ${attempt} times in a row; the worker's log says why. Nothing was done.`, {
    workflowId: handle.workflowId,
    taskQueue: context.taskQueue,
  });
}

/** Answer of a query, or undefined when nobody answered within the time. */
export async function queryWithin<T>(
  context: ClientContext,
  handle: WorkflowHandle,
  name: string,
  withinMs: number,
): Promise<T | undefined> {
  try {
    return await context.temporal.withDeadline(Date.now() + withinMs, () => handle.query<T>(name));
  } catch (error) {
    if (isUnanswered(error)) return undefined;
    throw toFlotillaError(context, error);
  }
}
