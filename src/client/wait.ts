import { FlotillaError } from '../domain/errors.js';
import type { ClientContext } from './context.js';
import { delay } from './delay.js';
import { Detached } from './detached.js';
import { EXIT, type ExitCode, exitOfState } from './exit-codes.js';
import { latestRun } from './find-rollout.js';
import type { RolloutStatus } from './rollout-status.js';
import { status } from './status.js';

export interface WaitOptions {
  /** @defaultValue the open rollout, else the latest */
  readonly rolloutId?: string;
  /** Answers `timedOut` when it is still going after this long. @defaultValue no limit */
  readonly timeoutMs?: number;
  /** Called with each new reading, about once a second. */
  readonly onStatus?: (status: RolloutStatus) => void;
  /** Also return when it needs a person. @defaultValue true */
  readonly untilNeedsPerson?: boolean;
  /** Stops waiting; the rollout goes on. */
  readonly signal?: AbortSignal;
  /** @defaultValue 1000 */
  readonly pollMs?: number;
}

export interface WaitResult {
  readonly status: RolloutStatus;
  readonly why: 'ended' | 'needsPerson' | 'timedOut';
  readonly exitCode: ExitCode;
}

/** Longest silence of the Temporal server that a wait sits out. */
const SERVER_SILENCE_MS = 60_000;

/**
 * Waits until the rollout ends or needs a person. Only looks: giving up waiting changes nothing, and a repeat gets the same answer.
 * @throws FLT_NO_OPEN_ROLLOUT when this fleet never had a rollout, FLT_ROLLOUT_NOT_FOUND, FLT_TEMPORAL_UNAVAILABLE after 60 s of silence
 */
export async function wait(context: ClientContext, options: WaitOptions = {}): Promise<WaitResult> {
  const startedAt = Date.now();
  const deadline = options.timeoutMs === undefined ? Number.POSITIVE_INFINITY : startedAt + options.timeoutMs;
  let silentSince: number | undefined;
  let rolloutId = options.rolloutId;
  const ended = new AbortController();
  const stop = () => ended.abort();
  options.signal?.addEventListener('abort', stop, { once: true });
  let watching = false;
  // A halt stands for a moment before the automatic rollback takes over: only one that is still there at the next reading counts.
  let seenWaiting: RolloutStatus['state'] | undefined;
  try {
    for (;;) {
      if (options.signal?.aborted) throw new Detached();
      let at: RolloutStatus | null | undefined;
      try {
        at = await status(context, rolloutId);
        silentSince = undefined;
      } catch (error) {
        if (!(error instanceof FlotillaError) || error.code !== 'FLT_TEMPORAL_UNAVAILABLE') throw error;
        silentSince ??= Date.now();
        if (Date.now() - silentSince > SERVER_SILENCE_MS) throw error;
      }
      if (at === null) throw new FlotillaError('FLT_NO_OPEN_ROLLOUT', 'This fleet never had a rollout.');
      if (at) {
        rolloutId ??= at.rolloutId;
        options.onStatus?.(at);
        // Its workflow may still write its last words: until then nothing else can be started
        const closing = !at.open && at.source === 'workflow';
        if (!at.open && (!closing || Date.now() >= deadline)) return { status: at, why: 'ended', exitCode: exitOfState(at.state) };
        // While no worker answers, what is known may be old: the next one to come may find it moving
        const waitsForPerson = at.needsPerson && at.source !== 'temporal' && options.untilNeedsPerson !== false;
        if (waitsForPerson && (seenWaiting === at.state || at.state === 'awaitingApproval'))
          return { status: at, why: 'needsPerson', exitCode: EXIT.needsPerson };
        seenWaiting = waitsForPerson ? at.state : undefined;
        if (Date.now() >= deadline) return { status: at, why: 'timedOut', exitCode: EXIT.stillGoing };
        if (!watching) {
          watching = true;
          void wakeAtEnd(context, rolloutId, ended);
        }
      }
      // The long poll for the result ends the pause early, so that a finished rollout is answered at once.
      await delay(Math.min(options.pollMs ?? 1_000, Math.max(0, deadline - Date.now())), ended.signal.aborted ? undefined : ended.signal);
    }
  } finally {
    options.signal?.removeEventListener('abort', stop);
    ended.abort();
  }
}

async function wakeAtEnd(context: ClientContext, rolloutId: string, ended: AbortController): Promise<void> {
  try {
    const run = await latestRun(context);
    if (run?.rolloutId !== rolloutId) return;
    await context.temporal.withAbortSignal(ended.signal, () => run.handle.result());
  } catch {
    // Failed is how most rollouts end, and a lost long poll only costs up to a second.
  }
  ended.abort();
}
