/** Temporal's Request Cancellation is an order to abort; it never tears through a workflow's body. */

import { CancellationScope } from '@temporalio/workflow';

/** Runs the body so that a cancellation only calls `onCancel`. */
export async function steadily<T>(body: () => Promise<T>, onCancel: () => void): Promise<T> {
  void CancellationScope.current().cancelRequested.catch(onCancel);
  return CancellationScope.nonCancellable(body);
}
