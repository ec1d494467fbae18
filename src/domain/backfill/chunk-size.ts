/** How many rows the next chunk takes: as many as fit the time that a chunk shall take. */

export interface ChunkLimits {
  /** Rows of the first chunk. */
  readonly rows: number;
  /** Never more, however fast it goes: the application waits for each row of an open chunk. */
  readonly maxRows: number;
  /** Aimed at. */
  readonly targetMs: number;
}

const GROWS_BY = 2;
export const SHRINKS_BY = 4;

/** Grows at most twofold a step, so that one lucky chunk is not followed by one that takes minutes; shrinks faster. */
export function nextChunk(rows: number, tookMs: number, limits: ChunkLimits): number {
  const fits = rows * (limits.targetMs / Math.max(1, tookMs));
  const next = Math.min(rows * GROWS_BY, Math.max(rows / SHRINKS_BY, fits), limits.maxRows);
  return Math.max(1, Math.round(next));
}
