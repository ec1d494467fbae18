/** Waiting for a lock that was not granted: how long, how often, and what is worth it. */

import { setTimeout as delay } from 'node:timers/promises';
import type { AttemptInput } from './contract.js';
import { classify } from './sqlstate.js';

/** A little longer each time up to 2 s, never in step with others that wait for the same lock. */
export const pauseFor = (tries: number): Promise<void> => delay(50 + Math.random() * 200 * Math.min(tries, 10));

/** Returns when it is time to try again. @throws `error` itself when it is about no lock, the quick tries are spent, or the attempt shall stop */
export async function waitForLock(error: unknown, tries: number, { quickTries, stop }: AttemptInput): Promise<void> {
  if (classify(error)?.trouble !== 'lock' || tries >= quickTries || stop?.()) throw error;
  await pauseFor(tries);
}
