/** Fleets whose migration is a backfill: rollouts that are nothing but it, and those that have it in their waves. */

import type { Client } from '@temporalio/client';
import type { ActivityDeps } from '../../src/activities/deps.js';
import { createSteerRollout } from '../../src/activities/steer-rollout.js';
import { translated } from '../../src/activities/to-failure.js';
import type { FleetBackfill } from '../../src/domain/backfill/fleet-progress.js';
import type { PlannedWave } from '../../src/domain/plan.js';
import type { FleetPlan } from './temporal.js';

export const MIGRATION = '02_fill';

export const filling = (more: Partial<FleetBackfill> = {}): FleetBackfill => ({
  migration: MIGRATION,
  tenants: 1,
  done: 0,
  visited: 400,
  written: 300,
  total: 1_000,
  exact: true,
  rowsPerSecond: 50,
  running: [],
  ...more,
});

/**
 * It is rolled out like any other migration: each wave has a workflow beside it.
 * @param temporal messages are passed on by the worker's own activity
 */
export const inWaves = (waves: readonly PlannedWave[], temporal: () => Client, more: Partial<FleetPlan> = {}): FleetPlan => ({
  waves,
  summary: {
    to: MIGRATION,
    migrations: [
      {
        name: MIGRATION,
        checksum: 'c',
        closure: 'backfill:c',
        transactional: false,
        backfill: true,
        reversible: { verdict: 'no', code: 'FLT_BACKFILL_STAYS', why: 'what rows held before is kept nowhere' },
        appliedBefore: 0,
      },
    ],
  },
  ...more,
  fakes: {
    readBackfills: async () => [filling()],
    steerRollout: (input) => translated(createSteerRollout({ temporal: temporal() } as ActivityDeps), { impatient: true })(input),
    ...more.fakes,
  },
});

/** The rollout is nothing but it: one workflow beside that. */
export function alone(...of: Parameters<typeof inWaves>): FleetPlan {
  const plan = inWaves(...of);
  return { ...plan, summary: { ...plan.summary, operation: 'backfill' } };
}
