/**
 * The catch-up sweep: tenants that came, or are free to go, while the rollout ran follow in one more wave. What cannot be looked at is said and
 * left to the next rollout: a sweep never keeps a rollout from its end.
 */

import { ActivityFailure, ApplicationFailure } from '@temporalio/common';
import { cellQueue } from '../domain/ids.js';
import type { Finding } from '../domain/plan.js';
import type { RolloutBook } from '../domain/rollout/book.js';
import { takeSweep } from '../domain/rollout/membership.js';
import { controlActivities, helloActivities, planningActivities } from './activity-options.js';
import type { RolloutInput } from './messages.js';

export async function sweep(input: RolloutInput, book: RolloutBook): Promise<void> {
  const { fleet, planId, rolloutId, taskQueue, actor } = input;
  const { cells, to, selection } = book.plan!.summary;
  const number = book.sweeps + 1;
  const scanId = `${planId}-sweep-${number}`;
  const looks = await Promise.all(cells.map((cell) => look(cell).catch((error) => [unseen(`cell "${cell}"`, error)])));
  const findings = looks.flat();
  const freezing = controlActivities(taskQueue).freezeSweep({
    fleet,
    planId,
    rolloutId,
    sweep: number,
    wave: book.waves.length,
    scanId,
    findings,
  });
  const found = await freezing.catch((error) => ({ retaken: [], findings: [...findings, unseen('the fleet', error)] }));
  takeSweep(book, found, Date.now());

  async function look(cell: string): Promise<readonly Finding[]> {
    await helloActivities(cellQueue(taskQueue, cell), 5_000).hello({});
    const activities = planningActivities(taskQueue, cell);
    const scope = { fleet, planId: scanId, cell };
    const discovered = await activities.discoverTenants({
      ...scope,
      mode: 'scan',
      actor,
      ...(selection?.selector ? { selector: selection.selector } : {}),
    });
    const scanned = await activities.scanTenants({ ...scope, to });
    return [...discovered.findings, ...scanned.findings];
  }
}

function unseen(what: string, error: unknown): Finding {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  const code = cause instanceof ApplicationFailure ? (cause.type ?? 'FLT_INTERNAL') : 'FLT_NO_CELL_WORKER';
  const why = cause instanceof ApplicationFailure ? cause.message : 'no worker answered';
  return {
    severity: 'warning',
    code,
    message: `Nobody looked for tenants of ${what} that came or changed while the rollout ran: ${why}. The next rollout takes them up.`,
  };
}
