/** What one try on one tenant has come to, when somebody waits for that tenant alone. */

import type { ListResult, TenantException } from './outcome.js';

export type Try =
  | { readonly done: 'applied' | 'upToDate' }
  | { readonly moved: NonNullable<TenantException['to']> }
  /** Nothing is wrong with the tenant: its turn has not come. */
  | { readonly again: Trouble }
  | { readonly failed: Trouble & { readonly partial: boolean } };

export interface Trouble {
  readonly code: string;
  readonly message: string;
}

/** Outcomes after which something may stay behind: a person decides before anything else runs there. */
export const isUnclear = ({ partial }: { readonly partial: boolean }): boolean => partial;

export function judgeTry(tenant: string, result: ListResult): Try {
  const { hostDown, hostBusy, filesDiffer } = result;
  if (hostDown) return { again: hostDown };
  if (hostBusy) return { again: { code: 'FLT_TENANT_BUSY', message: `${tenant}: ${hostBusy.message}.` } };
  if (filesDiffer) return { again: { code: 'FLT_MIGRATION_MISMATCH', message: filesDiffer.message } };
  const [exception] = result.exceptions;
  if (!exception) {
    if (result.next === 0) return { again: { code: 'FLT_TENANT_BUSY', message: `${tenant}: its turn has not come.` } };
    return { done: result.counts.upToDate ? 'upToDate' : 'applied' };
  }
  const { outcome, to, code = 'FLT_INTERNAL', message = `${tenant}: ${outcome}.`, partial = false } = exception;
  if (outcome === 'upToDate') return { done: outcome };
  if (outcome === 'moved' && to) return { moved: to };
  if (outcome === 'deferred') return { again: { code, message } };
  return { failed: { code, message, partial: partial || outcome === 'unknown' } };
}
