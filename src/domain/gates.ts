/**
 * What a gate's samples mean. A gate has two limits, as gh-ost's `max-load` and `critical-load`: beyond the first the fleet goes slower,
 * beyond the second the rollout stops. Single samples decide little: each step away from `pass`, and back, takes several in a row.
 */

import ms from 'ms';

/** When a gate is looked at: before a wave, while it runs, and while it bakes. */
export const GATE_PHASES = ['pre', 'during', 'bake'] as const;
export type GatePhase = (typeof GATE_PHASES)[number];

export const GATE_VERDICTS = [
  'pass', // within its limits
  'throttle', // beyond the first limit: speed is halved and does not grow
  'hold', // beyond it for several samples: nothing is started
  'fail', // beyond the second limit, or held for too long: onGateFail
  'inconclusive', // answers, and says nothing: the rollout pauses
  'error', // does not answer: the rollout pauses
] as const;
export type GateVerdict = (typeof GATE_VERDICTS)[number];

export interface GateLimits {
  /** Which side of a limit is bad. */
  readonly when: 'above' | 'below';
  readonly throttle?: number;
  readonly abort?: number;
  /** Samples in a row beyond `abort` that are borne; one more fails the gate. */
  readonly failureLimit: number;
  /** Samples in a row without a usable answer that are borne; one more pauses the rollout. */
  readonly errorLimit: number;
  /** Throttling for longer than this, without a longer calm between, fails the gate. */
  readonly holdLimitMs: number;
  /** A calm that counts: shorter ones do not end a hold's time. */
  readonly settleMs: number;
}

/** One look at what the gate measures. `pass` is for gates that know only yes and no. */
export type Sample =
  | { readonly kind: 'value'; readonly value: number }
  | { readonly kind: 'pass' | 'fail'; readonly text?: string }
  /** Beyond the first limit of something that has none in numbers. */
  | { readonly kind: 'wait'; readonly text: string }
  | { readonly kind: 'inconclusive' | 'error'; readonly text: string };

export interface GateState {
  /** undefined: too few samples yet. */
  readonly verdict?: GateVerdict;
  readonly sinceMs: number;
  /** The last value that was read. */
  readonly value?: number;
  /** Why, for everything but `pass`. */
  readonly text?: string;
  readonly failures: number;
  readonly silences: number;
  readonly throttled: number;
  readonly calm: number;
  /** Since when it has not passed for long enough. */
  readonly troubledSinceMs?: number;
}

/** Samples in a row beyond the first limit that turn `throttle` into `hold`, and within it that end either. */
export const HOLD_AFTER = 3;
export const CALM_AFTER = 3;

export const newGate = (nowMs: number): GateState => ({ sinceMs: nowMs, failures: 0, silences: 0, throttled: 0, calm: 0 });

/**
 * What is left of a gate that was not looked at for a while. A failure is forgotten: the rollout has halted for it, and goes on. So is the time
 * that it held before it passed, when that is long ago: nobody knows of a trouble in between.
 */
export function lookAgain(gate: GateState, { settleMs }: GateLimits, nowMs: number): GateState | undefined {
  return gate.verdict === 'fail' || (gate.verdict === 'pass' && nowMs - gate.sinceMs >= settleMs) ? undefined : gate;
}

export function judgeSample(gate: GateState, sample: Sample, limits: GateLimits, nowMs: number): GateState {
  switch (sample.kind) {
    case 'inconclusive':
    case 'error': {
      const silences = gate.silences + 1;
      const next = { ...gate, silences };
      return silences > limits.errorLimit ? turn(next, sample.kind, nowMs, sample.text) : next;
    }
    case 'fail':
      return beyondAbort({ ...gate, silences: 0 }, sample.text ?? 'it says no', limits, nowMs);
    case 'wait':
      return beyondThrottle({ ...gate, silences: 0, failures: 0 }, sample.text, limits, nowMs);
    case 'pass':
      return within({ ...gate, silences: 0 }, limits, nowMs);
    case 'value': {
      const { value } = sample;
      const read = { ...gate, silences: 0, value };
      if (limits.abort !== undefined && beyond(value, limits.abort, limits.when))
        return beyondAbort(read, `${round(value)} is ${limits.when} ${limits.abort}`, limits, nowMs);
      if (limits.throttle !== undefined && beyond(value, limits.throttle, limits.when))
        return beyondThrottle({ ...read, failures: 0 }, `${round(value)} is ${limits.when} ${limits.throttle}`, limits, nowMs);
      return within(read, limits, nowMs);
    }
  }
}

function beyondAbort(gate: GateState, text: string, limits: GateLimits, nowMs: number): GateState {
  const failures = gate.failures + 1;
  if (failures > limits.failureLimit) return turn({ ...gate, failures, calm: 0 }, 'fail', nowMs, text);
  return beyondThrottle({ ...gate, failures }, text, limits, nowMs);
}

function beyondThrottle(gate: GateState, text: string, limits: GateLimits, nowMs: number): GateState {
  const troubledSinceMs = gate.troubledSinceMs ?? nowMs;
  const throttled = gate.throttled + 1;
  const next = { ...gate, throttled, calm: 0, troubledSinceMs };
  const heldMs = nowMs - troubledSinceMs;
  if (heldMs > limits.holdLimitMs) return turn(next, 'fail', nowMs, `${text}, now and again for ${ms(heldMs, { long: true })}`);
  return turn(next, throttled >= HOLD_AFTER ? 'hold' : 'throttle', nowMs, text);
}

function within(gate: GateState, limits: GateLimits, nowMs: number): GateState {
  const calm = gate.calm + 1;
  const next = { ...gate, calm, failures: 0 };
  const leaving = gate.verdict === 'throttle' || gate.verdict === 'hold' || gate.verdict === 'fail';
  if (leaving && calm < CALM_AFTER) return next;
  const passing = turn({ ...next, throttled: 0 }, 'pass', nowMs);
  if (passing.troubledSinceMs === undefined || nowMs - passing.sinceMs < limits.settleMs) return passing;
  const { troubledSinceMs: _, ...settled } = passing;
  return settled;
}

function turn(gate: GateState, verdict: GateVerdict, nowMs: number, text?: string): GateState {
  const { text: _, ...rest } = gate;
  return { ...rest, verdict, sinceMs: gate.verdict === verdict ? gate.sinceMs : nowMs, ...(text === undefined ? {} : { text }) };
}

const beyond = (value: number, limit: number, when: GateLimits['when']): boolean => (when === 'above' ? value > limit : value < limit);

const round = (value: number): string => String(Math.round(value * 100) / 100);
