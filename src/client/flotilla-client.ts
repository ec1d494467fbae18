import { explain } from '../domain/explain.js';
import type { PlanSummary } from '../domain/plan.js';
import type { RollbackPreview } from '../domain/rollback-preview.js';
import type { TenantState } from '../domain/tenant.js';
import type { TenantRecord } from '../workflows/admin-messages.js';
import { type AbortResult, abort } from './abort.js';
import type { AdminOptions } from './admin.js';
import { type BackfillOptions, backfill } from './backfill.js';
import { type ConnectOptions, connect } from './connect.js';
import type { AskOptions, ClientContext } from './context.js';
import { type DoctorOptions, type DoctorResult, doctor } from './doctor.js';
import * as holds from './holds.js';
import { type MigrateTenantOptions, type MigrateTenantResult, migrateTenant } from './migrate-tenant.js';
import { steerOrParked } from './parked.js';
import { type PlanOptions, plan } from './plan.js';
import { type PreviewOptions, previewRollback } from './preview-rollback.js';
import * as reads from './reads.js';
import { type ReportOptions, reportAppVersion } from './report-app-version.js';
import { retry } from './retry.js';
import { type RollbackOptions, rollback } from './rollback.js';
import type { RolloutStatus } from './rollout-status.js';
import { type StartOptions, type StartResult, start } from './start.js';
import { status } from './status.js';
import { type SteerOptions, type SteerResult, steer } from './steer.js';
import * as truth from './truth.js';
import { type ValidateOptions, type ValidateResult, validate } from './validate.js';
import { type WaitOptions, type WaitResult, wait } from './wait.js';

/**
 * The verbs of the command line, for scripts. Needs only Temporal: no database credential, no migration file.
 * Everything expected that goes wrong is a `FlotillaError` with a code of `docs/errors.md`.
 *
 * @example see docs/client.md
 */
export class FlotillaClient {
  readonly #context: ClientContext & { close(): Promise<void> };

  private constructor(context: ClientContext & { close(): Promise<void> }) {
    this.#context = context;
  }

  /** Connects within 5 s; close it when done. @throws FLT_TEMPORAL_UNAVAILABLE */
  static async connect(options: ConnectOptions): Promise<FlotillaClient> {
    return new FlotillaClient(await connect(options));
  }

  /** Closes the connection; rollouts go on. */
  close(): Promise<void> {
    return this.#context.close();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get fleet(): string {
    return this.#context.fleet;
  }

  // Run

  /** {@inheritDoc plan} */
  plan(options: PlanOptions = {}): Promise<PlanSummary> {
    return plan(this.#context, options);
  }
  /** {@inheritDoc start} */
  start(options: StartOptions = {}): Promise<StartResult> {
    return start(this.#context, options);
  }
  /** {@inheritDoc backfill} */
  backfill(migration: string, options: BackfillOptions = {}): Promise<StartResult> {
    return backfill(this.#context, migration, options);
  }
  /** {@inheritDoc wait} */
  wait(options: WaitOptions = {}): Promise<WaitResult> {
    return wait(this.#context, options);
  }

  /** {@inheritDoc migrateTenant} */
  migrateTenant(tenant: string, options: MigrateTenantOptions = {}): Promise<MigrateTenantResult> {
    return migrateTenant(this.#context, tenant, options);
  }

  // Steer; each is answered by the rollout, and audited with actor and reason.

  /** Stops taking up tenants; those in hand finish. Works without a worker: it is then applied when one comes. */
  pause(options: AskOptions = {}): Promise<SteerResult> {
    return steer(this.#context, 'pause', options);
  }
  /** Goes on after a pause; after a halt only with `acceptFailures` or when enough failures are resolved. @throws FLT_REFUSED */
  resume(options: SteerOptions<'resume'> = {}): Promise<SteerResult> {
    return steer(this.#context, 'resume', options);
  }
  /** Lets the wave that waits for approval start; names the wave and the plan's digest. @throws FLT_APPROVAL_MISMATCH, FLT_REFUSED */
  approve(options: SteerOptions<'approve'>): Promise<SteerResult> {
    return steer(this.#context, 'approve', options);
  }
  /** Refuses the wave that waits for approval; the rollout halts. @throws FLT_APPROVAL_MISMATCH, FLT_REFUSED */
  reject(options: SteerOptions<'reject'>): Promise<SteerResult> {
    return steer(this.#context, 'reject', options);
  }
  /** Leaves out tenants, those of a host that were not started, the rest of a wave, the bake time that runs, or a gate. A skipped failure no longer counts. @throws FLT_REFUSED */
  skip(options: SteerOptions<'skip'>): Promise<SteerResult> {
    return steerOrParked(this.#context, 'skip', options);
  }
  /** {@inheritDoc retry} */
  retry(options: SteerOptions<'retry'>): Promise<SteerResult> {
    return retry(this.#context, options);
  }
  /** Changes how many lists run at once, over all hosts and on each, and how many failures the wave bears; from the next dispatch on. A limit below what has failed already halts at once. @throws FLT_REFUSED, FLT_USAGE */
  speed(options: SteerOptions<'speed'>): Promise<SteerResult> {
    return steer(this.#context, 'speed', options);
  }
  /** {@inheritDoc abort} */
  abort(options: SteerOptions<'abort'> = {}): Promise<AbortResult> {
    return abort(this.#context, options);
  }
  /** Returns tenants to where this rollout found them (not Knex's last batch). {@inheritDoc rollback} */
  rollback(options: RollbackOptions = {}): Promise<SteerResult> {
    return rollback(this.#context, options);
  }
  /** {@inheritDoc previewRollback} */
  previewRollback(options: PreviewOptions = {}): Promise<RollbackPreview> {
    return previewRollback(this.#context, options);
  }

  // Hold back; each is audited with actor and reason.

  /** {@inheritDoc holds.freeze} */
  freeze(options: holds.FreezeOptions = {}): Promise<holds.FreezeResult> {
    return holds.freeze(this.#context, options);
  }
  /** {@inheritDoc holds.pin} */
  pin(options: holds.PinOptions = {}): Promise<holds.PinResult> {
    return holds.pin(this.#context, options);
  }
  /** {@inheritDoc holds.unpin} */
  unpin(options: holds.UnpinOptions): Promise<holds.PinResult> {
    return holds.unpin(this.#context, options);
  }

  // Told by applications

  /** {@inheritDoc reportAppVersion} */
  reportAppVersion(version: string, options: ReportOptions = {}): Promise<void> {
    return reportAppVersion(this.#context, version, options);
  }

  // Put right what histories say; each is audited with actor and reason.

  /** {@inheritDoc truth.repair} */
  repair(options: truth.RepairOptions): Promise<truth.RepairResult> {
    return truth.repair(this.#context, options);
  }
  /** {@inheritDoc truth.baseline} */
  baseline(options: truth.BaselineOptions): Promise<truth.BaselineResult> {
    return truth.baseline(this.#context, options);
  }
  /** {@inheritDoc truth.adopt} */
  adopt(options: truth.AdoptOptions): Promise<truth.TendedResult> {
    return truth.adopt(this.#context, options);
  }
  /** {@inheritDoc truth.refresh} */
  refresh(options: AdminOptions = {}): Promise<truth.RefreshResult> {
    return truth.refresh(this.#context, options);
  }
  /** {@inheritDoc truth.eject} */
  eject(options: truth.EjectOptions): Promise<truth.TendedResult> {
    return truth.eject(this.#context, options);
  }

  // Look

  /** {@inheritDoc status} */
  status(rolloutId?: string): Promise<RolloutStatus | null> {
    return status(this.#context, rolloutId);
  }
  /** Why is it not moving: one sentence per reason, with who can change it; empty when it moves or nothing is open. */
  async explain(): Promise<readonly string[]> {
    const at = await status(this.#context);
    return at?.open ? at.reasons.map(explain) : [];
  }
  /** {@inheritDoc reads.tenants} */
  tenants(options: reads.TenantsOptions = {}): Promise<reads.TenantsResult> {
    return reads.tenants(this.#context, options);
  }
  /** Tenants of a rollout, ordered by id; only those in the given states. */
  rolloutTenants(rolloutId: string, states?: readonly TenantState[], limit?: number): Promise<readonly TenantRecord[]> {
    return reads.rolloutTenants(this.#context, rolloutId, states, limit);
  }
  /** {@inheritDoc reads.tenantStatus} */
  tenantStatus(tenant: string, rolloutId?: string): ReturnType<typeof reads.tenantStatus> {
    return reads.tenantStatus(this.#context, tenant, rolloutId);
  }
  /** {@inheritDoc reads.ready} */
  ready(migration: string, tenant?: string): Promise<reads.ReadyResult> {
    return reads.ready(this.#context, migration, tenant);
  }
  /** Is this tenant at least at this migration? For applications that switch code on per tenant. @throws FLT_UNKNOWN_TENANT */
  async isReady(tenant: string, migration: string): Promise<boolean> {
    return (await reads.ready(this.#context, migration, tenant)).ready;
  }
  /** {@inheritDoc validate} */
  validate(options: ValidateOptions = {}): Promise<ValidateResult> {
    return validate(this.#context, options);
  }
  /** {@inheritDoc reads.phases} */
  phases(tenant?: string): ReturnType<typeof reads.phases> {
    return reads.phases(this.#context, tenant);
  }
  /** Past rollouts, newest first. */
  history(options: reads.HistoryOptions = {}): ReturnType<typeof reads.history> {
    return reads.history(this.#context, options);
  }
  /** Who did what, and why, newest first. Actors are self-reported. */
  audit(options: reads.AuditOptions = {}): ReturnType<typeof reads.audit> {
    return reads.audit(this.#context, options);
  }
  /** {@inheritDoc doctor} */
  doctor(options: DoctorOptions = {}): Promise<DoctorResult> {
    return doctor(this.#context, options);
  }
}
