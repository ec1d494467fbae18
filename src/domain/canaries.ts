/**
 * Who goes first. Zero failures in a few canaries prove little about rates, so they are chosen to differ: another host first of all, then
 * whatever else tells tenants apart. The same seed chooses the same tenants; the plan's id is one, so the choice rotates between rollouts.
 */

import type { Canary } from './plan.js';
import { seededHash } from './seeded.js';
import type { Selectable } from './selectors.js';

export interface Candidate extends Selectable {
  readonly cell: string;
  /** Bytes, roughly. */
  readonly size?: number;
  /** The newest migration that it has. */
  readonly position?: string;
  /** Major version of its host's Postgres. */
  readonly pgVersion?: string;
}

export const STRATIFY_BY = ['host', 'labels.plan', 'size', 'schemaVersion', 'pgVersion'] as const;

export interface CanaryRules {
  /** Tenants at most; undefined: one per host. */
  readonly count?: number;
  readonly stratifyBy: readonly string[];
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly seed: string;
}

/** Sizes of the pending tenants: those around the median and those at the large end are told apart from the rest. */
export interface SizeMarks {
  readonly p40: number;
  readonly p60: number;
  readonly p90: number;
}

export const MAX_CANARIES = 20;
/** Kinds of tenants that are told apart at most: a label with a value of its own for each tenant must not make the choice grow with the fleet. */
const MOST_KINDS = 5_000;

interface Kind {
  readonly features: readonly string[];
  /** The first few in the order of the seed. */
  readonly first: { readonly tenant: Candidate; readonly rank: number }[];
}

/** Sees every pending tenant once, keeps a few of each kind, and chooses among those. */
export class CanaryChoice {
  readonly #rules: CanaryRules;
  readonly #marks: SizeMarks | undefined;
  readonly #kinds = new Map<string, Kind>();
  readonly #named = new Map<string, Candidate>();
  readonly #hosts = new Map<string, number>();

  constructor(rules: CanaryRules, marks?: SizeMarks) {
    this.#rules = rules;
    this.#marks = marks;
  }

  see(tenant: Candidate): void {
    if (this.#rules.exclude.includes(tenant.id)) return;
    if (this.#rules.include.includes(tenant.id)) this.#named.set(tenant.id, tenant);
    this.#hosts.set(tenant.host, (this.#hosts.get(tenant.host) ?? 0) + 1);
    const kind = this.#kindOf(tenant);
    const rank = seededHash(this.#rules.seed, tenant.id);
    const at = kind.first.findIndex((it) => rank < it.rank || (rank === it.rank && tenant.id < it.tenant.id));
    if (at >= 0) kind.first.splice(at, 0, { tenant, rank });
    else kind.first.push({ tenant, rank });
    kind.first.length = Math.min(kind.first.length, this.#rules.count ?? MAX_CANARIES);
  }

  /** Hosts are kinds of their own whatever is told apart: without another wish there is one canary on each. */
  #kindOf(tenant: Candidate): Kind {
    const told = this.#kinds.size < MOST_KINDS ? this.features(tenant) : [];
    const key = JSON.stringify([tenant.host, ...told]);
    const known = this.#kinds.get(key);
    if (known) return known;
    const kind: Kind = { features: told, first: [] };
    this.#kinds.set(key, kind);
    return kind;
  }

  /** What tells a tenant apart, as the plan says it. */
  features(tenant: Candidate): string[] {
    return this.#rules.stratifyBy.flatMap((by): string[] => {
      if (by === 'host') return [`host ${tenant.host}`];
      if (by === 'size') return this.#sizeOf(tenant);
      if (by === 'schemaVersion') return [tenant.position === undefined ? 'no migration yet' : `at ${tenant.position}`];
      if (by === 'pgVersion') return tenant.pgVersion === undefined ? [] : [`Postgres ${tenant.pgVersion}`];
      const label = by.slice('labels.'.length);
      const value = tenant.labels && Object.hasOwn(tenant.labels, label) ? tenant.labels[label] : undefined;
      return value === undefined ? [] : [`${label}=${value}`];
    });
  }

  #sizeOf({ size }: Candidate): string[] {
    if (size === undefined || this.#marks === undefined) return [];
    const { p40, p60, p90 } = this.#marks;
    // Where nearly all are of one size, whoever is larger is large
    if (p90 > p60 ? size >= p90 : size > p60) return ['large (p90 and up)'];
    return size >= p40 && size <= p60 ? ['of median size'] : [];
  }

  choose(): { readonly canaries: readonly Canary[]; readonly tenants: readonly Candidate[] } {
    const { include, count } = this.#rules;
    const chosen: { tenant: Candidate; reason: string }[] = [];
    const covered = new Set<string>();
    const take = (tenant: Candidate, reason: string) => {
      chosen.push({ tenant, reason });
      for (const feature of [`host ${tenant.host}`, ...this.features(tenant)]) covered.add(feature);
    };
    for (const id of include) {
      const tenant = this.#named.get(id);
      if (tenant) take(tenant, 'named by canary.include');
    }
    const limit = Math.max(chosen.length, count ?? Math.min(this.#hosts.size, MAX_CANARIES));
    const pool = [...this.#kinds.values()].flatMap((kind) => kind.first.map((it) => ({ ...it, features: kind.features })));
    // The seed decides between equals, so go through them in its order
    pool.sort((a, b) => a.rank - b.rank || (a.tenant.id < b.tenant.id ? -1 : 1));
    while (chosen.length < limit) {
      const best = this.#best(pool, chosen, covered);
      if (!best) break;
      take(best.tenant, best.reason);
    }
    return {
      canaries: chosen.map(({ tenant, reason }) => ({ tenant: tenant.id, host: tenant.host, reason })),
      tenants: chosen.map(({ tenant }) => tenant),
    };
  }

  #best(
    pool: readonly { readonly tenant: Candidate; readonly features: readonly string[] }[],
    chosen: readonly { readonly tenant: Candidate }[],
    covered: ReadonlySet<string>,
  ): { readonly tenant: Candidate; readonly reason: string } | undefined {
    const taken = new Set(chosen.map((it) => it.tenant.id));
    let best: { tenant: Candidate; fresh: string[]; score: number } | undefined;
    for (const { tenant, features } of pool) {
      if (taken.has(tenant.id)) continue;
      const fresh = features.filter((feature) => !covered.has(feature));
      const newHost = !covered.has(`host ${tenant.host}`);
      const score = (newHost ? 1_000 : 0) + fresh.length;
      if (!best || score > best.score) best = { tenant, fresh, score };
    }
    if (!best) return undefined;
    const { tenant, fresh, score } = best;
    const others = fresh.filter((feature) => feature !== `host ${tenant.host}`);
    const of = `${this.#hosts.get(tenant.host)} pending on its host`;
    const reason =
      score >= 1_000
        ? `first of ${of}${others.length ? `; first ${others.join(', ')}` : ''}`
        : others.length
          ? `first ${others.join(', ')}`
          : `one more of ${of}`;
    return { tenant, reason: `${reason}; drawn by the seed` };
  }
}
