/**
 * Shows how far the backfills of a wave have come, for as long as that wave runs. It dispatches nothing: a backfill is part of a tenant's turn
 * in its wave, under the wave's budget, limits and verbs. Looks into the control database, and keeps the wave's history short.
 */

import { CancellationScope, condition, continueAsNew, setCurrentDetails, setHandler, workflowInfo } from '@temporalio/workflow';
import type { FleetBackfill } from '../domain/backfill/fleet-progress.js';
import { controlActivities } from './activity-options.js';
import { showBackfills } from './details.js';
import { backfillProgressQuery } from './handlers.js';
import type { BackfillInput } from './messages.js';

const FIRST_LOOK_MS = 2_000;
const LOOK_EVERY_MS = 15_000;

/** Ends when it is cancelled, with what it saw last. */
export async function backfillWorkflow(input: BackfillInput): Promise<readonly FleetBackfill[]> {
  const control = controlActivities(input.taskQueue);
  let seen: readonly FleetBackfill[] = [];
  let over = false;
  setHandler(backfillProgressQuery, () => seen);
  void CancellationScope.current().cancelRequested.catch(() => {
    over = true;
  });
  return CancellationScope.nonCancellable(async () => {
    for (let looks = input.looks ?? 0; ; looks++) {
      if (workflowInfo().continueAsNewSuggested && !over) return continueAsNew<typeof backfillWorkflow>({ ...input, looks });
      if (!over) await condition(() => over, looks === 0 ? FIRST_LOOK_MS : LOOK_EVERY_MS);
      seen = await control.readBackfills({ rolloutId: input.rolloutId, wave: input.wave });
      setCurrentDetails(showBackfills(seen));
      if (over) return seen;
    }
  });
}
