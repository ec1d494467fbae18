/** A migration that declares a backfill: its chunks under the runner's lock, fence and walls, and its cursor in the journal's table. */

import { setTimeout as delay } from 'node:timers/promises';
import { type BackfillProgress, progressText } from '../../domain/backfill/progress.js';
import type { Backfill } from '../../migration/backfill.js';
import { type Attempt, inHandKey, sessionSettings } from '../attempt.js';
import { answerOf } from '../backfill/answers.js';
import { type ChunkRow, chunkSql, isChunkRow, WRITTEN } from '../backfill/chunk.js';
import { type Cursor, cursorSql } from '../backfill/cursor.js';
import type { BackfillDoor, Chunk, Chunked, Send } from '../backfill/door.js';
import { heldBackBy } from '../backfill/guards.js';
import { type BackfillDone, CutShort, runBackfill } from '../backfill/run.js';
import { refuseForeignSequences, refuseItsOwnEnd } from '../before-sending.js';
import type { TenantSession } from '../contract.js';
import { looksUp, wallsFor } from '../dropped.js';
import { Hints } from '../hints.js';
import { bookkeeping, type HalfWay } from '../ledger.js';
import { BEGIN, closeStep, flushCounters, type Hold, sameBackend } from '../messages.js';
import { pipelined } from '../pipelined.js';
import { queryEach } from '../query-each.js';
import { literal } from '../quote.js';
import { waitForLock } from '../retry.js';
import type { Entry } from './journal.js';

const CURSOR = 'cursor';
/** One for each chunk, with its transaction's id: what it wrote is not the application's. */
const CHUNK = 'chunk';
/** Of a very long backfill only the last ones are told apart. */
const MOST_CHUNKS = 2_000;
const LOOK_AGAIN_MS = 200;

/** @throws CutShort */
export async function runChunks(
  attempt: Attempt,
  session: TenantSession,
  migration: string,
  backfill: Backfill,
  entries: readonly Entry[],
  hold: Hold,
): Promise<BackfillDone> {
  const { input } = attempt;
  const { client } = session;
  const settings = sessionSettings(attempt);
  const { step } = bookkeeping(settings.tenant, settings.names);
  const hints = new Hints(settings.ownSchemas);
  const flush = flushCounters(session.serverVersion) ?? '';
  const kept = entries.find(({ key }) => key === CURSOR)?.result;
  let chunks = entries.reduce((most, it) => (it.key === CHUNK ? Math.max(most, it.occurrence) : most), 0);

  /** Told before the first chunk. */
  let last: BackfillProgress | undefined;
  const tell = (progress: BackfillProgress) => {
    input.onStep(`${migration}: ${progressText(progress)}`);
    input.onBackfill?.({ migration, ...progress });
  };
  const stop = () => input.stop?.() === true || input.cut?.() === true;
  const send: Send = async <R>(sql: string) => answerOf<R>(await queryEach(client, sql));

  const keep = (cursor: Cursor): string => {
    const entry = (key: string, occurrence: number, result: string) =>
      `(${literal(migration)}, '${input.direction}', '${key}', ${occurrence}, 'done', ${literal(`pass ${cursor.pass}, ${cursor.visited} rows`)}, ${result})`;
    return `insert into ${step} (migration, direction, key, occurrence, state, statement, result)
      values ${entry(CURSOR, 0, cursorSql(cursor, WRITTEN))}, ${entry(CHUNK, (chunks % MOST_CHUNKS) + 1, 'null')}
      on conflict (migration, direction, key, occurrence) do update set xid = pg_current_xact_id(), statement = excluded.statement, result = excluded.result, at = clock_timestamp();`;
  };

  /** One message, unless something has to be looked up in the middle of it. */
  async function once({ writes, cursor }: Chunk): Promise<Chunked> {
    const parts = [`${BEGIN} ${chunkSql(writes, sameBackend(hold))}`];
    const early = looksUp(attempt, hints) ? (await send<ChunkRow>(parts.pop()!)).selects : [];
    const walls = await wallsFor(attempt, session, hints);
    const { selects } = await send<ChunkRow>([...parts, closeStep(settings, hold, walls, keep(cursor)), 'commit;'].join(' '));
    chunks++;
    attempt.lookCloser = false;
    attempt.plain.add(inHandKey(attempt));
    return [...early, ...selects].map(([row]) => row).find(isChunkRow)!;
  }

  const door: BackfillDoor = {
    who: `${input.tenant.id}: ${migration}`,
    cursor: kept ? (JSON.parse(kept.toString()) as Cursor) : undefined,
    read: send,
    async vet(sql) {
      await refuseItsOwnEnd(attempt, sql);
      await hints.read(sql);
      await refuseForeignSequences(attempt, session, sql, hints);
    },
    async chunk(chunk) {
      for (let tries = 1; ; tries++) {
        try {
          return await once(chunk);
        } catch (error) {
          if (!session.isBroken()) await client.query(`rollback; ${flush}`);
          const why = heldBackBy(error);
          const { code } = error as { code?: string };
          if (code === 'FL004' && !attempt.lookUp) attempt.lookUp = true;
          else if (code === 'FL007' && !attempt.lookCloser) attempt.lookCloser = true;
          else if (why !== undefined) {
            tell({ ...last!, waiting: why });
            if (stop()) throw new CutShort();
            await delay(LOOK_AGAIN_MS);
            tries--;
          } else await waitForLock(error, tries, input);
        }
      }
    },
    stop,
    onProgress(progress) {
      last = progress;
      tell(progress);
    },
  };
  return pipelined(client, () => runBackfill(door, backfill));
}

/**
 * Ends the open transaction, and a backfill that stopped half-way with it: it would begin anew. What it has written stays until the migration
 * that made room for it is taken back; the ledger keeps whose it is.
 */
export async function discardBackfill(attempt: Attempt, { client }: TenantSession, { migration, direction }: HalfWay): Promise<void> {
  const { input } = attempt;
  const { tenant, names } = sessionSettings(attempt);
  const { step, ledger } = bookkeeping(tenant, names);
  const [of, chunks] = [`where migration = ${literal(migration)} and direction = '${direction}'`, `and key = '${CHUNK}'`];
  await client.query(`insert into ${ledger} (kind, tenant, fleet, migration, direction, rollout, ours)
    values ('failed', ${literal(tenant.id)}, ${literal(input.fleet)}, ${literal(migration)}, '${direction}', ${literal(input.rolloutId)}, array(select xid::xid from ${step} ${of} ${chunks}));
  delete from ${step} ${of}; commit`);
}
