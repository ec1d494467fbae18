import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { faster, type Speed, slower, startSpeed } from '../../../../src/domain/wave/speed.js';

const ramp = { initial: 1, factor: 2 };
const afterLists = (lists: number, ceiling: number, from: Speed = startSpeed(ramp, ceiling)): number => {
  let speed = from;
  for (let n = 0; n < lists; n++) speed = faster(speed, ramp, ceiling);
  return speed.now;
};

describe('speed', () => {
  it('doubles with every full round of successes, up to the ceiling', () => {
    expect([0, 1, 2, 3, 6, 7, 100].map((n) => afterLists(n, 8))).toEqual([1, 2, 2, 4, 4, 8, 8]);
  });

  it('is halved when it must slow down, and never stops by that', () => {
    expect(slower({ now: 8, successes: 3 })).toEqual({ now: 4, successes: 0 });
    expect(slower({ now: 1, successes: 0 })).toEqual({ now: 1, successes: 0 });
  });

  it('grows back from where it was halved to', () => {
    expect(afterLists(4, 8, slower({ now: 8, successes: 0 }))).toBe(8);
  });

  it('comes down with its ceiling', () => {
    expect(faster({ now: 8, successes: 0 }, ramp, 3).now).toBe(3);
  });

  it('grows although its factor is small', () => {
    expect(faster({ now: 1, successes: 0 }, { initial: 1, factor: 1.2 }, 8).now).toBe(2);
  });

  it('stays between one and its ceiling whatever happens', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean()), fc.integer({ min: 1, max: 50 }), (events, ceiling) => {
        let speed = startSpeed(ramp, ceiling);
        for (const good of events) speed = good ? faster(speed, ramp, ceiling) : slower(speed);
        expect(speed.now).toBeGreaterThanOrEqual(1);
        expect(speed.now).toBeLessThanOrEqual(ceiling);
      }),
    );
  });
});
