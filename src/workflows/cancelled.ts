import { ActivityFailure } from '@temporalio/common';
import { isCancellation } from '@temporalio/workflow';

/**
 * We have cancelled it ourselves. An activity whose worker is lost before it could say so times out, and is not tried again because of the
 * cancellation: that is the same to us.
 */
export const isCancelled = (error: unknown): boolean =>
  isCancellation(error) || (error instanceof ActivityFailure && error.retryState === 'CANCEL_REQUESTED');
