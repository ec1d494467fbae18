/** Whom to tell what: one notice per event of the rollout, never one per tenant. */

import type { RolloutProgress, RolloutState } from './contract.js';

export const NOTICE_KINDS = [
  'awaitingApproval',
  'parked',
  'paused',
  'stalled',
  'halted',
  'rollbackFailed',
  'rolledBack',
  'finished',
] as const;
export type NoticeKind = (typeof NOTICE_KINDS)[number];

export interface Notice {
  /** Unique and the same on a repeat, so that a receiver can leave doubles out. */
  readonly id: string;
  readonly kind: NoticeKind;
  readonly fleet: string;
  readonly rolloutId: string;
  readonly state: RolloutState;
  /** One or two sentences for a person. */
  readonly text: string;
  /** What a person can do, as commands. */
  readonly commands: readonly string[];
  readonly atMs: number;
}

const KIND_OF_STATE: Partial<Record<RolloutState, NoticeKind>> = {
  awaitingApproval: 'awaitingApproval',
  halted: 'halted',
  rollbackFailed: 'rollbackFailed',
  rolledBack: 'rolledBack',
  succeeded: 'finished',
  completedWithFailures: 'finished',
  aborted: 'finished',
};

/** Pauses that somebody has to know of: an operator's own is no news to them, and the others end by themselves. */
const TELLING_PAUSES = ['gate', 'canary', 'files'];

/** Remembers what was told, and says what is new. */
export class Notices {
  #state: RolloutState = 'running';
  #paused: readonly string[] = [];
  #stalled = false;
  readonly #parked = new Set<number>();
  #count = 0;

  /** @param parkedWave index of the open wave when some of its tenants are parked */
  take(progress: RolloutProgress, parkedWave: number | undefined, nowMs: number): Notice[] {
    const { state, reasons } = progress;
    const notices: Notice[] = [];
    const tell = (kind: NoticeKind, text: string, commands: readonly string[]) => {
      const { fleet, rolloutId } = progress;
      notices.push({ id: `${rolloutId}:${++this.#count}`, kind, fleet, rolloutId, state, text, commands, atMs: nowMs });
    };
    const why = reasons
      .filter((reason) => reason.clears === 'person')
      .map(({ text }) => text)
      .join('; ');
    if (parkedWave !== undefined && !this.#parked.has(parkedWave)) {
      this.#parked.add(parkedWave);
      tell('parked', `Tenants of wave "${progress.waves[parkedWave]?.name}" failed and are parked; the others go on.`, [
        'flotilla status --tenants',
        'flotilla retry --failed',
      ]);
    }
    const kind = KIND_OF_STATE[state];
    if (kind && state !== this.#state) tell(kind, sentence(progress, why), commandsFor(progress));
    this.#state = state;
    const paused = reasons
      .filter((reason) => TELLING_PAUSES.includes(reason.kind) && (reason.clears === 'person' || reason.kind === 'files'))
      .map((reason) => reason.kind);
    // Told when nobody is in hand any more
    if (state === 'paused' && paused.some((kind) => !this.#paused.includes(kind))) {
      tell('paused', `The rollout is paused: ${why || reasons[0]?.text}.`, ['flotilla status', 'flotilla resume']);
      this.#paused = paused;
    } else this.#paused = this.#paused.filter((kind) => paused.some((it) => it === kind));
    const stalled = reasons.some((reason) => reason.kind === 'progress');
    if (stalled && !this.#stalled) tell('stalled', 'No tenant has settled for longer than the progress deadline.', ['flotilla status']);
    this.#stalled = stalled;
    return notices;
  }
}

function sentence({ state, approval, totals, rolloutId }: RolloutProgress, why: string): string {
  const counts = `${totals.applied} migrated, ${totals.parked + totals.failed + totals.unknown} failed, ${totals.rolledBack} rolled back`;
  switch (state) {
    case 'awaitingApproval':
      return `Wave "${approval?.wave}" waits for approval.`;
    case 'halted':
      return `The rollout is halted: ${why}.`;
    case 'rollbackFailed':
      return `The rollback is not complete: ${why}.`;
    case 'rolledBack':
      return `Every tenant that rollout ${rolloutId} moved is back (${counts}).`;
    default:
      return `The rollout ended ${state}: ${counts}.`;
  }
}

function commandsFor({ state, approval }: RolloutProgress): string[] {
  switch (state) {
    case 'awaitingApproval':
      return [`flotilla approve --wave ${approval?.wave}`, `flotilla reject --wave ${approval?.wave}`];
    case 'halted':
      return ['flotilla status', 'flotilla resume', 'flotilla rollback', 'flotilla abort'];
    case 'rollbackFailed':
      return ['flotilla status', 'flotilla rollback'];
    case 'completedWithFailures':
      return ['flotilla retry --failed'];
    default:
      return [];
  }
}
