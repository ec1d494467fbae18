/**
 * The states of a rollout as a table: what each means, what moves it, and where to. `docs/state-machine.md` is drawn from the rows, and
 * tests hold what the rollout does against them with `canMove`. A new state is a new row.
 */

import type { RolloutState } from './contract.js';

export interface Move {
  /** A label in the drawing: no colon and no semicolon, which end a label there. */
  readonly by: string;
  readonly to: RolloutState;
}
export interface StateRow {
  readonly state: RolloutState;
  readonly means: string;
  readonly moves: readonly Move[];
}

const row = (state: RolloutState, means: string, ...moves: readonly (readonly [string, RolloutState])[]): StateRow => ({
  state,
  means,
  moves: moves.map(([by, to]) => ({ by, to })),
});

export const ROLLOUT_MACHINE: readonly StateRow[] = [
  row(
    'running',
    'Tenants of a wave are being migrated.',
    ['pause or a breach while tenants are in hand, or abort', 'draining'],
    ['the wave settled and has a bake time', 'baking'],
    ['the next wave needs approval', 'awaitingApproval'],
    ['the failure budget is exceeded, a tenant diverged from the canaries, or a wave was ended in Temporal', 'halted'],
    ['a host or the files hold everything up', 'paused'],
    ['rollback', 'rollingBack'],
    ['rollback, and no tenant had been moved', 'rolledBack'],
    ['the last wave settled, nothing unresolved', 'succeeded'],
    ['the last wave settled, some unresolved', 'completedWithFailures'],
  ),
  row(
    'draining',
    'No tenant is started; those in hand finish.',
    ['after pause, nothing in hand any more', 'paused'],
    ['after a breach, nothing in hand any more', 'halted'],
    ['after abort, nothing in hand any more', 'aborted'],
    ['after abort, a rollback was complete already', 'rolledBack'],
    ['resume', 'running'],
    ['rollback', 'rollingBack'],
    ['after pause, those in hand were the last, nothing unresolved', 'succeeded'],
    ['after pause, those in hand were the last, some unresolved', 'completedWithFailures'],
  ),
  row(
    'baking',
    'The wave settled; healthy time passes before the next.',
    ['the bake time is over, or skip bake', 'running'],
    ['the next wave needs approval', 'awaitingApproval'],
    ['pause', 'paused'],
    ['reject of the next wave', 'halted'],
    ['rollback', 'rollingBack'],
    ['it was the last wave, nothing unresolved', 'succeeded'],
    ['it was the last wave, some unresolved', 'completedWithFailures'],
    ['abort', 'draining'],
  ),
  row(
    'awaitingApproval',
    'A person has to approve the next wave.',
    ['approve', 'running'],
    ['reject, or the approval timed out', 'halted'],
    ['pause', 'paused'],
    ['rollback', 'rollingBack'],
    ['abort', 'draining'],
  ),
  row(
    'paused',
    'Nothing is started until every reason is gone.',
    ['resume, or the reason clears itself', 'running'],
    ['resume, the bake time still runs', 'baking'],
    ['resume, the next wave still needs approval', 'awaitingApproval'],
    ['reject, the approval timed out, a breach, or a refused rollback', 'halted'],
    ['rollback', 'rollingBack'],
    ['abort, or pause while a host or the files hold everything up', 'draining'],
  ),
  row(
    'halted',
    'Latched: a person has to decide.',
    ['resume, when unresolved failures are within the limit or accepted', 'running'],
    ['resume, the bake time still runs', 'baking'],
    ['resume, the next wave still needs approval', 'awaitingApproval'],
    ['rollback, or onBreach asks for it', 'rollingBack'],
    ['rollback, and nothing is left to take back', 'rolledBack'],
    ['abort', 'aborted'],
  ),
  row(
    'rollingBack',
    'Tenants return to where this rollout found them.',
    ['every tenant that this rollout moved is back', 'rolledBack'],
    ['a wave is back and earlier waves stay applied, or the way down broke off', 'halted'],
    ['a tenant could not be returned', 'rollbackFailed'],
    ['abort', 'aborted'],
  ),
  row(
    'rollbackFailed',
    'Some tenants could not be returned; a person has to decide.',
    ['rollback, again or leaving tenants out', 'rollingBack'],
    ['rollback leaving out the last of them, or the last is returned in its own workflow', 'rolledBack'],
    ['a rollback that a rule refuses, or that leaves earlier waves applied', 'halted'],
    ['abort', 'aborted'],
  ),
  row('succeeded', 'Every tenant has every migration, or was left out on purpose.'),
  row('completedWithFailures', 'All waves ran; some tenants are unresolved and stay parked.'),
  row('aborted', 'Stopped by a person; nothing was undone.'),
  row('rolledBack', 'Every tenant that this rollout moved is back.'),
];

const ROWS = new Map(ROLLOUT_MACHINE.map((it) => [it.state, it]));

export const rowOf = (state: RolloutState): StateRow => ROWS.get(state)!;

/** Whether the table knows a way from one state to the other; staying is always allowed. */
export const canMove = (from: RolloutState, to: RolloutState): boolean => from === to || rowOf(from).moves.some((move) => move.to === to);

/** The table as a Mermaid diagram. */
export function drawMachine(): string {
  const arrows = ROLLOUT_MACHINE.flatMap((it) => it.moves.map((move) => `  ${it.state} --> ${move.to}: ${move.by}`));
  return [
    'stateDiagram-v2',
    '  [*] --> running',
    ...arrows,
    ...ROLLOUT_MACHINE.filter((it) => it.moves.length === 0).map((it) => `  ${it.state} --> [*]`),
  ].join('\n');
}
