/** The checks of the migration that an attempt has in hand: after its `up`, before anything is recorded. */

import type { PlannedMigration } from '../../domain/plan.js';
import type { ValidationResult } from '../../domain/validation.js';
import type { Validation } from '../../migration/validations.js';
import type { Attempt } from '../attempt.js';
import { refuseFailed } from './validate.js';

/** Makes them with `run` and keeps the results with the attempt, whatever they are. Without checks nothing is sent. @throws FLT_VALIDATION_FAILED */
export async function validateInHand(
  attempt: Attempt,
  { name }: PlannedMigration,
  run: (checks: readonly Validation[]) => Promise<readonly ValidationResult[]>,
): Promise<void> {
  const { direction, tenant, onStep } = attempt.input;
  const checks = attempt.files.get(name)!.declares?.validate;
  if (direction !== 'up' || !checks) return;
  onStep(`${name}, its checks`);
  const results = await run(checks);
  attempt.validations.set(name, results);
  refuseFailed(tenant.id, name, results);
}
