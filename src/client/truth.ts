/** Verbs that put right what histories say, or that go by it. Everything happens on the workers' side. */

import { FlotillaError } from '../domain/errors.js';
import type { AdminAnswers } from '../workflows/admin-messages.js';
import { type AdminOptions, askAdmin } from './admin.js';
import type { ClientContext } from './context.js';

export interface RepairOptions extends AdminOptions {
  /** Migration whose file is accepted, without extension. */
  readonly checksum: string;
  /** Newest migration the caller knows of: a worker without it is waited for, then refused (FLT_MIGRATION_MISMATCH). */
  readonly expect?: string;
  /** How long to wait for a worker that has `expect`. @defaultValue 120000 */
  readonly expectTimeoutMs?: number;
}
export type RepairResult = AdminAnswers['repair'];

/**
 * Accepts the file of a migration as it now stands, in place of whatever tenants have applied: for the whole fleet, and until the file is
 * edited again. Changes no tenant. Stores nothing when no tenant applied it from another source. Safe to repeat.
 * @throws FLT_UNKNOWN_MIGRATION, FLT_MIGRATION_MISMATCH (the workers have different files), the codes of `plan`
 */
export function repair(context: ClientContext, { checksum, expect, expectTimeoutMs, ...options }: RepairOptions): Promise<RepairResult> {
  return askAdmin(context, 'repair', { migration: checksum, ...expecting({ expect, expectTimeoutMs }) }, options);
}

/** Which tenants a verb is meant for: named, by their labels, or all of the fleet. */
export interface SelectOptions {
  readonly tenants?: readonly string[];
  /** Only tenants whose labels match, e.g. `plan=gold`. */
  readonly selector?: string;
  /** Every tenant of the fleet: said, never meant by default. */
  readonly all?: boolean;
}

export interface BaselineOptions extends AdminOptions, SelectOptions {
  /** Migration that the tenants stand at, without extension. @defaultValue the newest file */
  readonly migration?: string;
  /** Only say what would be marked, and how the tenants differ in structure. @defaultValue false */
  readonly dryRun?: boolean;
  /** Newest migration the caller knows of: a worker without it is waited for, then refused (FLT_MIGRATION_MISMATCH). */
  readonly expect?: string;
  /** @defaultValue 120000 */
  readonly expectTimeoutMs?: number;
}
export type BaselineResult = AdminAnswers['baseline'];

/**
 * Marks tenants that never had Knex as standing at a migration: history and ledger are written, no migration runs. Each tenant in one
 * transaction, under its lock. Tenants with a history are refused one by one (`left`), and not touched. Safe to repeat.
 * @throws FLT_USAGE when nobody is selected, FLT_UNKNOWN_MIGRATION, FLT_UNKNOWN_TENANT, the codes of discovery
 */
export async function baseline(context: ClientContext, options: BaselineOptions): Promise<BaselineResult> {
  const { tenants, selector, all, migration, dryRun = false, expect, expectTimeoutMs, ...ask } = options;
  const selection = selectionOf('baseline', { tenants, selector, all });
  const args = { ...selection, ...(migration === undefined ? {} : { migration }), dryRun, ...expecting({ expect, expectTimeoutMs }) };
  return askAdmin(context, 'baseline', args, ask);
}

export interface AdoptOptions extends AdminOptions {
  readonly tenants: readonly string[];
}
export type TendedResult = AdminAnswers['adopt'];

/**
 * Makes cloned or restored schemas the configured tenants' own: from now on their ledgers name these. What was applied there before can no
 * longer be rolled back. Safe to repeat. @throws FLT_USAGE without a reason, FLT_UNKNOWN_TENANT
 */
export async function adopt(context: ClientContext, { tenants, ...ask }: AdoptOptions): Promise<TendedResult> {
  if (tenants.length === 0) throw new FlotillaError('FLT_USAGE', 'Say which tenants to adopt.');
  if (!ask.reason) throw new FlotillaError('FLT_USAGE', 'Say why these tenants are adopted.');
  return askAdmin(context, 'adopt', { tenants }, ask);
}

export type RefreshResult = AdminAnswers['refresh'];

/**
 * Rebuilds what the control database says of tenants from the tenants: where each stands, and the rollouts that it does not know. What it
 * knows is left as it is. Changes no tenant; safe to repeat. @throws FLT_ROLLOUT_OPEN, the codes of `plan`
 */
export function refresh(context: ClientContext, options: AdminOptions = {}): Promise<RefreshResult> {
  return askAdmin(context, 'refresh', {}, options);
}

export interface EjectOptions extends AdminOptions, SelectOptions {
  /** Also tenants with a half-way migration: how far it came is then lost. @defaultValue false */
  readonly force?: boolean;
}

/**
 * Drops Flotilla's own tables from tenants; Knex's history and a free lock stay. Safe to repeat.
 * @throws FLT_USAGE when nobody is selected, FLT_ROLLOUT_OPEN, FLT_UNKNOWN_TENANT, the codes of discovery
 */
export async function eject(context: ClientContext, options: EjectOptions): Promise<TendedResult> {
  const { tenants, selector, all, force = false, ...ask } = options;
  return askAdmin(context, 'eject', { ...selectionOf('eject', { tenants, selector, all }), force }, ask);
}

interface Selected {
  readonly tenants?: readonly string[] | undefined;
  readonly selector?: string | undefined;
  readonly all?: boolean | undefined;
}

/** @throws FLT_USAGE when nobody is selected, or everybody and somebody */
function selectionOf(verb: string, { tenants, selector, all }: Selected): Pick<SelectOptions, 'tenants' | 'selector'> {
  const some = tenants?.length || selector !== undefined;
  if (!some && !all) throw new FlotillaError('FLT_USAGE', `Say which tenants to ${verb}: by name, by a selector, or all.`);
  if (some && all) throw new FlotillaError('FLT_USAGE', 'All tenants and some of them cannot both be meant.');
  return { ...(tenants?.length ? { tenants } : {}), ...(selector === undefined ? {} : { selector }) };
}

const expecting = ({ expect, expectTimeoutMs }: { expect?: string | undefined; expectTimeoutMs?: number | undefined }) => ({
  ...(expect === undefined ? {} : { expect }),
  ...(expectTimeoutMs === undefined ? {} : { expectTimeoutMs }),
});
