import { FlotillaError } from '../domain/errors.js';
import { workflowIds } from '../domain/ids.js';
import type { PlanSummary } from '../domain/plan.js';
import { type PlanInput, WORKFLOWS } from '../workflows/messages.js';
import { searchAttribute } from '../workflows/search-attributes.js';
import { freshId } from './ask.js';
import type { AskOptions, ClientContext } from './context.js';
import { guarded } from './errors.js';
import { tellProgress } from './plan-progress.js';
import { resultOfTaken } from './probe.js';

export interface PlanOptions extends AskOptions {
  /** Migration that every tenant shall stand at. @defaultValue the newest */
  readonly to?: string;
  /** Only the backfill of this migration, once more, where it is applied; `to` is not asked then. @defaultValue all that is pending */
  readonly backfill?: string;
  /** Only these tenants. */
  readonly tenants?: readonly string[];
  /** Only tenants whose labels match, e.g. `plan=gold,region in (eu,us)`. */
  readonly selector?: string;
  /** A preset (auto, fast, cautious) or a name in the config's `strategies`. @defaultValue the config's */
  readonly strategy?: string;
  /** Newest migration the caller knows of: a worker without it is waited for, then refused (FLT_MIGRATION_MISMATCH). */
  readonly expect?: string;
  /** How long to wait for a worker that has `expect`. @defaultValue 120000 */
  readonly expectTimeoutMs?: number;
  readonly onBreach?: PlanInput['onBreach'];
  /** Only say what is pending; freeze nothing. @defaultValue false */
  readonly check?: boolean;
  /** Told about once a second what the planning is doing. */
  readonly onProgress?: (text: string) => void;
  /** Stops waiting; the planning itself ends by itself. */
  readonly signal?: AbortSignal;
}

/**
 * Says exactly what a rollout would do and freezes it under a plan id. Changes no tenant; safe to repeat (each time a new plan).
 * Findings of severity `error` come back in `findings`, and such a plan is not frozen.
 * @throws FLT_NO_WORKFLOW_WORKER, FLT_NO_CELL_WORKER, FLT_MIGRATION_MISMATCH, FLT_TEMPORAL_UNAVAILABLE; with `backfill` FLT_UNKNOWN_MIGRATION, FLT_NO_BACKFILL
 */
export function plan(context: ClientContext, options: PlanOptions = {}): Promise<PlanSummary> {
  return runPlan(context, options.check ? 'check' : 'freeze', freshId('p'), options);
}

/** Stages every tenant with its position under the plan id, for `tenants` pages; no waves. */
export function scan(context: ClientContext, planId: string, options: PlanOptions = {}): Promise<PlanSummary> {
  return runPlan(context, 'scan', planId, options);
}

async function runPlan(context: ClientContext, mode: PlanInput['mode'], planId: string, options: PlanOptions): Promise<PlanSummary> {
  const actor = options.actor ?? context.actor;
  const input: PlanInput = {
    fleet: context.fleet,
    planId,
    taskQueue: context.taskQueue,
    actor,
    mode,
    to: options.to,
    ...(options.backfill === undefined ? {} : { backfill: options.backfill }),
    tenants: options.tenants?.length ? options.tenants : undefined,
    selector: options.selector,
    strategy: options.strategy,
    expect: options.expect,
    expectTimeoutMs: options.expectTimeoutMs,
    onBreach: options.onBreach,
  };
  const handle = await guarded(context, () =>
    context.temporal.workflow.start(WORKFLOWS.plan, {
      workflowId: workflowIds.plan(context.fleet, planId),
      taskQueue: context.taskQueue,
      args: [input],
      typedSearchAttributes: [{ key: searchAttribute.fleet, value: context.fleet }],
      memo: { planId, actor },
      staticSummary: `plan ${planId} of ${context.fleet}, asked by ${actor}`,
    }),
  );
  const over = new AbortController();
  if (options.onProgress) void tellProgress(handle, options.onProgress, over.signal);
  try {
    const made = await resultOfTaken<PlanSummary>(context, handle, options.signal);
    if (options.backfill !== undefined && made.operation !== 'backfill') throw olderBuild();
    return made;
  } finally {
    over.abort();
  }
}

/** It would plan all that is pending, and run that. */
const olderBuild = (): FlotillaError =>
  new FlotillaError(
    'FLT_MIGRATION_MISMATCH',
    'A worker of an earlier build made the plan, and knows no backfill alone: bring all workers up to date.',
  );
