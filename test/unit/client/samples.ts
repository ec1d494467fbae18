/** A plan and a rollout as the workflows answer them; tests vary a field or two. */

import type { RolloutStatus } from '../../../src/client/rollout-status.js';
import { toStatus } from '../../../src/client/rollout-status.js';
import type { BaselineResult, RefreshResult, RepairResult } from '../../../src/client/truth.js';
import type { ValidateResult } from '../../../src/client/validate.js';
import type { RunningBackfill } from '../../../src/domain/backfill/fleet-progress.js';
import type { PlannedGate, PlanSummary } from '../../../src/domain/plan.js';
import type { RolloutProgress, WaveProgress } from '../../../src/domain/rollout/contract.js';
import { noTotals, type Totals } from '../../../src/domain/tenant.js';

export const totals = (some: Partial<Totals>): Totals => ({ ...noTotals(), ...some });

export const sampleGate = (name: string, more: Partial<PlannedGate> = {}): PlannedGate => ({
  name,
  type: 'sql',
  scope: 'host',
  phases: ['pre', 'during', 'bake'],
  intervalMs: 10_000,
  limits: { when: 'above', throttle: 5, abort: 50, failureLimit: 2, errorLimit: 4, holdLimitMs: 1_800_000, settleMs: 300_000 },
  dryRun: false,
  off: [],
  ...more,
});

export const samplePlan = (more: Partial<PlanSummary> = {}): PlanSummary => ({
  fleet: 'shop',
  planId: 'p-01k9q4',
  digest: '7f3a91c2d4e5f60718293a4b5c6d7e8f',
  environment: 'production',
  createdAt: '2026-11-23T12:00:00.000Z',
  to: '20261121_orders_tax_ix',
  hosts: 20,
  cells: ['eu'],
  totals: { tenants: 4000, pending: 3912, upToDate: 88, excluded: 0, blocked: 0 },
  migrations: [
    {
      name: '20261120_orders_tax',
      checksum: 'a'.repeat(64),
      closure: 'b'.repeat(64),
      transactional: true,
      reversible: { verdict: 'expected' },
      appliedBefore: 0,
    },
    {
      name: '20261121_orders_tax_ix',
      checksum: 'c'.repeat(64),
      closure: 'd'.repeat(64),
      transactional: false,
      reversible: { verdict: 'notAsOne' },
      appliedBefore: 12,
    },
    {
      name: '20261122_drop_legacy',
      checksum: 'e'.repeat(64),
      closure: 'f'.repeat(64),
      transactional: true,
      reversible: { verdict: 'no', code: 'FLT_NO_DOWN', why: 'it has no down' },
      appliedBefore: 0,
    },
  ],
  waves: [
    {
      index: 0,
      name: 'canary',
      canary: true,
      tenants: 20,
      hosts: [{ host: 'pg-eu-1', cell: 'eu', tenants: 20, window: 1, limit: 8 }],
      canaries: [
        { tenant: 'acme', host: 'pg-eu-1', reason: 'largest of its host' },
        { tenant: 'umbrella', host: 'pg-eu-2', reason: 'only tenant still on Postgres 15' },
      ],
      maxFailures: 0,
      maxConcurrency: 1,
      worstCaseFailures: 1,
      bakeMs: 600_000,
      approval: false,
    },
    {
      index: 1,
      name: 'rest',
      canary: false,
      tenants: 3892,
      hosts: [{ host: 'pg-eu-1', cell: 'eu', tenants: 3892, window: 4, limit: 8 }],
      canaries: [],
      maxFailures: 38,
      maxConcurrency: 50,
      worstCaseFailures: 88,
      bakeMs: 120_000,
      approval: false,
    },
  ],
  policy: {
    strategy: 'auto',
    onBreach: 'rollbackWave',
    onGateFail: 'halt',
    onTenantFailure: 'park',
    sameError: { count: 5, window: 20 },
    ramp: { initial: 1, factor: 2 },
    finalBakeMs: 0,
    approvalTimeoutMs: 1,
    approvalOnTimeout: 'halt',
    gates: [],
    windows: [],
    deadlines: { progressMs: 1_800_000 },
    membership: 'catchUp',
    retry: { quickTries: 3, maxAttempts: 10, minBackoffMs: 1, maxBackoffMs: 2 },
    timeouts: { lockMs: 500, statementMs: 1, idleMs: 1 },
    outOfOrder: 'refuse',
  },
  findings: [
    {
      severity: 'warning',
      code: 'FLT_NO_DOWN',
      message: 'a rollback of this rollout will be refused',
      migration: '20261122_drop_legacy',
      remedy: 'Write a down.',
    },
  ],
  frozen: true,
  durationMs: 2400,
  ...more,
});

export const wave = (index: number, name: string, more: Partial<WaveProgress>): WaveProgress => ({
  index,
  name,
  direction: 'up',
  state: 'running',
  tenants: 0,
  hosts: 20,
  totals: noTotals(),
  maxFailures: 0,
  maxConcurrency: 50,
  inFlight: 0,
  failures: [],
  failuresTotal: 0,
  silentHosts: [],
  ...more,
});

export const START = Date.parse('2026-11-23T12:40:00.000Z');

export const sampleProgress = (more: Partial<RolloutProgress> = {}): RolloutProgress => ({
  fleet: 'shop',
  rolloutId: 'r-01k9q7',
  planId: 'p-01k9q4',
  digest: '7f3a91c2d4e5f60718293a4b5c6d7e8f',
  actor: 'ana',
  state: 'running',
  desired: 'run',
  reasons: [],
  gates: { passing: 120, others: [] },
  sweeps: 0,
  totals: totals({ applied: 553, deferred: 5, failed: 2, pending: 3107, running: 50, upToDate: 88 }),
  waves: [
    wave(0, 'canary', { state: 'done', tenants: 20, totals: totals({ applied: 20 }) }),
    wave(1, '25%', {
      tenants: 978,
      maxFailures: 9,
      inFlight: 50,
      totals: totals({ applied: 533, deferred: 5, failed: 2, pending: 388, running: 50 }),
    }),
    wave(2, 'rest', { state: 'waiting', tenants: 2719, totals: totals({ pending: 2719 }) }),
  ],
  failures: [
    { code: 'FLT_UNIQUE_VIOLATION', count: 2, tenants: ['acme-eu', 'globex'], sample: 'orders_tax_uq: existing rows break the constraint' },
  ],
  failuresTotal: 2,
  startedAtMs: START,
  ...more,
});

export const sampleStatus = (more: Partial<RolloutProgress> = {}, elapsedMs = 760_000): RolloutStatus =>
  toStatus(sampleProgress(more), { source: 'workflow', url: null, nowMs: START + elapsedMs });

export const sampleRunning = (more: Partial<RunningBackfill> = {}): RunningBackfill => ({
  tenant: 'acme',
  host: 'pg-eu-1',
  pass: 1,
  visited: 340_000,
  written: 300_000,
  total: 1_000_000,
  exact: false,
  rowsPerSecond: 12_300,
  waiting: null,
  ...more,
});

export const sampleRepair = (more: Partial<RepairResult> = {}): RepairResult => ({
  migration: '20261120_orders_tax',
  checksum: 'a'.repeat(64),
  outcome: 'accepted',
  tenants: 312,
  sample: ['acme', 'globex'],
  findings: [{ severity: 'error', code: 'FLT_SCHEMA_MISSING', message: 'gone', tenants: 1, sample: ['lost'] }],
  ...more,
});

export const sampleBaseline = (more: Partial<BaselineResult> = {}): BaselineResult => ({
  migration: '20261120_orders_tax',
  dryRun: false,
  counts: { tenants: 315, done: 310, unchanged: 1, skipped: 1, refused: 2, unreached: 1 },
  left: [
    {
      outcome: 'refused',
      code: 'FLT_HAS_HISTORY',
      count: 2,
      tenants: ['acme', 'globex'],
      sample: 'acme: its history has 2 migrations, the newest 02_b.',
    },
    { outcome: 'unreached', code: 'FLT_TENANT_BUSY', count: 1, tenants: ['initech'], sample: 'initech: another session is migrating it.' },
  ],
  groups: [
    { fingerprint: '3f2a91c2d4e5f607', tenants: 308, sample: ['a', 'b', 'c', 'd', 'e'] },
    { fingerprint: '9b1c000000000000', tenants: 2, sample: ['umbrella', 'wayne'] },
  ],
  moreGroups: { groups: 0, tenants: 0 },
  told: ['acme: was tenant "globex", copied.'],
  ...more,
});

export const sampleValidate = (more: Partial<ValidateResult> = {}): ValidateResult => ({
  counts: { tenants: 4000, passed: 3986, failed: 12, unchecked: 1, unasked: 1 },
  checks: 7996,
  failed: [
    {
      migration: '20261120_orders_tax',
      check: 'sameCount orders → taxes',
      count: 12,
      tenants: ['acme', 'globex', 'hooli', 'initech', 'umbrella', 'wayne'],
      sample: '4 expected, 3 found',
    },
  ],
  left: [{ outcome: 'unreached', code: 'FLT_LOCK_TIMEOUT', count: 1, tenants: ['stark'], sample: 'stark: a lock is held.' }],
  findings: [],
  ...more,
});

export const sampleRefresh = (more: Partial<RefreshResult> = {}): RefreshResult => ({
  planId: 'p-01k9q4',
  totals: { tenants: 4000, pending: 12, upToDate: 3980, excluded: 0, blocked: 8 },
  rebuilt: { rollouts: 3, tenants: 9120 },
  counts: { tenants: 4000, done: 3992, unchanged: 0, skipped: 0, refused: 0, unreached: 8 },
  left: [{ outcome: 'unreached', code: 'FLT_HOST_UNAVAILABLE', count: 8, tenants: ['a'], sample: 'Host "h" does not answer.' }],
  findings: [],
  ...more,
});
