/** The workflows that show how far backfills have come: one beside each wave, or one beside a rollout that is nothing but a backfill. */

import { getExternalWorkflowHandle, ParentClosePolicy, startChild, workflowInfo } from '@temporalio/workflow';
import { workflowIds } from '../domain/ids.js';
import type { Tuning } from '../domain/tuning.js';
import type { WaveInput } from '../domain/wave/contract.js';
import { backfillWorkflow } from './backfill.js';
import type { BackfillInput, RolloutInput } from './messages.js';

/** Ends what was begun, and waits until it has ended. */
export type EndWatch = () => Promise<void>;

/** Begins it. The next run of the wave begins it anew under the same id. */
export const watchBackfills = ({ rolloutId, wave, taskQueue, tuning }: WaveInput): Promise<EndWatch> =>
  watch(workflowIds.backfill(workflowInfo().workflowId), `backfills of wave ${wave.name}: how far they have come`, {
    rolloutId,
    wave: wave.index,
    taskQueue,
    ...lengthOf(tuning),
  });

export const watchBackfillAlone = ({ fleet, rolloutId, taskQueue, tuning }: RolloutInput, migration: string): Promise<EndWatch> =>
  watch(workflowIds.backfillAlone(fleet, rolloutId), `the backfill of ${migration}, run again: how far it has come`, {
    rolloutId,
    taskQueue,
    alone: { fleet },
    ...lengthOf(tuning),
  });

const lengthOf = (tuning: Tuning | undefined): Pick<BackfillInput, 'continueAsNewAfterEvents'> =>
  tuning?.continueAsNewAfterEvents === undefined ? {} : { continueAsNewAfterEvents: tuning.continueAsNewAfterEvents };

async function watch(workflowId: string, staticSummary: string, input: BackfillInput): Promise<EndWatch> {
  const child = await startChild(backfillWorkflow, {
    workflowId,
    parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
    staticSummary,
    typedSearchAttributes: workflowInfo().typedSearchAttributes,
    args: [input],
  });
  // Somebody may have terminated it: nobody needs it to go on
  const ended = child.result().then(
    () => undefined,
    () => undefined,
  );
  return async () => {
    // By its id: cancelling it as a child reaches its first run only, and it may have continued as new
    await getExternalWorkflowHandle(workflowId)
      .cancel()
      .catch(() => undefined);
    await ended;
  };
}
