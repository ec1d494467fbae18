/** Ending a rollout, with what it leaves behind. */

import type { Totals } from '../domain/tenant.js';
import type { ClientContext } from './context.js';
import { delay } from './delay.js';
import { status } from './status.js';
import { type SteerOptions, type SteerResult, steer } from './steer.js';

export interface AbortResult extends SteerResult {
  /** Tenants that this rollout has moved, and that stay so; unknown while pending. */
  readonly moved?: number;
  /** Tenants that were not touched. */
  readonly untouched?: number;
}

/** Tenants in hand finish within seconds as a rule; whoever asks does not wait for longer than this. */
const ENDS_WITHIN_MS = 10_000;

/**
 * Ends the rollout; nothing is undone. Answers once it has ended, with what it leaves behind; after 10 s with how far it has come, while
 * tenants in hand still finish. Works without a worker: it is then applied when one comes. Safe to repeat with the same requestId.
 * @throws FLT_NO_OPEN_ROLLOUT, FLT_CONFIRM_NEEDED (a rollback runs)
 */
export async function abort(context: ClientContext, options: SteerOptions<'abort'> = {}): Promise<AbortResult> {
  const answer = await steer(context, 'abort', options);
  if (!answer.accepted || answer.pending) return answer;
  for (const end = Date.now() + ENDS_WITHIN_MS; ; await delay(200)) {
    const at = await status(context, answer.rolloutId);
    if (!at || at.source === 'temporal') return answer;
    if (at.open && Date.now() < end) continue;
    const moved = at.totals.applied;
    const untouched = untouchedOf(at.totals);
    const more = at.open ? ' so far; tenants in hand still finish' : '';
    const message = `${answer.message} Moved: ${moved}, untouched: ${untouched}${more}.`;
    return { ...answer, state: at.state, message, moved, untouched, next: at.next };
  }
}

const untouchedOf = ({ pending, deferred, blocked, cancelled }: Totals): number => pending + deferred + blocked + cancelled;
