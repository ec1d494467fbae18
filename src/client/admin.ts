/** Verbs that are no message to a rollout: answered on the workers' side by a short workflow, so that the caller needs only Temporal. */

import type { WorkflowHandle } from '@temporalio/client';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { FlotillaError } from '../domain/errors.js';
import { workflowIds } from '../domain/ids.js';
import type { AdminAnswers, AdminArgs } from '../workflows/admin-messages.js';
import { type AdminInput, type AdminVerb, WORKFLOWS } from '../workflows/messages.js';
import { searchAttribute } from '../workflows/search-attributes.js';
import { toAsk } from './ask.js';
import type { AskOptions, ClientContext } from './context.js';
import { guarded } from './errors.js';
import { tellProgress } from './plan-progress.js';
import { resultOfTaken } from './probe.js';

export interface AdminOptions extends AskOptions {
  /** Told about once a second what the verb is doing. */
  readonly onProgress?: ((text: string) => void) | undefined;
  /** Stops waiting; what was begun ends by itself. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Sends one admin verb. The same requestId gets the first answer for as long as Temporal keeps it.
 * @throws FLT_NO_WORKFLOW_WORKER, FLT_USAGE when the requestId was another verb's
 */
export async function askAdmin<V extends AdminVerb>(
  context: ClientContext,
  verb: V,
  args: AdminArgs[V],
  options: AdminOptions = {},
): Promise<AdminAnswers[V]> {
  const ask = toAsk(context, options);
  const input: AdminInput = {
    ...ask,
    fleet: context.fleet,
    taskQueue: context.taskQueue,
    verb,
    args: { ...args } as Record<string, unknown>,
  };
  const handle = await guarded(context, () => startOrFind(context, input));
  if (options.requestId !== undefined) await refuseOtherVerb(context, handle, input);
  const over = new AbortController();
  if (options.onProgress) void tellProgress(handle, options.onProgress, over.signal);
  try {
    return await resultOfTaken<AdminAnswers[V]>(context, handle, options.signal);
  } finally {
    over.abort();
  }
}

/** The workflow of this request: a new one, the one that is open, or the one that has succeeded. One that has failed is tried anew. */
async function startOrFind(context: ClientContext, input: AdminInput): Promise<WorkflowHandle> {
  const workflowId = workflowIds.admin(context.fleet, input.requestId);
  try {
    return await context.temporal.workflow.start(WORKFLOWS.admin, {
      workflowId,
      taskQueue: context.taskQueue,
      args: [input],
      workflowIdConflictPolicy: 'USE_EXISTING',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE_FAILED_ONLY',
      typedSearchAttributes: [{ key: searchAttribute.fleet, value: context.fleet }],
      memo: { verb: input.verb },
      staticSummary: `${input.verb}, asked by ${input.actor}`,
    });
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return context.temporal.workflow.getHandle(workflowId);
    throw error;
  }
}

/** The first answer to another question is no answer. */
async function refuseOtherVerb(context: ClientContext, handle: WorkflowHandle, { verb, requestId }: AdminInput): Promise<void> {
  const { memo } = await guarded(context, () => handle.describe());
  if (typeof memo?.verb !== 'string' || memo.verb === verb) return;
  throw new FlotillaError('FLT_USAGE', `The request id "${requestId}" belongs to an earlier "flotilla ${memo.verb}".`, { requestId });
}
