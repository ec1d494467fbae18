/** One sentence per reason why a rollout does not move, with who can change it. */

import type { Reason } from './rollout/contract.js';

export const explain = (reason: Reason): string => `${reason.kind}: ${reason.text} (${whoChanges(reason)})`;

export function whoChanges({ kind, clears, untilMs }: Reason): string {
  if (clears === 'person') return PERSON[kind];
  return untilMs === undefined ? 'it clears by itself' : `it clears by itself at ${new Date(untilMs).toISOString()}`;
}

const AFTER_A_HALT = 'an operator: mend the cause and resume, roll back, or abort';

const PERSON: Readonly<Record<Reason['kind'], string>> = {
  operator: 'an operator: resume',
  gate: 'an operator: resume, or skip the gate',
  canary: 'an operator: resume, which goes on without that evidence',
  window: 'whoever keeps the windows of the strategy',
  freeze: 'whoever may lift the freeze',
  approval: 'whoever may approve or reject; an expired approval is asked for again by resume',
  host: 'whoever runs the host',
  files: 'whoever deploys the workers',
  budget: 'an operator: retry or skip the failed tenants, resume and accept them, roll back, or abort',
  sameError: AFTER_A_HALT,
  divergence: AFTER_A_HALT,
  deadline: AFTER_A_HALT,
  progress: 'an operator: see what the tenants in hand wait for',
  rollback: 'an operator: roll back again, by force or leaving tenants out, or abort',
  bake: 'an operator: skip the bake',
  drain: 'nobody: it ends with the tenants in hand',
  worker: 'whoever runs the workers',
  cancel: 'an operator: start anew',
};
