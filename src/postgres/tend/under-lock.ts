/** One tenant's bookkeeping, read and changed in one transaction under the tenant's lock and Knex's: what no rollout and no Knex sees half of. */

import { setTimeout as delay } from 'node:timers/promises';
import type { ErrorCode } from '../../domain/error-codes.js';
import { FlotillaError } from '../../domain/errors.js';
import type { TenantRef } from '../../domain/tenant.js';
import type { Tended } from '../../domain/tend.js';
import { CREATED_BY_ANOTHER, NotNow, type OpenRow, openedState } from '../attempt.js';
import type { HistoryNames, Hosts, TenantSession } from '../contract.js';
import type { TenantState } from '../ledger.js';
import { openTransaction } from '../messages.js';
import { queryEach } from '../query-each.js';
import { classify, describePostgresError } from '../sqlstate.js';

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

export interface TendedTenant extends Tended {
  /** Nobody's trouble in particular: the host's other tenants would fare the same. */
  readonly ofHost?: true;
}

const TRIES = 4;
/** Bookkeeping is small: whoever waits longer stands behind somebody's lock. */
const TIMEOUTS = { lockMs: 1_000, statementMs: 30_000, idleMs: 30_000 };
const ANSWER_WITHIN_MS = 45_000;

/**
 * Decides on the tenant's state as it stands under the lock, and commits what the decision writes. A tenant that is busy, or that Knex holds,
 * is tried a few times, then named. What `decide` throws is a refusal. Safe to repeat as far as `decide` recognises its own work: a COMMIT
 * whose answer was lost is tried again.
 */
export async function underLock(hosts: Hosts, tending: Tending, decide: (state: TenantState) => Decision): Promise<TendedTenant> {
  for (let tries = 1; ; tries++) {
    try {
      return await hosts.withTenant(tending.tenant, (session) => once(session, tending, decide));
    } catch (error) {
      const { again, tended } = judge(tending.tenant, error);
      if (!again || tries >= TRIES || tending.stop()) return tended;
      await delay(50 + Math.random() * 150 * tries);
    }
  }
}

async function once(
  session: TenantSession,
  { tenant, names, ...more }: Tending,
  decide: (state: TenantState) => Decision,
): Promise<Tended> {
  const { client } = session;
  const ownSchemas = tenant.schema === undefined ? undefined : [tenant.schema];
  const opening = openTransaction({ ...more, tenant, names, timeouts: TIMEOUTS, ownSchemas });
  try {
    const row = (await queryEach<OpenRow & { [column: string]: unknown }>(client, opening, ANSWER_WITHIN_MS)).at(-1)!.rows[0]!;
    const { write, ...decision } = decide(openedState(tenant, names, row));
    await queryEach(client, write === undefined ? 'rollback' : `${write}; commit`, ANSWER_WITHIN_MS);
    return decision;
  } catch (error) {
    if (session.isBroken()) session.discard();
    else await client.query('rollback').catch(() => session.discard());
    throw error;
  }
}

/** Of a host, unless the error names a tenant. */
const OF_THE_HOST: readonly ErrorCode[] = [
  'FLT_HOST_UNAVAILABLE',
  'FLT_TOO_MANY_CONNECTIONS',
  'FLT_AUTH_FAILED',
  'FLT_CONNECTION_LOST',
  'FLT_REFERENCE_UNRESOLVED',
];

/** What went wrong, and whether another moment may be better. A bug is thrown on. */
function judge({ id, host }: TenantRef, error: unknown): { readonly again: boolean; readonly tended: TendedTenant } {
  if (error instanceof NotNow) return { again: true, tended: { outcome: 'unreached', code: error.code, message: `${id}: ${error.what}.` } };
  if (error instanceof FlotillaError) {
    const { code, message, details } = error;
    if (!OF_THE_HOST.includes(code)) return { again: false, tended: { outcome: 'refused', code, message } };
    return { again: false, tended: { outcome: 'unreached', code, message, ...(details.tenant === undefined ? { ofHost: true } : {}) } };
  }
  const what = classify(error);
  if (!what) throw error;
  const { code, trouble, name } = what;
  const message = `${id}: ${describePostgresError(error as Error)}`;
  switch (trouble) {
    case 'lock':
      return { again: true, tended: { outcome: 'unreached', code, message } };
    case 'connection':
      return { again: true, tended: { outcome: 'unreached', code, message: `${id}: the connection to host "${host}" broke (${name}).` } };
    case 'host':
      return { again: false, tended: { outcome: 'unreached', code, message, ofHost: true } };
    case 'tenant':
      // Two sessions may create the same table at the same moment: Knex's own first run takes no lock for it
      return { again: CREATED_BY_ANOTHER.includes(name.split(' ')[0]!), tended: { outcome: 'refused', code, message } };
  }
}
