/** Makes a cloned or restored schema the configured tenant's own. What was applied before stays, and is never rolled back by its counters. */

import type { TenantRef } from '../../domain/tenant.js';
import type { HistoryNames } from '../contract.js';
import type { TenantState } from '../ledger.js';
import type { By } from './by.js';
import { identify } from './identify.js';
import type { Decision } from './under-lock.js';

export interface Adoption extends By {
  readonly tenant: TenantRef;
  readonly names: HistoryNames;
}

export function decideAdopt(order: Adoption, state: TenantState): Decision {
  const { tenant, requestId } = order;
  if (!state.hasLedger) return { outcome: 'unchanged', message: `${tenant.id}: Flotilla was never there; there is nothing to adopt.` };
  const newest = state.rows.findLast((row) => row.kind === 'identity');
  if (state.tenant === tenant.id && !state.copied)
    return newest?.rollout === requestId
      ? { outcome: 'done', message: `${tenant.id}: adopted.` }
      : { outcome: 'unchanged', message: `${tenant.id}: its ledger names it already.` };
  return { outcome: 'done', message: `${tenant.id}: ${whatItWas(order, state)}.`, write: identify(order) };
}

function whatItWas({ tenant, fleet }: Adoption, state: TenantState): string {
  if (state.tenant === tenant.id) return 'was restored from a dump, or copied';
  return `was tenant "${state.tenant}"${state.fleet === fleet ? '' : ` of fleet "${state.fleet}"`}${state.copied ? ', copied' : ''}`;
}
