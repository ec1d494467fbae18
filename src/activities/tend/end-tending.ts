import { forgetUnmade } from '../../control/plans.js';
import type { Activities } from '../contract.js';
import type { ActivityDeps } from '../deps.js';

/** Forgets whom the verb had staged: it was never to become a plan. Safe to repeat. */
export const createEndTending =
  (deps: ActivityDeps): Activities['endTending'] =>
  ({ planId }) =>
    forgetUnmade(deps.control, planId);
