/**
 * A migration that declares `config.transaction = false`. The lock belongs to the session, an intent row and Knex's lock row are committed
 * before the file runs, and history and ledger after it. What it did before a failure stays, and is not done again.
 */

import type { PlannedMigration } from '../../domain/plan.js';
import type { MigrationFile, Ran } from '../../engines/engine.js';
import { CommitUnknown, type RunOptions } from '../apply.js';
import {
  type Attempt,
  answerWithin,
  checkState,
  closingFacts,
  deltaSince,
  ensureBookkeeping,
  lines,
  NotNow,
  type OpenRow,
  ownsFence,
  sessionSettings,
  wallsOf,
} from '../attempt.js';
import { CutShort } from '../backfill/run.js';
import type { MigrationRun, TenantSession } from '../contract.js';
import { Hints } from '../hints.js';
import type { TenantState } from '../ledger.js';
import { closeOutside, commitIntent, type Hold, openSession, releaseAfterFailure, releaseSession } from '../messages.js';
import { queryEach } from '../query-each.js';
import { validateInHand } from '../validate/in-hand.js';
import { runValidationsReadOnly } from '../validate/validate.js';
import { runChunks } from './backfill.js';
import { type Entry, Journal } from './journal.js';
import { createOutsideRun } from './run.js';

/** A migration outside a transaction failed: `partial` when something of it stays. */
export class StoppedHalfWay extends Error {
  constructor(
    override readonly cause: unknown,
    readonly partial: boolean,
  ) {
    super('a migration outside a transaction failed');
  }
}

/** Begins: session settings, session lock, and an open transaction that holds the bookkeeping. */
export async function openOutside(attempt: Attempt, session: TenantSession): Promise<TenantState> {
  const results = await queryEach<OpenRow>(session.client, openSession(sessionSettings(attempt)), answerWithin(attempt));
  return checkState(attempt, results.at(-1)!.rows[0]!);
}

/** Ends what `openOutside` began, when nothing was done. */
export const leaveOutside = async (attempt: Attempt, session: TenantSession): Promise<void> => {
  await session.client.query(`rollback; ${releaseSession(sessionSettings(attempt))}`);
};

export async function runOutside(
  attempt: Attempt,
  session: TenantSession,
  state: TenantState,
  migration: PlannedMigration,
  options: RunOptions,
): Promise<MigrationRun> {
  const { input } = attempt;
  const { client } = session;
  const settings = sessionSettings(attempt);
  const started = performance.now();
  attempt.inHand = migration.name;
  await ensureBookkeeping(attempt, session, state);
  const intent = closingFacts(attempt, state, migration, { statements: 0, durationMs: 0 });
  const entries = (await queryEach<Entry & { [column: string]: unknown }>(client, commitIntent(settings, intent))).at(-1)!.rows;
  ownsFence(attempt, intent.fence);
  const hold: Hold = { pid: state.pid, fence: intent.fence, xid: state.xid };
  const journal = new Journal(settings, migration.name, input.direction, entries);
  try {
    const before = options.fingerprint ? await linesBefore(attempt, session, journal, entries.length === 0) : undefined;
    const file = attempt.files.get(migration.name)!;
    const fill = input.direction === 'down' ? undefined : file.declares?.backfill;
    const filled = fill && (await runChunks(attempt, session, migration.name, fill, entries, hold));
    const { statements, rows } = filled ? { statements: 0, rows: filled.written } : await runFile(attempt, session, file, journal, hold);
    if (filled?.restless)
      attempt.notes.push(
        `${migration.name}: rows without a value kept coming to the end; let the application, or a dual write, fill new ones`,
      );
    const delta = before && (await deltaSince(attempt, session, before));
    options.check?.(delta);
    await validateInHand(attempt, migration, async (checks) => {
      const declared = { migration: migration.name, checks };
      return (await runValidationsReadOnly(client, settings, [declared], answerWithin(attempt)))[0]!.results;
    });
    const facts = closingFacts(attempt, state, migration, {
      statements,
      durationMs: performance.now() - started,
      ...(input.direction === 'backfill' ? { rows } : {}),
    });
    const walls = { ...wallsOf(attempt, new Hints(settings.ownSchemas)), gone: [] };
    try {
      await queryEach(client, closeOutside(settings, facts, hold, walls), answerWithin(attempt));
    } catch (error) {
      if ((error as { severity?: string }).severity === undefined) throw new CommitUnknown(facts, state.xid, error);
      throw error;
    }
    attempt.progressed = true;
    if (!filled) noteUnused(attempt, migration.name, journal);
    return {
      name: migration.name,
      durationMs: facts.durationMs,
      statements,
      rows,
      ...(delta ? { delta } : {}),
    };
  } catch (error) {
    if (error instanceof CommitUnknown) throw error;
    const partial = await release(attempt, session, hold, migration.name);
    throw new StoppedHalfWay(error instanceof CutShort ? cutShort(migration) : error, partial);
  }
}

const cutShort = ({ name }: PlannedMigration): NotNow =>
  new NotNow('FLT_BACKFILL_CUT', `the backfill of ${name} stopped between two chunks, and goes on from there`);

async function runFile(attempt: Attempt, session: TenantSession, file: MigrationFile, journal: Journal, hold: Hold): Promise<Ran> {
  const { engine } = attempt.options;
  const { direction, tenant } = attempt.input;
  const run = createOutsideRun(attempt, session, file.name, journal, hold);
  const ran = await engine.run(file, direction === 'down' ? 'down' : 'up', {
    client: session.client,
    serverVersion: session.serverVersion,
    schema: tenant.schema ?? 'public',
    tenantId: tenant.id,
    around: run.around,
    isAnswered: run.isAnswered,
  });
  run.finish();
  return ran;
}

/** The catalog before the first attempt of this migration; undefined when that attempt has kept none. */
async function linesBefore(
  attempt: Attempt,
  session: TenantSession,
  journal: Journal,
  first: boolean,
): Promise<readonly string[] | undefined> {
  const kept = journal.before();
  if (kept || !first) return kept;
  const before = await lines(attempt, session);
  await session.client.query(journal.writeBefore(before));
  return before;
}

/** Frees what the intent holds, if the session still lives. Answers whether something of the migration stays; when nobody can say, yes. */
async function release(attempt: Attempt, session: TenantSession, hold: Hold, migration: string): Promise<boolean> {
  if (session.isBroken()) return true;
  const { fleet, rolloutId, direction } = attempt.input;
  try {
    const results = await queryEach<{ left?: boolean }>(
      session.client,
      releaseAfterFailure(sessionSettings(attempt), hold, { fleet, rollout: rolloutId, migration, direction }),
    );
    return results.some((it) => it.rows[0]?.left === true);
  } catch {
    session.discard();
    return true;
  }
}

/** Never a stop: a file that looks first and finds its table there does not send CREATE TABLE again. */
function noteUnused(attempt: Attempt, migration: string, journal: Journal): void {
  const unused = journal.unused();
  if (unused.length === 0) return;
  const n = unused.length === 1 ? '1 statement' : `${unused.length} statements`;
  attempt.notes.push(
    `${migration}: ${n} of an earlier attempt did not come again when the file went on; if bindings differ from run to run, look for rows written twice`,
  );
}
