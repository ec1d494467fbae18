/** What a person or a script may ask of a rollout, and what it answers. */

import type { RolloutState } from './rollout/contract.js';

/** Who asks, why, and the key that makes a repeat harmless: the same requestId gets the first answer. */
export interface Ask {
  /** Self-reported. */
  readonly actor: string;
  readonly reason?: string;
  readonly requestId: string;
}

export interface Answer {
  readonly accepted: boolean;
  readonly state: RolloutState;
  /** One sentence: what happens now. */
  readonly message: string;
}

export interface ApproveAsk extends Ask {
  readonly wave: string;
  readonly digest: string;
}
export interface ResumeAsk extends Ask {
  /** Go on after a halt with up to this many unresolved failures in the halted wave. */
  readonly acceptFailures?: number;
}
export interface SkipAsk extends Ask {
  readonly tenants?: readonly string[];
  /** Every tenant of it that was not started. */
  readonly host?: string;
  readonly wave?: string;
  readonly bake?: boolean;
  /** From now on the gate acts on nothing in this rollout. */
  readonly gate?: string;
}
export interface RetryAsk extends Ask {
  readonly tenants?: readonly string[];
  readonly error?: string;
  readonly host?: string;
  /** All that failed (parked, failed, unknown). */
  readonly failed?: boolean;
  /** All that failed, and the halted or paused rollout goes on with those never attempted. */
  readonly unfinished?: boolean;
}
export interface SpeedAsk extends Ask {
  /** Lists in hand over all hosts. */
  readonly maxConcurrency?: number;
  /** Lists in hand on each host; never above the host's own limit. */
  readonly perHost?: number;
  /** Failures that the wave that runs, or comes next, bears. */
  readonly maxFailures?: number;
}
export interface AbortAsk extends Ask {
  /** `cancel` ends the statements of tenants in hand, `drain` lets them finish. @defaultValue drain */
  readonly inFlight?: 'drain' | 'cancel';
  /** Needed while a rollback runs: abort then means to stop rolling back. */
  readonly confirm?: boolean;
}
export interface RollbackAsk extends Ask {
  readonly tenants?: readonly string[];
  readonly wave?: string;
  /** The migration that stays, with all before it; default: none of this rollout's. */
  readonly to?: string;
  /** Pass rules 1 and 2 of the revert (semantics §2.4); needs a reason. */
  readonly force?: boolean;
  /** Go on after `rollbackFailed`, leaving these tenants as they are. */
  readonly continueSkipping?: readonly string[];
}

/** Update names on `rolloutWorkflow`; `pause` and `abort` are signals of the same name as well. */
export const ROLLOUT_UPDATES = ['pause', 'resume', 'approve', 'reject', 'skip', 'retry', 'speed', 'abort', 'rollback'] as const;
export type RolloutVerb = (typeof ROLLOUT_UPDATES)[number];
export interface RolloutAsks {
  pause: Ask;
  resume: ResumeAsk;
  approve: ApproveAsk;
  reject: ApproveAsk;
  skip: SkipAsk;
  retry: RetryAsk;
  speed: SpeedAsk;
  abort: AbortAsk;
  rollback: RollbackAsk;
}

/** For the audit trail. */
export interface AuditEvent extends Ask {
  readonly verb: string;
  readonly subject?: string;
  readonly atMs: number;
}

/** A parked tenant was dealt with, in its own workflow. */
export interface TenantResolved {
  readonly rolloutId: string;
  readonly tenant: string;
  readonly wave: number;
  readonly resolution: 'applied' | 'skipped' | 'rolledBack' | 'failedAgain' | 'rollbackFailed';
  readonly code?: string;
}

/** Said to the open rollout: tenants are pinned (until then), or not any more. */
export interface PinNews {
  readonly tenants: readonly string[];
  readonly pinned: boolean;
  /** undefined: until somebody unpins them. */
  readonly untilMs?: number;
}

/** What holds the whole fleet back, as somebody ordered it; freezes beat everything that moves forward. */
export interface Freeze {
  readonly actor: string;
  readonly reason: string;
  readonly sinceMs: number;
  /** undefined: until somebody lifts it. */
  readonly untilMs?: number;
}
