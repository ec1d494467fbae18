/** Where a backfill stands. It commits with the rows of each chunk, so the two always agree. */

export interface Cursor {
  readonly pass: number;
  /** Key of the last row passed, as text by column; undefined: at the start of the pass. */
  readonly after?: readonly string[];
  /** Rows passed over in this pass. */
  readonly visited: number;
  /** Rows written in this pass. */
  readonly changed: number;
  /** Rows written, in all passes. */
  readonly written: number;
  readonly total?: number;
  readonly exact: boolean;
  /** Rows that the next chunk takes. */
  readonly size: number;
}

export const firstCursor = (size: number): Cursor => ({ pass: 1, visited: 0, changed: 0, written: 0, exact: false, size });

export const nextPass = ({ pass, written, total, exact, size }: Cursor): Cursor => ({
  pass: pass + 1,
  visited: 0,
  changed: 0,
  written,
  ...(total === undefined ? {} : { total }),
  exact,
  size,
});
