/** The exact commands that fit a rollout's situation, most useful first. Pure: the same status gives the same commands. */

import { isFinal, type RolloutProgress, type RolloutState } from '../domain/rollout/contract.js';
import { unresolved } from '../domain/tenant.js';

export interface NextCommand {
  /** Ready to paste into a shell. */
  readonly command: string;
  readonly why: string;
}

type Situation = Pick<RolloutProgress, 'rolloutId' | 'totals' | 'failures' | 'approval'> &
  Partial<Pick<RolloutProgress, 'waves' | 'reasons' | 'rollback'>> & { readonly state: RolloutState };

export function nextCommands(at: Situation): readonly NextCommand[] {
  const first = at.failures[0];
  const failed = unresolved(at.totals);
  const look: NextCommand[] =
    failed && first?.tenants[0] ? [{ command: `flotilla status --tenant ${shellWord(first.tenants[0])}`, why: 'look at one of them' }] : [];
  // Rolled back and nobody left for a person: the wave starts anew, there is nothing to retry
  const anew = at.totals.rolledBack > 0 && at.totals.parked + at.totals.rollbackFailed === 0;
  const retry: NextCommand[] =
    first && failed && !anew
      ? [{ command: `flotilla retry --error ${first.code}`, why: 'after the cause is mended; one tenant is tried first' }]
      : [];
  const moved = at.totals.applied > 0;
  const rollback: NextCommand[] = moved
    ? [
        {
          command: at.rollback?.refused.length ? "flotilla rollback --force --reason '…'" : "flotilla rollback --reason '…'",
          why: at.rollback?.refused.length
            ? 'return what can be returned, accepting the loss'
            : 'return tenants to where this rollout found them',
        },
      ]
    : [];
  const abort: NextCommand = { command: "flotilla abort --reason '…'", why: 'stop here; nothing is undone' };
  switch (at.state) {
    case 'running':
    case 'baking':
    case 'draining':
    case 'rollingBack':
      return [
        { command: 'flotilla status --watch', why: 'follow it' },
        ...(failed ? look : []),
        ...(at.state === 'running' || at.state === 'baking'
          ? [{ command: "flotilla pause --reason '…'", why: 'stop taking up tenants' }]
          : []),
        ...(at.state === 'baking' ? [{ command: "flotilla skip --bake --reason '…'", why: 'do not wait out the bake time' }] : []),
      ];
    case 'awaitingApproval':
      return [
        ...(at.approval
          ? [
              {
                command: `flotilla approve ${shellWord(at.approval.wave)} --digest ${at.approval.digest.slice(0, 12)}`,
                why: `let wave "${at.approval.wave}" start`,
              },
              { command: `flotilla reject ${shellWord(at.approval.wave)} --reason '…'`, why: 'refuse it' },
            ]
          : []),
        ...rollback,
        abort,
      ];
    case 'paused':
      return [{ command: 'flotilla resume', why: 'go on' }, ...(failed ? [...look, ...retry] : []), ...rollback, abort];
    case 'halted':
      return [
        ...look,
        ...retry,
        failed && !anew
          ? { command: `flotilla resume --accept-failures ${failed}`, why: 'go on; the failed ones stay parked' }
          : { command: 'flotilla resume', why: 'go on, after the cause is mended; what was rolled back starts anew' },
        ...rollback,
        abort,
      ];
    case 'rollbackFailed': {
      const stuck = at.rollback?.failed.map(({ tenant }) => tenant) ?? [];
      return [
        ...look,
        { command: "flotilla rollback --reason '…'", why: 'try the revert again, after the cause is mended' },
        { command: "flotilla rollback --force --reason '…'", why: 'revert although data would be lost' },
        ...(stuck.length
          ? [
              {
                command: `flotilla rollback ${stuck
                  .slice(0, 3)
                  .map((tenant) => `--continue-skipping ${shellWord(tenant)}`)
                  .join(' ')}${stuck.length > 3 ? ' …' : ''} --reason '…'`,
                why: 'go on and leave these as they are',
              },
            ]
          : []),
        abort,
      ];
    }
    case 'completedWithFailures':
      return [...look, ...retry, { command: 'flotilla start', why: 'a new rollout takes up what is left' }];
    case 'aborted':
      return [...(failed ? look : []), { command: 'flotilla start', why: 'a new rollout takes up what is left' }];
    case 'rolledBack':
      return [...look, { command: 'flotilla plan', why: 'after the migration is mended' }];
    case 'succeeded':
      return [{ command: 'flotilla history', why: 'see past rollouts' }];
  }
}

/** Whether nothing goes on until a person acts; a window, a freeze, a silent host or a deploy that still rolls is no such case. */
export function needsPerson(at: Pick<Situation, 'state' | 'reasons'>): boolean {
  if (isFinal(at.state)) return false;
  if (at.state === 'halted' || at.state === 'awaitingApproval' || at.state === 'rollbackFailed') return true;
  return (
    at.state === 'paused' &&
    (at.reasons?.length ? at.reasons.some((reason) => reason.clears === 'person' && reason.kind !== 'freeze') : true)
  );
}

/** Tenant ids and wave names may hold anything; only plain words go unquoted, and control characters are spelled out (`$'\x1b'`, as bash and zsh read it). */
export function shellWord(text: string): string {
  if (/^[\w@%+=:,./-]+$/.test(text) && !text.startsWith('-')) return text;
  if (!/\p{Cc}/u.test(text)) return `'${text.replaceAll("'", `'\\''`)}'`;
  const spelled = text.replace(/[\\']/g, '\\$&').replace(/\p{Cc}/gu, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return `$'${spelled}'`;
}
