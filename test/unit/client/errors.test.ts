import { ServiceError, WorkflowFailedError } from '@temporalio/client';
import { ActivityFailure, ApplicationFailure, RetryState, TerminatedFailure, WorkflowNotFoundError } from '@temporalio/common';
import { expect, it } from 'vitest';
import { failureInside, isUnanswered, toFlotillaError } from '../../../src/client/errors.js';
import { FlotillaError } from '../../../src/domain/errors.js';

const at = { address: 'temporal.example:7233', namespace: 'prod' };

/** An error as the SDK throws it: a ServiceError around what grpc-js gave. */
const grpc = (code: number, details: string) =>
  new ServiceError('Failed', { cause: Object.assign(new Error(details), { code, details, metadata: {} }) });

it.each([
  [14, 'No connection established', 'FLT_TEMPORAL_UNAVAILABLE'],
  [4, 'Deadline exceeded', 'FLT_TEMPORAL_UNAVAILABLE'],
  [16, 'Request unauthorized.', 'FLT_TEMPORAL_REFUSED'],
  [7, 'Request unauthorized.', 'FLT_TEMPORAL_REFUSED'],
  [5, 'Namespace prod is not found.', 'FLT_TEMPORAL_REFUSED'],
  [3, 'Namespace prod has no mapping defined for search attribute FlotillaFleet', 'FLT_SEARCH_ATTRIBUTES_MISSING'],
  [13, 'boom', 'FLT_INTERNAL'],
])('takes gRPC status %d "%s" as %s', (code, text, expected) => {
  expect(toFlotillaError(at, grpc(code, text)).code).toBe(expected);
});

it('finds the catalogue error that an activity ended a workflow with', () => {
  const inner = ApplicationFailure.create({ type: 'FLT_NO_CELL_WORKER', message: 'no worker for cell "us"', details: [{ cell: 'us' }] });
  const activity = new ActivityFailure('failed', 'hello', '1', RetryState.NON_RETRYABLE_FAILURE, 'w', inner);
  const error = toFlotillaError(at, new WorkflowFailedError('failed', activity, RetryState.NON_RETRYABLE_FAILURE));
  expect(error).toMatchObject({ code: 'FLT_NO_CELL_WORKER', message: 'no worker for cell "us"', details: { cell: 'us' } });
});

it('says so when a workflow was terminated before it answered', () => {
  const error = toFlotillaError(at, new WorkflowFailedError('failed', new TerminatedFailure('x'), RetryState.NON_RETRYABLE_FAILURE));
  expect(error.code).toBe('FLT_TERMINATED');
});

it('takes a workflow that is not there as "no open rollout"', () => {
  expect(toFlotillaError(at, new WorkflowNotFoundError('x', 'flotilla/shop', undefined)).code).toBe('FLT_NO_OPEN_ROLLOUT');
});

it('passes catalogue errors through unchanged', () => {
  const error = new FlotillaError('FLT_USAGE', 'x');
  expect(toFlotillaError(at, error)).toBe(error);
});

it('does not take foreign failure types for codes', () => {
  expect(failureInside(ApplicationFailure.create({ type: 'TypeError', message: 'x' }))).toBeUndefined();
});

it.each([
  [4, true],
  [1, true],
  [9, true],
  [14, false],
  [5, false],
])('a query that failed with status %d went unanswered: %s', (code, expected) => expect(isUnanswered(grpc(code, 'x'))).toBe(expected));
