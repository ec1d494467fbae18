/** Exponential backoff with full jitter: https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/ */

/** Wait before the next try, in ms, within both limits; spread from the first try on, so that many do not come back at once.
 *  `attempt` starts at 1, `random` answers [0, 1). */
export function backoffMs(
  attempt: number,
  limits: { readonly minBackoffMs: number; readonly maxBackoffMs: number },
  random: () => number,
): number {
  const ceiling = Math.min(limits.maxBackoffMs, limits.minBackoffMs * 2 ** attempt);
  const floor = Math.min(limits.minBackoffMs, ceiling);
  return Math.round(floor + random() * (ceiling - floor));
}
