/** What each admin verb takes and answers. The client sends these through `adminWorkflow`; `answerAdmin` answers them. Pages hold at most 1,000 rows. */

import type { FleetBackfill, TenantBackfill } from '../domain/backfill/fleet-progress.js';
import type { ChangeStanding, Step } from '../domain/change-standing.js';
import type { Phase } from '../domain/phases.js';
import type { Finding, PlanSummary, PlanTotals } from '../domain/plan.js';
import type { RollbackPreview } from '../domain/rollback-preview.js';
import type { RolloutProgress, RolloutState } from '../domain/rollout/contract.js';
import type { TenantState, Totals } from '../domain/tenant.js';
import type { TendResult, Validated } from '../domain/tend.js';

/** Keyset paging: `after` is the `next` of the page before. */
export interface PageArgs {
  /** @defaultValue 1000, at most 1000 */
  readonly limit?: number;
  readonly after?: string;
}

/** One rollout as the control database keeps it. Times are RFC 3339 UTC. */
export interface RolloutRecord {
  readonly rolloutId: string;
  readonly planId: string;
  readonly requestId: string;
  readonly state: RolloutState;
  readonly actor: string;
  readonly reason?: string;
  /** Newest migration of its plan; of a rollback the one that stays, or empty. */
  readonly to: string;
  /** The closed rollout that it took back. */
  readonly rollbackOf?: string;
  /** The applied migration whose backfill was all that it ran. */
  readonly backfillOf?: string;
  readonly startedAt: string;
  readonly finishedAt?: string;
  readonly totals: Totals;
}

export interface AuditRecord {
  readonly at: string;
  /** Self-reported. */
  readonly actor: string;
  readonly verb: string;
  readonly reason?: string;
  readonly subject?: string;
  readonly rolloutId?: string;
  readonly requestId: string;
}

/** A tenant's row: of a scan (`applied`, `pending`), or of a rollout (`state`, `code`, `message`). */
export interface TenantRecord {
  readonly id: string;
  readonly host: string;
  readonly database?: string;
  readonly schema?: string;
  /** Newest applied migration; null when none. Known after a scan. */
  readonly applied?: string | null;
  /** Pending migrations. Known after a scan. */
  readonly pending?: number;
  readonly state: TenantState;
  readonly wave?: number;
  readonly code?: string;
  readonly message?: string;
}

/** The latest word on one tenant. */
export interface TenantLatest extends TenantRecord {
  readonly rolloutId?: string;
  readonly blockers: readonly Blocker[];
  /** That it has begun and not come to the end of. */
  readonly backfill?: TenantBackfill;
}

export interface Blocker {
  readonly pid: number;
  readonly applicationName: string;
  readonly state: string;
  readonly xactAgeMs: number;
}

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly remedy?: string;
}

export interface AdminArgs {
  hello: Record<string, never>;
  /** Newest first. */
  history: PageArgs;
  /** Newest first; of one rollout, or of the fleet. */
  audit: PageArgs & { readonly rolloutId?: string };
  /** Ordered by id; of one scan (planId) or of one rollout. */
  tenants: PageArgs & { readonly planId?: string; readonly rolloutId?: string; readonly states?: readonly TenantState[] };
  /** Without `tenant`: the whole fleet. */
  ready: { readonly migration: string; readonly tenant?: string };
  doctor: Record<string, never>;
  findRollout: { readonly requestId: string };
  /** Without an id: the latest. */
  rollout: { readonly rolloutId?: string };
  /** The latest word on one tenant; of one rollout, or of the latest that held it. */
  tenant: { readonly tenant: string; readonly rolloutId?: string };
  /** Verbs on parked tenants when no rollout is open; signals their tenantWorkflows. */
  retry: ParkedArgs;
  skip: ParkedArgs;
  rollback: ParkedArgs & { readonly force?: boolean };
  /** Whether a worker has the files of the rollout's plan as they were. */
  checkFiles: { readonly rolloutId: string };
  /** Freezes the plan that takes a closed rollout back, under the given id. */
  planRollback: RollbackScope & { readonly planId: string; readonly force: boolean };
  /** Says what a rollback would do, tenant by tenant; changes nothing. */
  previewRollback: RollbackScope;
  /** Accepts the file of a migration (without extension) as it now stands. */
  repair: Expecting & { readonly migration: string };
  /** Marks tenants without a history as standing at a migration. @defaultValue migration: the newest file */
  baseline: Expecting & TendSelection & { readonly migration?: string; readonly dryRun: boolean };
  adopt: { readonly tenants: readonly string[] };
  refresh: Record<string, never>;
  eject: TendSelection & { readonly force: boolean };
  /** Makes the checks of a migration again, or of every one that declares some, where it is applied. Changes no tenant. */
  validate: TendSelection & { readonly migration?: string };
  /** Without an order: only says whether the fleet is frozen. */
  freeze: { readonly order?: 'set' | 'lift'; readonly untilMs?: number };
  /** Without tenants: only lists who is pinned. */
  pin: { readonly tenants?: readonly string[]; readonly untilMs?: number };
  unpin: { readonly tenants: readonly string[] };
  migrate: Expecting & { readonly tenant: string; readonly force: boolean };
  /** Without `tenant`: it serves all of them. */
  reportAppVersion: { readonly app: string; readonly version: string; readonly tenant?: string };
  /** Oldest first; with `tenant`, also where that one stands. At most 50 in a page. */
  phases: PageArgs & { readonly tenant?: string };
  /** Of one wave of a rollout. */
  /** Without a wave: of all. */
  backfills: { readonly rolloutId: string; readonly wave?: number };
}

/** What a rollback takes back: all that the rollout moved, or less. */
export interface RollbackScope {
  readonly rolloutId: string;
  /** This migration stays, with all before it. */
  readonly to?: string;
  readonly tenants?: readonly string[];
  /** Name of a wave. */
  readonly wave?: string;
}

/** Neither: every tenant of the fleet. */
export interface TendSelection {
  readonly tenants?: readonly string[];
  readonly selector?: string;
}

/** The newest migration that the caller knows of: a worker without it is waited for, and not asked further. */
export interface Expecting {
  readonly expect?: string;
  /** @defaultValue 120000 */
  readonly expectTimeoutMs?: number;
}

export interface ParkedArgs {
  readonly tenants?: readonly string[];
  readonly error?: string;
  readonly host?: string;
  /** All parked tenants of the fleet. */
  readonly failed?: boolean;
}

export interface AdminAnswers {
  hello: { readonly build: string; readonly pid: number };
  history: { readonly rollouts: readonly RolloutRecord[]; readonly next?: string };
  audit: { readonly events: readonly AuditRecord[]; readonly next?: string };
  tenants: { readonly tenants: readonly TenantRecord[]; readonly next?: string };
  /** `missing` counts tenants that are not there yet; `sample` names up to 5. */
  ready: { readonly ready: boolean; readonly missing: number; readonly sample: readonly string[] };
  doctor: { readonly checks: readonly Check[] };
  findRollout: { readonly rollout: RolloutRecord | null };
  rollout: { readonly rollout: (RolloutRecord & { readonly progress?: RolloutProgress }) | null };
  tenant: { readonly tenant: TenantLatest | null };
  retry: ParkedAnswer;
  skip: ParkedAnswer;
  rollback: ParkedAnswer;
  checkFiles: Record<string, never>;
  planRollback: PlanSummary;
  previewRollback: RollbackPreview;
  repair: RepairAnswer;
  baseline: TendResult & { readonly migration: string; readonly dryRun: boolean };
  adopt: TendResult;
  refresh: RefreshAnswer;
  eject: TendResult;
  validate: ValidateAnswer;
  /** `freeze`: null when the fleet is not frozen. `rolloutId`: the open rollout that was told. */
  freeze: { readonly freeze: HoldRecord | null; readonly rolloutId?: string };
  pin: PinAnswer;
  unpin: PinAnswer;
  migrate: MigrateAnswer;
  reportAppVersion: Record<string, never>;
  phases: { readonly changes: readonly ChangeRecord[]; readonly next?: string };
  backfills: { readonly backfills: readonly FleetBackfill[] };
}

/** A change without downtime: migrations that are tied by `after`, and where the active tenants of the fleet stand with them. */
export interface ChangeRecord extends ChangeStanding {
  /** Of its first migration. */
  readonly name: string;
  /** Oldest first. */
  readonly migrations: readonly {
    readonly name: string;
    readonly phase?: Phase;
    readonly has: number;
    readonly lacks: number;
    /** Up to 5 who lack it. */
    readonly sample: readonly string[];
    /** Of the tenant that was asked for. */
    readonly tenantHas?: boolean;
  }[];
  /** What stands in the way of the next one. */
  readonly blockedBy: readonly Finding[];
  readonly next: readonly Step[];
}

/** What holds a fleet or a tenant back. Times are RFC 3339 UTC. */
export interface HoldRecord {
  /** Self-reported. */
  readonly actor: string;
  readonly reason: string;
  readonly since: string;
  /** undefined: until somebody ends it. */
  readonly until?: string;
}

export interface PinAnswer {
  /** Everybody who is pinned now, by id. */
  readonly pins: readonly (HoldRecord & { readonly tenant: string })[];
  /** pin: who was named; unpin: who was let go. */
  readonly changed: readonly string[];
  /** The open rollout that was told. */
  readonly rolloutId?: string;
}

export interface MigrateAnswer {
  readonly tenant: string;
  readonly outcome: 'applied' | 'upToDate';
  /** What it got now, oldest first. */
  readonly migrations: readonly string[];
  /** What its plan found: also a contract that the fleet is not ready for, and that it therefore did not get. */
  readonly findings: readonly Finding[];
  readonly durationMs: number;
  readonly planId: string;
  /** Under which its ledger and the audit trail have it; it can be rolled back like a rollout. */
  readonly rolloutId: string;
}

export interface RefreshAnswer extends Pick<TendResult, 'counts' | 'left'> {
  /** The scan that readiness goes by from now on. */
  readonly planId: string;
  readonly totals: PlanTotals;
  /** Rebuilt rollouts that the control database holds now, and the rows of tenants in them. */
  readonly rebuilt: { readonly rollouts: number; readonly tenants: number };
  readonly findings: readonly Finding[];
}

export interface ValidateAnswer extends Validated {
  /** The one that was asked for. */
  readonly migration?: string;
  /** What discovery came upon. */
  readonly findings: readonly Finding[];
}

export interface RepairAnswer {
  readonly migration: string;
  /** Of the file as it stands. */
  readonly checksum: string;
  readonly outcome: 'accepted' | 'acceptedBefore' | 'nothingDrifted';
  /** Tenants that have applied it from another source. */
  readonly tenants: number;
  readonly sample: readonly string[];
  /** Who accepted it, when that was before. */
  readonly before?: { readonly actor: string; readonly at: string; readonly reason?: string };
  /** What else stands in the way of a plan. */
  readonly findings: readonly Finding[];
}

export interface ParkedAnswer {
  /** Parked tenants that were signalled. */
  readonly signalled: number;
  /** The first few of them. */
  readonly tenants: readonly string[];
}
