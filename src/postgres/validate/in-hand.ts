/**
 * Checks around the migration that an attempt has in hand: its own after its `up`, before anything is recorded; before a contract those of what
 * it comes after, for the last time. Results are kept with the attempt, whatever they are. Without checks nothing is sent.
 */

import { FlotillaError } from '../../domain/errors.js';
import { partsBeforeContract } from '../../domain/phases.js';
import type { PlannedMigration } from '../../domain/plan.js';
import { describeFailed, failedOf, type MigrationValidation, type ValidationResult } from '../../domain/validation.js';
import type { Validation } from '../../migration/validations.js';
import type { Attempt } from '../attempt.js';
import type { Declared } from './validate.js';

/** @throws FLT_VALIDATION_FAILED */
export async function validateInHand(
  attempt: Attempt,
  { name }: PlannedMigration,
  run: (checks: readonly Validation[]) => Promise<readonly ValidationResult[]>,
): Promise<void> {
  const { direction, onStep } = attempt.input;
  const checks = attempt.files.get(name)!.declares?.validate;
  if (direction !== 'up' || !checks) return;
  onStep(`${name}, its checks`);
  const results = await run(checks);
  attempt.validations.set(name, results);
  refuseFailed(attempt, name, failedOf(results).map(describeFailed), (n) => `${name} does not pass ${n} of its own`);
}

/** @throws FLT_VALIDATION_FAILED: nothing of the contract has run */
export async function validateBeforeContract(
  attempt: Attempt,
  { name }: PlannedMigration,
  run: (declared: readonly Declared[]) => Promise<readonly MigrationValidation[]>,
): Promise<void> {
  const declared = partsBeforeContract([...attempt.files.values()], name).flatMap(({ name: migration, declares }) =>
    declares?.validate ? [{ migration, checks: declares.validate }] : [],
  );
  if (declared.length === 0) return;
  attempt.input.onStep(`${name}, checks before it`);
  const made = await run(declared);
  for (const { migration, results } of made) attempt.validations.set(migration, results);
  const failed = made.flatMap(({ migration, results }) => failedOf(results).map((result) => `${migration}: ${describeFailed(result)}`));
  refuseFailed(attempt, name, failed, (n) => `${name} did not begin, for what comes before it does not pass ${n} any more`);
}

function refuseFailed({ input }: Attempt, migration: string, failed: readonly string[], what: (checks: string) => string): void {
  if (failed.length === 0) return;
  const tenant = input.tenant.id;
  const checks = failed.length === 1 ? 'a check' : `${failed.length} checks`;
  throw new FlotillaError('FLT_VALIDATION_FAILED', `${tenant}: ${what(checks)} (${failed.join('; ')}).`, { tenant, migration, failed });
}
