/**
 * A migration that declares `config.transaction = false`. The lock belongs to the session, an intent row and Knex's lock row are committed
 * before the file runs, and history and ledger after it. What it did before a failure stays, and the outcome says so (`partial`).
 */

import type { PlannedMigration } from '../domain/plan.js';
import { CommitUnknown } from './apply.js';
import { type Attempt, checkState, closingFacts, deltaSince, ensureBookkeeping, lines, type OpenRow, sessionSettings } from './attempt.js';
import type { MigrationRun, TenantSession } from './contract.js';
import type { TenantState } from './ledger.js';
import { closeTransaction, commitIntent, openSession, releaseAfterFailure, releaseSession } from './messages.js';
import { queryEach } from './query-each.js';

/** Something of the migration may have stayed behind. */
export class PartialFailure extends Error {
  constructor(override readonly cause: unknown) {
    super('a non-transactional migration stopped half-way');
  }
}

/** CREATE INDEX CONCURRENTLY waits for every older snapshot in the database, and lock_timeout counts that wait: it needs minutes. */
const CONCURRENTLY_LOCK_MS = 5 * 60_000;

/** Begins: session settings, session lock, and an open transaction that holds the bookkeeping. */
export async function openOutside(attempt: Attempt, session: TenantSession): Promise<TenantState> {
  const settings = sessionSettings(attempt);
  const timeouts = { ...settings.timeouts, lockMs: CONCURRENTLY_LOCK_MS, statementMs: 0 };
  const results = await queryEach<OpenRow>(session.client, openSession({ ...settings, timeouts }));
  return checkState(attempt, results.at(-1)!.rows[0]!);
}

/** Ends what `openOutside` began, when nothing was done. */
export const closeOutside = async (attempt: Attempt, session: TenantSession): Promise<void> => {
  await session.client.query(`rollback; ${releaseSession(sessionSettings(attempt))}`);
};

export async function runOutside(
  attempt: Attempt,
  session: TenantSession,
  state: TenantState,
  migration: PlannedMigration,
  options: { readonly fingerprint: boolean; readonly check?: (delta: MigrationRun['delta']) => void },
): Promise<MigrationRun> {
  const { input } = attempt;
  const settings = sessionSettings(attempt);
  const started = performance.now();
  await ensureBookkeeping(attempt, session, state);
  const intent = closingFacts(attempt, state, migration, { statements: 0, durationMs: 0, xid: undefined, dropsChecked: true });
  await session.client.query(commitIntent(settings, intent));
  // From here on the intent's row carries our fence.
  attempt.committedFence = intent.fence;
  try {
    const before = options.fingerprint ? await lines(attempt, session) : undefined;
    const { statements } = await attempt.options.engine.run(attempt.files.get(migration.name)!, input.direction, {
      client: session.client,
      serverVersion: session.serverVersion,
      schema: input.tenant.schema ?? 'public',
      tenantId: input.tenant.id,
      onStatement: ({ index }) => input.onStep(`${migration.name}, statement ${index + 1}`),
    });
    const pid = (await session.client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]!.pid;
    if (pid !== state.pid) throw new Error('the session turned out to be another one');
    const delta = before && (await deltaSince(attempt, session, before));
    options.check?.(delta);
    const facts = closingFacts(attempt, state, migration, {
      statements,
      durationMs: performance.now() - started,
      xid: undefined,
      dropsChecked: true,
    });
    try {
      await session.client.query(closeTransaction(settings, { ...facts, ownSchemas: undefined }));
    } catch (error) {
      if ((error as { severity?: string }).severity === undefined) throw new CommitUnknown(facts, state.xid, error);
      throw error;
    }
    await session.client.query(releaseSession(settings));
    attempt.progressed = true;
    return { name: migration.name, durationMs: facts.durationMs, statements, ...(delta ? { delta } : {}) };
  } catch (error) {
    if (error instanceof CommitUnknown) throw error;
    await session.client.query(releaseAfterFailure(settings, input.fleet, input.rolloutId, migration.name)).catch(() => session.discard());
    throw new PartialFailure(error);
  }
}
