import type { ClientContext } from './context.js';
import { type StartOptions, type StartResult, start } from './start.js';

export type BackfillOptions = Omit<StartOptions, 'to' | 'planId' | 'backfill'>;

/**
 * Runs the backfill of an applied migration once more, and nothing else: from the first row, in every tenant that has the migration, in the waves
 * of the strategy. It is a rollout like any other, with the same verbs, and one at a time; what it writes is not taken back.
 * @throws FLT_UNKNOWN_MIGRATION, FLT_NO_BACKFILL, FLT_NOT_APPLIED when no tenant has it, and the codes of `start`
 */
export const backfill = (context: ClientContext, migration: string, options: BackfillOptions = {}): Promise<StartResult> =>
  start(context, { ...options, backfill: migration });
