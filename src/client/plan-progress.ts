import type { WorkflowHandle } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { delay } from './delay.js';

const EVERY_MS = 1_000;

/** What a plan is doing, told once a second from its activities' heartbeats, until the signal fires. Never throws. */
export async function tellProgress(handle: WorkflowHandle, tell: (text: string) => void, over: AbortSignal): Promise<void> {
  for (let idle = 0; ; ) {
    await delay(EVERY_MS, over);
    if (over.aborted) return;
    const pending = await handle.describe().then(
      ({ raw }) => raw.pendingActivities ?? [],
      () => [],
    );
    if (over.aborted) return;
    idle = pending.length ? 0 : idle + 1;
    const steps = pending.flatMap((activity) => heartbeatText(activity.heartbeatDetails?.payloads?.[0]) ?? []);
    // Between its tries to find a worker that has the expected files, a plan has nothing but a timer.
    if (idle > 1) tell('waiting for a worker with the newest files');
    else if (steps.length) tell(steps.join('; '));
  }
}

function heartbeatText(payload: Parameters<typeof defaultPayloadConverter.fromPayload>[0] | undefined): string | undefined {
  if (!payload) return undefined;
  try {
    const { step, n } = defaultPayloadConverter.fromPayload<{ step?: string; n?: string }>(payload);
    return step && n ? `${step} (${n})` : step;
  } catch {
    return undefined; // another version's details are worth no error
  }
}
