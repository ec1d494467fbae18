/** What exactly would happen: ask who is there, discover, scan, freeze. Tenants go to the control database; only counts come back. */

import { ActivityFailure, ApplicationFailure, TimeoutFailure, TimeoutType } from '@temporalio/common';
import { setCurrentDetails, sleep } from '@temporalio/workflow';
import type { Hello } from '../activities/contract.js';
import { cellQueue } from '../domain/ids.js';
import type { Finding } from '../domain/plan.js';
import { controlActivities, helloActivities, planningActivities } from './activity-options.js';
import type { PlanInput, PlanResult } from './messages.js';

export async function planWorkflow(input: PlanInput): Promise<PlanResult> {
  const startedAtMs = Date.now();
  const { cells } = await hello(input, input.taskQueue, 'FLT_NO_WORKFLOW_WORKER', 'No worker serves the control queue.');
  await Promise.all(
    cells.map((cell) => hello(input, cellQueue(input.taskQueue, cell), 'FLT_NO_CELL_WORKER', `No worker serves cell "${cell}".`)),
  );

  setCurrentDetails(`discovers and scans the tenants of ${cells.length} cells`);
  const found = await Promise.all(
    cells.map(async (cell): Promise<readonly Finding[]> => {
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
      return [...discovered.findings, ...scanned.findings];
    }),
  );
  const { freezePlan } = controlActivities(input.taskQueue);
  return freezePlan({ ...input, cells, findings: found.flat(), startedAtMs });
}

/** Asks until a worker answers that has the files the caller expects; a deploy may be rolling. */
async function hello(input: PlanInput, queue: string, missing: string, message: string): Promise<Hello> {
  const until = Date.now() + (input.expectTimeoutMs ?? 120_000);
  for (;;) {
    let answer: Hello;
    try {
      answer = await helloActivities(queue, input.helloTimeoutMs ?? 5_000).hello({ ...(input.expect ? { expect: input.expect } : {}) });
    } catch (error) {
      const cause = error instanceof ActivityFailure ? error.cause : undefined;
      if (cause instanceof TimeoutFailure && cause.timeoutType === TimeoutType.SCHEDULE_TO_START)
        throw ApplicationFailure.create({ type: missing, message, nonRetryable: true });
      throw error;
    }
    if (answer.expectMet) return answer;
    if (Date.now() >= until)
      throw ApplicationFailure.create({
        type: 'FLT_MIGRATION_MISMATCH',
        message: `No worker has ${input.expect}: build ${answer.build} (process ${answer.pid}) has ${answer.newest ?? 'no migration'} as its newest.`,
        nonRetryable: true,
        details: [{ expected: input.expect, build: answer.build, newest: answer.newest }],
      });
    await sleep(Math.min(2_000, Math.max(100, until - Date.now())), { summary: 'waits for a worker with the new files' });
  }
}
