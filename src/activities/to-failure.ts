/** The only place where errors cross into Temporal. What leaves here is stored in histories and shown in the UI: no secret, no row value. */

import { Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { ERROR_CODES } from '../domain/error-codes.js';
import { FlotillaError } from '../domain/errors.js';
import { classify, describePostgresError } from '../postgres/sqlstate.js';

export interface FailureRules {
  /** Somebody waits for the answer: give up after a few tries, and at once on a bug. */
  readonly impatient?: boolean;
  /** Of this attempt, from 1. */
  readonly attempt?: number;
}

const IMPATIENT_ATTEMPTS = 5;

/** Text without anything that looks like a connection string or a password. */
export function scrub(text: string): string {
  return text
    .replace(/\b[a-z][a-z0-9+.-]*:\/\/\S+/gi, '<connection string>')
    .replace(/\b(password|passwd|pwd|secret|token|api[_-]?key)(["']?\s*[=:]\s*)("[^"]*"|'[^']*'|\S+)/gi, '$1$2<hidden>');
}

/**
 * Turns anything thrown into what Temporal may keep: `type` is the catalogue's code, `details[0]` the error's scrubbed details. Causes are
 * dropped: the driver's errors carry rows and statements.
 */
function toFailure(error: unknown, rules: FailureRules = {}): Error {
  if (error instanceof CancelledFailure) return error;
  if (error instanceof ApplicationFailure) return error;
  const spent = rules.impatient === true && (rules.attempt ?? 1) >= IMPATIENT_ATTEMPTS;
  if (error instanceof FlotillaError)
    return ApplicationFailure.create({
      type: error.code,
      message: scrub(error.message),
      nonRetryable: ERROR_CODES[error.code].retried === 'no' || spent,
      details: [JSON.parse(scrub(JSON.stringify(error.details)))],
    });
  const postgres = classify(error);
  if (postgres)
    return ApplicationFailure.create({
      type: postgres.code,
      message: scrub(describePostgresError(error as Error)),
      nonRetryable: ERROR_CODES[postgres.code].retried === 'no' || spent,
    });
  const name = error instanceof Error ? error.name : typeof error;
  return ApplicationFailure.create({
    type: 'FLT_INTERNAL',
    message: scrub(`${name}: ${error instanceof Error ? error.message : 'something that is no Error was thrown'}`),
    nonRetryable: rules.impatient === true || spent,
  });
}

/** The activity, with every error translated. A bug is logged with its stack, for the one who has the worker's log. */
export function translated<Args extends readonly unknown[], Result>(
  activity: (...args: Args) => Promise<Result>,
  rules: Pick<FailureRules, 'impatient'> = {},
): (...args: Args) => Promise<Result> {
  return async (...args) => {
    try {
      return await activity(...args);
    } catch (error) {
      const { info, log } = Context.current();
      const failure = toFailure(error, { ...rules, attempt: info.attempt });
      if (failure instanceof ApplicationFailure && failure.type === 'FLT_INTERNAL')
        log.error('an activity failed in a way that Flotilla does not expect', {
          activity: info.activityType,
          stack: scrub(error instanceof Error ? (error.stack ?? '').split('\n').slice(1).join('\n') : ''),
        });
      throw failure;
    }
  };
}
