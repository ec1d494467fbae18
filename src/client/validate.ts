/** Checks that migrations declare, made again at any time. */

import type { ErrorCode } from '../domain/error-codes.js';
import { FlotillaError } from '../domain/errors.js';
import type { AdminAnswers } from '../workflows/admin-messages.js';
import { type AdminOptions, askAdmin } from './admin.js';
import type { ClientContext } from './context.js';
import { EXIT, type ExitCode } from './exit-codes.js';

export interface ValidateOptions extends AdminOptions {
  /** Without extension. @defaultValue every one that declares checks */
  readonly migration?: string;
  /** @defaultValue every tenant of the fleet */
  readonly tenants?: readonly string[];
  /** Only tenants whose labels match, e.g. `plan=gold`. */
  readonly selector?: string;
}
export type ValidateResult = AdminAnswers['validate'];

/**
 * Makes the checks of migrations again, in each active tenant that has them, as the workers' files now declare them. Reads tenants only; what
 * comes out is stored with its numbers. A check that fails is an answer (`failed`), not an error. Safe to repeat.
 * @throws FLT_USAGE when the migration declares no checks, FLT_UNKNOWN_MIGRATION, FLT_UNKNOWN_TENANT, FLT_NO_TENANTS
 */
export function validate(context: ClientContext, { migration, tenants, selector, ...ask }: ValidateOptions): Promise<ValidateResult> {
  const args = {
    ...(migration === undefined ? {} : { migration }),
    ...(tenants?.length ? { tenants } : {}),
    ...(selector === undefined ? {} : { selector }),
  };
  return askAdmin(context, 'validate', args, ask);
}

/** Why the answer is not about everybody; undefined when it is. */
export function validateRefusal({ counts, left, findings }: ValidateResult): FlotillaError | undefined {
  const unseen = findings.filter(({ severity }) => severity === 'error');
  const [first] = [...left.map(({ code, sample }) => ({ code, message: sample })), ...unseen];
  if (!first) return undefined;
  const who = counts.unasked ? `${counts.unasked} of ${counts.tenants} tenants` : 'Some tenants';
  const code: ErrorCode = 'FLT_TENANTS_UNREACHED';
  return new FlotillaError(code, `${who} could not be asked. ${first.message}`, {
    left: left.map(({ code, sample, tenants, count }) => ({ code, message: sample, sample: tenants.slice(0, 5), tenants: count })),
  });
}

/** A check that failed says more than a tenant that could not be asked. */
export const exitOfValidate = (result: ValidateResult): ExitCode =>
  result.counts.failed ? EXIT.notReady : validateRefusal(result) ? EXIT.unavailable : EXIT.ok;
