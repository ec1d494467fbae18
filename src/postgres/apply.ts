/** One migration up or down in one transaction: opening message, the migration, closing message. */

import type { PlannedMigration } from '../domain/plan.js';
import {
  type Attempt,
  answerWithin,
  checkState,
  closingFacts,
  deltaSince,
  ensureBookkeeping,
  inHandKey,
  lines,
  type OpenRow,
  ownSchemas,
  ownsFence,
  sessionSettings,
  strayTransaction,
} from './attempt.js';
import { refuseBulkWrites, refuseForeignSequences, refuseItsOwnEnd } from './before-sending.js';
import type { MigrationRun, TenantSession } from './contract.js';
import { wallsFor } from './dropped.js';
import { Hints } from './hints.js';
import type { TenantState } from './ledger.js';
import type { ClosingFacts } from './messages.js';
import { queryEach } from './query-each.js';
import { validateInHand } from './validate/in-hand.js';
import { runValidations } from './validate/validate.js';

/** A savepoint outside a transaction: ours is over. */
const NO_TRANSACTION = '25P01';

/** Thrown when the connection broke after COMMIT was sent: only the ledger knows. */
export class CommitUnknown extends Error {
  constructor(
    readonly facts: ClosingFacts,
    readonly xid: string,
    override readonly cause: unknown,
  ) {
    super('the connection broke at COMMIT');
  }
}

export interface RunOptions {
  /** Read the catalog before and after, and answer the difference. */
  readonly fingerprint: boolean;
  /** Runs between the migration and the closing message; what it throws is rolled back with the rest. */
  readonly check?: (delta: MigrationRun['delta']) => void;
}

/** Begins a transaction under the tenant's lock and answers its bookkeeping. The caller ends the transaction. */
export async function open(attempt: Attempt, session: TenantSession): Promise<TenantState> {
  const results = await queryEach<OpenRow>(session.client, attempt.recipe.openTransaction(sessionSettings(attempt)), answerWithin(attempt));
  return checkState(attempt, results.at(-1)!.rows[0]!);
}

/** Runs the file inside the open transaction and commits. */
export async function runAndCommit(
  attempt: Attempt,
  session: TenantSession,
  state: TenantState,
  migration: PlannedMigration,
  options: RunOptions,
): Promise<MigrationRun> {
  const { input } = attempt;
  const started = performance.now();
  attempt.inHand = migration.name;
  await ensureBookkeeping(attempt, session, state);
  const before = options.fingerprint ? await lines(attempt, session) : undefined;
  const hints = new Hints(ownSchemas(attempt));
  const { statements, rows } = await attempt.options.engine.run(
    attempt.files.get(migration.name)!,
    input.direction === 'down' ? 'down' : 'up',
    {
      client: session.client,
      serverVersion: session.serverVersion,
      schema: input.tenant.schema ?? 'public',
      tenantId: input.tenant.id,
      answerWithinMs: answerWithin(attempt),
      around: async ({ sql, index }, send) => {
        input.onStep(`${migration.name}, statement ${index + 1}`);
        await hints.read(sql);
        await refuseItsOwnEnd(attempt, sql);
        await refuseForeignSequences(attempt, session, sql, hints);
        await refuseBulkWrites(attempt, session, sql);
        return send();
      },
    },
  );
  const delta = before && (await deltaSince(attempt, session, before));
  options.check?.(delta);
  await validateInHand(attempt, migration, (checks) =>
    runValidations(session.client, sessionSettings(attempt), checks, answerWithin(attempt)),
  );
  const durationMs = performance.now() - started;
  const facts = closingFacts(attempt, state, migration, { statements, durationMs });
  input.onStep(`${migration.name}, at its end`);
  const walls = await wallsFor(attempt, session, hints);
  try {
    const results = await queryEach<{ closer?: string }>(
      session.client,
      attempt.recipe.closeTransaction(sessionSettings(attempt), facts, state.xid, walls),
      answerWithin(attempt),
    );
    if (!results.some(({ rows }) => rows?.[0]?.closer === 'on')) attempt.plain.add(inHandKey(attempt));
  } catch (error) {
    // A server error comes before COMMIT took effect; anything else means that we were not told.
    if ((error as { severity?: string }).severity === undefined) throw new CommitUnknown(facts, state.xid, error);
    if ((error as { code?: string }).code === NO_TRANSACTION) throw strayTransaction(attempt);
    throw error;
  }
  attempt.progressed = true;
  ownsFence(attempt, facts.fence);
  return { name: migration.name, durationMs, statements, rows, ...(delta ? { delta } : {}) };
}
