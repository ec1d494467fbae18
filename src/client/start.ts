import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { FlotillaError } from '../domain/errors.js';
import { workflowIds } from '../domain/ids.js';
import { backfillOf, type PlanSummary } from '../domain/plan.js';
import { isFinal } from '../domain/rollout/contract.js';
import type { Tuning } from '../domain/tuning.js';
import { type Ask, QUERIES, type RolloutInput, WORKFLOWS } from '../workflows/messages.js';
import { searchAttribute } from '../workflows/search-attributes.js';
import { askAdmin } from './admin.js';
import { freshId, toAsk } from './ask.js';
import type { ClientContext } from './context.js';
import { delay } from './delay.js';
import { guarded } from './errors.js';
import { latestRun, type RolloutRun } from './find-rollout.js';
import { type PlanOptions, plan } from './plan.js';
import { planRefusal } from './plan-refusal.js';
import { queryWithin } from './probe.js';
import type { RolloutStatus } from './rollout-status.js';
import { status } from './status.js';
import { steer } from './steer.js';
import { wait } from './wait.js';

export interface StartOptions extends Omit<PlanOptions, 'check'> {
  /** Start this frozen plan. @defaultValue plans first, with the other options */
  readonly planId?: string;
  /** Abort the open rollout, wait until its tenants in hand are done, then start. Needs a reason. @defaultValue false */
  readonly replace?: boolean;
  /** Asked between planning and starting; false starts nothing. */
  readonly confirm?: (plan: PlanSummary) => boolean | Promise<boolean>;
  /** Sizes for tests. */
  readonly tuning?: Tuning;
}

export type StartResult =
  /** A rollout was started now. */
  | { readonly outcome: 'started'; readonly rollout: RolloutStatus; readonly plan?: PlanSummary }
  /** The same requestId had started this rollout before. */
  | { readonly outcome: 'alreadyStarted'; readonly rollout: RolloutStatus }
  /** No tenant has anything pending. */
  | { readonly outcome: 'nothingToDo'; readonly plan: PlanSummary }
  /** `confirm` said no; the plan is frozen and can be started later. */
  | { readonly outcome: 'declined'; readonly plan: PlanSummary };

/**
 * Starts a rollout. One rollout of a fleet is open at a time. Safe to repeat with the same requestId: the rollout it started is answered,
 * open or closed; also when the first answer was lost.
 * @throws FLT_ROLLOUT_OPEN (names the open one), the codes of `plan`, FLT_PLAN_NOT_FOUND, and the code of a plan's first error finding
 */
export async function start(context: ClientContext, options: StartOptions = {}): Promise<StartResult> {
  const ask = toAsk(context, options);
  const before = await latestRun(context);
  if (options.requestId !== undefined) {
    const same = await startedBefore(context, options.requestId, before);
    if (same) return { outcome: 'alreadyStarted', rollout: same };
  }
  if (before?.open) {
    if (!options.replace) throw rolloutOpen(before);
    await abortAndDrain(context, before, ask, options.signal);
  }

  let frozen: PlanSummary | undefined;
  if (options.planId === undefined) {
    frozen = await plan(context, options);
    const refusal = planRefusal(frozen);
    if (refusal) throw refusal;
    if (frozen.totals.pending === 0) return { outcome: 'nothingToDo', plan: frozen };
    if (options.confirm && !(await options.confirm(frozen))) return { outcome: 'declined', plan: frozen };
  } else await askAdmin(context, 'hello', {}, { actor: ask.actor }); // planning would have noticed that no worker is there

  const planId = frozen?.planId ?? (options.planId as string);
  const opened = await openRollout(context, ask, { planId, tuning: options.tuning }, frozen);
  if (!opened.fresh) return { outcome: 'alreadyStarted', rollout: await statusOf(context, opened.rolloutId) };
  return { outcome: 'started', rollout: await firstStatus(context, opened.rolloutId), ...(frozen ? { plan: frozen } : {}) };
}

/** Starts the fleet's rollout workflow; one that the same request has started is answered. @throws FLT_ROLLOUT_OPEN */
export async function openRollout(
  context: ClientContext,
  ask: Ask,
  of: Pick<RolloutInput, 'planId' | 'tuning' | 'rollbackOf'>,
  frozen: PlanSummary | undefined,
): Promise<{ readonly rolloutId: string; readonly fresh: boolean }> {
  const { planId, rollbackOf } = of;
  const rolloutId = freshId('r');
  const filled = frozen && backfillOf(frozen);
  const input: RolloutInput = { ...ask, fleet: context.fleet, rolloutId, taskQueue: context.taskQueue, ...of };
  try {
    await context.temporal.workflow.start(WORKFLOWS.rollout, {
      workflowId: workflowIds.rollout(context.fleet),
      taskQueue: context.taskQueue,
      args: [input],
      workflowIdConflictPolicy: 'FAIL',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      typedSearchAttributes: [
        { key: searchAttribute.fleet, value: context.fleet },
        { key: searchAttribute.rollout, value: rolloutId },
        { key: searchAttribute.state, value: 'running' },
      ],
      memo: { rolloutId, planId, requestId: ask.requestId, actor: ask.actor, ...(filled === undefined ? {} : { backfillOf: filled }) },
      staticSummary: rollbackOf
        ? `rollout ${rolloutId} takes ${rollbackOf} back, asked by ${ask.actor}`
        : `rollout ${rolloutId} of ${context.fleet}${filled === undefined ? '' : `: the backfill of ${filled}, run again`}, asked by ${ask.actor}`,
      staticDetails: staticDetails(ask, rolloutId, planId, frozen),
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw await guarded(context, () => Promise.reject(error));
    const winner = await latestRun(context);
    if (winner?.requestId === ask.requestId) return { rolloutId: winner.rolloutId, fresh: false };
    throw winner ? rolloutOpen(winner) : new FlotillaError('FLT_ROLLOUT_OPEN', 'Another rollout of this fleet was just open.');
  }
  return { rolloutId, fresh: true };
}

/** The rollout that this request has started. */
export async function startedBefore(
  context: ClientContext,
  requestId: string,
  latest: RolloutRun | undefined,
): Promise<RolloutStatus | undefined> {
  if (latest?.requestId === requestId) return statusOf(context, latest.rolloutId);
  const { rollout } = await askAdmin(context, 'findRollout', { requestId });
  return rollout ? statusOf(context, rollout.rolloutId) : undefined;
}

async function statusOf(context: ClientContext, rolloutId: string): Promise<RolloutStatus> {
  const found = await status(context, rolloutId);
  if (!found) throw new FlotillaError('FLT_ROLLOUT_NOT_FOUND', `This fleet has no rollout ${rolloutId}.`, { rolloutId });
  return found;
}

export function rolloutOpen(run: RolloutRun): FlotillaError {
  const { rolloutId, planId, actor } = run;
  return new FlotillaError('FLT_ROLLOUT_OPEN', `Rollout ${rolloutId}, started by ${actor}, is open.`, {
    rolloutId,
    planId,
    actor,
    startedAt: run.description.startTime.toISOString(),
  });
}

async function abortAndDrain(context: ClientContext, open: RolloutRun, ask: Ask, signal: AbortSignal | undefined): Promise<void> {
  if (!ask.reason) throw new FlotillaError('FLT_USAGE', `Replacing the open rollout ${open.rolloutId} aborts it: say why with --reason.`);
  await steer(context, 'abort', {
    actor: ask.actor,
    reason: `replaced: ${ask.reason}`,
    requestId: `${ask.requestId}-abort-${open.rolloutId}`,
  });
  await wait(context, { rolloutId: open.rolloutId, untilNeedsPerson: false, ...(signal ? { signal } : {}) });
}

/**
 * The first reading of a rollout that was just started. Waits until the plan is open (a wrong plan id shows here), at most a few seconds:
 * the rollout itself is durable from the moment it was started.
 */
export async function firstStatus(context: ClientContext, rolloutId: string): Promise<RolloutStatus> {
  const run = await latestRun(context);
  if (run?.rolloutId === rolloutId && run.open) await queryWithin(context, run.handle, QUERIES.progress, 3_000).catch(() => undefined);
  for (let tries = 0; ; tries++) {
    const at = await statusOf(context, rolloutId);
    if (isFinal(at.state) || at.waves.length > 0 || at.source === 'temporal' || tries === 10) return at;
    await delay(200);
  }
}

function staticDetails(ask: Ask, rolloutId: string, planId: string, frozen: PlanSummary | undefined): string {
  const lines = [
    `**Rollout** ${rolloutId}, **plan** ${planId}, asked by **${escapeMarkdown(ask.actor)}**${ask.reason ? `: ${escapeMarkdown(ask.reason)}` : ''}`,
  ];
  if (frozen?.rollbackOf) lines.push('', `takes ${frozen.rollbackOf.rolloutId} back: ${frozen.totals.tenants} tenants`);
  else if (frozen?.operation === 'backfill')
    lines.push(
      '',
      `the backfill of ${escapeMarkdown(frozen.to)}, run again in ${frozen.totals.pending} of ${frozen.totals.tenants} tenants`,
    );
  else if (frozen) lines.push('', `${frozen.totals.pending} of ${frozen.totals.tenants} tenants to ${escapeMarkdown(frozen.to)}`);
  lines.push('', 'Request Cancellation = abort: tenants in hand finish, nothing is undone. Steer with `flotilla status`.');
  return lines.join('\n');
}
const escapeMarkdown = (text: string): string =>
  text
    .replace(/[\\`*_[\]<>|#]/g, '\\$&')
    .replace(/\s+/g, ' ')
    .slice(0, 500);
