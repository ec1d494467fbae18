import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure, TerminatedFailure } from '@temporalio/common';
import type { FleetBackfill } from '../domain/backfill/fleet-progress.js';
import { FlotillaError } from '../domain/errors.js';
import { workflowIds } from '../domain/ids.js';
import {
  isFinal,
  ROLLOUT_STATES,
  type RolloutProgress,
  type RolloutReport,
  type RolloutState,
  type WaveProgress,
} from '../domain/rollout/contract.js';
import { noTotals } from '../domain/tenant.js';
import { QUERIES } from '../workflows/messages.js';
import { searchAttribute } from '../workflows/search-attributes.js';
import { askAdmin } from './admin.js';
import { backfillsOf } from './backfills.js';
import type { ClientContext } from './context.js';
import { failureInside, toFlotillaError } from './errors.js';
import { latestRun, type RolloutRun } from './find-rollout.js';
import { probeTask, queryWithin } from './probe.js';
import { progressOfRecord, type RolloutStatus, toStatus, withOpenWave } from './rollout-status.js';
import { workflowUrl } from './ui-url.js';
import { waitingForWorkers } from './waiting-for-workers.js';

const PROGRESS_WITHIN_MS = 3_000;
const WAVE_WITHIN_MS = 2_000;
const NEVER_OPENED: readonly string[] = ['FLT_PLAN_NOT_FOUND', 'FLT_PLAN_STALE'];

/**
 * Where a rollout stands: the open one, else the latest; null when this fleet never had one. Changes nothing.
 * When no worker answers it still says what Temporal knows, with the reason `worker`; so it does of a cell whose work nobody takes up.
 * @throws FLT_ROLLOUT_NOT_FOUND for an id that nobody knows
 */
export async function status(context: ClientContext, rolloutId?: string): Promise<RolloutStatus | null> {
  const run = await latestRun(context);
  if (run && (rolloutId === undefined || run.rolloutId === rolloutId))
    return run.open ? openStatus(context, run) : closedOrRecorded(context, run, rolloutId);
  return recordedStatus(context, rolloutId);
}

async function openStatus(context: ClientContext, run: RolloutRun): Promise<RolloutStatus> {
  const progress = await queryWithin<RolloutProgress>(context, run.handle, QUERIES.progress, PROGRESS_WITHIN_MS);
  const url = workflowUrl(context, run.handle.workflowId, run.runId);
  if (!progress) return unansweredStatus(context, run, url);
  const descriptions = [run.description];
  let live: WaveProgress | undefined;
  let backfills: readonly FleetBackfill[] | undefined;
  if (progress.openWave) {
    const wave: WorkflowHandle = context.temporal.workflow.getHandle(progress.openWave.workflowId);
    // The wave may just have ended or continued as new: then the rollout's own figures do.
    const [figures, description, filled] = await Promise.all([
      queryWithin<WaveProgress>(context, wave, QUERIES.progress, WAVE_WITHIN_MS).catch(() => undefined),
      wave.describe().catch(() => undefined),
      progress.openWave.backfills ? backfillsNow(context, run.rolloutId, progress.openWave) : undefined,
    ]);
    live = figures;
    backfills = filled;
    if (description) descriptions.push(description);
  }
  const nowMs = Date.now();
  if (progress.backfillOf !== undefined)
    backfills = (await backfillsOf(context, run.rolloutId)) ?? (await backfillAlone(context, run.rolloutId));
  const unserved = waitingForWorkers(context, descriptions, nowMs);
  const now = withOpenWave(progress, live);
  const at = toStatus({ ...now, reasons: [...unserved, ...now.reasons] }, { source: 'workflow', url, nowMs });
  return backfills?.length ? { ...at, backfills } : at;
}

/** As the workflow beside a backfill that is run alone saw it last. */
async function backfillAlone(context: ClientContext, rolloutId: string): Promise<readonly FleetBackfill[] | undefined> {
  const watch = context.temporal.workflow.getHandle(workflowIds.backfillAlone(context.fleet, rolloutId));
  return queryWithin<readonly FleetBackfill[]>(context, watch, QUERIES.progress, WAVE_WITHIN_MS).catch(() => undefined);
}

/** As they stand in the control database, or as the workflow beside the wave saw them last. */
async function backfillsNow(
  context: ClientContext,
  rolloutId: string,
  { index, workflowId }: NonNullable<RolloutProgress['openWave']>,
): Promise<readonly FleetBackfill[] | undefined> {
  const now = await backfillsOf(context, rolloutId, index);
  if (now) return now;
  const watch = context.temporal.workflow.getHandle(workflowIds.backfill(workflowId));
  return queryWithin<readonly FleetBackfill[]>(context, watch, QUERIES.progress, WAVE_WITHIN_MS).catch(() => undefined);
}

function unansweredStatus(context: ClientContext, run: RolloutRun, url: string | null): RolloutStatus {
  const probe = probeTask(run.description);
  const failing = probe.attempt > 1 && probe.waiting === undefined;
  const known = run.description.typedSearchAttributes.get(searchAttribute.state);
  const state: RolloutState = (ROLLOUT_STATES as readonly string[]).includes(known ?? '') ? (known as RolloutState) : 'running';
  const sentence = failing
    ? `workflow code keeps failing (attempt ${probe.attempt}); the worker's log says why`
    : `no workflow worker answers on "${context.taskQueue}"; start one with "flotilla worker"`;
  return toStatus(
    {
      fleet: context.fleet,
      rolloutId: run.rolloutId,
      planId: run.planId,
      digest: '',
      actor: run.actor,
      ...(run.backfillOf === undefined ? {} : { backfillOf: run.backfillOf }),
      state,
      desired: 'run',
      reasons: [{ kind: 'worker', text: sentence, clears: 'person' }],
      totals: noTotals(),
      waves: [],
      failures: [],
      failuresTotal: 0,
      gates: { passing: 0, others: [] },
      sweeps: 0,
      startedAtMs: run.description.startTime.getTime(),
    },
    { source: 'temporal', url, nowMs: Date.now() },
  );
}

/** A start whose plan could not be opened never was a rollout: unless it is asked for by its id, the latest one on record is meant. */
async function closedOrRecorded(context: ClientContext, run: RolloutRun, rolloutId: string | undefined): Promise<RolloutStatus | null> {
  try {
    return await closedStatus(context, run);
  } catch (error) {
    if (rolloutId === undefined && error instanceof FlotillaError && NEVER_OPENED.includes(error.code))
      return recordedStatus(context, undefined);
    throw error;
  }
}

/** How a closed rollout ended. A rollout that ended otherwise than `succeeded` is a failed workflow that carries its report. */
async function closedStatus(context: ClientContext, run: RolloutRun): Promise<RolloutStatus> {
  const url = workflowUrl(context, run.handle.workflowId, run.runId);
  const ended = (report: RolloutReport) =>
    toStatus({ ...report, state: report.finalState }, { source: 'result', url, nowMs: Date.now(), durationMs: report.durationMs });
  const withFilled = async (report: RolloutReport) => {
    const backfills = report.backfillOf === undefined ? undefined : await backfillAlone(context, report.rolloutId);
    return backfills?.length ? { ...ended(report), backfills } : ended(report);
  };
  try {
    return await withFilled((await run.handle.result()) as RolloutReport);
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw toFlotillaError(context, error);
    const report = reportInside(error.cause);
    if (report) return withFilled(report);
    const failure = failureInside(error);
    if (failure) throw failure;
    if (error.cause instanceof TerminatedFailure) return terminatedStatus(context, run, url);
    throw toFlotillaError(context, error);
  }
}

function reportInside(failure: unknown): RolloutReport | undefined {
  if (!(failure instanceof ApplicationFailure)) return undefined;
  const report = failure.details?.[0] as RolloutReport | undefined;
  return report && typeof report === 'object' && 'finalState' in report && isFinal(report.finalState) ? report : undefined;
}

/** Terminate leaves the control database's row open; its waves stop after the tenants in hand, and the ledgers stay true. */
async function terminatedStatus(context: ClientContext, run: RolloutRun, url: string | null): Promise<RolloutStatus> {
  const { rollout } = await askAdmin(context, 'rollout', { rolloutId: run.rolloutId }).catch(() => ({ rollout: null }));
  const closedAt = run.description.closeTime?.getTime() ?? Date.now();
  const base: RolloutProgress = rollout
    ? (rollout.progress ?? progressOfRecord(context.fleet, rollout))
    : {
        fleet: context.fleet,
        rolloutId: run.rolloutId,
        planId: run.planId,
        digest: '',
        actor: run.actor,
        state: 'aborted',
        desired: 'abort',
        reasons: [],
        totals: noTotals(),
        waves: [],
        failures: [],
        failuresTotal: 0,
        gates: { passing: 0, others: [] },
        sweeps: 0,
        startedAtMs: run.description.startTime.getTime(),
      };
  const { openWave: _, ...rest } = base;
  return toStatus(
    {
      ...rest,
      totals: rollout ? { ...noTotals(), ...rollout.totals } : base.totals,
      state: 'aborted',
      finishedAtMs: closedAt,
      reasons: [
        {
          kind: 'cancel',
          text: 'it was terminated in Temporal; tenants in hand finished, and a new start takes up what is left',
          clears: 'person',
        },
      ],
    },
    { source: rollout ? 'control' : 'temporal', url, nowMs: Date.now(), terminated: true },
  );
}

async function recordedStatus(context: ClientContext, rolloutId: string | undefined): Promise<RolloutStatus | null> {
  const { rollout } = await askAdmin(context, 'rollout', rolloutId === undefined ? {} : { rolloutId });
  if (rollout) {
    const progress = rollout.progress ?? progressOfRecord(context.fleet, rollout);
    return toStatus({ ...progress, state: rollout.state }, { source: 'control', url: null, nowMs: Date.now() });
  }
  if (rolloutId === undefined) return null;
  throw new FlotillaError('FLT_ROLLOUT_NOT_FOUND', `This fleet has no rollout ${rolloutId}.`, { rolloutId });
}
