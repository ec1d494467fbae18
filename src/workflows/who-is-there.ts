/** Is anybody there, and has everybody the files that the caller expects? Asked before anything else is. */

import { ActivityFailure, ApplicationFailure, TimeoutFailure, TimeoutType } from '@temporalio/common';
import { sleep } from '@temporalio/workflow';
import type { Hello } from '../activities/contract.js';
import { cellQueue } from '../domain/ids.js';
import { helloActivities } from './activity-options.js';

export interface Expectation {
  readonly taskQueue: string;
  /** The newest migration that the caller knows of; a worker without it is not asked further. */
  readonly expect?: string;
  /** @defaultValue 120000 */
  readonly expectTimeoutMs?: number;
  /** @defaultValue 5000 */
  readonly helloTimeoutMs?: number;
}

/** The fleet's cells, each with a worker. @throws FLT_NO_WORKFLOW_WORKER, FLT_NO_CELL_WORKER, FLT_MIGRATION_MISMATCH */
export async function cellsServed(input: Expectation): Promise<readonly string[]> {
  const { cells } = await hello(input, input.taskQueue, 'FLT_NO_WORKFLOW_WORKER', 'No worker serves the control queue.');
  await Promise.all(
    cells.map((cell) => hello(input, cellQueue(input.taskQueue, cell), 'FLT_NO_CELL_WORKER', `No worker serves cell "${cell}".`)),
  );
  return cells;
}

/** Asks until a worker answers that has the files the caller expects; a deploy may be rolling. */
async function hello(input: Expectation, queue: string, missing: string, message: string): Promise<Hello> {
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
