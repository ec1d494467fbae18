/** The exact commands that fit a rollout's situation, most useful first. Pure: the same status gives the same commands. */

import { isFinal, type Reason, type RolloutProgress, type RolloutState } from '../domain/rollout/contract.js';
import { unresolved } from '../domain/tenant.js';

export interface NextCommand {
  /** Ready to paste into a shell. */
  readonly command: string;
  readonly why: string;
}

type Situation = Pick<RolloutProgress, 'rolloutId' | 'totals' | 'failures' | 'approval'> &
  Partial<Pick<RolloutProgress, 'waves' | 'reasons' | 'rollback' | 'rollbackOf' | 'backfillOf' | 'gates'>> & {
    readonly state: RolloutState;
  };

/** Whoever stops, leaves out or undoes something says why. */
const WHY = "--reason '…'";

export function nextCommands(at: Situation): readonly NextCommand[] {
  switch (at.state) {
    case 'running':
    case 'baking':
    case 'draining':
      return [...missingWorkers(at), follow, ...look(at), ...stalled(at), ...silentHosts(at), ...brake(at)];
    case 'rollingBack':
      return [
        ...missingWorkers(at),
        follow,
        ...look(at),
        { command: `flotilla abort --confirm ${WHY}`, why: 'stop half-way: some are back, others are not' },
      ];
    case 'awaitingApproval':
      return [...approval(at), ...rollback(at), abort];
    case 'paused':
      return [...missingWorkers(at), ...unpause(at), ...look(at), ...retry(at), ...silentHosts(at), ...rollback(at), abort];
    case 'halted':
      return at.rollbackOf === undefined
        ? [...look(at), ...retry(at), goOn(at), ...rollback(at), abort]
        : [...look(at), forced, preview, abort];
    case 'rollbackFailed':
      return [...look(at), again, forced, ...leaveOut(at), abort];
    case 'completedWithFailures':
      return [...look(at), ...retry(at), anew(at), ...rollbackClosed(at)];
    case 'aborted':
      return [...look(at), ...(at.rollbackOf === undefined ? [anew(at)] : []), ...rollbackClosed(at)];
    case 'rolledBack':
      return [...look(at), { command: 'flotilla plan', why: 'after the migration is mended' }];
    case 'succeeded':
      return [{ command: 'flotilla history', why: 'see past rollouts' }, ...rollbackClosed(at)];
  }
}

const follow: NextCommand = { command: 'flotilla status --watch', why: 'follow it' };
const abort: NextCommand = { command: `flotilla abort ${WHY}`, why: 'stop here; nothing is undone' };
const anew = ({ backfillOf }: Situation): NextCommand =>
  backfillOf === undefined
    ? { command: 'flotilla start', why: 'a new rollout takes up what is left' }
    : { command: `flotilla backfill ${shellWord(backfillOf)}`, why: 'runs it again, from the start' };
const again: NextCommand = { command: `flotilla rollback --continue ${WHY}`, why: 'try the revert again, after the cause is mended' };
const forced: NextCommand = { command: `flotilla rollback --force ${WHY}`, why: 'return what can be returned, accepting the loss' };
const preview: NextCommand = { command: 'flotilla rollback --dry-run', why: 'what would come back, and what is refused' };

const reasonsOf = (at: Situation, kind: Reason['kind']): readonly Reason[] => at.reasons?.filter((reason) => reason.kind === kind) ?? [];

/** Rolled back and nobody left for a person: the wave starts anew, there is nothing to retry. */
const startsAnew = ({ totals }: Situation): boolean => totals.rolledBack > 0 && totals.parked + totals.rollbackFailed === 0;

function look({ failures, totals }: Situation): readonly NextCommand[] {
  const tenant = failures[0]?.tenants[0];
  return tenant && unresolved(totals) ? [{ command: `flotilla status --tenant ${shellWord(tenant)}`, why: 'look at one of them' }] : [];
}

function retry(at: Situation): readonly NextCommand[] {
  const code = at.failures[0]?.code;
  if (!code || !unresolved(at.totals) || startsAnew(at) || at.rollbackOf !== undefined) return [];
  return [{ command: `flotilla retry --error ${code}`, why: 'after the cause is mended; one tenant is tried first' }];
}

function rollback(at: Situation): readonly NextCommand[] {
  if (at.totals.applied === 0 || at.backfillOf !== undefined) return [];
  if (at.rollback?.refused.length) return [forced, preview];
  return [{ command: `flotilla rollback ${WHY}`, why: 'return tenants to where this rollout found them' }, preview];
}

function rollbackClosed({ rolloutId, totals, rollbackOf, backfillOf }: Situation): readonly NextCommand[] {
  if (rollbackOf !== undefined)
    return [{ command: `flotilla rollback ${shellWord(rollbackOf)} ${WHY}`, why: 'take back what is not back yet' }];
  return totals.applied > 0 && backfillOf === undefined
    ? [
        {
          command: `flotilla rollback ${shellWord(rolloutId)} ${WHY}`,
          why: 'a new rollout returns the tenants to where this one found them',
        },
      ]
    : [];
}

function approval({ approval: waiting }: Situation): readonly NextCommand[] {
  if (!waiting) return [];
  const wave = shellWord(waiting.wave);
  return [
    { command: `flotilla approve ${wave} --digest ${waiting.digest.slice(0, 12)}`, why: `let wave "${waiting.wave}" start` },
    { command: `flotilla reject ${wave} --digest ${waiting.digest.slice(0, 12)} ${WHY}`, why: 'refuse it' },
  ];
}

/** No tenant settles: whoever is in hand waits for something. */
function stalled(at: Situation): readonly NextCommand[] {
  if (reasonsOf(at, 'progress').length === 0) return [];
  return [
    { command: 'flotilla status --tenants running', why: 'who is in hand; status --tenant T says what it waits for' },
    { command: `flotilla abort --in-flight cancel ${WHY}`, why: 'stop here, and cancel what they run' },
  ];
}

function missingWorkers(at: Situation): readonly NextCommand[] {
  return reasonsOf(at, 'worker').map(({ cell }) => ({
    command: cell === undefined ? 'flotilla worker' : `flotilla worker --cell ${shellWord(cell)}`,
    why: 'its work waits for a worker',
  }));
}

function silentHosts(at: Situation): readonly NextCommand[] {
  const host = reasonsOf(at, 'host').find((reason) => reason.host !== undefined)?.host;
  return host === undefined
    ? []
    : [{ command: `flotilla skip --host ${shellWord(host)} ${WHY}`, why: 'leave its tenants out; they would go on by themselves' }];
}

function brake({ state }: Situation): readonly NextCommand[] {
  const pause: NextCommand = { command: `flotilla pause ${WHY}`, why: 'stop taking up tenants' };
  if (state === 'running') return [pause];
  return state === 'baking' ? [pause, { command: `flotilla skip --bake ${WHY}`, why: 'do not wait out the bake time' }] : [];
}

/** What clears by itself cannot be resumed. */
function unpause(at: Situation): readonly NextCommand[] {
  const [freeze] = reasonsOf(at, 'freeze').filter((reason) => reason.clears === 'person');
  const lift: NextCommand[] = freeze ? [{ command: `flotilla freeze --lift ${WHY}`, why: 'let the whole fleet go on' }] : [];
  const paused = ['operator', 'gate', 'canary'] as const;
  const mine = paused.filter((kind) => reasonsOf(at, kind).some((reason) => reason.clears === 'person'));
  const gate = at.gates?.others.find(
    ({ verdict, idle }) => idle === undefined && (verdict === 'inconclusive' || verdict === 'error'),
  )?.gate;
  if (mine.length === 0) return at.reasons?.length ? [...lift, follow] : [{ command: 'flotilla resume', why: 'go on' }];
  const why = mine.includes('gate') ? 'go on without that answer' : mine.includes('canary') ? 'go on without that evidence' : 'go on';
  return [
    ...lift,
    { command: 'flotilla resume', why },
    ...(mine.includes('gate') && gate !== undefined
      ? [{ command: `flotilla skip --gate ${shellWord(gate)} ${WHY}`, why: 'act on this gate no more in this rollout' }]
      : []),
  ];
}

/** Out of a halt. */
function goOn(at: Situation): NextCommand {
  const failed = unresolved(at.totals);
  const by = (kind: Reason['kind']) => reasonsOf(at, kind).some((reason) => reason.clears === 'person');
  const resume = (why: string): NextCommand => ({ command: 'flotilla resume', why });
  if (by('gate')) return resume('go on, once the gate passes again');
  if (by('deadline')) return resume('go on; the wave gets its time anew');
  if (by('approval')) return resume('ask for approval once more');
  if (by('sameError') && failed) return resume('go on, after the cause is mended; the failed ones stay parked');
  return failed && !startsAnew(at)
    ? { command: `flotilla resume --accept-failures ${failed}`, why: 'go on; the failed ones stay parked' }
    : resume('go on, after the cause is mended; what was rolled back starts anew');
}

function leaveOut({ rollback: of }: Situation): readonly NextCommand[] {
  const stuck = of?.failed.map(({ tenant }) => tenant) ?? [];
  if (stuck.length === 0) return [];
  const skips = stuck.slice(0, 3).map((tenant) => `--skip ${shellWord(tenant)}`);
  return [
    {
      command: `flotilla rollback --continue ${skips.join(' ')}${stuck.length > 3 ? ' …' : ''} ${WHY}`,
      why: 'go on and leave these as they are',
    },
  ];
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
