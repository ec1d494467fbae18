/** How far a backfill has come in one tenant. Counts only, no data. */

export interface BackfillProgress {
  /** 1: over all rows; above: again over those that came or changed behind it. */
  readonly pass: number;
  /** Rows passed over in this pass, written to or not. */
  readonly visited: number;
  /** Rows written in all passes. */
  readonly written: number;
  /** undefined: nobody knows yet. */
  readonly total?: number;
  /** false: the statistics' estimate. */
  readonly exact: boolean;
  /** Of the last chunks. */
  readonly rowsPerSecond: number;
  /** Why it stands still for now. */
  readonly waiting?: string;
}

/** 0 to 1. An empty table is done; a pass that catches up comes after everything was visited. */
export function shareDone({ pass, visited, total }: BackfillProgress): number | undefined {
  if (pass > 1) return 1;
  if (total === undefined) return undefined;
  return total === 0 ? 1 : Math.min(1, visited / total);
}

/** Time left for this pass. */
export function etaMs({ pass, visited, total, rowsPerSecond }: BackfillProgress): number | undefined {
  if (pass > 1 || total === undefined || rowsPerSecond <= 0) return undefined;
  return Math.round((Math.max(0, total - visited) / rowsPerSecond) * 1000);
}

/** Rows per second from now on, mostly by what came before. `ms`: of a chunk and the rest behind it. */
export const smoothedRate = (before: number, rows: number, ms: number): number => {
  const now = (rows / Math.max(1, ms)) * 1000;
  return before === 0 ? now : before * 0.7 + now * 0.3;
};

const NUMBER = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const n = (value: number): string => NUMBER.format(value);

/** For a heartbeat: "340,000 of about 1,000,000 rows, 34 %, 12,300 rows/s, 54 s left". */
export function progressText(it: BackfillProgress): string {
  const share = shareDone(it);
  const left = etaMs(it);
  const parts =
    it.pass > 1
      ? [`catching up (pass ${it.pass}), ${n(it.visited)} rows seen`]
      : [
          it.total === undefined ? `${n(it.visited)} rows` : `${n(it.visited)} of ${it.exact ? '' : 'about '}${n(it.total)} rows`,
          ...(share === undefined ? [] : [`${Math.floor(share * 100)} %`]),
        ];
  if (it.waiting !== undefined) return [...parts, `waiting: ${it.waiting}`].join(', ');
  if (it.rowsPerSecond > 0) parts.push(`${n(it.rowsPerSecond)} rows/s`);
  if (left !== undefined) parts.push(`${Math.ceil(left / 1000)} s left`);
  return parts.join(', ');
}
