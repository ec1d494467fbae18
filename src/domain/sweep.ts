/** The catch-up sweep. Its wave is made by the rules of the plan's last wave, for tenants that nobody knew of when the plan was frozen. */

import type { AuditEvent } from './asks.js';
import type { Finding, PlannedWave, WaveHost } from './plan.js';
import type { Totals } from './tenant.js';

/** What one sweep has found. */
export interface SweepFound {
  /** undefined: nobody follows. */
  readonly wave?: PlannedWave;
  /** States of all tenants that no wave holds; undefined: as before. */
  readonly outside?: Partial<Totals>;
  /** Tenants of earlier waves that are taken up again. */
  readonly retaken: readonly { readonly id: string; readonly wave: number }[];
  readonly findings: readonly Finding[];
}

/** Nobody asked for a sweep, but whoever reads the audit trail wants to know whom it took up, and what it could not look at. */
export function sweepEvent(rolloutId: string, number: number, { wave, findings }: SweepFound, atMs: number): AuditEvent {
  const reason = findings.map(({ code, message }) => `${code}: ${message}`).join(' ');
  return {
    actor: 'flotilla',
    verb: 'sweep',
    subject: wave ? `${wave.tenants} ${wave.tenants === 1 ? 'tenant' : 'tenants'}` : 'nobody',
    requestId: `${rolloutId}-sweep-${number}`,
    atMs,
    ...(reason ? { reason } : {}),
  };
}

export interface SweepMember {
  readonly id: string;
  readonly host: string;
  readonly cell: string;
}

/**
 * @param limits each host's own `maxConcurrency`
 * @returns undefined: nobody follows
 */
export function sweepWave(
  number: number,
  index: number,
  last: PlannedWave,
  members: readonly SweepMember[],
  limits: (host: string) => number,
): PlannedWave | undefined {
  if (members.length === 0) return undefined;
  const perHost = Math.max(1, ...last.hosts.map(({ window }) => window));
  const hosts = new Map<string, WaveHost>();
  for (const { host, cell } of members) {
    const limit = limits(host);
    const known = hosts.get(host) ?? { host, cell, tenants: 0, window: Math.min(perHost, limit), limit };
    hosts.set(host, { ...known, tenants: known.tenants + 1 });
  }
  const { maxFailures, maxConcurrency } = last;
  const inFlight = Math.min(
    maxConcurrency,
    [...hosts.values()].reduce((n, { window }) => n + window, 0),
  );
  return {
    index,
    name: number === 1 ? 'sweep' : `sweep-${number}`,
    canary: false,
    tenants: members.length,
    hosts: [...hosts.values()],
    canaries: [],
    maxFailures,
    maxConcurrency,
    worstCaseFailures: Math.min(members.length, maxFailures + inFlight),
    bakeMs: 0,
    approval: false,
  };
}
