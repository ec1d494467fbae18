/** Watches the gates of the phase that runs, one activity per cell; each ends when a verdict changes, and the next goes on from there. */

import type { ActivityFailure } from '@temporalio/common';
import { CancellationScope, condition } from '@temporalio/workflow';
import type { GateMemory } from '../activities/contract.js';
import type { RolloutBook } from '../domain/rollout/book.js';
import { isFinal } from '../domain/rollout/contract.js';
import { watchActivities } from './activity-options.js';
import { isCancelled } from './cancelled.js';
import type { RolloutInput } from './messages.js';

/** Returns at once; the watching ends with the rollout. */
export function watchGates(input: RolloutInput, book: RolloutBook): void {
  if (book.plan!.summary.policy.gates.length === 0) return;
  for (const cell of book.plan!.summary.cells) void watchCell(input, book, cell);
}

async function watchCell(input: RolloutInput, book: RolloutBook, cell: string): Promise<void> {
  let memory: GateMemory = { states: {}, baselines: {} };
  let answered = -1;
  for (;;) {
    await condition(() => book.gates.watches(cell) || isFinal(book.state()));
    if (isFinal(book.state())) return;
    const { phase, round } = book.gates;
    const hosts = book.hostsWatched(cell);
    const scope = new CancellationScope();
    void condition(() => book.gates.round !== round || isFinal(book.state())).then(() => scope.cancel());
    try {
      const found = await scope.run(() =>
        watchActivities(input.taskQueue, cell, `looks at the gates (${phase}) of ${hosts.length} hosts`).watchGates({
          fleet: input.fleet,
          planId: input.planId,
          cell,
          phase: phase!,
          hosts,
          fleetWide: cell === book.gates.firstCell(),
          fresh: answered !== round,
          memory,
        }),
      );
      memory = found.memory;
      if (found.readings.complete) answered = round;
      if (book.gates.round === round) book.sampled(cell, found.readings, Date.now());
    } catch (error) {
      if (isCancelled(error)) continue;
      // Not to be read at all, by any worker: a person decides
      const { cause } = error as ActivityFailure;
      const unread = {
        gate: `the gates of cell "${cell}"`,
        verdict: 'error' as const,
        sinceMs: Date.now(),
        text: cause?.message ?? 'no worker answered',
      };
      if (book.gates.round === round) book.sampled(cell, { readings: [unread], complete: true, passing: 0 }, Date.now());
      await condition(() => book.gates.round !== round || isFinal(book.state()));
    }
  }
}
