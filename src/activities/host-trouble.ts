/** What a failed conversation with a host means for a plan: a finding, never a failed plan. */

import { FlotillaError } from '../domain/errors.js';
import { classify, describePostgresError } from '../postgres/sqlstate.js';

/** @param what names what was being done, for the sentence. A bug is thrown on. */
export function hostTrouble(error: unknown, what: string): { readonly code: string; readonly message: string } {
  if (error instanceof FlotillaError)
    return { code: error.code, message: error.message.startsWith('tenants.') ? error.message : `${what}: ${error.message}` };
  const found = classify(error);
  if (!found) throw error;
  return { code: found.code, message: `${what}: ${describePostgresError(error as Error)}.` };
}
