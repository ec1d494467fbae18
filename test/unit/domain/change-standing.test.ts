import { expect, it } from 'vitest';
import { nextStep, standingOf } from '../../../src/domain/change-standing.js';
import type { Change, FleetStanding, Phase } from '../../../src/domain/phases.js';

const change: Change = {
  name: 'm1',
  migrations: (['expand', 'backfill', 'contract'] as Phase[]).map((phase, n) => ({ name: `m${n + 1}`, declares: { phase } })),
};
/** Of ten tenants, how many have each; `left`: those who lack it were there when it was rolled out. */
function look(has: readonly number[], more: readonly Partial<FleetStanding>[] = []) {
  const standings = new Map(
    has.map((n, at): [string, FleetStanding] => {
      const lacks = 10 - n;
      const one = { migration: `m${at + 1}`, has: n, lacks, left: 0, inUse: lacks, sample: [], rolledOut: false, succeeded: false };
      return [one.migration, { ...one, ...more[at] }];
    }),
  );
  const standing = standingOf(change, standings);
  const blockedBy = [{ severity: 'error', code: 'FLT_BAKING', message: '' }] as const;
  return {
    ...standing,
    next: nextStep(standing, standings, change, [])[0]?.command,
    blocked: nextStep(standing, standings, change, blockedBy)[0]?.why,
  };
}

it('[Z5] a change stands at the first migration that the fleet lacks, with the command that brings it', () => {
  expect(look([0, 0, 0])).toMatchObject({ state: 'notBegun', upNext: 'm1', next: 'flotilla start --to m1' });
  expect(look([10, 4, 0])).toMatchObject({ state: 'underWay', upNext: 'm2', next: 'flotilla start --to m2' });
  expect(look([10, 10, 0])).toMatchObject({ upNext: 'm3', blocked: 'when nothing blocks it any more' });
  expect(look([10, 10, 10])).toEqual({ state: 'done', next: undefined, blocked: undefined });
});

it('[Z5] who is born later does not set a change back', () => {
  const rolledOut = { rolledOut: true, left: 0 };
  expect(look([9, 9, 0], [rolledOut, rolledOut])).toMatchObject({ upNext: 'm3' });
  expect(look([9, 9, 0], [{ rolledOut: true, left: 1 }, rolledOut])).toMatchObject({ upNext: 'm1' });
  expect(look([9, 9, 9], [{}, {}, { succeeded: true }])).toMatchObject({ state: 'done', next: 'flotilla start' });
});

it('[Z5] waits for a rollout that is at it, and asks for a look at a fleet that nobody knows', () => {
  expect(look([4, 0, 0], [{ open: 'r-1' }]).next).toBe('flotilla wait');
  const unknown = Array.from({ length: 3 }, () => ({ lacks: 0, inUse: 0 }));
  expect(look([0, 0, 0], unknown)).toMatchObject({ state: 'notBegun', upNext: 'm1', next: 'flotilla plan' });
});
