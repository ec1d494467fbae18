/** Exponential backoff with full jitter: https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/ */

/** Wait before the next try, in ms. `attempt` starts at 1, `random` answers [0, 1). */
export function backoffMs(
  attempt: number,
  limits: { readonly minBackoffMs: number; readonly maxBackoffMs: number },
  random: () => number,
): number {
  const ceiling = Math.min(limits.maxBackoffMs, limits.minBackoffMs * 2 ** (attempt - 1));
  return Math.round(limits.minBackoffMs / 2 + random() * (ceiling - limits.minBackoffMs / 2));
}
