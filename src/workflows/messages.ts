/**
 * What others may say to the workflows: names, inputs and answers. The client and the workflows import this; it holds no code that
 * needs either (`@temporalio/workflow` definitions are made from these names in `handlers.ts`).
 */

import type { Ask } from '../domain/asks.js';
import type { FleetBackfill } from '../domain/backfill/fleet-progress.js';
import type { OnBreach, PlanSummary } from '../domain/plan.js';
import type { TenantState } from '../domain/tenant.js';
import type { Tuning } from '../domain/tuning.js';

export const WORKFLOWS = {
  plan: 'planWorkflow',
  rollout: 'rolloutWorkflow',
  wave: 'waveWorkflow',
  backfill: 'backfillWorkflow',
  tenant: 'tenantWorkflow',
  admin: 'adminWorkflow',
} as const;

export type {
  AbortAsk,
  Answer,
  ApproveAsk,
  Ask,
  Freeze,
  PinNews,
  ResumeAsk,
  RetryAsk,
  RollbackAsk,
  RolloutAsks,
  RolloutVerb,
  SkipAsk,
  SpeedAsk,
  TenantResolved,
} from '../domain/asks.js';
export { ROLLOUT_UPDATES } from '../domain/asks.js';
export const ROLLOUT_SIGNALS = ['pause', 'abort'] as const;
/** Queries on `rolloutWorkflow`; `waveWorkflow` and `tenantWorkflow` answer `progress` too. */
export const QUERIES = { progress: 'progress', explain: 'explain' } as const;

/** Update names on `tenantWorkflow`, each also a signal (so that workflows can send them). */
export const TENANT_UPDATES = ['retry', 'skip', 'rollback'] as const;
export type TenantVerb = (typeof TENANT_UPDATES)[number];
export interface TenantAsk extends Ask {
  readonly force?: boolean;
}
export interface TenantAnswer {
  readonly accepted: boolean;
  readonly state: TenantState;
  readonly message: string;
  readonly code?: string;
}

// ── Inputs and results ────────────────────────────────────────────────────────────────────────────────────────────────

export interface BackfillInput {
  readonly rolloutId: string;
  /** undefined: of all waves. */
  readonly wave?: number;
  readonly taskQueue: string;
  /** The rollout is nothing but this backfill: its messages are taken here too, and passed on. */
  readonly alone?: { readonly fleet: string };
  /** @defaultValue as Temporal suggests it */
  readonly continueAsNewAfterEvents?: number;
  /** So often the runs before this one have looked. @defaultValue 0 */
  readonly looks?: number;
  /** What they saw last. */
  readonly seen?: readonly FleetBackfill[];
}

export interface PlanInput {
  readonly fleet: string;
  readonly planId: string;
  readonly taskQueue: string;
  readonly actor: string;
  /** `freeze` stores the plan; `check` only says what is pending; `scan` stores tenants for `tenants` pages, without waves; `tenant` is the plan of
   *  one tenant that is migrated on demand: without waves, gates and windows, and it need not be ready for its users yet. */
  readonly mode: 'freeze' | 'check' | 'scan' | 'tenant';
  /** tenant: also when it is pinned. @defaultValue false */
  readonly force?: boolean;
  readonly to?: string;
  /** Only the backfill of this migration, where that is applied. */
  readonly backfill?: string;
  readonly tenants?: readonly string[];
  readonly selector?: string;
  readonly strategy?: string;
  /** The newest migration that the caller knows of; a worker without it is not asked further. */
  readonly expect?: string;
  /** How long to wait for a worker that has `expect`. @defaultValue 120000 */
  readonly expectTimeoutMs?: number;
  readonly onBreach?: OnBreach;
  /** @defaultValue 5000 */
  readonly helloTimeoutMs?: number;
}
export type PlanResult = PlanSummary;

export interface RolloutInput extends Ask {
  readonly fleet: string;
  readonly rolloutId: string;
  readonly planId: string;
  readonly taskQueue: string;
  /** The closed rollout that this one takes back; the plan was made for that. */
  readonly rollbackOf?: string;
  readonly tuning?: Tuning;
}

export interface TenantInput {
  readonly fleet: string;
  readonly tenant: string;
  readonly host: string;
  readonly cell: string;
  readonly planId: string;
  readonly rolloutId: string;
  readonly wave: number;
  readonly taskQueue: string;
  readonly code: string;
  readonly message: string;
  readonly partial: boolean;
}
/** Signal to `tenantWorkflow`: parked (again), with what went wrong. Sent by signalWithStart. */
export const PARKED_SIGNAL = 'parked';
/** Signal to `tenantWorkflow`: the rollout rolled it back or has nothing to revert; the workflow ends. */
export const DISMISS_SIGNAL = 'dismiss';
/** Signal from `tenantWorkflow` to its rollout, best effort. */
export const TENANT_RESOLVED_SIGNAL = 'tenantResolved';
export interface TenantProgress {
  readonly tenant: string;
  readonly host: string;
  readonly rolloutId: string;
  readonly state: TenantState;
  readonly code: string;
  readonly message: string;
  readonly partial: boolean;
  readonly attempts: number;
  readonly parkedAtMs: number;
}
export interface TenantResult {
  readonly tenant: string;
  readonly resolution: 'applied' | 'skipped' | 'rolledBack' | 'dismissed';
  readonly actor: string;
  readonly reason?: string;
}

/** Reads and fleet verbs that are no rollout message; answered by one activity each. Pages hold at most 1,000 rows. */
export const ADMIN_VERBS = [
  'hello',
  'history',
  'audit',
  'tenants',
  'ready',
  'doctor',
  'findRollout',
  'rollout',
  'tenant',
  'retry',
  'skip',
  'rollback',
  'checkFiles',
  'planRollback',
  'previewRollback',
  'repair',
  'baseline',
  'adopt',
  'refresh',
  'eject',
  'validate',
  'freeze',
  'pin',
  'unpin',
  'migrate',
  'reportAppVersion',
  'phases',
  'backfills',
] as const;
export type AdminVerb = (typeof ADMIN_VERBS)[number];
export interface AdminInput extends Ask {
  readonly fleet: string;
  readonly taskQueue: string;
  readonly verb: AdminVerb;
  readonly args: Record<string, unknown>;
}

/** From the rollout to its open wave. */
export const STEER_SIGNAL = 'steer';
/** From a wave to its rollout, sent when what holds it up changes. */
export const WAVE_NEWS_SIGNAL = 'waveNews';
/** To the rollout: the fleet is frozen, or not any more. */
export const FREEZE_SIGNAL = 'freeze';
/** To the rollout: tenants are pinned, or not any more. */
export const PIN_SIGNAL = 'pin';
