/** The backfill of a migration that is applied, run once more: from the first row, or from where this rollout was cut off. */

import type { ErrorCode } from '../domain/error-codes.js';
import { FlotillaError } from '../domain/errors.js';
import type { PlannedMigration } from '../domain/plan.js';
import type { Attempt, Settled } from './attempt.js';
import type { MigrationRun, TenantSession } from './contract.js';
import { applied, checksumOf, halfWay, sourcesOf, type TenantState } from './ledger.js';
import { discardBackfill } from './outside/backfill.js';
import { leaveOutside, openOutside, runOutside } from './outside/migration.js';

/**
 * History stays as it is; the ledger gets a row of kind `filled` with the last chunk. Safe to repeat: what this rollout has filled answers `applied`.
 * @throws FLT_NOT_APPLIED, FLT_CHECKSUM_DRIFT, FLT_BACKFILL_GONE, FLT_PARTIAL
 */
export async function fillAgain(attempt: Attempt, session: TenantSession, runs: MigrationRun[]): Promise<Settled> {
  const { migrations, rolloutId, onStep } = attempt.input;
  const migration = migrations[0]!;
  onStep(migration.name);
  for (;;) {
    const state = await openOutside(attempt, session);
    const filled = state.rows.some((row) => row.kind === 'filled' && row.migration === migration.name && row.rollout === rolloutId);
    if (!filled) refuse(attempt, state, migration);
    const left = halfWay(state, 'backfill', migrations);
    if (filled) {
      await leaveOutside(attempt, session);
      return { outcome: 'applied', has: [migration.name] };
    }
    if (left && begunBy(state, migration) !== rolloutId) {
      await discardBackfill(attempt, session, left);
      continue;
    }
    runs.push(await runOutside(attempt, session, state, migration, { fingerprint: false }));
    return { outcome: 'applied', has: [migration.name] };
  }
}

/** The rollout whose cursor the journal holds. */
const begunBy = ({ rows }: TenantState, { name }: PlannedMigration): string | undefined =>
  rows.findLast(({ kind, migration }) => kind === 'intent' && migration === name)?.rollout;

function refuse({ files, input }: Attempt, state: TenantState, migration: PlannedMigration): void {
  const { name } = migration;
  const trouble = (code: ErrorCode, what: string) =>
    new FlotillaError(code, `${input.tenant.id}: ${what}`, { tenant: input.tenant.id, migration: name });
  if (!applied(state).has(name)) throw trouble('FLT_NOT_APPLIED', `${name} is not applied, so its backfill is not run again.`);
  const checksum = checksumOf(state, name);
  if (checksum !== undefined && !sourcesOf(migration).includes(checksum))
    throw trouble('FLT_CHECKSUM_DRIFT', `${name} was applied from a file that has been edited since.`);
  if (halfWay(state, 'down', [migration])) throw trouble('FLT_PARTIAL', `the down of ${name} stopped half-way; finish the rollback first.`);
  if (!files.get(name)?.declares?.backfill)
    throw trouble('FLT_BACKFILL_GONE', `${name} does not declare a backfill any more in this worker.`);
}
