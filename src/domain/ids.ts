/** Deterministic workflow ids and task queues (`docs/concepts.md`). Nothing else in the code spells an id. */

export const workflowIds = {
  rollout: (fleet: string) => `flotilla/${fleet}`,
  plan: (fleet: string, planId: string) => `flotilla/${fleet}/plan/${planId}`,
  wave: (fleet: string, rolloutId: string, index: number, name: string) => `flotilla/${fleet}/${rolloutId}/w${index}-${name}`,
  waveDown: (fleet: string, rolloutId: string, index: number, name: string) => `flotilla/${fleet}/${rolloutId}/w${index}-${name}-down`,
  /** Of a wave's workflow. */
  backfill: (waveId: string) => `${waveId}/backfill`,
  /** Of a rollout that runs nothing but a backfill. */
  backfillAlone: (fleet: string, rolloutId: string) => `flotilla/${fleet}/backfill/${rolloutId}`,
  tenant: (fleet: string, tenantId: string) => `flotilla/${fleet}/tenant/${tenantId}`,
  admin: (fleet: string, requestId: string) => `flotilla/${fleet}/admin/${requestId}`,
} as const;

/** Task queue for workflows and control-database activities is `queue` itself; tenant activities go to their cell's. */
export const cellQueue = (queue: string, cell: string): string => `${queue}/${cell}`;

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** An opaque id that sorts by time: `p-` for plans, `r-` for rollouts, `q-` for requests. 9 characters of time, 7 of chance. */
export function newId(prefix: 'p' | 'r' | 'q', nowMs: number, random: () => number): string {
  let time = '';
  for (let left = nowMs, i = 0; i < 9; i++, left = Math.floor(left / 32)) time = ALPHABET[left % 32] + time;
  let tail = '';
  for (let i = 0; i < 7; i++) tail += ALPHABET[Math.floor(random() * 32)];
  return `${prefix}-${time}${tail}`;
}
