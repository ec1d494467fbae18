/** Where a rollout stands, in one shape wherever it was read: from the workflow, from its result, or from the control database. */

import type { FleetBackfill } from '../domain/backfill/fleet-progress.js';
import { ERROR_CODES, isErrorCode } from '../domain/error-codes.js';
import { type FailureGroup, isFinal, type RolloutProgress, type RolloutState, type WaveProgress } from '../domain/rollout/contract.js';
import { countTotals, noTotals, TENANT_STATES, type Totals } from '../domain/tenant.js';
import type { RolloutRecord } from '../workflows/admin-messages.js';
import { type NextCommand, needsPerson, nextCommands } from './next-commands.js';

export interface RolloutStatus extends Omit<RolloutProgress, 'failures' | 'reasons'> {
  readonly reasons: RolloutProgress['reasons'];
  readonly failures: readonly (FailureGroup & { readonly remedy: string })[];
  readonly open: boolean;
  /** Open, and nothing goes on until a person acts. */
  readonly needsPerson: boolean;
  readonly durationMs: number;
  /** Average over the whole rollout, bakes and pauses included; null before the first tenant is done. */
  readonly tenantsPerSecond: number | null;
  /** At the average speed so far, without bakes and pauses still to come; null when it cannot be told. */
  readonly etaMs: number | null;
  readonly url: string | null;
  readonly next: readonly NextCommand[];
  /** Where this was read; `temporal` = nobody answered and the counts are unknown. */
  readonly source: 'workflow' | 'result' | 'control' | 'temporal';
  /** How far the backfills of the open wave have come; of a rollout that is nothing but a backfill, how far that has come in all waves. */
  readonly backfills?: readonly FleetBackfill[];
  /** Ended by Terminate in Temporal, not by itself. */
  readonly terminated?: boolean;
}

const IN_PROGRESS = ['pending', 'blocked', 'running', 'deferred', 'rollingBack'] as const;

/** Tenants that the rollout is still to settle. */
export const unsettled = (totals: Totals): number => IN_PROGRESS.reduce((n, state) => n + totals[state], 0);

export function toStatus(
  progress: RolloutProgress,
  more: Pick<RolloutStatus, 'source' | 'url'> & { readonly nowMs: number; readonly durationMs?: number; readonly terminated?: boolean },
): RolloutStatus {
  const { state } = progress;
  const open = !isFinal(state) && !more.terminated;
  const durationMs = more.durationMs ?? Math.max(0, (progress.finishedAtMs ?? more.nowMs) - progress.startedAtMs);
  // Tenants that no wave holds were settled before the first second, so only the waves' tenants tell the speed.
  const moved = progress.totals.applied + progress.totals.failed + progress.totals.parked + progress.totals.rolledBack;
  const speed = moved > 0 && durationMs > 0 ? moved / (durationMs / 1000) : null;
  const left = unsettled(progress.totals);
  return {
    ...progress,
    failures: progress.failures.map((group) => ({ ...group, remedy: remedyOf(group.code) })),
    open,
    needsPerson: open && needsPerson(progress),
    durationMs,
    tenantsPerSecond: speed === null ? null : Math.round(speed * 10) / 10,
    etaMs: open && state === 'running' && speed && left ? Math.round((left / speed) * 1000) : null,
    url: more.url,
    next: open && more.source === 'temporal' ? unattended : nextCommands(progress),
    source: more.source,
    ...(more.terminated ? { terminated: true } : {}),
  };
}

/** What can be done while no worker answers: pause and abort are durable without one. */
const unattended: readonly NextCommand[] = [
  { command: 'flotilla worker', why: 'start a worker' },
  { command: 'flotilla doctor', why: 'see what else is missing' },
  { command: "flotilla pause --reason '…'", why: 'holds from the moment a worker comes' },
];

const remedyOf = (code: string): string => (isErrorCode(code) ? ERROR_CODES[code].remedy : '');

/** The open wave's own figures are newer than what the rollout holds of it; the rollout's totals follow. */
export function withOpenWave(progress: RolloutProgress, live: WaveProgress | undefined): RolloutProgress {
  if (!live) return progress;
  const known = progress.waves.find((wave) => wave.index === live.index);
  if (!known) return progress;
  const waves = progress.waves.map((wave) => (wave === known ? { ...live, state: known.state } : wave));
  const failures = withLiveFailures(progress.failures, known.failures, live.failures);
  const failuresTotal = Math.max(progress.failuresTotal, progress.failuresTotal - known.failuresTotal + live.failuresTotal);
  // A down run counts only the tenants it has to revert: its totals do not stand beside the wave's own.
  if (countTotals(known.totals) !== countTotals(live.totals)) return { ...progress, waves, failures, failuresTotal };
  const totals = noTotals();
  for (const state of TENANT_STATES) totals[state] = Math.max(0, progress.totals[state] - known.totals[state] + live.totals[state]);
  return { ...progress, waves, totals, failures, failuresTotal };
}

/** Per code: what the rollout holds, less what it holds of the wave, plus what the wave says now. */
function withLiveFailures(all: readonly FailureGroup[], known: readonly FailureGroup[], live: readonly FailureGroup[]): FailureGroup[] {
  const count = (groups: readonly FailureGroup[], code: string) => groups.find((group) => group.code === code)?.count ?? 0;
  const codes = [...new Set([...all, ...live].map((group) => group.code))];
  return codes
    .map((code) => {
      const newest = live.find((group) => group.code === code) ?? all.find((group) => group.code === code);
      return { ...(newest as FailureGroup), count: count(all, code) - count(known, code) + count(live, code) };
    })
    .filter((group) => group.count > 0)
    .sort((a, b) => b.count - a.count);
}

/** A rollout of which only the control database's row is left. */
export function progressOfRecord(fleet: string, record: RolloutRecord, state: RolloutState = record.state): RolloutProgress {
  return {
    fleet,
    rolloutId: record.rolloutId,
    planId: record.planId,
    digest: '',
    actor: record.actor,
    state,
    desired: 'run',
    reasons: [],
    totals: { ...noTotals(), ...record.totals },
    waves: [],
    failures: [],
    failuresTotal: 0,
    gates: { passing: 0, others: [] },
    sweeps: 0,
    ...(record.backfillOf === undefined ? {} : { backfillOf: record.backfillOf }),
    startedAtMs: Date.parse(record.startedAt),
    ...(record.finishedAt ? { finishedAtMs: Date.parse(record.finishedAt) } : {}),
  };
}
