import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FINAL_STATES, isFinal, NEEDS_PERSON, ROLLOUT_STATES, type RolloutState } from '../../../../src/domain/rollout/contract.js';
import { canMove, drawMachine, ROLLOUT_MACHINE, rowOf } from '../../../../src/domain/rollout/machine.js';

const open = ROLLOUT_STATES.filter((state) => !isFinal(state));
const targets = (state: RolloutState) => rowOf(state).moves.map(({ to }) => to);

/** All states that can be reached, the first included. */
function reachable(from: RolloutState): Set<RolloutState> {
  const seen = new Set([from]);
  for (const state of seen) for (const to of targets(state)) seen.add(to);
  return seen;
}

it('has one row for each state, and no other', () => {
  expect(ROLLOUT_MACHINE.map(({ state }) => state).sort()).toEqual([...ROLLOUT_STATES].sort());
});

it.each(open)('%s is open: it has a way out', (state) => {
  expect(targets(state).length).toBeGreaterThan(0);
  expect(targets(state)).not.toContain(state);
});

it.each(FINAL_STATES)('%s is final: nothing leads out', (state) => {
  expect(targets(state)).toEqual([]);
  for (const to of ROLLOUT_STATES) expect(canMove(state, to), to).toBe(state === to);
});

it.each(open)('abort ends a rollout that is %s', (state) => {
  expect(targets(state).some((to) => to === 'aborted' || to === 'draining')).toBe(true);
  expect(targets('draining')).toContain('aborted');
});

it.each(open.filter((state) => state !== 'rollingBack'))('a rollback can begin while %s', (state) => {
  expect(canMove(state, 'rollingBack')).toBe(true);
});

it.each(NEEDS_PERSON)('%s needs a person, and a verb leads on', (state) => {
  expect(rowOf(state).moves.some(({ by }) => /\b(approve|resume|rollback)\b/.test(by))).toBe(true);
});

it('reaches every state from running, and a final one from every state', () => {
  expect([...reachable('running')].sort()).toEqual([...ROLLOUT_STATES].sort());
  for (const state of ROLLOUT_STATES) expect([...reachable(state)].some(isFinal), state).toBe(true);
});

it.each<[RolloutState, RolloutState, boolean]>([
  ['running', 'succeeded', true],
  ['baking', 'rolledBack', false], // only a rollback gets there
  ['awaitingApproval', 'succeeded', false], // a wave still waits
  ['awaitingApproval', 'halted', true], // 16: the approval timed out
  ['halted', 'succeeded', false], // latched
  ['halted', 'paused', false],
  ['draining', 'halted', true], // 5: a breach while pausing
  ['draining', 'paused', true],
  ['baking', 'halted', true], // 17: rejected while baking
  ['rollingBack', 'halted', true], // a wave is back, earlier ones stay applied
  ['rollingBack', 'succeeded', false],
  ['rollingBack', 'rollbackFailed', true], // 24
  ['rollbackFailed', 'rolledBack', true], // 24: the last of them left out
  ['rollbackFailed', 'running', false], // only rolled back again, left out, or aborted
])('%s to %s: %s', (from, to, legal) => expect(canMove(from, to)).toBe(legal));

it('lets every state stay, and move only where its row says', () => {
  fc.assert(
    fc.property(fc.constantFrom(...ROLLOUT_STATES), fc.constantFrom(...ROLLOUT_STATES), (from, to) => {
      expect(canMove(from, to)).toBe(from === to || targets(from).includes(to));
    }),
  );
});

it('names each way once', () => {
  for (const { state, moves } of ROLLOUT_MACHINE) {
    const ways = moves.map(({ by, to }) => `${by} ${to}`);
    expect(new Set(ways).size, state).toBe(ways.length);
  }
});

it('draws each way as an arrow, into running at first and out of the final states', () => {
  const [head, ...lines] = drawMachine().split('\n');
  const ways = ROLLOUT_MACHINE.flatMap(({ state, moves }) => moves.map(({ by, to }) => `  ${state} --> ${to}: ${by}`));
  expect(head).toBe('stateDiagram-v2');
  expect([...lines].sort()).toEqual([...ways, '  [*] --> running', ...FINAL_STATES.map((state) => `  ${state} --> [*]`)].sort());
});

it('draws labels that Mermaid reads to their end', () => {
  for (const { moves } of ROLLOUT_MACHINE) for (const { by } of moves) expect(by).toMatch(/^[^:;#\n]+$/);
});
