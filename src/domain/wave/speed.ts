/**
 * How many lists a host may have in hand: a slow start that doubles with every full round of successes, halved when a gate throttles. As TCP
 * finds its speed (slow start and multiplicative decrease, RFC 5681), for the same reason: nobody knows beforehand what the host bears.
 */

export interface Ramp {
  /** Lists in hand at the start. */
  readonly initial: number;
  /** Growth per full round of successes. */
  readonly factor: number;
}

export interface Speed {
  readonly now: number;
  /** Lists that have succeeded since the speed last changed. */
  readonly successes: number;
}

export const startSpeed = ({ initial }: Ramp, ceiling: number): Speed => ({ now: Math.min(initial, ceiling), successes: 0 });

/** A list went well. */
export function faster(speed: Speed, { factor }: Ramp, ceiling: number): Speed {
  if (speed.now >= ceiling) return { now: ceiling, successes: 0 };
  const successes = speed.successes + 1;
  if (successes < speed.now) return { ...speed, successes };
  return { now: Math.min(ceiling, Math.max(speed.now + 1, Math.floor(speed.now * factor))), successes: 0 };
}

/** A gate throttles. */
export const slower = (speed: Speed): Speed => ({ now: Math.max(1, Math.floor(speed.now / 2)), successes: 0 });
