/** Discovers and scans the tenants of every cell at once. Tenants go to the control database, under the plan id; what is found comes back. */

import type { EditedSource, Finding, GateOff } from '../domain/plan.js';
import { planningActivities } from './activity-options.js';
import type { PlanInput } from './messages.js';

export type ScanCellsInput = Pick<
  PlanInput,
  'fleet' | 'planId' | 'taskQueue' | 'mode' | 'actor' | 'tenants' | 'selector' | 'to' | 'backfill' | 'strategy'
>;

export interface Scanned {
  readonly findings: readonly Finding[];
  readonly edited: readonly EditedSource[];
  readonly gatesOff: readonly GateOff[];
}

/** Which gates can be read, and what large tables are written, is looked at when a rollout may follow; gates of the whole fleet are asked once. */
export async function scanCells(input: ScanCellsInput, cells: readonly string[]): Promise<Scanned> {
  const found = await Promise.all(
    cells.map(async (cell): Promise<Scanned> => {
      const scope = { fleet: input.fleet, planId: input.planId, cell };
      const activities = planningActivities(input.taskQueue, cell);
      const discovered = await activities.discoverTenants({
        ...scope,
        mode: input.mode,
        actor: input.actor,
        ...(input.tenants ? { tenants: input.tenants } : {}),
        ...(input.selector ? { selector: input.selector } : {}),
      });
      const scanned = await activities.scanTenants({
        ...scope,
        ...(input.to ? { to: input.to } : {}),
        ...(input.backfill ? { backfill: input.backfill } : {}),
        ...(input.strategy ? { strategy: input.strategy } : {}),
        ...(input.mode === 'scan' ? {} : { gates: cell === cells[0] ? 'all' : 'ofHosts', bulkWrites: true }),
      });
      return {
        findings: [...discovered.findings, ...scanned.findings],
        edited: scanned.edited ?? [],
        gatesOff: scanned.gatesOff ?? [],
      };
    }),
  );
  return {
    findings: found.flatMap((it) => it.findings),
    edited: found.flatMap((it) => it.edited),
    gatesOff: found.flatMap((it) => it.gatesOff),
  };
}
