/** What exactly would happen: ask who is there, discover, scan, freeze. Tenants go to the control database; only counts come back. */

import { setCurrentDetails } from '@temporalio/workflow';
import { controlActivities } from './activity-options.js';
import type { PlanInput, PlanResult } from './messages.js';
import { scanCells } from './scan-cells.js';
import { cellsServed } from './who-is-there.js';

export async function planWorkflow(input: PlanInput): Promise<PlanResult> {
  const startedAtMs = Date.now();
  const cells = await cellsServed(input);

  setCurrentDetails(`discovers and scans the tenants of ${cells.length} cells`);
  const scanned = await scanCells(input, cells);
  const { freezePlan } = controlActivities(input.taskQueue);
  return freezePlan({ ...input, cells, ...scanned, startedAtMs });
}
