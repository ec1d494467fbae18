import { recordEvents } from '../../control/events.js';
import { countStates } from '../../control/plan-tenants.js';
import { isErrorCode } from '../../domain/error-codes.js';
import { FlotillaError } from '../../domain/errors.js';
import type { Finding } from '../../domain/plan.js';
import type { TendVerb } from '../../domain/tend.js';
import type { Activities } from '../contract.js';
import type { ActivityDeps } from '../deps.js';
import { mergeFindings } from '../scan-findings.js';
import { unknownTenants } from '../unknown-tenants.js';

const SAMPLE = 5;

/** The last look before tenants are touched; puts the verb on record. Safe to repeat. */
export const createBeginTending =
  (deps: ActivityDeps): Activities['beginTending'] =>
  async ({ fleet, planId, verb, tenants, findings, dryRun, migration, ...ask }) => {
    const unknown = await unknownTenants(deps, planId, tenants);
    const counts = await countStates(deps.control, planId);
    const staged = Object.values(counts).reduce((n, count) => n + (count ?? 0), 0);
    const inTheWay = findings.filter((it) => standsInTheWay(it, verb, tenants, staged));
    const [first, ...more] = mergeFindings([...(unknown ? [unknown] : []), ...inTheWay]);
    if (first)
      throw new FlotillaError(
        isErrorCode(first.code) ? first.code : 'FLT_REFUSED',
        `${first.message}${more.length ? ` (and ${more.length} more)` : ''} Nothing was changed.`,
        { findings: [first, ...more].map((it) => ({ ...it })) },
      );
    if (staged === 0 && verb !== 'refresh') throw new FlotillaError('FLT_NO_TENANTS', 'The selection holds no tenant.');
    if (dryRun) return;
    const who = tenants && tenants.length <= SAMPLE ? tenants.join(', ') : `${staged} tenants`;
    const subject = migration === undefined ? who : `${migration}, ${who}`;
    await recordEvents(deps.control, fleet, undefined, [{ ...ask, verb, subject, atMs: Date.now() }]);
  };

/**
 * A list that is not sure is no list to act on: who is missing from it is missed by oversight, and who is claimed twice may be somebody else.
 * For tenants that were named, and found, it is enough that nobody is claimed twice. Refresh and validate only read, and tell what they could
 * not; but validate has nobody to ask where there is nobody.
 */
function standsInTheWay({ severity, code }: Finding, verb: TendVerb, tenants: readonly string[] | undefined, staged: number): boolean {
  if (severity !== 'error' || verb === 'refresh') return false;
  if (verb === 'validate') return staged === 0;
  return tenants === undefined || code === 'FLT_DUPLICATE_TENANT';
}
