/** The checks of migrations that a tenant has, made again at any time: reads only, and holds no lock but its reads'. */

import type { TenantRef } from '../../domain/tenant.js';
import type { Tended } from '../../domain/tend.js';
import { failedOf, type MigrationValidation } from '../../domain/validation.js';
import type { HistoryNames, Hosts } from '../contract.js';
import { type TendedTenant, tendTenant } from '../tend/tend-tenant.js';
import { type Declared, runValidationsReadOnly } from './validate.js';

export interface ValidatedTenant extends TendedTenant {
  /** Missing where the checks could not be made. */
  readonly validations?: readonly MigrationValidation[];
}

/** A check reads as long as a migration may, and waits for a lock no longer than a moment. */
const TIMEOUTS = { lockMs: 1_000, statementMs: 15 * 60_000, idleMs: 30_000 };
const ANSWER_WITHIN_MS = TIMEOUTS.statementMs + 15_000;

export const validateTenant = (
  hosts: Hosts,
  tending: {
    readonly tenant: TenantRef;
    readonly names: HistoryNames;
    readonly extensionSchemas: readonly string[];
    readonly applicationName: string;
    readonly stop: () => boolean;
  },
  declared: readonly Declared[],
): Promise<ValidatedTenant> =>
  tendTenant(hosts, tending, async ({ client }): Promise<Tended & ValidatedTenant> => {
    const session = { ...tending, timeouts: TIMEOUTS, ownSchemas: undefined };
    const validations = await runValidationsReadOnly(client, session, declared, ANSWER_WITHIN_MS);
    const failed = validations.some(({ results }) => failedOf(results).length > 0);
    return { ...(failed ? { outcome: 'refused', code: 'FLT_VALIDATION_FAILED' } : { outcome: 'done' }), validations };
  });
