/**
 * Verbs that work through tenants without a rollout (baseline, adopt, eject, refresh, validate): what one tenant came to, and how the tenants of a cell, and the
 * cells, are added up. What travels does not grow with the fleet.
 */

export const TEND_VERBS = ['baseline', 'adopt', 'refresh', 'eject', 'validate'] as const;
export type TendVerb = (typeof TEND_VERBS)[number];

/** What one tenant came to. */
export interface Tended {
  readonly outcome:
    | 'done' // by this request, now or in an earlier attempt
    | 'unchanged' // nothing had to be done
    | 'skipped' // not active, so the verb leaves it out
    | 'refused' // it does not fit what was asked, or Postgres refused; it was left alone
    | 'unreached'; // busy, locked or on a silent host; it was left alone, and another moment may change that
  /** Of `refused` and `unreached`. */
  readonly code?: string;
  /** One sentence that names the tenant. */
  readonly message?: string;
}

export interface TendCounts {
  readonly tenants: number;
  readonly done: number;
  readonly unchanged: number;
  readonly skipped: number;
  readonly refused: number;
  readonly unreached: number;
}

/** Tenants that were left alone for the same reason. */
export interface TendGroup {
  readonly outcome: 'refused' | 'unreached';
  readonly code: string;
  readonly count: number;
  /** The first few. */
  readonly tenants: readonly string[];
  /** What was said of the first. */
  readonly sample: string;
}

/** Tenants whose structure is the same, Knex's and Flotilla's own tables left out. */
export interface StructureGroup {
  /** 16 hex digits */
  readonly fingerprint: string;
  readonly tenants: number;
  readonly sample: readonly string[];
}

/** Tenants that do not pass the same check. */
export interface CheckGroup {
  readonly migration: string;
  readonly check: string;
  readonly count: number;
  /** The first few. */
  readonly tenants: readonly string[];
  /** What is wrong in the first. */
  readonly sample: string;
}

export interface TendResult {
  readonly counts: TendCounts;
  readonly left: readonly TendGroup[];
  /** Most tenants first. */
  readonly groups: readonly StructureGroup[];
  /** Structures beyond those: how many, and of how many tenants. */
  readonly moreGroups: { readonly groups: number; readonly tenants: number };
  /** What a person should know of the first few that were done. */
  readonly told: readonly string[];
  /** Checks that were made, over all tenants, and those that failed, by migration and check. Only of validate. */
  readonly checks?: { readonly made: number; readonly failed: readonly CheckGroup[] };
}

const NAMED = 20;
const SAMPLE = 5;
const GROUPS = 50;
const TOLD = 20;

/** Counts tenants one by one. */
export class Tally {
  readonly #counts = { tenants: 0, done: 0, unchanged: 0, skipped: 0, refused: 0, unreached: 0 };
  readonly #left = new Map<string, { group: Omit<TendGroup, 'count' | 'tenants'>; tenants: string[]; count: number }>();
  readonly #structures = new Map<string, { tenants: number; sample: string[] }>();
  readonly #told: string[] = [];
  readonly #failed = new Map<string, { -readonly [K in keyof CheckGroup]: CheckGroup[K] } & { tenants: string[] }>();
  #made = 0;

  add(tenant: string, { outcome, code = 'FLT_INTERNAL', message = '' }: Tended): void {
    this.#counts.tenants++;
    this.#counts[outcome]++;
    if (outcome === 'refused' || outcome === 'unreached') {
      const key = `${outcome} ${code}`;
      const same = this.#left.get(key) ?? { group: { outcome, code, sample: message }, tenants: [], count: 0 };
      this.#left.set(key, same);
      same.count++;
      if (same.tenants.length < NAMED) same.tenants.push(tenant);
    } else if (message && this.#told.length < TOLD) this.#told.push(message);
  }

  addStructure(fingerprint: string, tenant: string): void {
    const same = this.#structures.get(fingerprint) ?? { tenants: 0, sample: [] };
    this.#structures.set(fingerprint, same);
    same.tenants++;
    if (same.sample.length < SAMPLE) same.sample.push(tenant);
  }

  addCheck(migration: string, check: string, failed?: { readonly tenant: string; readonly message: string }): void {
    this.#made++;
    if (!failed) return;
    const key = checkKey({ migration, check });
    const same = this.#failed.get(key) ?? { migration, check, count: 0, tenants: [], sample: failed.message };
    this.#failed.set(key, same);
    same.count++;
    if (same.tenants.length < NAMED) same.tenants.push(failed.tenant);
  }

  get visited(): number {
    return this.#counts.tenants;
  }

  result(): TendResult {
    return {
      counts: { ...this.#counts },
      left: [...this.#left.values()].map(({ group, tenants, count }) => ({ ...group, tenants: [...tenants].sort(), count })),
      ...cutGroups([...this.#structures].map(([fingerprint, it]) => ({ fingerprint, ...it }))),
      told: this.#told,
      ...(this.#made ? { checks: { made: this.#made, failed: sortedChecks(this.#failed) } } : {}),
    };
  }
}

function cutGroups(groups: readonly StructureGroup[], before = { groups: 0, tenants: 0 }): Pick<TendResult, 'groups' | 'moreGroups'> {
  const sorted = [...groups].sort((a, b) => b.tenants - a.tenants || (a.fingerprint < b.fingerprint ? -1 : 1));
  const more = sorted.slice(GROUPS);
  return {
    groups: sorted.slice(0, GROUPS),
    moreGroups: { groups: before.groups + more.length, tenants: before.tenants + more.reduce((n, it) => n + it.tenants, 0) },
  };
}

const checkKey = ({ migration, check }: Pick<CheckGroup, 'migration' | 'check'>): string => `${migration} ${check}`;
const sortedChecks = (groups: ReadonlyMap<string, CheckGroup>): readonly CheckGroup[] =>
  [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => ({ ...group, tenants: [...group.tenants].sort() }));

/** The cells' results as one. */
export function mergeTends(results: readonly TendResult[]): TendResult {
  const counts = { tenants: 0, done: 0, unchanged: 0, skipped: 0, refused: 0, unreached: 0 };
  const left = new Map<string, TendGroup>();
  const structures = new Map<string, StructureGroup>();
  for (const result of results) {
    for (const key of Object.keys(counts) as (keyof TendCounts)[]) counts[key] += result.counts[key];
    for (const group of result.left) {
      const key = `${group.outcome} ${group.code}`;
      const same = left.get(key);
      left.set(
        key,
        same
          ? { ...same, count: same.count + group.count, tenants: [...same.tenants, ...group.tenants].slice(0, NAMED) }
          : { ...group, tenants: [...group.tenants] },
      );
    }
    for (const group of result.groups) {
      const same = structures.get(group.fingerprint);
      structures.set(
        group.fingerprint,
        same ? { ...same, tenants: same.tenants + group.tenants, sample: [...same.sample, ...group.sample].slice(0, SAMPLE) } : group,
      );
    }
  }
  const failed = new Map<string, CheckGroup>();
  for (const group of results.flatMap(({ checks }) => checks?.failed ?? [])) {
    const same = failed.get(checkKey(group));
    failed.set(
      checkKey(group),
      same ? { ...same, count: same.count + group.count, tenants: [...same.tenants, ...group.tenants].slice(0, NAMED) } : group,
    );
  }
  const made = results.reduce((n, { checks }) => n + (checks?.made ?? 0), 0);
  const before = results.reduce(
    (sum, { moreGroups }) => ({ groups: sum.groups + moreGroups.groups, tenants: sum.tenants + moreGroups.tenants }),
    { groups: 0, tenants: 0 },
  );
  return {
    counts,
    left: [...left.values()],
    ...cutGroups([...structures.values()], before),
    told: results.flatMap((result) => result.told).slice(0, TOLD),
    ...(made ? { checks: { made, failed: sortedChecks(failed) } } : {}),
  };
}

/** What validate comes to. */
export interface Validated {
  /** `unchecked`: not active, or without a migration that declares checks. `unasked`: see `left`. */
  readonly counts: {
    readonly tenants: number;
    readonly passed: number;
    readonly failed: number;
    readonly unchecked: number;
    readonly unasked: number;
  };
  /** That were made, over all tenants. */
  readonly checks: number;
  readonly failed: readonly CheckGroup[];
  /** Tenants whose checks could not be made. */
  readonly left: readonly TendGroup[];
}

const FAILED = 'FLT_VALIDATION_FAILED';

export function validated({ counts, left, checks = { made: 0, failed: [] } }: TendResult): Validated {
  const failed = left.find(({ code }) => code === FAILED)?.count ?? 0;
  return {
    counts: {
      tenants: counts.tenants,
      passed: counts.done,
      failed,
      unchecked: counts.unchanged + counts.skipped,
      unasked: counts.refused + counts.unreached - failed,
    },
    checks: checks.made,
    failed: checks.failed,
    left: left.filter(({ code }) => code !== FAILED),
  };
}
