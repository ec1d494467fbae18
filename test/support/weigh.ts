/** What a rollout has cost Temporal: events of each run of its workflows, and the largest payload in any of them. */

import type { Client } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';

export interface Weight {
  readonly workflows: number;
  readonly mostEvents: number;
  /** Bytes. */
  readonly largestPayload: number;
}

/** @param query of Temporal's visibility */
export async function weigh(client: Client, query: string): Promise<Weight> {
  let [workflows, mostEvents, largestPayload] = [0, 0, 0];
  for await (const { workflowId, runId } of client.workflow.list({ query })) {
    const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    workflows++;
    mostEvents = Math.max(mostEvents, history.events?.length ?? 0);
    for (const [, data] of historyToJSON(history).matchAll(/"data": ?"([^"]+)"/g))
      largestPayload = Math.max(largestPayload, (data!.length * 3) / 4);
  }
  return { workflows, mostEvents, largestPayload };
}
