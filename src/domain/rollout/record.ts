/** One wave of a rollout as the rollout keeps it, and what a rollback is told to do. */

import type { PlannedWave } from '../plan.js';
import type { Totals } from '../tenant.js';
import type { HostCarry, WaveCarry } from '../wave/contract.js';
import type { WaveState } from './contract.js';

export interface WaveRecord {
  plan: PlannedWave;
  state: WaveState;
  /** Set once the wave has run: where its tenants stand. */
  carry?: WaveCarry;
  /** Set once a rollback has visited the wave: how far it came. */
  down?: readonly HostCarry[];
  /** Any of its tenants may have been moved: its workflow was terminated or failed, or another rollout ran it. */
  lost?: boolean;
  maxFailures: number;
  approved: boolean;
  settled: boolean;
  /** Of its bake time, once it has settled. */
  bakeLeftMs: number;
  /** Its tenants that went to another wave: that of the canaries, or a sweep. */
  readonly without: string[];
  /** Its canaries that were up to date already, and that nobody has replaced yet. */
  readonly noEvidence: string[];
}

export interface RollbackOrder {
  readonly waves: readonly WaveRecord[];
  readonly scope: 'wave' | 'rollout';
  readonly automatic: boolean;
  readonly force: boolean;
  /** This migration stays, with all before it. */
  readonly to?: string;
}

export const emptyCarry = (totals: Totals): WaveCarry => ({ totals, hosts: [], troubled: {}, failures: [], failuresTotal: 0 });

export const newRecord = (plan: PlannedWave): WaveRecord => ({
  plan,
  state: 'waiting',
  maxFailures: plan.maxFailures,
  approved: !plan.approval,
  settled: false,
  bakeLeftMs: 0,
  without: [],
  noEvidence: [],
});
