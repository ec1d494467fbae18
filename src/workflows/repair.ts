/** Accepts a migration's file as it now stands for the whole fleet, after a look at who has applied it from another source. */

import { setCurrentDetails } from '@temporalio/workflow';
import { newId } from '../domain/ids.js';
import { controlActivities } from './activity-options.js';
import type { AdminAnswers, AdminArgs } from './admin-messages.js';
import type { AdminInput } from './messages.js';
import { scanCells } from './scan-cells.js';
import { cellsServed } from './who-is-there.js';

export async function repair(input: AdminInput, args: AdminArgs['repair']): Promise<AdminAnswers['repair']> {
  const { fleet, taskQueue, actor, reason, requestId } = input;
  const { migration } = args;
  const control = controlActivities(taskQueue);
  const cells = await cellsServed({ taskQueue, ...args });
  await control.openTending({ fleet, verb: 'repair', migration });
  const planId = newId('p', Date.now(), Math.random);
  setCurrentDetails(`reads every history for ${migration}`);
  const scanned = await scanCells({ fleet, planId, taskQueue, actor, mode: 'scan' }, cells);
  const answer = await control.acceptChecksum({
    fleet,
    migration,
    ...scanned,
    actor,
    requestId,
    ...(reason === undefined ? {} : { reason }),
  });
  await control.endTending({ planId });
  return answer;
}
