import { setTimeout as sleep } from 'node:timers/promises';

/** Waits, or returns early when the signal fires; leaves no timer behind. */
export async function delay(ms: number, signal?: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}

/** Waits for the promise to settle, at most `ms`; answers whether it did. Never throws. */
export async function settledWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const timer = new AbortController();
  const settled = await Promise.race([
    promise.then(
      () => true,
      () => true,
    ),
    delay(ms, timer.signal).then(() => false),
  ]);
  timer.abort();
  return settled;
}
