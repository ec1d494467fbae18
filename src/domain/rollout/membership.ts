/** Tenants that come to a rollout's waves, or go from one to another, while it runs: substitutes of canaries, sweeps. Counts always add up. */

import { type SweepFound, sweepEvent } from '../sweep.js';
import { noTotals, type TenantState } from '../tenant.js';
import type { RolloutBook } from './book.js';
import { emptyCarry, newRecord, type WaveRecord } from './record.js';

/** Sweeps at most for tenants that came or changed while the rollout ran. */
const MOST_SWEEPS = 3;

/**
 * Canaries that were up to date prove nothing: these take their places, out of later waves. Where nobody can, the other canaries are evidence
 * enough; without any, and with somebody left to protect, a person decides.
 */
export function substituteCanaries(
  book: RolloutBook,
  canary: WaveRecord,
  instead: readonly { readonly id: string; readonly host: string; readonly wave: number }[],
  nowMs: number,
): void {
  book.changes++;
  if (instead.length === 0) {
    if (canary.carry!.totals.applied === 0 && book.nextWave() !== undefined)
      book.pauses.set('canary', {
        text: `wave "${canary.plan.name}": every canary was up to date already, and no other tenant can be one; go on without with "flotilla resume"`,
        sinceMs: nowMs,
      });
    return;
  }
  for (const { id, host, wave } of instead) {
    takeOut(book.waves[wave]!, id, 'pending');
    const hosts = canary.plan.hosts.map((it) => (it.host === host ? { ...it, tenants: it.tenants + 1 } : it));
    canary.plan = { ...canary.plan, hosts, tenants: canary.plan.tenants + 1 };
  }
  const { carry } = canary;
  canary.carry = { ...carry!, totals: { ...carry!.totals, pending: carry!.totals.pending + instead.length } };
  Object.assign(canary, { settled: false, state: 'waiting', bakeLeftMs: 0 });
}

/** Whether tenants may have come or changed that should follow now. */
export function wantsSweep({ plan, input, sweptAll, sweeps }: RolloutBook): boolean {
  const { policy, selection } = plan!.summary;
  const open = input.rollbackOf === undefined && selection?.tenants === undefined;
  return policy.membership === 'catchUp' && open && !sweptAll && sweeps < MOST_SWEEPS;
}

/** What a sweep has found: tenants for one more wave, how those stand that no wave holds, and what it could not look at. */
export function takeSweep(book: RolloutBook, found: SweepFound, nowMs: number): void {
  book.sweeps++;
  const known = new Set(book.findings.map(({ message }) => message));
  book.findings.push(...found.findings.filter(({ message }) => !known.has(message)));
  if (found.outside) book.outside = found.outside;
  for (const { id, wave } of found.retaken) {
    const from = book.waves[wave]!;
    takeOut(from, id, from.carry?.troubled[id]?.state ?? 'pending');
  }
  if (found.wave) book.waves.push(newRecord(found.wave));
  else book.sweptAll = true;
  if (found.wave || found.findings.length > 0) book.events.push(sweepEvent(book.input.rolloutId, book.sweeps, found, nowMs));
  book.changes++;
}

/** A tenant goes from one wave to another. One that nobody is left in has nothing to run for. */
function takeOut(from: WaveRecord, id: string, state: TenantState): void {
  from.without.push(id);
  from.plan = { ...from.plan, tenants: from.plan.tenants - 1 };
  const { carry } = from;
  if (carry) {
    const { [id]: _, ...troubled } = carry.troubled;
    from.carry = { ...carry, troubled, totals: { ...carry.totals, [state]: carry.totals[state] - 1 } };
  }
  if (from.plan.tenants === 0 && from.state === 'waiting')
    Object.assign(from, { state: 'skipped', settled: true, carry: emptyCarry(noTotals()) });
}
