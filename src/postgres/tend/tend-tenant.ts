/** A verb's work on one tenant: tried a few times where another moment may be better, and what went wrong told as the tenant's own. */

import { setTimeout as delay } from 'node:timers/promises';
import type { ErrorCode } from '../../domain/error-codes.js';
import { FlotillaError } from '../../domain/errors.js';
import type { TenantRef } from '../../domain/tenant.js';
import type { Tended } from '../../domain/tend.js';
import { CREATED_BY_ANOTHER, NotNow } from '../attempt.js';
import type { Hosts, TenantSession } from '../contract.js';
import { classify, describePostgresError } from '../sqlstate.js';

export interface TendedTenant extends Tended {
  /** Nobody's trouble in particular: the host's other tenants would fare the same. */
  readonly ofHost?: true;
}

const TRIES = 4;

/** What is thrown within a transaction leaves none behind. @param stop asked before another try */
export async function tendTenant<T extends Tended>(
  hosts: Hosts,
  { tenant, stop }: { readonly tenant: TenantRef; readonly stop: () => boolean },
  work: (session: TenantSession) => Promise<T>,
): Promise<T | TendedTenant> {
  for (let tries = 1; ; tries++) {
    try {
      return await hosts.withTenant(tenant, (session) => leavingNothing(session, work));
    } catch (error) {
      const { again, tended } = judge(tenant, error);
      if (!again || tries >= TRIES || stop()) return tended;
      await delay(50 + Math.random() * 150 * tries);
    }
  }
}

async function leavingNothing<T>(session: TenantSession, work: (session: TenantSession) => Promise<T>): Promise<T> {
  try {
    return await work(session);
  } catch (error) {
    if (session.isBroken()) session.discard();
    else await session.client.query('rollback').catch(() => session.discard());
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
