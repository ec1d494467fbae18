/** Exit codes of every verb; also what `wait` makes of a rollout's state. Scripts rely on the numbers. */

import { ERROR_CODES, type ErrorCode } from '../domain/error-codes.js';
import type { RolloutState } from '../domain/rollout/contract.js';

export const EXIT = {
  /** Done, or nothing to do. */
  ok: 0,
  /** A bug in Flotilla. */
  unexpected: 1,
  /** Usage, config or spec invalid. */
  usage: 2,
  /** Refused: preflight, conflict. */
  refused: 3,
  /** Open and needs a person. */
  needsPerson: 4,
  rolledBack: 5,
  /** Still going when --timeout ran out, or accepted and pending. */
  stillGoing: 6,
  /** Drift, not ready, or pending under --check. */
  notReady: 7,
  /** Unavailable; safe to repeat. */
  unavailable: 8,
  /** Ended completedWithFailures or aborted. */
  incomplete: 9,
  /** Ctrl-C, which only detaches. */
  detached: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const byState: Record<RolloutState, ExitCode> = {
  running: EXIT.stillGoing,
  draining: EXIT.stillGoing,
  baking: EXIT.stillGoing,
  rollingBack: EXIT.stillGoing,
  awaitingApproval: EXIT.needsPerson,
  paused: EXIT.needsPerson,
  halted: EXIT.needsPerson,
  rollbackFailed: EXIT.needsPerson,
  succeeded: EXIT.ok,
  completedWithFailures: EXIT.incomplete,
  aborted: EXIT.incomplete,
  rolledBack: EXIT.rolledBack,
};

export const exitOfState = (state: RolloutState): ExitCode => byState[state];
export const exitOfError = (code: ErrorCode): ExitCode => ERROR_CODES[code].exit;
