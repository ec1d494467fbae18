/** The fleet's one rollout workflow: every rollout runs under the same id, so the latest run is the open rollout or the last one. */

import type { WorkflowExecutionDescription, WorkflowHandle } from '@temporalio/client';
import { workflowIds } from '../domain/ids.js';
import type { ClientContext } from './context.js';
import { isNotFound, toFlotillaError } from './errors.js';

export interface RolloutRun {
  readonly handle: WorkflowHandle;
  readonly runId: string;
  readonly rolloutId: string;
  readonly planId: string;
  readonly requestId: string;
  readonly actor: string;
  /** As it was started; undefined also when it was started by the id of its plan. */
  readonly backfillOf?: string;
  readonly open: boolean;
  readonly description: WorkflowExecutionDescription;
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The latest rollout that Temporal still knows of; undefined when there is none. */
export async function latestRun(context: ClientContext): Promise<RolloutRun | undefined> {
  const workflowId = workflowIds.rollout(context.fleet);
  try {
    const description = await context.temporal.workflow.getHandle(workflowId).describe();
    const memo = description.memo ?? {};
    return {
      // Bound to this run: a rollout started in the meantime must not be taken for it.
      handle: context.temporal.workflow.getHandle(workflowId, description.runId),
      runId: description.runId,
      rolloutId: text(memo.rolloutId),
      planId: text(memo.planId),
      requestId: text(memo.requestId),
      actor: text(memo.actor),
      ...(memo.backfillOf === undefined ? {} : { backfillOf: text(memo.backfillOf) }),
      open: description.status.name === 'RUNNING' || description.status.name === 'PAUSED',
      description,
    };
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw toFlotillaError(context, error);
  }
}
