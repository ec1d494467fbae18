/**
 * Who goes in which wave: canaries first, then the waves in order, first match wins. Pure; the same tenants in the same order give the same
 * plan. The planner sees the pending tenants twice, page by page, so that what it holds does not grow with the fleet.
 */

import type { IntOrPercent } from '../spec/strategy.js';
import { CanaryChoice, type Candidate, type SizeMarks, STRATIFY_BY } from './canaries.js';
import type { Canary, Finding, PlannedWave, WaveHost } from './plan.js';
import type { ResolvedStrategy, ResolvedWave } from './resolve-strategy.js';
import { matchesSelector } from './selectors.js';

/** A tenant's place: its position among the tenants of its wave and host, from 0. */
export interface Placed {
  readonly id: string;
  /** Number of the group, see `WavePlan.waveOf`. */
  readonly group: number;
  readonly ordinal: number;
}

export interface WavePlanRequest {
  readonly hosts: Readonly<Record<string, { readonly maxConcurrency?: number }>>;
  readonly strategy: ResolvedStrategy;
  /** Seeds the choice of canaries, so that it rotates between rollouts and stays within one. */
  readonly planId: string;
  readonly sizes?: SizeMarks;
  /** The first wave waits for approval, too. */
  readonly approveFirst?: boolean;
}

export interface WavePlan {
  readonly waves: readonly PlannedWave[];
  /** Index of the wave that each group of placements became; undefined: nobody is in it. */
  readonly waveOf: readonly (number | undefined)[];
  readonly findings: readonly Finding[];
  /** Failures that the whole rollout bears. */
  readonly maxFailures?: number;
}

/** What a host bears at once when its config does not say. */
export const HOST_CONCURRENCY = 8;

/** An integer as it is; a percentage of the whole, rounded down. */
export function resolveCount(value: IntOrPercent, whole: number): number {
  return typeof value === 'number' ? value : Math.floor((Number.parseFloat(value) * whole) / 100 + 1e-9);
}

interface Group {
  readonly wave: ResolvedWave;
  readonly canary: boolean;
  /** Tenants at most. */
  size: number;
  tenants: number;
  readonly hosts: Map<string, { readonly cell: string; tenants: number }>;
}

const SAMPLE = 5;

/** First `see` every pending tenant, then `choose`, then `place` every one again in the same order, then `finish`. */
export class WavePlanner {
  readonly #request: WavePlanRequest;
  readonly #choice: CanaryChoice | undefined;
  /** Pending tenants that each wave's selector fits, canaries too. */
  readonly #matching: number[];
  #pending = 0;
  #canaries: readonly Canary[] = [];
  #chosen = new Set<string>();
  #groups: Group[] = [];
  #unmatched = 0;
  #sample: string[] = [];

  constructor(request: WavePlanRequest) {
    this.#request = request;
    const { canary, waves } = request.strategy;
    this.#matching = waves.map(() => 0);
    if (canary)
      this.#choice = new CanaryChoice(
        { ...canary, seed: canary.seed ?? request.planId, stratifyBy: canary.stratifyBy ?? STRATIFY_BY },
        request.sizes,
      );
  }

  see(page: readonly Candidate[]): void {
    this.#pending += page.length;
    for (const tenant of page) {
      this.#choice?.see(tenant);
      this.#request.strategy.waves.forEach((wave, index) => {
        if (fits(wave, tenant)) this.#matching[index]!++;
      });
    }
  }

  choose(): void {
    const { strategy } = this.#request;
    const chosen = this.#choice?.choose();
    this.#canaries = chosen?.canaries ?? [];
    this.#chosen = new Set(this.#canaries.map(({ tenant }) => tenant));
    const group = (wave: ResolvedWave, size: number, canary = false): Group => ({ wave, canary, size, tenants: 0, hosts: new Map() });
    if (strategy.canary) {
      const { bakeMs } = strategy.canary;
      const limits = { maxFailures: 0, minFailures: 0, maxConcurrency: 1, maxConcurrencyPerHost: 1, bakeMs };
      this.#groups.push(group({ name: 'canary', ...limits }, this.#chosen.size, true));
    }
    strategy.waves.forEach((wave, index) => {
      // A percentage is of what the selector means, not of what earlier waves left of it
      const matching = this.#matching[index]! - (chosen?.tenants.filter((tenant) => fits(wave, tenant)).length ?? 0);
      this.#groups.push(group(wave, wave.size === undefined ? matching : atLeastOne(wave.size, matching)));
    });
    if (strategy.unmatched === 'remainder') this.#groups.push(group({ ...strategy.waves.at(-1)!, name: 'remainder' }, this.#pending));
  }

  /** Answers the places, and who has none. */
  place(page: readonly Candidate[]): { readonly placed: readonly Placed[]; readonly unmatched: readonly string[] } {
    const placed: Placed[] = [];
    const unmatched: string[] = [];
    for (const tenant of page) {
      const number = this.#groups.findIndex((group) => this.#takes(group, tenant));
      const group = this.#groups[number];
      if (!group) {
        unmatched.push(tenant.id);
        continue;
      }
      group.tenants++;
      const host = group.hosts.get(tenant.host) ?? { cell: tenant.cell, tenants: 0 };
      group.hosts.set(tenant.host, host);
      placed.push({ id: tenant.id, group: number, ordinal: host.tenants++ });
    }
    this.#unmatched += unmatched.length;
    this.#sample = [...this.#sample, ...unmatched].slice(0, SAMPLE);
    return { placed, unmatched };
  }

  #takes(group: Group, tenant: Candidate): boolean {
    if (this.#chosen.has(tenant.id)) return group.canary;
    if (group.canary || group.tenants >= group.size) return false;
    return group.wave.name === 'remainder' || fits(group.wave, tenant);
  }

  finish(): WavePlan {
    const { strategy } = this.#request;
    const findings: Finding[] = [];
    if (strategy.canary && this.#canaries.length === 0 && this.#pending > 0)
      findings.push({
        severity: 'error',
        code: 'FLT_NO_CANARY',
        message: `None of the ${this.#pending} pending tenants may be a canary.`,
        tenants: this.#pending,
      });
    if (this.#unmatched > 0 && strategy.unmatched === 'error')
      findings.push({
        severity: 'error',
        code: 'FLT_UNMATCHED_TENANTS',
        message: `${this.#unmatched} pending tenants are in no wave.`,
        tenants: this.#unmatched,
        sample: this.#sample,
      });
    const filled = this.#groups.filter((group) => group.tenants > 0);
    return {
      waves: filled.map((group, index) => this.#wave(group, index, filled[index - 1]?.canary ?? false, findings)),
      waveOf: this.#groups.map((group) => (group.tenants > 0 ? filled.indexOf(group) : undefined)),
      findings,
      ...(strategy.maxFailures === undefined ? {} : { maxFailures: resolveCount(strategy.maxFailures, this.#pending) }),
    };
  }

  #wave(group: Group, index: number, afterCanary: boolean, findings: Finding[]): PlannedWave {
    const { wave, canary, tenants } = group;
    const hosts = [...group.hosts].map(([host, of]) => waveHost(host, of, wave, this.#request));
    const resolved = resolveCount(wave.maxFailures, tenants);
    const maxFailures = typeof wave.maxFailures === 'string' ? Math.max(resolved, wave.minFailures) : resolved;
    if (typeof wave.maxFailures === 'string' && maxFailures === 0 && !isZero(wave.maxFailures))
      findings.push({
        severity: 'warning',
        code: 'FLT_TOLERANCE_ZERO',
        message: `Wave "${wave.name}": ${wave.maxFailures} of ${tenants} tenants is 0, so the first failure halts it.`,
      });
    const inFlight = Math.min(
      wave.maxConcurrency,
      hosts.reduce((n, host) => n + host.window, 0),
    );
    return {
      index,
      name: wave.name,
      canary,
      tenants,
      hosts,
      canaries: canary ? this.#canaries : [],
      maxFailures,
      maxConcurrency: wave.maxConcurrency,
      worstCaseFailures: Math.min(tenants, canary ? maxFailures + 1 : maxFailures + inFlight),
      bakeMs: wave.bakeMs,
      approval:
        (index === 0 && (this.#request.approveFirst ?? false)) ||
        needsApproval(this.#request.strategy.approval, wave.name, index, afterCanary),
    };
  }
}

const fits = (wave: ResolvedWave, tenant: Candidate): boolean => !wave.selector || matchesSelector(wave.selector, tenant);

/** A wave asked for is never empty by rounding. */
const atLeastOne = (size: IntOrPercent, whole: number): number => (isZero(size) ? 0 : Math.max(1, resolveCount(size, whole)));

const isZero = (value: IntOrPercent): boolean => Number.parseFloat(String(value)) === 0;

function needsApproval(when: ResolvedStrategy['approval'], name: string, index: number, afterCanary: boolean): boolean {
  if (when === 'never') return false;
  if (when === 'everyWave') return index > 0;
  if (when === 'afterCanary') return afterCanary;
  return when.includes(name);
}

/** A host as a wave sees it. */
export function waveHost(
  host: string,
  { cell, tenants }: { readonly cell: string; readonly tenants: number },
  wave: Pick<ResolvedWave, 'maxConcurrencyPerHost'>,
  { hosts }: Pick<WavePlanRequest, 'hosts'>,
): WaveHost {
  const limit = hosts[host]?.maxConcurrency ?? HOST_CONCURRENCY;
  return { host, cell, tenants, window: Math.min(wave.maxConcurrencyPerHost, limit), limit };
}
