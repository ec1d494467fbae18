/** The workflow beside a wave that shows how far its backfills have come. */

import { CancellationScope, ParentClosePolicy, startChild, workflowInfo } from '@temporalio/workflow';
import { workflowIds } from '../domain/ids.js';
import type { WaveInput } from '../domain/wave/contract.js';
import { backfillWorkflow } from './backfill.js';

/** Begins it. What it answers ends it, and waits until it has ended: the next run of the wave begins it anew under the same id. */
export async function watchBackfills({ rolloutId, wave, taskQueue }: WaveInput): Promise<() => Promise<void>> {
  const scope = new CancellationScope();
  const child = await scope.run(() =>
    startChild(backfillWorkflow, {
      workflowId: workflowIds.backfill(workflowInfo().workflowId),
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      staticSummary: `backfills of wave ${wave.name}: how far they have come`,
      typedSearchAttributes: workflowInfo().typedSearchAttributes,
      args: [{ rolloutId, wave: wave.index, taskQueue }],
    }),
  );
  // Somebody may have terminated it: the wave does not need it
  const ended = child.result().then(
    () => undefined,
    () => undefined,
  );
  return async () => {
    scope.cancel();
    await ended;
  };
}
