/**
 * The activities as the workflows see them: one object in, one object out, all small. Implemented by `createActivities(deps)`;
 * queue `C` = control (`<queue>`), `T` = tenant (`<queue>/<cell>`).
 */

import type { Answer, Ask, AuditEvent, RolloutVerb } from '../domain/asks.js';
import type { FleetBackfill } from '../domain/backfill/fleet-progress.js';
import type { GatePhase, GateState } from '../domain/gates.js';
import type { ListResult } from '../domain/outcome.js';
import type { EditedSource, Finding, GateOff, PlanSummary, RolloutPlan } from '../domain/plan.js';
import type { PreviewPart, RollbackPreview } from '../domain/rollback-preview.js';
import type { FinalState, RolloutProgress, RolloutState } from '../domain/rollout/contract.js';
import type { CellReadings } from '../domain/rollout/gate-board.js';
import type { Notice } from '../domain/rollout/notices.js';
import type { SweepFound } from '../domain/sweep.js';
import type { TendResult, TendVerb } from '../domain/tend.js';
import type { WaveEntry } from '../domain/wave/book.js';
import type { WindowView } from '../domain/windows.js';
import type { AdminAnswers, RollbackScope } from '../workflows/admin-messages.js';
import type { AdminVerb, PlanInput, TenantInput, TenantVerb } from '../workflows/messages.js';

export interface Hello {
  /** Short hash of this worker's package version and migration files. */
  readonly build: string;
  readonly pid: number;
  readonly newest: string | null;
  readonly migrations: number;
  readonly cells: readonly string[];
  readonly expectMet: boolean;
}

export interface CellScope {
  readonly fleet: string;
  readonly planId: string;
  readonly cell: string;
}

export interface ScanResult {
  readonly tenants: number;
  readonly pending: number;
  readonly upToDate: number;
  /** Problems found while scanning: drift, missing schemas, silent hosts. */
  readonly findings: readonly Finding[];
  /** Missing: a worker of an older build. */
  readonly edited?: readonly EditedSource[];
  /** Gates that cannot be read. Missing: all can, or nobody has looked. */
  readonly gatesOff?: readonly GateOff[];
}

export interface LoadTenantsInput {
  readonly planId: string;
  readonly wave: number;
  readonly host: string;
  /** Ordinal to start from (0 = the first). */
  readonly from: number;
  readonly limit: number;
}

export interface MigrateTenantsInput {
  readonly fleet: string;
  readonly planId: string;
  readonly rolloutId: string;
  readonly wave: number;
  readonly host: string;
  readonly direction: 'up' | 'down';
  /** down: this migration stays, with all before it. @defaultValue as the plan says */
  readonly to?: string;
  /** Tenant ids of one host. */
  readonly tenants: readonly string[];
  /** Fingerprint before and after, and record the delta. */
  readonly canary: boolean;
  /** true from a tenant's second dispatch in this rollout on: the fence is committed first. */
  readonly again: boolean;
  readonly timeBoxMs: number;
  readonly actor: string;
  /** down: pass rules 1 and 2. */
  readonly force?: boolean;
  /** up: somebody asked for these by name. They need not be ready for their users, and what they have from this rollout is told. @defaultValue false */
  readonly onDemand?: boolean;
}

export interface VerifyWaveInput {
  readonly fleet: string;
  readonly planId: string;
  readonly rolloutId: string;
  readonly wave: number;
  readonly host: string;
  readonly canary: boolean;
}
export interface VerifyWaveResult {
  readonly checked: number;
  /** Up to 500 of them. */
  readonly diverged: readonly { readonly id: string; readonly message: string }[];
  /** Diverged beyond those: the wave halts. */
  readonly more?: number;
}

export type TendOrder =
  | { readonly verb: 'baseline'; readonly migration: string; readonly digest: string; readonly dryRun: boolean }
  | { readonly verb: 'adopt' }
  | { readonly verb: 'refresh' }
  | { readonly verb: 'eject'; readonly force: boolean }
  /** Without a migration: every one that declares checks. */
  | { readonly verb: 'validate'; readonly migration?: string };

/** Which gates to watch, and what is known of them. */
export interface WatchGatesInput {
  readonly fleet: string;
  readonly planId: string;
  readonly cell: string;
  readonly phase: GatePhase;
  /** Hosts of this cell that the wave has tenants on. */
  readonly hosts: readonly string[];
  /** This cell also asks the gates of the whole fleet. */
  readonly fleetWide: boolean;
  /** Nothing is known of this phase yet: answers as soon as every gate has a verdict. */
  readonly fresh: boolean;
  readonly memory: GateMemory;
}

/** What a watcher hands to the next: the gates that have more to remember than that they pass. */
export interface GateMemory {
  /** By gate, and " on host" for those of a host. */
  readonly states: Readonly<Record<string, GateState>>;
  /** What was there at the first look, for gates that count what has come since. */
  readonly baselines: Readonly<Record<string, number>>;
}

export interface SweepInput {
  readonly fleet: string;
  readonly planId: string;
  readonly rolloutId: string;
  /** 1, 2 or 3. */
  readonly sweep: number;
  /** Index that the wave would have. */
  readonly wave: number;
  /** The plan under which the tenants were discovered and scanned again. */
  readonly scanId: string;
  /** What that came upon. */
  readonly findings: readonly Finding[];
}

export interface ParkTenantsInput {
  readonly fleet: string;
  readonly rolloutId: string;
  readonly planId: string;
  readonly wave: number;
  readonly cell: string;
  readonly taskQueue: string;
  readonly tenants: readonly Pick<TenantInput, 'tenant' | 'host' | 'code' | 'message' | 'partial'>[];
}

export interface RetrySelector {
  readonly tenants?: readonly string[];
  readonly error?: string;
  readonly host?: string;
  /** @defaultValue parked */
  readonly states?: readonly string[];
  readonly wave?: number;
}

export interface Activities {
  /** C or T. Answers whether this worker has the migration `expect`. */
  hello(input: { readonly expect?: string }): Promise<Hello>;

  // Planning
  /** T. Runs the tenant sources of this cell's hosts (unbound sources too, keeping this cell's tenants) and stages them under the plan. */
  discoverTenants(
    input: CellScope & Pick<PlanInput, 'tenants' | 'selector' | 'mode' | 'actor'>,
  ): Promise<{ readonly tenants: number; readonly findings: readonly Finding[] }>;
  /** T. Reads every staged tenant's history; stores what is pending. */
  scanTenants(
    input: CellScope &
      Pick<PlanInput, 'to' | 'backfill' | 'strategy'> & {
        /** Also looks which gates of the strategy can be read: those of this cell's hosts, or `all`, with those of the whole fleet. @defaultValue none */
        readonly gates?: 'ofHosts' | 'all';
        /** Also looks where pending plain files would write large tables in one statement. @defaultValue false */
        readonly bulkWrites?: boolean;
      },
  ): Promise<ScanResult>;
  /** C. Waves, canaries, counts, digest; stores the plan unless mode is `check` or a finding is an error. */
  freezePlan(
    input: PlanInput & {
      readonly cells: readonly string[];
      readonly findings: readonly Finding[];
      /** @defaultValue none */
      readonly edited?: readonly EditedSource[];
      /** They are off in this plan. @defaultValue none */
      readonly gatesOff?: readonly GateOff[];
      readonly startedAtMs: number;
    },
  ): Promise<PlanSummary>;

  // Rollout
  /** C. Stores the rollout's row (idempotent by rolloutId) and answers its frozen plan. @throws FLT_PLAN_NOT_FOUND, FLT_PLAN_STALE */
  openRollout(input: Ask & { readonly fleet: string; readonly rolloutId: string; readonly planId: string }): Promise<RolloutPlan>;
  /** C. The tenants of one wave and host, in order, from an ordinal on. */
  loadTenants(input: LoadTenantsInput): Promise<readonly WaveEntry[]>;
  /** C. Whether tenants whom these windows of the plan concern (indices joined with commas) may be started now, and until when that holds. */
  windowsAt(input: { readonly planId: string; readonly keys: readonly string[] }): Promise<Readonly<Record<string, WindowView>>>;
  /** T. Looks at the gates of a phase again and again; returns when it has a verdict for each, or one differs from those in \`memory\`. Heartbeats; cancellable. */
  watchGates(input: WatchGatesInput): Promise<{ readonly readings: CellReadings; readonly memory: GateMemory }>;
  /** T. Cancels what the sessions of these tenants and this rollout run, again and again until it is cancelled itself. */
  cancelBackends(input: {
    readonly rolloutId: string;
    readonly planId: string;
    readonly host: string;
    readonly tenants: readonly string[];
  }): Promise<void>;
  /** C. For canaries that were up to date: moves pending tenants of later waves into theirs, of the same host and as alike as can be. Safe to repeat. */
  substituteCanaries(input: {
    readonly planId: string;
    readonly rolloutId: string;
    /** Of the canaries. */
    readonly wave: number;
    readonly canaries: readonly string[];
  }): Promise<readonly { readonly id: string; readonly host: string; readonly wave: number }[]>;
  /** C. Puts tenants that came, or are free to go, into one more wave. Safe to repeat. */
  freezeSweep(input: SweepInput): Promise<SweepFound>;
  /** C. Tells the webhooks of the config. Tried a few times; an address that stays silent is written to the audit trail. */
  notify(input: { readonly fleet: string; readonly rolloutId: string; readonly notice: Notice }): Promise<void>;
  /** C. How far the backfills of a rollout, or of one of its waves, have come. */
  readBackfills(input: { readonly rolloutId: string; readonly wave?: number }): Promise<readonly FleetBackfill[]>;
  /** C. Hands a verb to the open rollout, and answers what that says. Safe to repeat: the same request id gets the first answer. @throws FLT_NO_OPEN_ROLLOUT, and what the rollout refuses with */
  steerRollout(input: {
    readonly fleet: string;
    readonly rolloutId: string;
    readonly verb: RolloutVerb;
    readonly ask: Ask;
  }): Promise<Answer>;
  /** T. Heartbeats every second; finishes the tenant in hand on cancel, shutdown and pause. Writes each outcome to the control database. */
  migrateTenants(input: MigrateTenantsInput): Promise<ListResult>;
  /** T. Returns when the host answers again to one of the tenants; heartbeats; cancellable. */
  awaitHost(input: {
    readonly host: string;
    readonly tenants: readonly string[];
    readonly planId: string;
    /** Incidents in a row before this one: each doubles the first wait. @defaultValue 0 */
    readonly relapses?: number;
  }): Promise<void>;
  /** T. Compares every tenant that this rollout applied in the wave with the canaries' net delta. @throws FLT_CANARIES_DISAGREE */
  verifyWave(input: VerifyWaveInput): Promise<VerifyWaveResult>;
  /** C. Rule 1 of §2.4 over the plan's migrations that come after `to`: which cannot be taken back, and why. */
  judgeRollback(input: {
    readonly planId: string;
    readonly rolloutId: string;
    readonly to?: string;
  }): Promise<{ readonly refused: readonly { readonly migration: string; readonly code: string; readonly why: string }[] }>;
  /** C. For a preview of a rollback: rule 1, whom it is about, and which cells hold them. @throws FLT_ROLLOUT_NOT_FOUND, FLT_UNKNOWN_MIGRATION, FLT_REFUSED */
  scopeRollback(input: RollbackScope & { readonly fleet: string }): Promise<{
    readonly refused: RollbackPreview['refused'];
    readonly planId: string;
    readonly wave?: number;
    readonly tenants: number;
    readonly cells: readonly string[];
  }>;
  /** T. Rule 2 in the tenants of one cell, so many on each host. Heartbeats; writes nothing. */
  previewRollback(input: CellScope & Omit<RollbackScope, 'wave'> & { readonly wave?: number }): Promise<PreviewPart>;
  /** C. Starts (or signals) one tenantWorkflow each, by signalWithStart; idempotent. */
  parkTenants(input: ParkTenantsInput): Promise<void>;
  /** C. Ends the tenantWorkflows of these tenants (they were rolled back or have nothing to revert); missing ones are fine. */
  dismissTenants(input: { readonly fleet: string; readonly tenants: readonly string[]; readonly reason: string }): Promise<void>;
  /** C. Of a rollout that takes a closed one back: the tenants that the closed one has left parked and that are back now need nobody any more. Safe to repeat. */
  settleClosed(input: { readonly fleet: string; readonly rolloutId: string }): Promise<void>;
  /** C. Parked tenants of the rollout that fit, ordered by id. */
  findParked(
    input: RetrySelector & { readonly fleet: string; readonly rolloutId: string },
  ): Promise<readonly { readonly tenant: string; readonly wave: number; readonly host: string }[]>;
  /** C. Sends the verb's signal to the tenantWorkflows; answers those that were there. */
  signalTenants(
    input: Ask & { readonly fleet: string; readonly verb: TenantVerb; readonly tenants: readonly string[]; readonly force?: boolean },
  ): Promise<readonly string[]>;
  /** C. Marks tenants without touching them: skipped, cancelled, rolledBack… in the control database. */
  markTenants(input: {
    readonly rolloutId: string;
    readonly tenants: readonly string[];
    readonly state: string;
    readonly code?: string;
    readonly reason?: string;
  }): Promise<void>;
  /** C. Keeps the rollout's row and audit trail; idempotent by requestId. */
  recordRollout(input: {
    readonly fleet: string;
    readonly rolloutId: string;
    readonly state: RolloutState;
    readonly events: readonly AuditEvent[];
    readonly progress?: RolloutProgress;
  }): Promise<void>;
  /** C. Final state and report; tenants still pending become cancelled; readiness is published. */
  closeRollout(input: {
    readonly fleet: string;
    readonly rolloutId: string;
    readonly finalState: FinalState;
    readonly progress: RolloutProgress;
  }): Promise<void>;

  // Putting right what histories say
  /** C. Refuses what cannot be asked for, before anybody looks at a tenant. @throws FLT_UNKNOWN_MIGRATION, FLT_MIGRATION_INVALID, FLT_ROLLOUT_OPEN */
  openTending(input: {
    readonly fleet: string;
    readonly verb: 'repair' | TendVerb;
    /** Without extension. @defaultValue the newest file */
    readonly migration?: string;
  }): Promise<{
    readonly migration?: string;
    /** Over the files up to it: a tenant worker with others is not let near a tenant. */
    readonly digest?: string;
  }>;
  /** C. Once the tenants are staged: refuses what cannot be done as a whole, and puts the verb on record. @throws FLT_UNKNOWN_TENANT, FLT_NO_TENANTS, the code of discovery's first error */
  beginTending(
    input: Ask & {
      readonly fleet: string;
      readonly planId: string;
      readonly verb: TendVerb;
      readonly tenants?: readonly string[];
      readonly findings: readonly Finding[];
      /** Nothing will be written. */
      readonly dryRun: boolean;
      readonly migration?: string;
    },
  ): Promise<void>;
  /** T. Works through the staged tenants of one cell, each under its lock. Heartbeats; safe to repeat. @throws FLT_MIGRATION_MISMATCH */
  tendTenants(input: Ask & CellScope & TendOrder): Promise<TendResult>;
  /** C. After refresh: says how each rebuilt rollout came out. */
  concludeRefresh(input: { readonly fleet: string }): Promise<{ readonly rollouts: number; readonly tenants: number }>;
  /** C. Accepts a migration's file as it stands, if the scan found that tenants applied it from another source. */
  acceptChecksum(
    input: Ask & {
      readonly fleet: string;
      readonly migration: string;
      readonly edited: readonly EditedSource[];
      readonly findings: readonly Finding[];
    },
  ): Promise<AdminAnswers['repair']>;
  /** C. Forgets whom the verb had staged. */
  endTending(input: { readonly planId: string }): Promise<void>;

  // One tenant on demand
  /** C. Puts the run on record, and says where the tenant lives. Safe to repeat. @throws FLT_FROZEN, FLT_USAGE when forced without a reason */
  beginMigrate(
    input: Ask & {
      readonly fleet: string;
      readonly planId: string;
      readonly rolloutId: string;
      readonly tenant: string;
      /** Also while the fleet is frozen. */
      readonly force: boolean;
    },
  ): Promise<{ readonly host: string; readonly cell: string }>;
  /** C. How it came out. */
  endMigrate(input: { readonly rolloutId: string; readonly finalState: FinalState }): Promise<void>;

  // Fleet
  /** C. Answers one admin verb. */
  answerAdmin(
    input: Ask & { readonly fleet: string; readonly taskQueue: string; readonly verb: AdminVerb; readonly args: Record<string, unknown> },
  ): Promise<unknown>;
  /** T. Server side of `doctor` for this cell's hosts. */
  checkHosts(input: { readonly cell: string }): Promise<{
    readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail: string; readonly remedy?: string }[];
  }>;
}
