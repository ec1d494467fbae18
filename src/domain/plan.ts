/** The frozen answer to "what exactly would happen". Shapes shared by the planner, the workflows, the client and the CLI. */

import type { GateSpec } from '../spec/gates.js';
import type { Freeze } from './asks.js';
import type { GateLimits, GatePhase } from './gates.js';
import type { HostCheck } from './host-checks.js';
import type { Phased } from './phases.js';
import type { Totals } from './tenant.js';
import type { SameErrorThreshold } from './wave/same-error.js';
import type { Ramp } from './wave/speed.js';
import type { Window } from './windows.js';

/** One migration as the plan pins it. */
export interface PlannedMigration {
  /** File name without its extension, so that `.ts` and `.js` builds agree. */
  readonly name: string;
  /** SHA-256 over the LF-normalised source. */
  readonly checksum: string;
  /** Checksums of other sources that tenants had applied it from when the plan was made, where somebody has accepted the file as it stands
   *  (`flotilla repair`): they are no drift. */
  readonly accepted?: readonly string[];
  /** SHA-256 over the closure of local imports and declared inputs; `closurePin` of it where only the backfill is run. */
  readonly closure: string;
  /** false: `config.transaction = false`, runs outside a transaction. */
  readonly transactional: boolean;
  /** It declares a backfill. */
  readonly backfill?: true;
  readonly reversible: Reversible;
}

/** A migration that tenants have applied from other sources than a worker's file. */
export interface EditedSource {
  readonly migration: string;
  /** Of the file. */
  readonly checksum: string;
  /** Of what the tenants have applied; at most 50. */
  readonly others: readonly string[];
  /** Somebody has accepted the file as it stands (`flotilla repair`), in place of whatever was applied. */
  readonly accepted: boolean;
}

/** What is known of taking a migration back before anything ran (semantics §2.4). */
export interface Reversible {
  readonly verdict: 'expected' | 'notAsOne' | 'no';
  /** Error code when `no`: FLT_IRREVERSIBLE or FLT_NO_DOWN. */
  readonly code?: string;
  readonly why?: string;
}

export interface Canary {
  readonly tenant: string;
  readonly host: string;
  readonly reason: string;
}

export interface WaveHost {
  readonly host: string;
  readonly cell: string;
  readonly tenants: number;
  /** Lists in flight on this host, at most. */
  readonly window: number;
  /** The host's own `maxConcurrency`: `speed` cannot raise the window above it. */
  readonly limit: number;
}

/** A gate that could not be read when the plan was made, on one host or (without one) at all: it is off there. */
export interface GateOff {
  readonly gate: string;
  readonly host?: string;
  readonly why: string;
}

/** A condition that the rollout must meet. Addresses and headers are references or plain addresses: the worker resolves them. */
export interface PlannedGate {
  readonly name: string;
  readonly type: GateSpec['type'] | 'contract';
  /** `host`: asked on every host of the wave; `fleet`: asked once. */
  readonly scope: 'host' | 'fleet';
  readonly phases: readonly GatePhase[];
  readonly intervalMs: number;
  readonly limits: GateLimits;
  /** Is shown and acts on nothing. */
  readonly dryRun: boolean;
  readonly check?: HostCheck;
  readonly query?: string;
  readonly url?: string;
  readonly field?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The contract that has to be let out, with what it names. */
  readonly contract?: Phased;
  readonly off: readonly Omit<GateOff, 'gate'>[];
}

export interface PlannedWave {
  readonly index: number;
  readonly name: string;
  readonly canary: boolean;
  readonly tenants: number;
  readonly hosts: readonly WaveHost[];
  readonly canaries: readonly Canary[];
  /** Resolved: the wave halts when unresolved failures exceed this. */
  readonly maxFailures: number;
  readonly maxConcurrency: number;
  /** The most that can fail before the halt takes hold: maxFailures + in flight, at most `tenants`. */
  readonly worstCaseFailures: number;
  readonly bakeMs: number;
  /** Approval is asked before this wave starts. */
  readonly approval: boolean;
}

export interface Finding {
  readonly severity: 'error' | 'warning' | 'info';
  readonly code: string;
  readonly message: string;
  readonly remedy?: string;
  readonly migration?: string;
  readonly tenants?: number;
  /** First few tenants concerned. */
  readonly sample?: readonly string[];
  /** Of FLT_BULK_WRITE: the table that is written, and about how many rows it holds where it holds most. */
  readonly table?: string;
  readonly rows?: number;
}

export interface PlanTotals {
  readonly tenants: number;
  readonly pending: number;
  readonly upToDate: number;
  readonly excluded: number;
  /** Tenants held back: an older failure not yet resolved, a pin, a host that did not answer. */
  readonly blocked: number;
}

export type OnBreach = 'rollbackWave' | 'rollbackRollout' | 'halt' | 'continue';

/** Resolved rules of a rollout; durations in ms, percentages already counted out. */
export interface RolloutPolicy {
  readonly strategy: string;
  readonly onBreach: OnBreach;
  readonly onGateFail: Exclude<OnBreach, 'continue'>;
  readonly onTenantFailure: 'park';
  /** Over the whole rollout; undefined = only the waves' own limits. */
  readonly maxFailures?: number;
  /** Halts under tolerance; undefined: off. */
  readonly sameError?: SameErrorThreshold;
  /** Slow start of each host. */
  readonly ramp: Ramp;
  readonly finalBakeMs: number;
  readonly approvalTimeoutMs: number;
  readonly approvalOnTimeout: 'halt' | 'abort';
  readonly gates: readonly PlannedGate[];
  readonly windows: readonly Window[];
  readonly deadlines: { readonly waveMs?: number; readonly progressMs: number };
  readonly membership: 'snapshot' | 'catchUp';
  /** Tenants that stay out, also of a sweep. */
  readonly exclude?: readonly string[];
  readonly retry: {
    readonly quickTries: number;
    readonly maxAttempts: number;
    readonly minBackoffMs: number;
    readonly maxBackoffMs: number;
  };
  readonly timeouts: { readonly lockMs: number; readonly statementMs: number; readonly idleMs: number; readonly tenantMs?: number };
  readonly outOfOrder: 'refuse' | 'allow';
}

export interface PlanSummary {
  /** What is done in its tenants. `backfill`: the backfill of one applied migration, and nothing else. @defaultValue all that is pending */
  readonly operation?: 'backfill';
  readonly fleet: string;
  readonly planId: string;
  readonly digest: string;
  readonly environment: string;
  readonly createdAt: string;
  /** Newest migration every tenant will stand at. */
  readonly to: string;
  /** Who was asked for; undefined: everybody. */
  readonly selection?: { readonly tenants?: readonly string[]; readonly selector?: string };
  /** Of a plan that takes a closed rollout back. */
  readonly rollbackOf?: { readonly rolloutId: string; readonly planId: string; readonly force: boolean; readonly to?: string };
  /** Hosts of the selected tenants, up to date or not. */
  readonly hosts: number;
  readonly cells: readonly string[];
  readonly totals: PlanTotals;
  readonly migrations: readonly (PlannedMigration & { /** tenants already there */ readonly appliedBefore: number })[];
  readonly waves: readonly PlannedWave[];
  readonly policy: RolloutPolicy;
  readonly findings: readonly Finding[];
  /** true when `freezePlan` stored it; false for a check or when there is nothing to do or an error finding. */
  readonly frozen: boolean;
  readonly durationMs: number;
}

/**
 * What a plan pins of a file's closure. To a worker of a build that knows no backfill alone it is that of another file: it leaves the tenants to
 * others, where it would find them up to date.
 */
export const closurePin = (closure: string, operation: PlanSummary['operation']): string =>
  operation === undefined ? closure : `${operation}:${closure}`;

/** The migration whose backfill alone a plan runs. */
export const backfillOf = ({ operation, to }: Pick<PlanSummary, 'operation' | 'to'>): string | undefined =>
  operation === 'backfill' ? to : undefined;

/** Everything a rollout needs from its plan. */
export interface RolloutPlan {
  readonly summary: PlanSummary;
  /** States of the tenants that no wave holds (upToDate, skipped, blocked). */
  readonly outside: Partial<Totals>;
  /** The fleet is frozen. */
  readonly freeze?: Freeze;
  /** Tenants of its waves that were pinned since the plan was frozen. */
  readonly pins?: readonly { readonly tenant: string; readonly untilMs?: number }[];
  /** The worker's config names somebody to tell. */
  readonly notifies?: boolean;
}
