import { WorkflowUpdateRPCTimeoutOrCancelledError } from '@temporalio/client';
import { FlotillaError } from '../domain/errors.js';
import type { RolloutProgress, RolloutState } from '../domain/rollout/contract.js';
import { type Answer, type Ask, QUERIES, ROLLOUT_SIGNALS, type RolloutAsks, type RolloutVerb } from '../workflows/messages.js';
import { toAsk } from './ask.js';
import type { AskOptions, ClientContext } from './context.js';
import { isNotFound, isUnanswered, toFlotillaError } from './errors.js';
import { latestRun, type RolloutRun } from './find-rollout.js';
import { type NextCommand, nextCommands } from './next-commands.js';
import { noWorkflowWorker, queryWithin } from './probe.js';

export interface SteerResult {
  readonly rolloutId: string;
  readonly accepted: boolean;
  /** Handed in, and not answered yet: it will be applied, or may still be (see `message`). */
  readonly pending: boolean;
  /** State right after; null while pending. */
  readonly state: RolloutState | null;
  /** One sentence: what happens now. */
  readonly message: string;
  readonly next: readonly NextCommand[];
}

export type SteerOptions<V extends RolloutVerb> = Omit<RolloutAsks[V], keyof Ask> & AskOptions;

const ANSWER_WITHIN_MS = 5_000;
const PROBE_WITHIN_MS = 3_000;
const LATE_ANSWER_MS = 15_000;

/**
 * Sends one verb to the open rollout. The same requestId gets the first answer, so a repeat is harmless.
 *
 * `pause` and `abort` must not depend on a worker: they go in as a durable signal first, and the update with the same requestId only fetches
 * the answer. The other verbs are not sent at all unless somebody answers a query: an update that timed out may be applied hours later.
 * @throws FLT_NO_OPEN_ROLLOUT, FLT_NO_WORKFLOW_WORKER (nothing was sent), FLT_REFUSED, FLT_APPROVAL_MISMATCH
 */
export async function steer<V extends RolloutVerb>(context: ClientContext, verb: V, options: SteerOptions<V>): Promise<SteerResult> {
  const run = await latestRun(context);
  if (!run?.open) throw noOpenRollout(run);
  const { actor: _actor, reason: _reason, requestId: _requestId, ...args } = options;
  const ask = { ...args, ...toAsk(context, options) };
  try {
    if ((ROLLOUT_SIGNALS as readonly string[]).includes(verb)) {
      await run.handle.signal(verb, ask);
      return await answer(context, run, verb, ask, ANSWER_WITHIN_MS, 'it will be applied as soon as a worker is there');
    }
    // The first may be kept for a worker that has just left
    const probe = () => queryWithin<RolloutProgress>(context, run.handle, QUERIES.progress, PROBE_WITHIN_MS);
    const progress = (await probe()) ?? (await probe());
    if (!progress) throw noWorkflowWorker(context, ' Nothing was sent.');
    return await answer(context, run, verb, ask, LATE_ANSWER_MS, 'it may still be applied; "flotilla status" tells');
  } catch (error) {
    if (isNotFound(error)) throw noOpenRollout(run);
    throw toFlotillaError(context, error);
  }
}

async function answer(
  context: ClientContext,
  run: RolloutRun,
  verb: RolloutVerb,
  ask: Ask,
  withinMs: number,
  otherwise: string,
): Promise<SteerResult> {
  const { rolloutId } = run;
  try {
    const given = await context.temporal.withDeadline(Date.now() + withinMs, () =>
      run.handle.executeUpdate<Answer, [Ask]>(verb, { args: [ask], updateId: ask.requestId }),
    );
    const progress = await queryWithin<RolloutProgress>(context, run.handle, QUERIES.progress, PROBE_WITHIN_MS).catch(() => undefined);
    return {
      rolloutId,
      accepted: given.accepted,
      pending: false,
      state: given.state,
      message: given.message,
      next: progress ? nextCommands(progress) : [],
    };
  } catch (error) {
    // An abort that arrives at a rollout with nothing in hand may close it before the update is answered: the signal did its work.
    if (isNotFound(error) && (ROLLOUT_SIGNALS as readonly string[]).includes(verb))
      return { rolloutId, accepted: true, pending: false, state: null, message: 'The rollout has ended.', next: [] };
    if (!(error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) && !isUnanswered(error)) throw error;
    return {
      rolloutId,
      accepted: (ROLLOUT_SIGNALS as readonly string[]).includes(verb),
      pending: true,
      state: null,
      message: `No answer within ${withinMs / 1000} s: ${otherwise}.`,
      next: [{ command: 'flotilla status', why: 'see whether it took effect' }],
    };
  }
}

const noOpenRollout = (run: RolloutRun | undefined): FlotillaError =>
  new FlotillaError(
    'FLT_NO_OPEN_ROLLOUT',
    run ? `No rollout is open; the last one was ${run.rolloutId}.` : 'No rollout of this fleet is open.',
    run ? { lastRolloutId: run.rolloutId } : {},
  );
