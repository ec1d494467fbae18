/** Verbs that put right what histories say, or that go by it. Everything happens on the workers' side. */

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

const expecting = ({ expect, expectTimeoutMs }: { expect?: string | undefined; expectTimeoutMs?: number | undefined }) => ({
  ...(expect === undefined ? {} : { expect }),
  ...(expectTimeoutMs === undefined ? {} : { expectTimeoutMs }),
});
