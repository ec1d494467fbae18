import type { Client } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/common';
import { workflowIds } from '../domain/ids.js';

/** Tells the open rollout of the fleet, if there is one. Answers its id. */
export async function tellRollout(temporal: Client, fleet: string, signal: string, news: unknown): Promise<string | undefined> {
  const handle = temporal.workflow.getHandle(workflowIds.rollout(fleet));
  try {
    await handle.signal(signal, news);
    return String((await handle.describe()).memo?.rolloutId ?? '');
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}
