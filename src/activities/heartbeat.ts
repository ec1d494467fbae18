/** Heartbeats on a timer, not per tenant: a statement that runs for minutes must not look like a lost worker. */

import { Context } from '@temporalio/activity';

const EVERY_MS = 1_000;

/** Runs `work` with a heartbeat every second that says what `details` answers then. */
export async function heartbeating<T>(details: () => unknown, work: () => Promise<T>): Promise<T> {
  const context = Context.current();
  context.heartbeat(details());
  const timer = setInterval(() => context.heartbeat(details()), EVERY_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
