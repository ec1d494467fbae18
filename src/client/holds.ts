/** Verbs that hold back: a freeze holds the fleet, a pin holds a tenant. Both outlive rollouts, and an open one is told at once. */

import { FlotillaError } from '../domain/errors.js';
import type { AdminAnswers, AdminArgs } from '../workflows/admin-messages.js';
import { type AdminOptions, askAdmin } from './admin.js';
import type { ClientContext } from './context.js';

export interface FreezeOptions extends AdminOptions {
  /** When it ends by itself. @defaultValue it stays until somebody lifts it */
  readonly until?: Date;
  /** End the freeze that holds now. @defaultValue false */
  readonly lift?: boolean;
}
export type FreezeResult = AdminAnswers['freeze'];

/**
 * Freezes the fleet: no tenant is moved forward, whatever else allows it, and tenants in hand finish. A rollout may be started meanwhile and waits;
 * a rollback does not. A later freeze replaces the one before. With `lift` it ends; without `lift` and without a reason this only says what
 * holds. Safe to repeat. @throws FLT_USAGE
 */
export async function freeze(context: ClientContext, { until, lift = false, ...options }: FreezeOptions): Promise<FreezeResult> {
  if (lift && until !== undefined) throw new FlotillaError('FLT_USAGE', 'A freeze is either lifted or given an end.');
  if (!lift && !options.reason) {
    if (until !== undefined) throw new FlotillaError('FLT_USAGE', 'Say why the fleet is frozen.');
    return askAdmin(context, 'freeze', {}, options);
  }
  const args: AdminArgs['freeze'] = lift ? { order: 'lift' } : { order: 'set', ...ending(until) };
  return askAdmin(context, 'freeze', args, options);
}

export interface PinOptions extends AdminOptions {
  /** @defaultValue none: only lists who is pinned */
  readonly tenants?: readonly string[];
  /** When they are let go by themselves. @defaultValue they stay until somebody unpins them */
  readonly until?: Date;
}
export type PinResult = AdminAnswers['pin'];

/**
 * Pins tenants: no rollout moves them forward, by this migration or by a later one. In an open rollout those who have not had their turn are
 * blocked; one in hand finishes. A later pin of a tenant replaces the one before. Without tenants this only lists who is pinned. Safe to repeat.
 * @throws FLT_USAGE without a reason, FLT_UNKNOWN_TENANT
 */
export async function pin(context: ClientContext, { tenants = [], until, ...options }: PinOptions): Promise<PinResult> {
  if (tenants.length === 0) {
    if (until !== undefined) throw new FlotillaError('FLT_USAGE', 'Say which tenants to pin.');
    return askAdmin(context, 'pin', {}, options);
  }
  if (!options.reason) throw new FlotillaError('FLT_USAGE', 'Say why these tenants are pinned.');
  return askAdmin(context, 'pin', { tenants: [...new Set(tenants)], ...ending(until) }, options);
}

export interface UnpinOptions extends AdminOptions {
  readonly tenants: readonly string[];
}

/** Lets pinned tenants go: an open rollout takes them up in its sweep, or the next one does. Safe to repeat. @throws FLT_USAGE when nobody is named */
export async function unpin(context: ClientContext, { tenants, ...options }: UnpinOptions): Promise<PinResult> {
  if (tenants.length === 0) throw new FlotillaError('FLT_USAGE', 'Say which tenants to unpin.');
  return askAdmin(context, 'unpin', { tenants: [...new Set(tenants)] }, options);
}

/** @throws FLT_USAGE when it is over before it begins */
function ending(until: Date | undefined): { readonly untilMs?: number } {
  if (until === undefined) return {};
  if (!(until.getTime() > Date.now())) throw new FlotillaError('FLT_USAGE', 'Expected an end that lies in the future.');
  return { untilMs: until.getTime() };
}
