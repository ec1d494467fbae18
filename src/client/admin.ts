/** Verbs that are no message to a rollout: answered on the workers' side by a short workflow, so that the caller needs only Temporal. */

import { workflowIds } from '../domain/ids.js';
import type { AdminAnswers, AdminArgs } from '../workflows/admin-messages.js';
import { type AdminInput, type AdminVerb, WORKFLOWS } from '../workflows/messages.js';
import { searchAttribute } from '../workflows/search-attributes.js';
import { toAsk } from './ask.js';
import type { AskOptions, ClientContext } from './context.js';
import { guarded } from './errors.js';
import { resultOfTaken } from './probe.js';

/** Sends one admin verb. The same requestId gets the first answer for as long as Temporal keeps it. @throws FLT_NO_WORKFLOW_WORKER */
export async function askAdmin<V extends AdminVerb>(
  context: ClientContext,
  verb: V,
  args: AdminArgs[V],
  options: AskOptions = {},
): Promise<AdminAnswers[V]> {
  const ask = toAsk(context, options);
  const input: AdminInput = {
    ...ask,
    fleet: context.fleet,
    taskQueue: context.taskQueue,
    verb,
    args: { ...args } as Record<string, unknown>,
  };
  const handle = await guarded(context, () =>
    context.temporal.workflow.start(WORKFLOWS.admin, {
      workflowId: workflowIds.admin(context.fleet, ask.requestId),
      taskQueue: context.taskQueue,
      args: [input],
      workflowIdConflictPolicy: 'USE_EXISTING',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE_FAILED_ONLY',
      typedSearchAttributes: [{ key: searchAttribute.fleet, value: context.fleet }],
      staticSummary: `${verb}, asked by ${ask.actor}`,
    }),
  );
  return resultOfTaken<AdminAnswers[V]>(context, handle);
}
