/** One migration down, by the three rules of `docs/concepts.md` ("What can be rolled back"). */

import { FlotillaError } from '../domain/errors.js';
import type { PlannedMigration } from '../domain/plan.js';
import { runAndCommit } from './apply.js';
import type { Attempt } from './attempt.js';
import type { Delta, MigrationRun, TenantSession } from './contract.js';
import { invert, sameDelta } from './fingerprint.js';
import { type Effect, type TenantState, tenantSchema } from './ledger.js';
import { runOutside } from './outside/migration.js';
import { writtenSince } from './rows-written.js';

/** Rule 1, as far as one migration's file and recorded delta tell: undefined when it may be reverted. */
export function refusal(
  migration: Pick<PlannedMigration, 'name' | 'reversible'>,
  delta: Delta | undefined,
): { readonly code: 'FLT_NO_DOWN' | 'FLT_IRREVERSIBLE'; readonly why: string } | undefined {
  if (migration.reversible.verdict === 'no') {
    const code = migration.reversible.code === 'FLT_NO_DOWN' ? 'FLT_NO_DOWN' : 'FLT_IRREVERSIBLE';
    return { code, why: migration.reversible.why ?? 'it cannot be taken back' };
  }
  if (!delta) return { code: 'FLT_IRREVERSIBLE', why: 'no canary recorded what its up changed' };
  // A changed object shows as one line removed and one added: what it held before may be gone for good.
  if (delta.removed.length)
    return { code: 'FLT_IRREVERSIBLE', why: `its up removed "${delta.removed[0]}"; no rehearsal proved the return exact` };
  return undefined;
}

/** Reverts inside the open transaction and commits; a non-transactional migration reverts outside it, and then an inexact return stays. @throws FLT_IRREVERSIBLE, FLT_NO_DOWN, FLT_REVERT_REMOVES_DATA, FLT_REVERT_INEXACT */
export async function revert(
  attempt: Attempt,
  session: TenantSession,
  state: TenantState,
  migration: PlannedMigration,
  effect: Effect,
): Promise<MigrationRun> {
  const { tenant, force } = attempt.input;
  const delta = attempt.input.deltas.get(migration.name);
  const file = attempt.files.get(migration.name)!;
  if (!file.hasDown)
    throw new FlotillaError('FLT_NO_DOWN', `${tenant.id}: ${migration.name} has no down.`, {
      tenant: tenant.id,
      migration: migration.name,
    });
  if (!force) {
    const refused = refusal(migration, delta);
    if (refused)
      throw new FlotillaError(refused.code, `${tenant.id}: ${migration.name} is not reverted: ${refused.why}.`, {
        tenant: tenant.id,
        migration: migration.name,
      });
    if (effect.foreign)
      throw new FlotillaError(
        'FLT_IRREVERSIBLE',
        `${tenant.id}: ${migration.name} is not reverted: the tenant was restored from a dump or copied since, and which rows are younger can no longer be told.`,
        { tenant: tenant.id, migration: migration.name },
      );
    // What a backfill of ours has put into a column that we added is no reason to keep the column
    const ours = state.rows.flatMap((row) => row.ours);
    const written = delta ? await writtenSince(session.client, tenantSchema(tenant), delta, { ...effect, ours }) : [];
    if (written.length)
      throw new FlotillaError(
        'FLT_REVERT_REMOVES_DATA',
        `${tenant.id}: ${migration.name} is not reverted: rows were written since into ${written.join(', ')}.`,
        {
          tenant: tenant.id,
          migration: migration.name,
          objects: written,
        },
      );
  }
  const run = migration.transactional ? runAndCommit : runOutside;
  return run(attempt, session, state, migration, {
    fingerprint: delta !== undefined,
    check: (now) => {
      if (!delta || !now || sameDelta(now, invert(delta))) return;
      const wanted = invert(delta);
      const missing = [
        ...wanted.added.filter((l) => !now.added.includes(l)).map((l) => `not restored: ${l}`),
        ...wanted.removed.filter((l) => !now.removed.includes(l)).map((l) => `left behind: ${l}`),
      ];
      const extra = [
        ...now.added.filter((l) => !wanted.added.includes(l)).map((l) => `added: ${l}`),
        ...now.removed.filter((l) => !wanted.removed.includes(l)).map((l) => `removed: ${l}`),
      ];
      const difference = [...missing, ...extra];
      throw new FlotillaError(
        'FLT_REVERT_INEXACT',
        `${tenant.id}: the down of ${migration.name} is not the inverse of its up, and ${migration.transactional ? 'was rolled back' : 'has happened, for it runs outside a transaction'} (${difference.slice(0, 3).join('; ')}${difference.length > 3 ? `; and ${difference.length - 3} more` : ''}).`,
        { tenant: tenant.id, migration: migration.name, difference },
      );
    },
  });
}
