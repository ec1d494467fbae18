import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CALM_AFTER,
  type GateLimits,
  type GateState,
  HOLD_AFTER,
  judgeSample,
  lookAgain,
  newGate,
  type Sample,
} from '../../../src/domain/gates.js';

const SECOND = 1_000;
const limits: GateLimits = {
  when: 'above',
  throttle: 10,
  abort: 100,
  failureLimit: 2,
  errorLimit: 2,
  holdLimitMs: 60 * SECOND,
  settleMs: 20 * SECOND,
};
const value = (it: number): Sample => ({ kind: 'value', value: it });
const silent: Sample = { kind: 'error', text: 'connection refused' };

/** The verdict after each sample, one a second. */
function verdicts(samples: readonly Sample[], of: GateLimits = limits): (string | undefined)[] {
  let gate = newGate(0);
  return samples.map((sample, second) => {
    gate = judgeSample(gate, sample, of, second * SECOND);
    return gate.verdict;
  });
}

describe('judgeSample', () => {
  it('passes within the limits; reaching a limit is within', () => {
    expect(verdicts([value(1), value(10)])).toEqual(['pass', 'pass']);
  });

  it('throttles beyond the first limit at once, holds after several, and passes again after several calm samples', () => {
    expect(verdicts([value(11), value(11), value(11), value(5), value(5), value(5)])).toEqual([
      'throttle',
      'throttle',
      'hold',
      'hold',
      'hold',
      'pass',
    ]);
  });

  it('fails when more samples in a row are beyond the second limit than are borne', () => {
    expect(verdicts([value(101), value(101), value(101)])).toEqual(['throttle', 'throttle', 'fail']);
    expect(verdicts([value(101), value(101), value(1), value(101), value(101)]).at(-1)).not.toBe('fail');
  });

  it('does not flap: a value around its limit stays throttled', () => {
    const around = Array.from({ length: 20 }, (_, n) => value(n % 2 ? 9 : 11));
    expect(new Set(verdicts(around).slice(2))).toEqual(new Set(['throttle', 'hold']));
  });

  it('bounds the time it holds, also when short calms come between', () => {
    const flapping = Array.from({ length: 100 }, (_, n) => value(n % 6 < 3 ? 11 : 9));
    const said = verdicts(flapping);
    expect(said.slice(0, 60)).not.toContain('fail');
    expect(said).toContain('fail');
  });

  it('forgets the time it held after a long calm', () => {
    const samples = [
      ...Array.from({ length: 40 }, () => value(11)),
      ...Array.from({ length: 40 }, () => value(1)),
      ...Array.from({ length: 40 }, () => value(11)),
    ];
    expect(verdicts(samples)).not.toContain('fail');
  });

  it('has no verdict before it answers, and says error or inconclusive when it does not answer more often than is borne', () => {
    expect(verdicts([silent, silent, silent, value(1)])).toEqual([undefined, undefined, 'error', 'pass']);
    const nothing: Sample = { kind: 'inconclusive', text: 'no row' };
    expect(verdicts([nothing, nothing, nothing])).toEqual([undefined, undefined, 'inconclusive']);
  });

  it('keeps its verdict over a short silence', () => {
    expect(verdicts([value(11), silent, value(11)])).toEqual(['throttle', 'throttle', 'throttle']);
  });

  it('reads limits of things that are bad when low', () => {
    const rate: GateLimits = { ...limits, when: 'below', throttle: 0.99, abort: 0.9 };
    expect(verdicts([value(1), value(0.98), value(0.5)], rate)).toEqual(['pass', 'throttle', 'throttle']);
  });

  it('takes a plain no as beyond the second limit, and a plain yes as calm', () => {
    const no: Sample = { kind: 'fail', text: 'HTTP 500' };
    expect(verdicts([no, no, no])).toEqual(['throttle', 'throttle', 'fail']);
    expect(verdicts([{ kind: 'pass' }])).toEqual(['pass']);
  });

  it('waits for what is missing as long as it may hold, and no longer, and passes once it is there', () => {
    const wait: Sample = { kind: 'wait', text: 'the flag is off' };
    const waiting = Array.from({ length: 62 }, () => wait);
    expect(verdicts(waiting.slice(0, 61)).at(-1)).toBe('hold');
    expect(verdicts(waiting).at(-1)).toBe('fail');
    expect(verdicts([...waiting.slice(0, 61), { kind: 'pass' }, { kind: 'pass' }, { kind: 'pass' }]).at(-1)).toBe('pass');
  });

  it('forgets, when it is looked at again, a failure and what it held long before, and nothing that it knows of', () => {
    const judged = (samples: readonly Sample[]) =>
      samples.reduce((gate, sample, second) => judgeSample(gate, sample, limits, second * SECOND), newGate(0));
    const failed = judged([value(101), value(101), value(101)]);
    const holding = judged([value(11), value(11), value(11)]);
    const calm = judged([...[11, 11, 11, 1, 1, 1].map(value)]);
    expect([failed.verdict, holding.verdict, calm.verdict]).toEqual(['fail', 'hold', 'pass']);
    expect(lookAgain(failed, limits, 3 * SECOND)).toBeUndefined();
    expect(lookAgain(holding, limits, 3_600 * SECOND)).toBe(holding);
    expect(lookAgain(calm, limits, calm.sinceMs + limits.settleMs - 1)).toBe(calm);
    expect(lookAgain(calm, limits, calm.sinceMs + limits.settleMs)).toBeUndefined();
  });

  it('says since when its verdict stands', () => {
    let gate: GateState = newGate(0);
    for (const at of [1, 2, 3]) gate = judgeSample(gate, value(1), limits, at * SECOND);
    expect(gate.sinceMs).toBe(SECOND);
  });

  const anySample = fc.oneof(
    fc.integer({ min: 0, max: 200 }).map(value),
    fc.constant(silent),
    fc.constant<Sample>({ kind: 'inconclusive', text: 'no row' }),
  );
  it('never fails on fewer samples beyond its second limit than it bears, within the time it may hold', () => {
    fc.assert(
      fc.property(fc.array(anySample, { maxLength: 50 }), (samples) => {
        const said = verdicts(samples);
        const first = said.indexOf('fail');
        if (first < 0) return;
        const beyond = samples.slice(0, first + 1).filter((it) => it.kind === 'value' && it.value > limits.abort!);
        expect(beyond.length).toBeGreaterThan(limits.failureLimit);
      }),
    );
  });
  it('never goes from hold or throttle to pass without the calm samples in a row', () => {
    fc.assert(
      fc.property(fc.array(anySample, { maxLength: 60 }), (samples) => {
        const said = verdicts(samples);
        for (let n = 1; n < said.length; n++)
          if (said[n] === 'pass' && (said[n - 1] === 'throttle' || said[n - 1] === 'hold')) {
            const answered = samples.slice(0, n + 1).filter((it) => it.kind === 'value');
            expect(answered.slice(-CALM_AFTER).every((it) => it.kind === 'value' && it.value <= limits.throttle!)).toBe(true);
          }
        expect(HOLD_AFTER).toBeGreaterThan(1);
      }),
    );
  });
});
