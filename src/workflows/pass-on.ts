/** The messages of a rollout at a workflow beside it: each is passed on, and answered with what the rollout says. */

import { ActivityFailure, ApplicationFailure } from '@temporalio/common';
import { setHandler } from '@temporalio/workflow';
import type { RolloutVerb } from '../domain/asks.js';
import { controlActivities } from './activity-options.js';
import {
  abortSignal,
  abortUpdate,
  approveUpdate,
  HELP,
  pauseSignal,
  pauseUpdate,
  rejectUpdate,
  resumeUpdate,
  retryUpdate,
  rollbackUpdate,
  skipUpdate,
  speedUpdate,
} from './handlers.js';
import type { Answer, Ask } from './messages.js';

export function passMessagesOn(of: { readonly fleet: string; readonly rolloutId: string; readonly taskQueue: string }): void {
  const { taskQueue, fleet, rolloutId } = of;
  const pass = (verb: RolloutVerb) => async (ask: Ask) => {
    try {
      return await controlActivities(taskQueue).steerRollout({ fleet, rolloutId, verb, ask });
    } catch (error) {
      throw refusalIn(error);
    }
  };
  /** A signal cannot be refused with an answer. */
  const quietly = (passed: (ask: Ask) => Promise<Answer>) => async (ask: Ask) => void (await passed(ask).catch(() => undefined));
  setHandler(pauseUpdate, pass('pause'), { description: HELP.pause });
  setHandler(resumeUpdate, pass('resume'), { description: HELP.resume });
  setHandler(approveUpdate, pass('approve'), { description: HELP.approve });
  setHandler(rejectUpdate, pass('reject'), { description: HELP.reject });
  setHandler(skipUpdate, pass('skip'), { description: HELP.skip });
  setHandler(retryUpdate, pass('retry'), { description: HELP.retry });
  setHandler(speedUpdate, pass('speed'), { description: HELP.speed });
  setHandler(abortUpdate, pass('abort'), { description: HELP.abort });
  setHandler(rollbackUpdate, pass('rollback'), { description: HELP.rollback });
  setHandler(pauseSignal, quietly(pass('pause')), { description: HELP.pause });
  setHandler(abortSignal, quietly(pass('abort')), { description: HELP.abort });
}

/** What an update is refused with: the code, without the activity around it. */
function refusalIn(error: unknown): unknown {
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  if (!(cause instanceof ApplicationFailure)) return error;
  return ApplicationFailure.create({ type: cause.type ?? 'FLT_INTERNAL', message: cause.message, nonRetryable: true });
}
