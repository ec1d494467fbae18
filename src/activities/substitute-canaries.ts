import { type Substitute, substituteFor } from '../control/canary-substitutes.js';
import type { Activities } from './contract.js';
import type { ActivityDeps } from './deps.js';

/** Safe to repeat: it only reads, and nobody of a later wave is touched meanwhile. */
export const createSubstituteCanaries =
  (deps: ActivityDeps): Activities['substituteCanaries'] =>
  async ({ planId, rolloutId, canaries }) => {
    const found: Substitute[] = [];
    for (const canary of canaries) {
      const taken = found.map(({ id }) => id);
      const substitute = await substituteFor(deps.control, planId, rolloutId, canary, taken);
      if (substitute) found.push(substitute);
    }
    return found;
  };
