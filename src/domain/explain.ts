/** One sentence per reason why a rollout does not move, with who can change it. */

import type { Reason } from './rollout/contract.js';

export function explain(reason: Reason): string {
  const who = reason.clears === 'itself' ? 'it clears by itself' : 'a person has to act';
  return `${reason.kind}: ${reason.text} (${who})`;
}
