/** Runs a backfill in one tenant, chunk by chunk, from where it stands to its end. */

import { setTimeout as delay } from 'node:timers/promises';
import { nextChunk, SHRINKS_BY } from '../../domain/backfill/chunk-size.js';
import { holdsBack } from '../../domain/backfill/pace.js';
import { type BackfillProgress, smoothedRate } from '../../domain/backfill/progress.js';
import { FlotillaError } from '../../domain/errors.js';
import type { Backfill } from '../../migration/backfill.js';
import { ranOutOfTime } from '../sqlstate.js';
import type { Writes } from './chunk.js';
import { type Cursor, firstCursor, nextPass, withWritten } from './cursor.js';
import type { BackfillDoor, Chunked, Key, Send } from './door.js';
import { createLoadProbe } from './load.js';
import { type BackfillSql, backfillSql, type Range } from './sql.js';
import { readTarget } from './target.js';
import { transformRows } from './transform.js';

export interface BackfillDone {
  /** Rows written, in all passes of all runs. */
  readonly written: number;
  readonly passes: number;
  /** The last pass still found rows that lacked something. */
  readonly restless: boolean;
}

/** Stopped between two chunks because somebody said so; the cursor is kept. */
export class CutShort extends Error {}

const MOST_PASSES = 5;
/** So many of the first rows lack something again right after they were written: the value is another one each time. */
const UNSTABLE = 0.9;
const COUNT_WITHIN_MS = 30_000;
const LACKING_WITHIN_MS = 5_000;
const LOOK_EVERY_MS = 1_000;
const WAIT_MS = 500;
const LOOK_FOR_STOP_MS = 100;
/**
 * For the statements of one message, which are a transaction: all see the table at one moment, and whatever the database's settings are, the text of
 * a key is exactly that key, and dates come as the driver reads them.
 */
const AS_ONE_SEES_IT =
  'set transaction isolation level repeatable read; set local datestyle to iso; set local intervalstyle to postgres; set local extra_float_digits to 1; set local bytea_output to hex;';

/** Rows between two keys. */
interface Step {
  readonly range: Range;
  /** What its chunk sends. */
  readonly writes: Writes;
  /** `transform`: rows that they write, unless somebody changes them first. */
  readonly rows?: number;
}

/** A step that is being read. */
interface Coming {
  /** Rows asked for: the cursor's may have changed since. */
  readonly size: number;
  readonly step: Promise<Step>;
}

interface Written {
  readonly step: Step;
  readonly done: Chunked;
  /** undefined: it was the last one. */
  readonly next: Coming | undefined;
}

/**
 * Safe to repeat: goes on behind the last chunk that committed.
 * @throws CutShort, FLT_BACKFILL_KEY, FLT_BACKFILL_INVALID, FLT_BACKFILL_UNSTABLE, FLT_MIGRATION_FAILED (`transform`), and what the server says
 */
export async function runBackfill(door: BackfillDoor, backfill: Backfill): Promise<BackfillDone> {
  const target = await readTarget(door.read, door.who, backfill);
  const sql = backfillSql(backfill, target);
  for (const sample of samples(backfill, sql)) await door.vet(sample);
  const load = createLoadProbe(door.read, target.oid);
  let cursor = door.cursor ?? firstCursor(backfill.chunk.rows);
  let rate = 0;
  let lookedAt = Number.NEGATIVE_INFINITY;

  const tell = (more: Partial<BackfillProgress> = {}) => {
    const { pass, visited, written, total, exact } = cursor;
    door.onProgress({ pass, visited, written, ...(total === undefined ? {} : { total }), exact, rowsPerSecond: rate, ...more });
  };
  const stopHere = () => {
    if (door.stop()) throw new CutShort();
  };

  async function rest(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= LOOK_FOR_STOP_MS) {
      stopHere();
      await delay(Math.min(left, LOOK_FOR_STOP_MS));
    }
    stopHere();
  }

  async function whenBearable(): Promise<void> {
    while (performance.now() - lookedAt > LOOK_EVERY_MS) {
      const now = performance.now();
      const why = holdsBack(await load(now), backfill.pace, now);
      if (why === undefined) lookedAt = now;
      else {
        tell({ waiting: why });
        await rest(WAIT_MS);
      }
    }
  }

  async function countFirst(): Promise<void> {
    if (cursor.total !== undefined) return;
    if (target.estimate !== undefined) {
      cursor = { ...cursor, total: target.estimate };
      tell();
    }
    const exact = await within<{ n: number }>(door.read, sql.count, COUNT_WITHIN_MS);
    if (exact) cursor = { ...cursor, total: exact.n, exact: true };
  }

  async function refuseUnstable(range: Range, xid: string): Promise<void> {
    const again = sql.lackingWithin && (await door.read<{ n: number }>(sql.lackingWithin(range, xid))).rows[0]!.n;
    if (again === undefined || again < cursor.written * UNSTABLE) return;
    throw new FlotillaError(
      'FLT_BACKFILL_UNSTABLE',
      `${door.who}: rows of "${backfill.table}" that were filled get another value each time; say in "where" which rows lack one.`,
      { table: backfill.table },
    );
  }

  /** One message. */
  async function read({ after, size, pass }: Cursor): Promise<Step> {
    const { transform } = backfill;
    const parts = [
      ...(transform || !target.plainKey ? [AS_ONE_SEES_IT] : []),
      ...(transform ? [`${sql.read(after, size, pass > 1)};`] : []),
      sql.boundary(after, size),
    ];
    const { selects } = await door.read(parts.join(' '));
    const [last] = selects.at(-1) as readonly Key[];
    const range = { after, upTo: last && Object.values(last) };
    if (!transform) return { range, writes: { long: [], short: [sql.write(range, pass > 1)] } };
    const { statements, rows } = transformRows(selects[0]!, { ...backfill, transform }, target, sql, range, door.who);
    return { range, writes: target.rules ? { long: [], short: statements } : { long: statements, short: [] }, rows };
  }

  function readAhead(from: Cursor): Coming {
    const step = read(from);
    // Whoever awaits it later hears of its failure then
    step.catch(() => undefined);
    return { size: from.size, step };
  }

  /** One chunk; the rows behind it are asked for before it, so that the server has always something to do, and `transform` is at work while it writes. */
  async function writeChunk(coming: Coming): Promise<Written> {
    const step = await coming.step;
    const { range, writes } = step;
    const at = { ...cursor, size: coming.size };
    const next = range.upTo && readAhead({ ...cursor, after: range.upTo });
    const rows = next ? at.size : (await door.read<{ n: number }>(sql.rest(at.after, at.size))).rows[0]!.n;
    const behind = passed(at, range.upTo, rows);
    const deletes = backfill.into?.mirror ? [sql.deleteRows(range)] : [];
    const done = await door.chunk({ writes: { ...writes, short: [...writes.short, ...deletes] }, cursor: behind });
    cursor = withWritten(behind, sum(done.counts));
    return { step, done, next };
  }

  /** Rows to try in place of those that the server took too long over; 0: it was one row. */
  async function fewerThan(size: number): Promise<number> {
    const { n } = (await door.read<{ n: number }>(sql.rest(cursor.after, size))).rows[0]!;
    return n > 1 ? Math.ceil(n / SHRINKS_BY) : 0;
  }

  /** From where the cursor stands to the last row. Answers whether rows may lack something behind it. */
  async function passOver(): Promise<boolean> {
    let missed = 0;
    let coming = readAhead(cursor);
    for (;;) {
      await whenBearable();
      stopHere();
      const began = performance.now();
      const before = cursor;
      const { size } = coming;
      let written: Written;
      try {
        written = await writeChunk(coming);
      } catch (error) {
        const fewer = ranOutOfTime(error) && !door.stop() ? await fewerThan(size) : 0;
        if (fewer === 0) throw error;
        cursor = { ...cursor, size: fewer };
        coming = readAhead(cursor);
        continue;
      }
      const tookMs = performance.now() - began;
      const { step, done, next } = written;
      if (step.rows !== undefined) missed += step.rows - sum(done.counts.slice(0, step.writes.long.length + step.writes.short.length));
      if (before.pass === 1 && before.written === 0 && cursor.written > 0) await refuseUnstable(step.range, done.xid);
      rate = smoothedRate(rate, cursor.visited - before.visited, tookMs * (1 + backfill.pace.rest));
      tell();
      // A table that one statement has seen whole lacks nothing that was there then
      if (!next) return missed > 0 || (cursor.changed > 0 && before.after !== undefined);
      coming = next;
      cursor = { ...cursor, size: nextChunk(size, tookMs, backfill.chunk) };
      await rest(tookMs * backfill.pace.rest);
    }
  }

  await countFirst();
  tell();
  for (;;) {
    const lacking = (await passOver()) && (await stillLacking(door.read, sql));
    if (!lacking || cursor.pass >= MOST_PASSES) return { written: cursor.written, passes: cursor.pass, restless: lacking };
    cursor = nextPass(cursor);
  }
}

const EVERYTHING: Range = { after: undefined, upTo: undefined };

const samples = (backfill: Backfill, sql: BackfillSql): readonly string[] => [
  backfill.transform ? sql.read(undefined, 1, true) : sql.write(EVERYTHING, true),
  ...(backfill.into?.mirror ? [sql.deleteRows(EVERYTHING)] : []),
];

/** One row of a statement that may take long; undefined: it took too long. Without BEGIN, so that a pool's session is not left in a failed transaction. */
async function within<R>(send: Send, statement: string, ms: number): Promise<R | undefined> {
  try {
    return (await send<R>(`set local statement_timeout to ${ms}; ${statement}`)).rows[0];
  } catch (error) {
    if ((error as { code?: string }).code !== '57014') throw error;
    return undefined;
  }
}

/** Of a table that takes too long to look through, another pass tells. */
const stillLacking = async (send: Send, sql: BackfillSql): Promise<boolean> =>
  (await within<{ yes: boolean }>(send, sql.lacking, LACKING_WITHIN_MS))?.yes ?? true;

/** At the end of a pass the key stays: only a new pass begins from the first row again. */
const passed = (cursor: Cursor, upTo: Range['upTo'], rows: number): Cursor => ({
  ...cursor,
  ...(upTo === undefined ? {} : { after: upTo }),
  visited: cursor.visited + rows,
});

const sum = (counts: readonly number[]): number => counts.reduce((all, n) => all + n, 0);
