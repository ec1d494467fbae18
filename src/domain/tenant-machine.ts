/**
 * The states of a tenant during a rollout as a table: what each means, what moves it, and where to. `docs/state-machine.md` is drawn from
 * the rows, and tests hold what the books do against them with `canTenantMove`.
 */

import type { TenantState } from './tenant.js';

export interface TenantRow {
  readonly state: TenantState;
  readonly means: string;
  /** `by`: no colon and no semicolon, which end a label in the drawing. */
  readonly moves: readonly { readonly by: string; readonly to: TenantState }[];
}

const row = (state: TenantState, means: string, ...moves: readonly (readonly [string, TenantState])[]): TenantRow => ({
  state,
  means,
  moves: moves.map(([by, to]) => ({ by, to })),
});

const LEFT_OUT = ['skip', 'skipped'] as const;
const ENDED = ['the rollout ends', 'cancelled'] as const;

export const TENANT_MACHINE: readonly TenantRow[] = [
  row(
    'pending',
    'Selected; its turn has not come.',
    ['its turn comes', 'running'],
    ['its host is silent, its window is closed, or it is pinned', 'blocked'],
    LEFT_OUT,
    ENDED,
  ),
  row(
    'blocked',
    'Waits for its host, a window, a pin or a person; counts neither as success nor as failure.',
    ['that clears', 'pending'],
    ['that clears, and its turn comes', 'running'],
    LEFT_OUT,
    ENDED,
  ),
  row(
    'running',
    'A worker has it in hand.',
    ['it has every migration of the plan', 'applied'],
    ['nothing was pending', 'upToDate'],
    ['a migration failed, or the tries are spent', 'failed'],
    ['the connection broke at COMMIT and its ledger cannot be read', 'unknown'],
    ['a lock was not granted', 'deferred'],
    ['its list hands it back', 'pending'],
    ['its host fell silent, or its window closed', 'blocked'],
    ['its source says that it is not active, or skip', 'skipped'],
    ['its source says that it was deleted', 'gone'],
  ),
  row(
    'deferred',
    'A lock was not granted in the quick tries; it comes back after a pause.',
    ['the pause is over', 'running'],
    ['the pause is over, and its turn has not come', 'pending'],
    ['its host is silent, or its window is closed', 'blocked'],
    LEFT_OUT,
    ENDED,
  ),
  row(
    'applied',
    'Moved by this rollout.',
    ['it differs from the canaries', 'failed'],
    ['rollback', 'rollingBack'],
    ['rollback, returned at once or in its own workflow', 'rolledBack'],
    ['rollback, refused or failed', 'rollbackFailed'],
  ),
  row('upToDate', 'Nothing was pending.', ['a sweep finds it behind', 'pending'], ['rollback looks at it', 'rollingBack']),
  row(
    'failed',
    'A migration failed; clean or partial.',
    ['it gets a workflow of its own', 'parked'],
    ['rollback', 'rollingBack'],
    ['rollback, returned', 'rolledBack'],
    ['rollback, refused or failed', 'rollbackFailed'],
    ['retry', 'applied'],
    ['skip', 'skipped'],
  ),
  row(
    'unknown',
    'Its outcome was lost; the ledger is read before anything else.',
    ['the ledger says so', 'applied'],
    ['the ledger says otherwise, or nobody can read it', 'failed'],
    ['it gets a workflow of its own', 'parked'],
  ),
  row(
    'parked',
    'Waits in a workflow of its own for a person.',
    ['retry', 'running'],
    ['retry succeeded', 'applied'],
    ['skip, or it is gone', 'skipped'],
    ['rollback', 'rollingBack'],
    ['rollback, returned', 'rolledBack'],
    ['rollback, refused or failed', 'rollbackFailed'],
    ['rollback found nothing to take back', 'failed'],
    ['its source says that it was deleted', 'gone'],
  ),
  row(
    'rollingBack',
    'Its revert is on the way.',
    ['it is where this rollout found it', 'rolledBack'],
    ['the revert was refused or failed', 'rollbackFailed'],
    ['its list hands it back', 'applied'],
    ['nothing to take back', 'upToDate'],
    ['its source says that it was deleted', 'gone'],
  ),
  row(
    'rolledBack',
    'Where this rollout found it.',
    ['resume, its wave begins anew', 'pending'],
    ['visited once more, and its lock never granted', 'rollbackFailed'],
    ['its source says that it was deleted', 'gone'],
  ),
  row(
    'rollbackFailed',
    'Could not be returned; needs a person.',
    ['rollback, again', 'rollingBack'],
    ['rollback, returned', 'rolledBack'],
    ['retry by name', 'applied'],
    ['rollback --continue --skip', 'skipped'],
    ['its source says that it was deleted', 'gone'],
  ),
  row(
    'skipped',
    'Left out by exclusion, lifecycle or an operator.',
    ['it is active again, and a sweep takes it up', 'pending'],
    ['rollback, of what it was moved before', 'rollingBack'],
    ['rollback, returned', 'rolledBack'],
    ['rollback, refused or failed', 'rollbackFailed'],
    ['its source says that it was deleted', 'gone'],
  ),
  row('gone', 'Deleted at its source.', ['it is back, and a sweep takes it up', 'pending']),
  row('cancelled', 'Untouched when the rollout ended.'),
];

const ROWS = new Map(TENANT_MACHINE.map((it) => [it.state, it]));

/** Whether the table knows a way from one state to the other; staying is always allowed. */
export const canTenantMove = (from: TenantState, to: TenantState): boolean =>
  from === to || ROWS.get(from)!.moves.some((move) => move.to === to);

/** Final in a rollout that is over. */
const ENDS: readonly TenantState[] = [
  'applied',
  'upToDate',
  'failed',
  'parked',
  'rolledBack',
  'rollbackFailed',
  'skipped',
  'gone',
  'cancelled',
];

/** The table as a Mermaid diagram. */
export function drawTenantMachine(): string {
  const arrows = TENANT_MACHINE.flatMap((it) => it.moves.map((move) => `  ${it.state} --> ${move.to}: ${move.by}`));
  return ['stateDiagram-v2', '  [*] --> pending', '  [*] --> upToDate', ...arrows, ...ENDS.map((state) => `  ${state} --> [*]`)].join('\n');
}
