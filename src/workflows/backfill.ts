/**
 * Shows how far backfills have come, for as long as its wave runs; of a rollout that is nothing but a backfill, for as long as that runs. It
 * dispatches nothing: a backfill is part of a tenant's turn in its wave, under the wave's budget, limits and verbs. Looks into the control
 * database, and keeps the wave's history short.
 */

import {
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { FleetBackfill } from '../domain/backfill/fleet-progress.js';
import { controlActivities } from './activity-options.js';
import { showBackfills } from './details.js';
import { backfillProgressQuery } from './handlers.js';
import type { BackfillInput } from './messages.js';
import { passMessagesOn } from './pass-on.js';

const FIRST_LOOK_MS = 2_000;
const LOOK_EVERY_MS = 15_000;

/** Ends when it is cancelled, with what it saw last. */
export async function backfillWorkflow(input: BackfillInput): Promise<readonly FleetBackfill[]> {
  const { rolloutId, wave, taskQueue, alone } = input;
  const control = controlActivities(taskQueue);
  let seen = input.seen ?? [];
  let over = false;
  setHandler(backfillProgressQuery, () => seen);
  if (alone) passMessagesOn({ fleet: alone.fleet, rolloutId, taskQueue });
  void CancellationScope.current().cancelRequested.catch(() => {
    over = true;
  });
  const isLong = () =>
    workflowInfo().continueAsNewSuggested || workflowInfo().historyLength > (input.continueAsNewAfterEvents ?? Number.POSITIVE_INFINITY);
  return CancellationScope.nonCancellable(async () => {
    for (let looks = input.looks ?? 0; ; looks++) {
      if (isLong() && !over) {
        // Whoever has asked is answered first
        await condition(allHandlersFinished);
        return continueAsNew<typeof backfillWorkflow>({ ...input, looks, seen });
      }
      if (!over) await condition(() => over, looks === 0 ? FIRST_LOOK_MS : LOOK_EVERY_MS);
      seen = await control.readBackfills({ rolloutId, ...(wave === undefined ? {} : { wave }) });
      setCurrentDetails(showBackfills(seen));
      if (!over) continue;
      await condition(allHandlersFinished);
      return seen;
    }
  });
}
