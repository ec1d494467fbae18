import { wavePage } from '../control/plan-tenants.js';
import type { Activities } from './contract.js';
import type { ActivityDeps } from './deps.js';

/** One page of a wave's tenants on one host. */
export const createLoadTenants =
  (deps: ActivityDeps): Activities['loadTenants'] =>
  ({ planId, wave, host, from, limit }) =>
    wavePage(deps.control, planId, wave, host, from, limit);
