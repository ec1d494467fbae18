/** The failure budget: how many unresolved failures a wave bears, and how many lists it may have on the way. */

/** A breach: more unresolved failures than tolerated. Reaching the limit is not one. */
export const exceeded = (unresolved: number, maxFailures: number): boolean => unresolved > maxFailures;

/**
 * Lists that may be in flight now. A canary never has more on the way than could fail without going past tolerance + 1; other waves are
 * limited by concurrency alone, and the plan prints what that can cost.
 */
export function room(
  limits: { readonly canary: boolean; readonly maxFailures: number; readonly maxConcurrency: number },
  unresolved: number,
): number {
  if (!limits.canary) return limits.maxConcurrency;
  return Math.max(0, Math.min(limits.maxConcurrency, limits.maxFailures - unresolved + 1));
}
