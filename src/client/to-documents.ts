/** Results of the client as `--json` documents. Types come from the schemas; nothing is checked here at run time. */

import {
  type FleetBackfill,
  fleetEtaMs,
  fleetShareDone,
  type RunningBackfill,
  tenantEtaMs,
  tenantShareDone,
} from '../domain/backfill/fleet-progress.js';
import { explain } from '../domain/explain.js';
import type { Finding, PlanSummary } from '../domain/plan.js';
import type { Reason } from '../domain/rollout/contract.js';
import { noTotals } from '../domain/tenant.js';
import type { TendResult } from '../domain/tend.js';
import type { ChangeRecord, RolloutRecord, TenantLatest } from '../workflows/admin-messages.js';
import type { DocumentKind, DocumentOf } from './documents.js';
import type { FreezeResult, PinResult } from './holds.js';
import type { MigrateTenantResult } from './migrate-tenant.js';
import type { RolloutStatus } from './rollout-status.js';
import type { StartResult } from './start.js';
import type { BaselineResult, RefreshResult, RepairResult, TendedResult } from './truth.js';
import type { ValidateResult } from './validate.js';
import type { WaitResult } from './wait.js';

/** A document without the fields that every document has. */
export type Body<K extends DocumentKind> = Omit<DocumentOf<K>, 'schemaVersion' | 'kind' | 'fleet' | 'at' | 'error'>;

const iso = (ms: number): string => new Date(ms).toISOString();

export function planBody(summary: PlanSummary): Body<'plan'> {
  return {
    planId: summary.planId,
    digest: summary.digest,
    environment: summary.environment,
    operation: summary.operation ?? 'migrate',
    strategy: summary.policy.strategy,
    to: summary.to,
    frozen: summary.frozen,
    hosts: summary.hosts,
    cells: [...summary.cells],
    totals: summary.totals,
    migrations: summary.migrations.map(({ name, checksum, transactional, appliedBefore, reversible }) => ({
      name,
      checksum,
      transactional,
      appliedBefore,
      reversible,
    })),
    waves: summary.waves.map((wave) => ({ ...wave, hosts: wave.hosts.length, perHost: [...wave.hosts], canaries: [...wave.canaries] })),
    gates: summary.policy.gates.map(({ name, type, scope, phases, limits, dryRun, off }) => ({
      name,
      type,
      scope,
      phases: [...phases],
      when: limits.when,
      ...(limits.throttle === undefined ? {} : { throttle: limits.throttle }),
      ...(limits.abort === undefined ? {} : { abort: limits.abort }),
      dryRun,
      off: [...off],
    })),
    findings: findings(summary),
    onBreach: summary.policy.onBreach,
    durationMs: summary.durationMs,
    next: summary.frozen ? [{ command: `flotilla start ${summary.planId}`, why: 'run exactly this' }] : [],
  };
}

export const findings = (of: { readonly findings: readonly Finding[] }): Body<'plan'>['findings'] =>
  of.findings.map((finding) => ({
    ...finding,
    ...(finding.sample ? { sample: [...finding.sample] } : {}),
  })) as Body<'plan'>['findings'];

type RolloutBody = Omit<Body<'status'>, 'seq' | 'tenants'>;

export function rolloutBody(at: RolloutStatus, plan?: PlanSummary): RolloutBody {
  return {
    rolloutId: at.rolloutId,
    planId: at.planId,
    state: at.state,
    open: at.open,
    needsPerson: at.needsPerson,
    actor: at.actor,
    reasons: at.reasons.map(toReason),
    totals: at.totals,
    waves: at.waves.map((wave) => {
      const planned = plan?.waves.find(({ index }) => index === wave.index);
      return {
        index: wave.index,
        name: wave.name,
        direction: wave.direction,
        state: wave.state,
        tenants: wave.tenants,
        hosts: wave.hosts,
        totals: wave.totals,
        maxFailures: wave.maxFailures,
        maxConcurrency: wave.maxConcurrency,
        inFlight: wave.inFlight,
        silentHosts: wave.silentHosts.map(({ host, sinceMs, code }) => ({ host, since: iso(sinceMs), code })),
        ...(planned ? { canaries: [...planned.canaries] } : {}),
      };
    }),
    failures: at.failures.map((group) => ({ ...group, tenants: [...group.tenants] })),
    failuresTotal: at.failuresTotal,
    startedAt: iso(at.startedAtMs),
    finishedAt: at.finishedAtMs === undefined ? null : iso(at.finishedAtMs),
    durationMs: at.durationMs,
    tenantsPerSecond: at.tenantsPerSecond,
    etaMs: at.etaMs,
    ...(at.findings?.length ? { sweepFindings: findings({ findings: at.findings }) } : {}),
    ...(at.approval ? { approval: { wave: at.approval.wave, digest: at.approval.digest, expiresAt: iso(at.approval.expiresAtMs) } } : {}),
    ...(at.rollback ? { rollback: { ...at.rollback, refused: [...at.rollback.refused], failed: [...at.rollback.failed] } } : {}),
    operation: at.backfillOf === undefined ? 'migrate' : 'backfill',
    ...(at.rollbackOf === undefined ? {} : { rollbackOf: at.rollbackOf }),
    ...(at.backfillOf === undefined ? {} : { backfillOf: at.backfillOf }),
    ...(at.open
      ? {
          gateReadings: {
            passing: at.gates.passing,
            others: at.gates.others.map(({ sinceMs, ...it }) => ({ ...it, since: iso(sinceMs) })),
          },
        }
      : {}),
    ...(at.backfills ? { backfills: at.backfills.map(backfillBody) } : {}),
    ...(at.speed ? { speed: at.speed } : {}),
    ...(at.sweeps > 0 ? { sweeps: at.sweeps } : {}),
    url: at.url,
    ...(at.terminated ? { terminated: true } : {}),
    source: at.source,
    next: [...at.next],
  };
}

const backfillBody = (it: FleetBackfill): NonNullable<RolloutBody['backfills']>[number] => ({
  migration: it.migration,
  tenants: it.tenants,
  done: it.done,
  rows: it.total,
  exact: it.exact,
  visited: it.visited,
  written: it.written,
  share: fleetShareDone(it),
  rowsPerSecond: it.rowsPerSecond,
  etaMs: fleetEtaMs(it) ?? null,
  running: it.running.map((row) => ({ tenant: row.tenant, host: row.host, ...runningBody(row) })),
});

const runningBody = (row: RunningBackfill): Omit<NonNullable<RolloutBody['backfills']>[number]['running'][number], 'tenant' | 'host'> => ({
  pass: row.pass,
  rows: row.total,
  exact: row.exact,
  visited: row.visited,
  written: row.written,
  share: tenantShareDone(row) ?? null,
  rowsPerSecond: row.rowsPerSecond,
  etaMs: tenantEtaMs(row) ?? null,
  waiting: row.waiting,
});

export const tenantBody = ({ rolloutId, blockers, backfill, ...record }: TenantLatest): Body<'tenant'> => ({
  ...(rolloutId ? { rolloutId } : {}),
  tenant: {
    ...record,
    blockers: [...blockers],
    ...(backfill ? { backfill: { migration: backfill.migration, ...runningBody(backfill) } } : {}),
  },
});

const toReason = ({ kind, text, clears, sinceMs, untilMs, host, cell }: Reason): RolloutBody['reasons'][number] => ({
  kind,
  text,
  clears,
  ...(sinceMs === undefined ? {} : { since: iso(sinceMs) }),
  ...(untilMs === undefined ? {} : { until: iso(untilMs) }),
  ...(host === undefined ? {} : { host }),
  ...(cell === undefined ? {} : { cell }),
});

/** @param at null: this fleet never had a rollout */
export const explainBody = (at: RolloutStatus | null): Body<'explain'> => ({
  ...(at ? { rolloutId: at.rolloutId, planId: at.planId } : {}),
  state: at?.state ?? null,
  open: at?.open ?? false,
  needsPerson: at?.needsPerson ?? false,
  reasons: (at?.open ? at.reasons : []).map((reason) => ({ ...toReason(reason), sentence: explain(reason) })),
  next: [...(at?.next ?? [])],
});

/** In place of a rollout: this fleet never had one, or none was started. */
export function noRolloutBody(plan?: PlanSummary): RolloutBody {
  const totals = noTotals();
  if (plan) {
    totals.upToDate = plan.totals.upToDate;
    totals.skipped = plan.totals.excluded;
    totals.blocked = plan.totals.blocked;
    totals.pending = plan.totals.pending;
  }
  return {
    ...(plan ? { planId: plan.planId } : {}),
    operation: plan?.operation ?? 'migrate',
    state: null,
    open: false,
    needsPerson: false,
    actor: null,
    reasons: [],
    totals,
    waves: [],
    failures: [],
    failuresTotal: 0,
    startedAt: null,
    finishedAt: null,
    durationMs: plan?.durationMs ?? 0,
    tenantsPerSecond: null,
    etaMs: null,
    url: null,
    source: 'plan',
    next: plan?.frozen && plan.totals.pending ? [{ command: `flotilla start ${plan.planId}`, why: 'run exactly this' }] : [],
  };
}

export function startBody(result: StartResult): Body<'start'> {
  if (result.outcome === 'nothingToDo' || result.outcome === 'declined')
    return { outcome: result.outcome, ...noRolloutBody(result.plan), findings: findings(result.plan) };
  const plan = result.outcome === 'started' ? result.plan : undefined;
  return { outcome: result.outcome, ...rolloutBody(result.rollout, plan), ...(plan ? { findings: findings(plan) } : {}) };
}

export const historyBody = (rollouts: readonly RolloutRecord[], next?: string): Body<'history'> => ({
  rollouts: rollouts.map((it) => ({ ...it, operation: it.backfillOf === undefined ? 'migrate' : 'backfill' })),
  ...(next ? { nextPage: next } : {}),
});

export const repairBody = (result: RepairResult): Body<'repair'> => ({ ...result, sample: [...result.sample], findings: findings(result) });

const tendPart = ({ counts, left }: Pick<TendResult, 'counts' | 'left'>): Pick<Body<'eject'>, 'counts' | 'left'> => ({
  counts,
  left: left.map((group) => ({ ...group, tenants: [...group.tenants] })),
});

export const baselineBody = ({ migration, dryRun, groups, moreGroups, ...rest }: BaselineResult): Body<'baseline'> => ({
  migration,
  dryRun,
  ...tendPart(rest),
  groups: groups.map((group) => ({ ...group, sample: [...group.sample] })),
  moreGroups,
});

export const tendedBody = (result: TendedResult): Body<'adopt'> => ({ ...tendPart(result), told: [...result.told] });

export const refreshBody = (result: RefreshResult): Body<'refresh'> => ({
  planId: result.planId,
  totals: result.totals,
  rebuilt: result.rebuilt,
  ...tendPart(result),
  findings: findings(result),
});

export const validateBody = ({ migration, counts, checks, failed, left, findings: found }: ValidateResult): Body<'validate'> => ({
  ...(migration === undefined ? {} : { migration }),
  counts,
  checks,
  failed: failed.map((group) => ({ ...group, tenants: [...group.tenants] })),
  left: left.map((group) => ({ ...group, tenants: [...group.tenants] })),
  findings: findings({ findings: found }),
});

export const freezeBody = (result: FreezeResult): Body<'freeze'> => result;

export const pinBody = ({ pins, changed, ...rest }: PinResult): Body<'pin'> => ({ ...rest, pins: [...pins], changed: [...changed] });

export const migrateBody = (result: MigrateTenantResult): Body<'migrate'> => ({
  ...result,
  migrations: [...result.migrations],
  findings: findings(result),
});

export const waitBody = (result: WaitResult): Body<'wait'> => ({ why: result.why, ...rolloutBody(result.status) });

export const phasesBody = (changes: readonly ChangeRecord[], tenant?: string): Body<'phases'> => ({
  ...(tenant === undefined ? {} : { tenant }),
  changes: changes.map(({ migrations, blockedBy, next, ...change }) => ({
    ...change,
    migrations: migrations.map(({ sample, ...migration }) => ({ ...migration, sample: [...sample] })),
    blockedBy: findings({ findings: blockedBy }),
    next: [...next],
  })),
});
