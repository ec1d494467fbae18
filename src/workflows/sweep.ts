/** The catch-up sweep: tenants that came, or are free to go, while the rollout ran follow in one more wave. */

import type { RolloutBook } from '../domain/rollout/book.js';
import { controlActivities, planningActivities } from './activity-options.js';
import type { RolloutInput } from './messages.js';

export async function sweep(input: RolloutInput, book: RolloutBook): Promise<void> {
  const { fleet, planId, rolloutId, taskQueue, actor } = input;
  const { cells, to, selection } = book.plan!.summary;
  const number = book.sweeps + 1;
  const scanId = `${planId}-sweep-${number}`;
  await Promise.all(
    cells.map(async (cell) => {
      const activities = planningActivities(taskQueue, cell);
      const scope = { fleet, planId: scanId, cell };
      await activities.discoverTenants({ ...scope, mode: 'scan', actor, ...(selection?.selector ? { selector: selection.selector } : {}) });
      await activities.scanTenants({ ...scope, to });
    }),
  );
  const found = await controlActivities(taskQueue).freezeSweep({
    fleet,
    planId,
    rolloutId,
    sweep: number,
    wave: book.waves.length,
    scanId,
  });
  book.swept(found);
}
