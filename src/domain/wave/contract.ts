/** Input and result of one wave run, and what is said to it meanwhile. Shared by the rollout, which orders, and the wave, which dispatches. */

import type { TenantResolved } from '../asks.js';
import type { GateVerdict } from '../gates.js';
import type { PlannedWave, RolloutPolicy } from '../plan.js';
import type { Desired, FailureGroup } from '../rollout/contract.js';
import type { TenantState, Totals } from '../tenant.js';
import type { Tuning } from '../tuning.js';
import type { Settled } from './same-error.js';

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
  /** Dispatched or put aside, not settled; what was only loaded is loaded again. */
  readonly queue: readonly CarriedItem[];
  /** Only of hosts that the plan did not put into the wave: a tenant has moved there. */
  readonly joined?: { readonly cell: string; readonly limit: number };
}

/** As short as can be: a wave may carry hundreds. */
export type CarriedItem = Pick<WaveItem, 'id'> & Partial<Omit<WaveItem, 'at'>>;

export interface WaveItem {
  readonly id: string;
  /** Dispatched before: the fence goes first. */
  readonly again: boolean;
  /** Times that its lock was not granted. */
  readonly deferrals: number;
  /** Alone in its list: an earlier list with it was lost. */
  readonly alone: boolean;
  /** Something of it was cancelled half-way and stays: what was said of that. */
  readonly left?: string;
  /** Not before this time (deferred). */
  readonly dueMs: number;
  /** The windows that concern it, by index and joined with commas; undefined: none do. */
  readonly windows?: string;
  /** Its ordinal among the wave's tenants on the host that it was loaded for. */
  readonly at?: number;
}

/** What a wave hands from one run to the next: continue-as-new, resume after a halt, and the way down. */
export interface WaveCarry {
  readonly totals: Totals;
  readonly hosts: readonly HostCarry[];
  readonly troubled: Readonly<Record<string, Troubled>>;
  readonly failures: readonly FailureGroup[];
  readonly failuresTotal: number;
  /** The errors of the tenants that settled last, see `same-error.ts`. */
  readonly settled?: Settled;
  /** Time in which it could move. */
  readonly movingMs?: number;
}

/** Limits as an operator has them now. */
export interface WaveLimits {
  readonly maxFailures: number;
  /** Unresolved failures that the rest of the rollout still allows. */
  readonly allowance?: number;
  readonly maxConcurrency: number;
  /** Lists in hand on each host; undefined: as the plan says. */
  readonly perHost?: number;
}

/** What the gates say of a host's pace. */
export type Pace = Extract<GateVerdict, 'throttle' | 'hold'>;

export interface WaveInput {
  readonly fleet: string;
  readonly rolloutId: string;
  /** The rollout whose work is taken back; default: this one. */
  readonly rollbackOf?: string;
  readonly planId: string;
  readonly digest: string;
  readonly taskQueue: string;
  readonly actor: string;
  readonly wave: PlannedWave;
  readonly direction: 'up' | 'down';
  readonly policy: RolloutPolicy;
  readonly tuning?: Tuning;
  readonly carry?: WaveCarry;
  readonly limits: WaveLimits;
  /** Hosts that go slower or wait. */
  readonly paces: Readonly<Record<string, Pace>>;
  readonly paused: boolean;
  /** up: tenants that are not to be started, and count as skipped. down: tenants that are left as they are. */
  readonly skip: readonly string[];
  /** up: hosts whose tenants are not to be started. */
  readonly skipHosts?: readonly string[];
  /** Pinned: not started, and blocked. */
  readonly pinned?: readonly string[];
  /** They went to another wave: that of the canaries, or a sweep. */
  readonly without?: readonly string[];
  /** down: loaded on the way up and not settled there; what they hold, only their ledgers know. */
  readonly unsettled?: readonly string[];
  /** down: this migration stays, with all before it. */
  readonly to?: string;
  readonly force: boolean;
  /** up: the plan holds a backfill. @defaultValue false */
  readonly backfills?: boolean;
}

export interface Halt {
  readonly code: string;
  readonly text: string;
}

export interface WaveResult {
  readonly ended: 'done' | 'halted' | 'aborted';
  readonly halt?: Halt;
  readonly carry: WaveCarry;
  /** Canaries that were up to date already: no evidence. */
  readonly noEvidence?: readonly string[];
}

/** From the rollout to its open wave. What is given replaces what was said before; tenants add up. */
export interface Steer {
  readonly desired?: Desired;
  /** With `desired: 'abort'`: end the statements of tenants in hand. */
  readonly inFlight?: 'drain' | 'cancel';
  /** Drain, and end halted with this. */
  readonly halt?: Halt;
  readonly limits?: WaveLimits;
  readonly paces?: Readonly<Record<string, Pace>>;
  readonly skip?: readonly string[];
  readonly skipHosts?: readonly string[];
  readonly skipRest?: boolean;
  readonly pinned?: readonly string[];
  readonly resolved?: readonly TenantResolved[];
}

export interface SilentHost {
  readonly host: string;
  readonly sinceMs: number;
  readonly code: string;
}

/** Signal from a wave to its rollout, sent when what holds it up changes. */
export interface WaveNews {
  readonly index: number;
  readonly silentHosts: readonly SilentHost[];
  /** Hosts whose slots others hold. */
  readonly busyHosts: readonly { readonly host: string; readonly sinceMs: number; readonly text: string }[];
  readonly filesSinceMs?: number;
  readonly filesText?: string;
  /** Tenants wait for a window; it opens then, or not within a year. */
  readonly window?: { readonly waiting: number; readonly opensAtMs?: number };
  /** Nothing of the wave can run now. */
  readonly stuck: boolean;
  /** It will end halted, once nothing is in hand any more. */
  readonly halt?: Halt;
  /** Told to pause, and nothing is in hand any more. */
  readonly drained: boolean;
  /** No tenant has settled for longer than `deadlines.progress`. */
  readonly stalledSinceMs?: number;
  /** Tenants of the wave wait for a person. */
  readonly parked: boolean;
}
