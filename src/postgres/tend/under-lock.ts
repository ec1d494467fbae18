/** One tenant's bookkeeping, read and changed in one transaction under the tenant's lock and Knex's: what no rollout and no Knex sees half of. */

import type { TenantRef } from '../../domain/tenant.js';
import type { Tended } from '../../domain/tend.js';
import { type OpenRow, openedState } from '../attempt.js';
import type { HistoryNames, Hosts, TenantSession } from '../contract.js';
import type { TenantState } from '../ledger.js';
import { openTransaction } from '../messages.js';
import { queryEach } from '../query-each.js';
import { type TendedTenant, tendTenant } from './tend-tenant.js';

/** What becomes of a tenant. */
export interface Decision {
  readonly outcome: 'done' | 'unchanged';
  /** A sentence that a person should read. */
  readonly message?: string;
  /** SQL that belongs to it, in the same transaction. */
  readonly write?: string;
}

export interface Tending {
  readonly tenant: TenantRef;
  readonly names: HistoryNames;
  readonly extensionSchemas: readonly string[];
  /** application_name of the session. */
  readonly applicationName: string;
  /** Asked before another try. */
  readonly stop: () => boolean;
}

/** Bookkeeping is small: whoever waits longer stands behind somebody's lock. */
const TIMEOUTS = { lockMs: 1_000, statementMs: 30_000, idleMs: 30_000 };
const ANSWER_WITHIN_MS = 45_000;

/**
 * Decides on the tenant's state as it stands under the lock, and commits what the decision writes. A tenant that is busy, or that Knex holds,
 * is tried a few times, then named. What `decide` throws is a refusal. Safe to repeat as far as `decide` recognises its own work: a COMMIT
 * whose answer was lost is tried again.
 */
export const underLock = (hosts: Hosts, tending: Tending, decide: (state: TenantState) => Decision): Promise<TendedTenant> =>
  tendTenant(hosts, tending, (session) => once(session, tending, decide));

async function once(
  { client }: TenantSession,
  { tenant, names, ...more }: Tending,
  decide: (state: TenantState) => Decision,
): Promise<Tended> {
  const ownSchemas = tenant.schema === undefined ? undefined : [tenant.schema];
  const opening = openTransaction({ ...more, tenant, names, timeouts: TIMEOUTS, ownSchemas });
  const row = (await queryEach<OpenRow & { [column: string]: unknown }>(client, opening, ANSWER_WITHIN_MS)).at(-1)!.rows[0]!;
  const { write, ...decision } = decide(openedState(tenant, names, row));
  await queryEach(client, write === undefined ? 'rollback' : `${write}; commit`, ANSWER_WITHIN_MS);
  return decision;
}
