import { wavePage } from '../control/plan-tenants.js';
import { windowsOf } from '../domain/windows.js';
import type { Activities } from './contract.js';
import type { ActivityDeps } from './deps.js';

/** One page of a wave's tenants on one host. */
export const createLoadTenants =
  (deps: ActivityDeps): Activities['loadTenants'] =>
  async ({ planId, wave, host, from, limit }) => {
    const { windows } = (await deps.plans.summary(planId)).policy;
    const page = await wavePage(deps.control, planId, wave, host, from, limit);
    return page.map(({ id, labels }) => {
      const concerned = windowsOf(windows, { id, host, labels });
      return concerned.length > 0 ? { id, windows: concerned.join() } : { id };
    });
  };
