/** What a backfill needs of the session it runs on: the runner's, or a plain Knex handle. */

import type { BackfillProgress } from '../../domain/backfill/progress.js';
import type { Writes } from './chunk.js';
import type { Cursor } from './cursor.js';

export interface Answer<R> {
  /** Rows of each SELECT, in order. */
  readonly selects: readonly (readonly R[])[];
  /** Of the last one. */
  readonly rows: readonly R[];
  /** Rows that the last INSERT, UPDATE or DELETE has touched. */
  readonly rowCount: number;
}

export type Send = <R = Record<string, unknown>>(sql: string) => Promise<Answer<R>>;

export interface Chunk {
  /** Statements whose rows count. */
  readonly writes: Writes;
  /** Where the backfill stands behind it, but for the rows written. */
  readonly cursor: Cursor;
}

/** Keys as text, by column. */
export type Key = Readonly<Record<string, string>>;

export interface Chunked {
  /** Rows that each statement has written, the long ones first. */
  readonly counts: readonly number[];
  /** Its transaction, of 32 bits, as it stands in the rows. */
  readonly xid: string;
}

export interface BackfillDoor {
  /** Names the tenant and the migration, for messages. */
  readonly who: string;
  /** Where an earlier run stopped. */
  readonly cursor: Cursor | undefined;
  /** Looks at a statement as its chunks will send it, once, before the first. @throws what speaks against it */
  vet(sql: string): Promise<void>;
  /** One statement between two chunks. */
  readonly read: Send;
  /**
   * One chunk in one transaction: what it writes, and the cursor behind it, commit together or not at all. A lock that is not granted
   * is asked for again, from the start.
   */
  chunk(chunk: Chunk): Promise<Chunked>;
  /** Asked between two chunks: true ends the run there. */
  stop(): boolean;
  onProgress(progress: BackfillProgress): void;
}
