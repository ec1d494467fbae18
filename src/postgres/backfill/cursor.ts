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

/** The cursor, when so many rows more are written. */
export const withWritten = (cursor: Cursor, more: number): Cursor => ({
  ...cursor,
  changed: cursor.changed + more,
  written: cursor.written + more,
});

/** SQL, a bytea: the same as JSON, of a number that the server knows. */
export function cursorSql({ changed, written, ...rest }: Cursor, more: string): string {
  const head = Buffer.from(JSON.stringify(rest).slice(0, -1)).toString('hex');
  return `decode('${head}', 'hex') || convert_to(',"changed":' || ${changed} + ${more} || ',"written":' || ${written} + ${more} || '}', 'UTF8')`;
}

export const nextPass = ({ pass, written, total, exact, size }: Cursor): Cursor => ({
  pass: pass + 1,
  visited: 0,
  changed: 0,
  written,
  ...(total === undefined ? {} : { total }),
  exact,
  size,
});
