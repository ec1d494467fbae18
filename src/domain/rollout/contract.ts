/** States of a rollout and what others may ask about it. The table of moves between states is `machine.ts`. */

import type { GateVerdict } from '../gates.js';
import type { Finding } from '../plan.js';
import type { Totals } from '../tenant.js';

export const ROLLOUT_STATES = [
  'running',
  'draining',
  'baking',
  'awaitingApproval',
  'paused',
  'halted',
  'rollingBack',
  'rollbackFailed',
  'succeeded',
  'completedWithFailures',
  'aborted',
  'rolledBack',
] as const;
export type RolloutState = (typeof ROLLOUT_STATES)[number];

export const FINAL_STATES = ['succeeded', 'completedWithFailures', 'aborted', 'rolledBack'] as const satisfies readonly RolloutState[];
export type FinalState = (typeof FINAL_STATES)[number];
export const isFinal = (state: RolloutState): state is FinalState => (FINAL_STATES as readonly string[]).includes(state);

/** States in which nothing goes on until a person acts. */
export const NEEDS_PERSON = ['awaitingApproval', 'paused', 'halted', 'rollbackFailed'] as const satisfies readonly RolloutState[];

export type Desired = 'run' | 'pause' | 'abort';

/** One reason why a rollout is not moving; rendered as one sentence by `explain`. */
export interface Reason {
  readonly kind:
    | 'operator'
    | 'gate'
    | 'canary'
    | 'window'
    | 'freeze'
    | 'approval'
    | 'host'
    | 'files'
    | 'budget'
    | 'sameError'
    | 'divergence'
    | 'deadline'
    | 'progress'
    | 'rollback'
    | 'bake'
    | 'drain'
    | 'worker'
    | 'cancel';
  readonly text: string;
  /** Who can change it: a person, or it clears by itself. */
  readonly clears: 'person' | 'itself';
  readonly sinceMs?: number;
  readonly untilMs?: number;
  readonly host?: string;
  readonly cell?: string;
}

export interface FailureGroup {
  readonly code: string;
  readonly count: number;
  /** Up to 5 tenants. */
  readonly tenants: readonly string[];
  /** The first tenant's message, scrubbed. */
  readonly sample: string;
}

export type WaveState = 'waiting' | 'running' | 'baking' | 'done' | 'halted' | 'skipped' | 'rollingBack' | 'rolledBack';

export interface WaveProgress {
  readonly index: number;
  readonly name: string;
  readonly direction: 'up' | 'down';
  readonly state: WaveState;
  readonly tenants: number;
  readonly hosts: number;
  readonly totals: Totals;
  readonly maxFailures: number;
  readonly maxConcurrency: number;
  readonly inFlight: number;
  readonly failures: readonly FailureGroup[];
  /** Never decreases, unlike the unresolved ones in `totals`. */
  readonly failuresTotal: number;
  /** Hosts that do not answer, since when. */
  readonly silentHosts: readonly { readonly host: string; readonly sinceMs: number; readonly code: string }[];
}

/** What a gate says, in the words of `domain/gates.ts`. */
export interface GateReading {
  readonly gate: string;
  /** undefined: of the whole fleet. */
  readonly host?: string;
  /** undefined: not known yet. */
  readonly verdict?: GateVerdict;
  readonly sinceMs: number;
  readonly value?: number;
  readonly text?: string;
  /** Shown, and acts on nothing: `dryRun`, or an operator has skipped it. */
  readonly idle?: 'dryRun' | 'skipped';
}

export interface RolloutProgress {
  readonly fleet: string;
  readonly rolloutId: string;
  readonly planId: string;
  readonly digest: string;
  readonly actor: string;
  readonly state: RolloutState;
  readonly desired: Desired;
  readonly reasons: readonly Reason[];
  readonly totals: Totals;
  readonly waves: readonly WaveProgress[];
  /** The wave that runs now; ask its own `progress` query for live figures. */
  readonly openWave?: {
    readonly index: number;
    readonly workflowId: string /** Its backfills have a workflow of their own, which answers `progress`. */;
    readonly backfills?: true;
  };
  readonly failures: readonly FailureGroup[];
  readonly failuresTotal: number;
  readonly startedAtMs: number;
  readonly finishedAtMs?: number;
  /** Set while awaiting approval: what `approve` must name. */
  readonly approval?: { readonly wave: string; readonly digest: string; readonly expiresAtMs: number };
  /** Why the failure budget's automatic rollback did not happen, or what it left. */
  readonly rollback?: RollbackStatus;
  /** The closed rollout whose work this one takes back. */
  readonly rollbackOf?: string;
  /** The applied migration whose backfill is all that this one runs. Its workflow beside the rollout answers `progress`. */
  readonly backfillOf?: string;
  /** Gates that do not simply pass; those that do are counted. */
  readonly gates: { readonly passing: number; readonly others: readonly GateReading[] };
  /** What an operator has set with `speed`. */
  readonly speed?: { readonly maxConcurrency?: number; readonly perHost?: number };
  /** Sweeps for tenants that came or changed meanwhile. */
  readonly sweeps: number;
  /** What those came upon: hosts that did not answer, histories that do not fit. */
  readonly findings?: readonly Finding[];
}

export interface RollbackStatus {
  readonly scope: 'wave' | 'rollout';
  readonly automatic: boolean;
  /** Only down to this migration, which stays. */
  readonly to?: string;
  /** Rule 1 refusals (semantics §2.4): nothing was reverted because of these. */
  readonly refused: readonly { readonly migration: string; readonly code: string; readonly why: string }[];
  /** Tenants that could not be returned, with the code of each. */
  readonly failed: readonly { readonly tenant: string; readonly code: string }[];
}

/** What `rolloutWorkflow` returns, or carries as the details of its failure when it did not succeed. */
export interface RolloutReport extends RolloutProgress {
  readonly finalState: FinalState;
  readonly durationMs: number;
}
