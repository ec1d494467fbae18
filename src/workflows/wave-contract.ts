/** Input and result of `waveWorkflow`, shared by the rollout and the wave. */

import type { PlannedWave, RolloutPolicy } from '../domain/plan.js';
import type { FailureGroup } from '../domain/rollout.js';
import type { TenantState, Totals } from '../domain/tenant.js';
import type { Tuning } from '../domain/tuning.js';

/** A tenant that is not plainly applied or pending. */
export interface Troubled {
  readonly state: TenantState;
  readonly code: string;
  readonly host: string;
  /** A migration outside a transaction stopped half-way here: `down` cannot take back what it left. */
  readonly partial?: true;
}

export interface HostCarry {
  readonly host: string;
  /** Ordinal of the next tenant to load. */
  readonly cursor: number;
  /** Loaded, not settled. */
  readonly queue: readonly WaveItem[];
}

export interface WaveItem {
  readonly id: string;
  /** Dispatched before: the fence goes first. */
  readonly again: boolean;
  /** Times that its lock was not granted. */
  readonly deferrals: number;
  /** Alone in its list: an earlier list with it was lost. */
  readonly alone: boolean;
  /** Not before this time (deferred). */
  readonly dueMs: number;
}

/** What a wave hands from one run to the next: continue-as-new, resume after a halt, and the way down. */
export interface WaveCarry {
  readonly totals: Totals;
  readonly hosts: readonly HostCarry[];
  readonly troubled: Readonly<Record<string, Troubled>>;
  readonly failures: readonly FailureGroup[];
  readonly failuresTotal: number;
}

export interface WaveInput {
  readonly fleet: string;
  readonly rolloutId: string;
  readonly planId: string;
  readonly digest: string;
  readonly taskQueue: string;
  readonly actor: string;
  readonly wave: PlannedWave;
  readonly direction: 'up' | 'down';
  readonly policy: RolloutPolicy;
  readonly tuning?: Tuning;
  readonly carry?: WaveCarry;
  /** Limits as an operator has changed them. */
  readonly maxFailures: number;
  /** Unresolved failures that the rest of the rollout still allows. */
  readonly rolloutAllowance?: number;
  readonly paused: boolean;
  /** up: tenants that are not to be started, and count as skipped. down: tenants that are left as they are. */
  readonly skip: readonly string[];
  /** down: loaded on the way up and not settled there; what they hold, only their ledgers know. */
  readonly unsettled?: readonly string[];
  readonly force: boolean;
}

export interface Halt {
  readonly code: string;
  readonly text: string;
}

export interface WaveResult {
  readonly ended: 'done' | 'halted' | 'aborted';
  readonly halt?: Halt;
  readonly carry: WaveCarry;
}

/** Signal from a wave to its rollout, sent when what holds it up changes. */
export const WAVE_NEWS_SIGNAL = 'waveNews';
export interface WaveNews {
  readonly index: number;
  readonly silentHosts: readonly { readonly host: string; readonly sinceMs: number; readonly code: string }[];
  readonly filesSinceMs?: number;
  readonly filesText?: string;
  /** Nothing of the wave can run now. */
  readonly stuck: boolean;
  /** Told to pause, and nothing is in hand any more. */
  readonly drained: boolean;
}
