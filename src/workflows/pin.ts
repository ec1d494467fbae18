/** Pins tenants. A name that no plan and no rollout has held is looked for at the sources before it is refused. */

import { ActivityFailure, ApplicationFailure } from '@temporalio/common';
import { newId } from '../domain/ids.js';
import { controlActivities, planningActivities } from './activity-options.js';
import type { AdminAnswers, AdminArgs } from './admin-messages.js';
import type { AdminInput } from './messages.js';
import { cellsServed } from './who-is-there.js';

export async function pin(input: AdminInput, { tenants = [] }: AdminArgs['pin']): Promise<AdminAnswers['pin']> {
  const { fleet, taskQueue, actor } = input;
  const control = controlActivities(taskQueue);
  const answer = () => control.answerAdmin(input) as Promise<AdminAnswers['pin']>;
  try {
    return await answer();
  } catch (error) {
    const cause = error instanceof ActivityFailure ? error.cause : undefined;
    if (!(cause instanceof ApplicationFailure) || cause.type !== 'FLT_UNKNOWN_TENANT') throw error;
  }
  const planId = newId('p', Date.now(), Math.random);
  const cells = await cellsServed({ taskQueue });
  await Promise.all(
    cells.map((cell) => planningActivities(taskQueue, cell).discoverTenants({ fleet, planId, cell, mode: 'scan', actor, tenants })),
  );
  try {
    return await answer();
  } finally {
    await control.endTending({ planId });
  }
}
