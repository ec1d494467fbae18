/** Discovers and scans the tenants of every cell at once. Tenants go to the control database, under the plan id; what is found comes back. */

import type { EditedSource, Finding } from '../domain/plan.js';
import { planningActivities } from './activity-options.js';
import type { PlanInput } from './messages.js';

export type ScanCellsInput = Pick<
  PlanInput,
  'fleet' | 'planId' | 'taskQueue' | 'mode' | 'actor' | 'tenants' | 'selector' | 'to' | 'strategy'
>;

export interface Scanned {
  readonly findings: readonly Finding[];
  readonly edited: readonly EditedSource[];
}

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
        ...(input.strategy ? { strategy: input.strategy } : {}),
      });
      return { findings: [...discovered.findings, ...scanned.findings], edited: scanned.edited ?? [] };
    }),
  );
  return { findings: found.flatMap((it) => it.findings), edited: found.flatMap((it) => it.edited) };
}
