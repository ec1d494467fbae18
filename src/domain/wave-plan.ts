/** Who goes in which wave: canaries first, then the waves in order, first match wins. Pure; the same input gives the same plan. */

import type { IntOrPercent } from '../spec/strategy.js';
import type { Canary, Finding, PlannedWave, WaveHost } from './plan.js';
import type { ResolvedStrategy, ResolvedWave } from './resolve-strategy.js';
import { seededOrder } from './seeded.js';
import { matchesSelector, type Selectable } from './selectors.js';

export interface Candidate extends Selectable {
  readonly cell: string;
}

/** A tenant's place: its position among the tenants of its wave and host, from 0. */
export interface Placed {
  readonly id: string;
  readonly wave: number;
  readonly ordinal: number;
}

export interface WavePlanRequest {
  readonly pending: readonly Candidate[];
  readonly hosts: Readonly<Record<string, { readonly maxConcurrency?: number }>>;
  readonly strategy: ResolvedStrategy;
  /** Seeds the choice of canaries, so that it rotates between rollouts and stays within one. */
  readonly planId: string;
}

export interface WavePlan {
  readonly waves: readonly PlannedWave[];
  readonly placements: readonly Placed[];
  readonly findings: readonly Finding[];
  /** Pending tenants that no wave selects; none when `unmatched` is `remainder`. */
  readonly unmatched: readonly string[];
  /** Failures that the whole rollout bears. */
  readonly maxFailures?: number;
}

const MAX_CANARIES = 20;

/** An integer as it is; a percentage of the whole, rounded down. */
export function resolveCount(value: IntOrPercent, whole: number): number {
  return typeof value === 'number' ? value : Math.floor((Number.parseFloat(value) * whole) / 100 + 1e-9);
}

export function planWaves(request: WavePlanRequest): WavePlan {
  const { strategy } = request;
  const findings: Finding[] = [];
  const canaries = chooseCanaries(request);
  const chosen = new Set(canaries.map(({ tenant }) => tenant));
  let left = request.pending.filter((tenant) => !chosen.has(tenant.id));
  const afterCanaries = left;
  const groups: { readonly wave: ResolvedWave; readonly tenants: readonly Candidate[]; readonly canary: boolean }[] = [];
  if (strategy.canary && canaries.length > 0)
    groups.push({
      wave: { name: 'canary', maxFailures: 0, minFailures: 0, maxConcurrency: 1, maxConcurrencyPerHost: 1, bakeMs: strategy.canary.bakeMs },
      tenants: canaries.map(({ tenant }) => request.pending.find((it) => it.id === tenant)!),
      canary: true,
    });
  else if (strategy.canary && request.pending.length > 0)
    findings.push({
      severity: 'error',
      code: 'FLT_NO_CANARY',
      message: `None of the ${request.pending.length} pending tenants may be a canary.`,
      tenants: request.pending.length,
    });
  for (const wave of strategy.waves) {
    const fits = (tenant: Candidate) => !wave.selector || matchesSelector(wave.selector, tenant);
    const matching = left.filter(fits);
    // A percentage is of what the selector means, not of what earlier waves left of it
    const size = wave.size === undefined ? matching.length : atLeastOne(wave.size, afterCanaries.filter(fits).length);
    const tenants = matching.slice(0, size);
    const taken = new Set(tenants.map((tenant) => tenant.id));
    left = left.filter((tenant) => !taken.has(tenant.id));
    if (tenants.length > 0) groups.push({ wave, tenants, canary: false });
  }
  let unmatched: readonly string[] = left.map((tenant) => tenant.id);
  if (left.length > 0 && strategy.unmatched === 'remainder') {
    groups.push({ wave: { ...strategy.waves.at(-1)!, name: 'remainder' }, tenants: left, canary: false });
    unmatched = [];
  } else if (left.length > 0 && strategy.unmatched === 'error')
    findings.push({
      severity: 'error',
      code: 'FLT_UNMATCHED_TENANTS',
      message: `${left.length} pending tenants are in no wave.`,
      tenants: left.length,
      sample: unmatched.slice(0, 5),
    });

  const placements: Placed[] = [];
  const waves = groups.map(({ wave, tenants, canary }, index): PlannedWave => {
    const hosts = byHost(request, wave, tenants);
    for (const { host } of hosts)
      tenants
        .filter((tenant) => tenant.host === host)
        .forEach((tenant, ordinal) => void placements.push({ id: tenant.id, wave: index, ordinal }));
    const resolved = resolveCount(wave.maxFailures, tenants.length);
    const maxFailures = typeof wave.maxFailures === 'string' ? Math.max(resolved, wave.minFailures) : resolved;
    if (typeof wave.maxFailures === 'string' && maxFailures === 0 && !isZero(wave.maxFailures))
      findings.push({
        severity: 'warning',
        code: 'FLT_TOLERANCE_ZERO',
        message: `Wave "${wave.name}": ${wave.maxFailures} of ${tenants.length} tenants is 0, so the first failure halts it.`,
      });
    const inFlight = Math.min(
      wave.maxConcurrency,
      hosts.reduce((n, host) => n + host.window, 0),
    );
    return {
      index,
      name: wave.name,
      canary,
      tenants: tenants.length,
      hosts,
      canaries: canary ? canaries : [],
      maxFailures,
      maxConcurrency: wave.maxConcurrency,
      worstCaseFailures: Math.min(tenants.length, canary ? maxFailures + 1 : maxFailures + inFlight),
      bakeMs: wave.bakeMs,
      approval: needsApproval(strategy.approval, wave.name, index, groups[index - 1]?.canary ?? false),
    };
  });
  return {
    waves,
    placements,
    findings,
    unmatched,
    ...(strategy.maxFailures === undefined ? {} : { maxFailures: resolveCount(strategy.maxFailures, request.pending.length) }),
  };
}

/** A wave asked for is never empty by rounding. */
const atLeastOne = (size: IntOrPercent, whole: number): number => (isZero(size) ? 0 : Math.max(1, resolveCount(size, whole)));

const isZero = (value: IntOrPercent): boolean => Number.parseFloat(String(value)) === 0;

function needsApproval(when: ResolvedStrategy['approval'], name: string, index: number, afterCanary: boolean): boolean {
  if (when === 'never') return false;
  if (when === 'everyWave') return index > 0;
  if (when === 'afterCanary') return afterCanary;
  return when.includes(name);
}

function byHost(request: WavePlanRequest, wave: ResolvedWave, tenants: readonly Candidate[]): WaveHost[] {
  const hosts = new Map<string, { cell: string; tenants: number }>();
  for (const tenant of tenants) hosts.set(tenant.host, { cell: tenant.cell, tenants: (hosts.get(tenant.host)?.tenants ?? 0) + 1 });
  return [...hosts].map(([host, { cell, tenants: n }]) => ({
    host,
    cell,
    tenants: n,
    window: Math.min(wave.maxConcurrencyPerHost, request.hosts[host]?.maxConcurrency ?? 8),
  }));
}

/** One per host, at most 20; named ones first. Zero failures in a few canaries prove little, so they are chosen for spread. */
function chooseCanaries({ pending, strategy, planId }: WavePlanRequest): Canary[] {
  if (!strategy.canary) return [];
  const { include, exclude, seed = planId, count } = strategy.canary;
  const limit = count ?? MAX_CANARIES;
  const eligible = pending.filter((tenant) => !exclude.includes(tenant.id));
  const chosen: Canary[] = eligible
    .filter((tenant) => include.includes(tenant.id))
    .map((tenant) => ({ tenant: tenant.id, host: tenant.host, reason: 'named by canary.include' }));
  const byHostName = new Map<string, Candidate[]>();
  for (const tenant of eligible) {
    const of = byHostName.get(tenant.host);
    if (of) of.push(tenant);
    else byHostName.set(tenant.host, [tenant]);
  }
  const hosts = seededOrder([...byHostName.keys()], seed, (host) => host);
  for (const host of hosts) {
    if (chosen.length >= limit) break;
    if (chosen.some((canary) => canary.host === host)) continue;
    const [tenant] = seededOrder(byHostName.get(host)!, seed, (it) => it.id);
    chosen.push({
      tenant: tenant!.id,
      host,
      reason: `drawn from the ${byHostName.get(host)!.length} pending tenants of its host, seeded by the plan`,
    });
  }
  // More asked for than there are hosts: go round again
  for (const tenant of seededOrder(eligible, seed, (it) => it.id)) {
    if (count === undefined || chosen.length >= limit) break;
    if (!chosen.some((canary) => canary.tenant === tenant.id))
      chosen.push({ tenant: tenant.id, host: tenant.host, reason: 'one more of its host, seeded by the plan' });
  }
  return chosen;
}
