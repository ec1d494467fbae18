/** How far a backfill has come in the tenants that have begun it. */

import type { TenantState } from '../tenant.js';
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
  readonly running: readonly RunningBackfill[];
}

export interface RunningBackfill extends Omit<BackfillProgress, 'waiting' | 'total'> {
  readonly tenant: string;
  readonly host: string;
  readonly total: number | null;
  readonly waiting: string | null;
}

/** Of one tenant that was asked for. */
export interface TenantBackfill extends RunningBackfill {
  readonly migration: string;
}

/** Done, or given up. */
const NOTHING_TO_COME: readonly TenantState[] = [
  'applied',
  'upToDate',
  'rollingBack',
  'rolledBack',
  'rollbackFailed',
  'skipped',
  'gone',
  'cancelled',
];

/** Whether a backfill that a tenant in this state has begun is still to come to its end: at its next turn, or once somebody has retried it. */
export const comesToItsEnd = (state: TenantState): boolean => !NOTHING_TO_COME.includes(state);

/** One tenant of it, as progress of its own. */
const alone = ({ total, waiting, ...it }: RunningBackfill): BackfillProgress => ({
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
export const tenantText = (it: RunningBackfill): string => progressText(alone(it));
export const tenantShareDone = (it: RunningBackfill): number | undefined => shareDone(alone(it));
export const tenantEtaMs = (it: RunningBackfill): number | undefined => etaMs(alone(it));
