/** Takes Flotilla's own tables out of a tenant; Knex's two stay, and its lock is free. */

import { FlotillaError } from '../../domain/errors.js';
import type { TenantRef } from '../../domain/tenant.js';
import { checkIdentity } from '../attempt.js';
import type { HistoryNames } from '../contract.js';
import { bookkeeping, type TenantState } from '../ledger.js';
import type { Decision } from './under-lock.js';

export interface Ejection {
  readonly tenant: TenantRef;
  readonly names: HistoryNames;
  /** Also when the journal of a half-way migration is lost by it. */
  readonly force: boolean;
}

/** @throws FLT_PARTIAL, FLT_IDENTITY_MISMATCH */
export function decideEject({ tenant, names, force }: Ejection, state: TenantState): Decision {
  if (!state.hasLedger) return { outcome: 'unchanged' };
  checkIdentity(tenant, state);
  // A backfill that was run again and stopped leaves nothing that anybody needs
  const half = state.steps.find(({ direction }) => direction !== 'backfill');
  if (half && !force)
    throw new FlotillaError(
      'FLT_PARTIAL',
      `${tenant.id}: ${half.direction === 'up' ? half.migration : `the down of ${half.migration}`} stopped half-way; only Flotilla's journal knows how far it came.`,
      { tenant: tenant.id, migration: half.migration },
    );
  const { ledger, step } = bookkeeping(tenant, names);
  return { outcome: 'done', write: `drop table if exists ${ledger}, ${step}` };
}
