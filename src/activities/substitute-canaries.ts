import { type Substitute, substituteFor, substitutesWaiting, takeIntoWave } from '../control/canary-substitutes.js';
import type { Activities } from './contract.js';
import type { ActivityDeps } from './deps.js';

/** Safe to repeat: whom it has put into the wave already, it answers again. */
export const createSubstituteCanaries =
  ({ control }: ActivityDeps): Activities['substituteCanaries'] =>
  async ({ planId, rolloutId, wave, canaries }) => {
    const before = await substitutesWaiting(control, rolloutId, wave);
    if (before.length > 0) return before;
    const found: Substitute[] = [];
    for (const canary of canaries) {
      const taken = found.map(({ id }) => id);
      const substitute = await substituteFor(control, planId, rolloutId, canary, taken);
      if (substitute) found.push(substitute);
    }
    if (found.length > 0) await takeIntoWave(control, planId, rolloutId, wave, found);
    return found;
  };
