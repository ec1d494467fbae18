/** How far a backfill has come in the tenants that have begun it. */

import { type BackfillProgress, etaMs, progressText, shareDone } from './progress.js';

export interface FleetBackfill {
  readonly migration: string;
  /** That have begun, or are done. */
  readonly tenants: number;
  readonly done: number;
  readonly visited: number;
  readonly written: number;
  /** Rows of those tenants. */
  readonly total: number;
  readonly exact: boolean;
  /** Of all who are at work now. */
  readonly rowsPerSecond: number;
  /** Those who have the most left, a few. */
  readonly running: readonly (Omit<BackfillProgress, 'waiting' | 'total'> & {
    readonly tenant: string;
    readonly host: string;
    readonly total: number | null;
    readonly waiting: string | null;
  })[];
}

/** One tenant of it, as progress of its own. */
const alone = ({ total, waiting, ...it }: FleetBackfill['running'][number]): BackfillProgress => ({
  ...it,
  ...(total === null ? {} : { total }),
  ...(waiting === null ? {} : { waiting }),
});

const together = ({ visited, written, total, exact, rowsPerSecond }: FleetBackfill): BackfillProgress => ({
  pass: 1,
  visited,
  written,
  total,
  exact,
  rowsPerSecond,
});

export const fleetShareDone = (it: FleetBackfill): number => shareDone(together(it)) ?? 0;
export const fleetEtaMs = (it: FleetBackfill): number | undefined => etaMs(together(it));
export const fleetText = (it: FleetBackfill): string => `${progressText(together(it))}; ${it.done} of ${it.tenants} tenants done`;
export const tenantText = (it: FleetBackfill['running'][number]): string => progressText(alone(it));
export const tenantShareDone = (it: FleetBackfill['running'][number]): number | undefined => shareDone(alone(it));
export const tenantEtaMs = (it: FleetBackfill['running'][number]): number | undefined => etaMs(alone(it));
