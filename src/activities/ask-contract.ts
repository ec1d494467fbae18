import { FlotillaError } from '../domain/errors.js';
import type { Sample } from '../domain/gates.js';
import type { Phased } from '../domain/phases.js';
import type { PlanSummary } from '../domain/plan.js';
import type { ActivityDeps } from './deps.js';
import { missing } from './judge-phases.js';

/** Whether what a contract names holds now, for whom the plan is. What is not known does not hold: the wave waits until it is. */
export async function askContract(
  deps: ActivityDeps,
  { fleet, planId, selection: { tenants } = {} }: PlanSummary,
  contract: Phased,
): Promise<Sample> {
  const scope = { fleet, planId, onlyPending: true, ...(tenants === undefined ? {} : { tenants }) };
  try {
    const found = await missing(deps, scope, contract);
    return found.length === 0
      ? { kind: 'pass' }
      : { kind: 'wait', text: found.map(({ message }) => message.replace(/\.$/, '')).join('; ') };
  } catch (error) {
    if (!(error instanceof FlotillaError)) throw error;
    return { kind: 'wait', text: error.message };
  }
}
