/** Says what a rollback would do: whom it is about, then every cell looks at its tenants. Changes nothing. */

import { addParts, limitsOf } from '../domain/rollback-preview.js';
import { controlActivities, planningActivities } from './activity-options.js';
import type { AdminAnswers, AdminArgs } from './admin-messages.js';
import type { AdminInput } from './messages.js';

export async function previewRollback(
  { fleet, taskQueue }: AdminInput,
  args: AdminArgs['previewRollback'],
): Promise<AdminAnswers['previewRollback']> {
  const { rolloutId, to, tenants: only } = args;
  const { refused, planId, wave, tenants, cells } = await controlActivities(taskQueue).scopeRollback({ fleet, ...args });
  const parts = await Promise.all(
    cells.map((cell) =>
      planningActivities(taskQueue, cell).previewRollback({
        fleet,
        rolloutId,
        planId,
        cell,
        ...(to === undefined ? {} : { to }),
        ...(only?.length ? { tenants: only } : {}),
        ...(wave === undefined ? {} : { wave }),
      }),
    ),
  );
  const found = addParts(parts);
  return { rolloutId, refused, tenants, ...found, unknown: limitsOf({ tenants, lookedAt: found.lookedAt }) };
}
