/** The catch-up wave: made by the rules of the plan's last wave, for tenants that nobody knew of when the plan was frozen. */

import type { PlannedWave, WaveHost } from './plan.js';

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
