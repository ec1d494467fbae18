/** Pages: at most 1,000 rows, so that an answer stays far below what Temporal carries. */

const MOST = 1_000;

export const pageLimit = (limit: number | undefined): number => Math.max(1, Math.min(MOST, Math.floor(limit ?? MOST)));

/** `next` is the cursor of the last row, when the page is full. */
export const nextCursor = <T>(rows: readonly T[], limit: number, cursor: (row: T) => string): { readonly next?: string } => {
  const last = rows.at(-1);
  return last !== undefined && rows.length === limit ? { next: cursor(last) } : {};
};
