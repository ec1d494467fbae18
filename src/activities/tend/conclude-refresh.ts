import { concludeRebuilt } from '../../control/rebuild.js';
import type { Activities } from '../contract.js';
import type { ActivityDeps } from '../deps.js';

/** Safe to repeat. */
export const createConcludeRefresh =
  (deps: ActivityDeps): Activities['concludeRefresh'] =>
  ({ fleet }) =>
    concludeRebuilt(deps.control, fleet);
