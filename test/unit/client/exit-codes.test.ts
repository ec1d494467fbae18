import { expect, it } from 'vitest';
import { exitOfError, exitOfState } from '../../../src/client/exit-codes.js';
import { ERROR_CODES, type ErrorCode } from '../../../src/domain/error-codes.js';

it.each([
  ['succeeded', 0],
  ['running', 6],
  ['draining', 6],
  ['baking', 6],
  ['rollingBack', 6],
  ['awaitingApproval', 4],
  ['paused', 4],
  ['halted', 4],
  ['rollbackFailed', 4],
  ['rolledBack', 5],
  ['completedWithFailures', 9],
  ['aborted', 9],
] as const)('exits for %s with %d', (state, code) => expect(exitOfState(state)).toBe(code));

it.each([
  ['FLT_USAGE', 2],
  ['FLT_CONFIG_INVALID', 2],
  ['FLT_ROLLOUT_OPEN', 3],
  ['FLT_NO_WORKFLOW_WORKER', 8],
  ['FLT_MIGRATION_MISMATCH', 8],
  ['FLT_TEMPORAL_UNAVAILABLE', 8],
  ['FLT_INTERNAL', 1],
] as const)('exits for %s with %d', (code, exit) => expect(exitOfError(code)).toBe(exit));

it('never exits with 0 for an error', () => {
  for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) expect(exitOfError(code), code).toBeGreaterThan(0);
});
