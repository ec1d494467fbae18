/** Sizes and waits of the dispatcher, with the reason for each default. */

import type { Tuning } from '../workflows/messages.js';

/** @param tuning what a test or an expert makes different */
export function resolveTuning(tuning: Tuning = {}): Required<Tuning> {
  return {
    listSize: 25, // a list of 25 costs one activity: 3 events
    timeBoxMs: 5_000, // how long a pause, an abort or a new limit may have to wait
    smallWave: 100, // up to here every tenant is a line of its own in the Temporal UI
    continueAsNewAfterEvents: 8_000, // Temporal warns at 10,240 events
    filesRetryMs: 5_000,
    filesPauseAfterMs: 120_000, // a deploy that rolls
    ...tuning,
  };
}
