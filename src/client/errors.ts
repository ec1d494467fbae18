/** Everything that Temporal may throw, as an error from the catalogue. Server texts are not passed on: they can hold what users typed. */

import {
  isGrpcServiceError,
  ServiceError,
  WorkflowFailedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import { ApplicationFailure, TemporalFailure, TerminatedFailure } from '@temporalio/common';
import { isErrorCode } from '../domain/error-codes.js';
import { type Details, FlotillaError } from '../domain/errors.js';
import type { ClientContext } from './context.js';

/** gRPC status numbers (https://grpc.io/docs/guides/status-codes/). */
const GRPC = {
  cancelled: 1,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** The catalogue error inside a workflow, activity or update failure: the innermost failure whose type is one of our codes. */
export function failureInside(error: unknown): FlotillaError | undefined {
  let found: FlotillaError | undefined;
  for (let at = error; at instanceof Error; at = at.cause) {
    if (!(at instanceof ApplicationFailure) || !at.type || !isErrorCode(at.type)) continue;
    const details = at.details?.[0];
    found = new FlotillaError(at.type, at.message, isDetails(details) ? details : {}, { cause: at });
  }
  return found;
}
const isDetails = (value: unknown): value is Details => typeof value === 'object' && value !== null && !Array.isArray(value);

function grpcStatus(error: unknown): { code: number; text: string } | undefined {
  for (let at = error; at instanceof Error; at = at.cause)
    if (isGrpcServiceError(at)) return { code: Number(at.code), text: at.details ?? at.message };
  return undefined;
}

/** The server took the call, and nobody behind it answered in time. */
export function isUnanswered(error: unknown): boolean {
  const status = grpcStatus(error);
  // A query with no poller fails with FAILED_PRECONDITION at once on newer servers; older ones let the deadline pass.
  return (
    status !== undefined &&
    [GRPC.deadlineExceeded, GRPC.cancelled, GRPC.failedPrecondition, GRPC.resourceExhausted].includes(status.code as 4)
  );
}

export function isNotFound(error: unknown): boolean {
  return error instanceof WorkflowNotFoundError;
}

/** Turns anything thrown by the SDK into a `FlotillaError`; one that is none of the expected is `FLT_INTERNAL`, with its cause. */
export function toFlotillaError(context: Pick<ClientContext, 'address' | 'namespace'>, error: unknown): FlotillaError {
  if (error instanceof FlotillaError) return error;
  const inside = failureInside(error);
  if (inside) return inside;
  if (error instanceof WorkflowNotFoundError) return new FlotillaError('FLT_NO_OPEN_ROLLOUT', 'No rollout of this fleet is open.');
  if (error instanceof WorkflowFailedError && error.cause instanceof TerminatedFailure)
    return new FlotillaError('FLT_TERMINATED', 'The workflow was terminated in Temporal before it answered.', {}, { cause: error });
  const where = { address: context.address, namespace: context.namespace };
  const status = grpcStatus(error);
  if (status) {
    if (/search attribute/i.test(status.text))
      return new FlotillaError(
        'FLT_SEARCH_ATTRIBUTES_MISSING',
        `The Temporal namespace "${context.namespace}" lacks Flotilla's search attributes.`,
        where,
      );
    if (status.code === GRPC.permissionDenied || status.code === GRPC.unauthenticated)
      return new FlotillaError('FLT_TEMPORAL_REFUSED', `Temporal at ${context.address} refused the credential.`, where);
    if (status.code === GRPC.notFound && /namespace/i.test(status.text))
      return new FlotillaError('FLT_TEMPORAL_REFUSED', `Temporal at ${context.address} has no namespace "${context.namespace}".`, where);
    if (([GRPC.unavailable, GRPC.deadlineExceeded, GRPC.cancelled, GRPC.resourceExhausted] as number[]).includes(status.code))
      return new FlotillaError('FLT_TEMPORAL_UNAVAILABLE', `Temporal at ${context.address} does not answer.`, where, { cause: error });
  }
  const failure = error instanceof WorkflowFailedError || error instanceof WorkflowUpdateFailedError ? error.cause : error;
  const text =
    failure instanceof TemporalFailure || failure instanceof ServiceError || failure instanceof Error ? failure.message : String(failure);
  return new FlotillaError('FLT_INTERNAL', `Unexpected answer from Temporal: ${text}`, where, { cause: error });
}

/** Runs a call, and lets nothing but catalogue errors out of it. */
export async function guarded<T>(context: Pick<ClientContext, 'address' | 'namespace'>, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw toFlotillaError(context, error);
  }
}
