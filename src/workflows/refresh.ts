/** Rebuilds what the control database says of tenants from the tenants themselves: where they stand, and which rollouts moved them. */

import { setCurrentDetails } from '@temporalio/workflow';
import { newId } from '../domain/ids.js';
import { controlActivities } from './activity-options.js';
import type { AdminAnswers } from './admin-messages.js';
import type { AdminInput, PlanInput } from './messages.js';
import { scanCells } from './scan-cells.js';
import { askOf, visitCells } from './tend.js';
import { cellsServed } from './who-is-there.js';

export async function refresh(input: AdminInput): Promise<AdminAnswers['refresh']> {
  const startedAtMs = Date.now();
  const { fleet, taskQueue, actor } = input;
  const control = controlActivities(taskQueue);
  const cells = await cellsServed({ taskQueue });
  await control.openTending({ fleet, verb: 'refresh' });
  const plan: PlanInput = { fleet, planId: newId('p', startedAtMs, Math.random), taskQueue, actor, mode: 'scan' };
  setCurrentDetails(`discovers and scans the tenants of ${cells.length} cells`);
  const scanned = await scanCells(plan, cells);
  const { totals, findings } = await control.freezePlan({ ...plan, cells, ...scanned, startedAtMs });
  await control.beginTending({ ...askOf(input), fleet, planId: plan.planId, verb: 'refresh', findings: [], dryRun: false });
  const { counts, left } = await visitCells(input, { verb: 'refresh' }, plan.planId, cells);
  const rebuilt = await control.concludeRefresh({ fleet });
  return { planId: plan.planId, totals, rebuilt, counts, left, findings };
}
