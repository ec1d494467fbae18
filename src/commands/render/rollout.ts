/** Where a rollout stands, on one screen: names before numbers, the reason beside the state, the next command to type. */

import type { RolloutStatus } from '../../client/rollout-status.js';
import { fleetShareDone, fleetText, tenantText } from '../../domain/backfill/fleet-progress.js';
import { explain } from '../../domain/explain.js';
import { isFinal, type WaveProgress } from '../../domain/rollout/contract.js';
import { countTotals, TENANT_STATES, type Totals, unresolved } from '../../domain/tenant.js';
import { clip, duration, moment, number, plural, wrap } from './format.js';
import { renderFindings } from './plan.js';
import type { Style } from './style.js';
import { table } from './table.js';

const BAR = 20;

/** Words of the states in lists of counts, in the order in which they are worth reading. */
const WORDS: Record<keyof Totals, string> = {
  applied: 'applied',
  upToDate: 'up to date',
  running: 'running',
  pending: 'pending',
  blocked: 'held back',
  deferred: 'deferred',
  failed: 'failed',
  unknown: 'unknown',
  parked: 'parked',
  rollingBack: 'rolling back',
  rolledBack: 'rolled back',
  rollbackFailed: 'rollback failed',
  skipped: 'skipped',
  gone: 'gone',
  cancelled: 'untouched',
};

/** `applied 3,908   up to date 88` – only what is not zero. */
export function counts(totals: Totals, without: readonly (keyof Totals)[] = []): string {
  const order = Object.keys(WORDS) as (keyof Totals)[];
  return order
    .filter((state) => totals[state] > 0 && !without.includes(state))
    .map((state) => `${WORDS[state]} ${number(totals[state])}`)
    .join('   ');
}

export function renderRollout(at: RolloutStatus, style: Style): string {
  const { width } = style;
  const parts = [
    `${headline(at, style)}${at.source === 'temporal' ? '' : `\n${wrap(`${counts(at.totals) || 'no tenants yet'}${pace(at)}`, width)}`}`,
  ];
  if (at.waves.length && (at.open || at.waves.length > 1)) parts.push(renderWaves(at.waves, style));
  if (at.reasons.length) parts.push(renderReasons(at, style));
  const filling = renderBackfills(at, style);
  if (filling) parts.push(filling);
  const control = renderControl(at, style);
  if (control) parts.push(control);
  const rollback = renderRollback(at, style);
  if (rollback) parts.push(rollback);
  if (at.failures.length) parts.push(unresolved(at.totals) > 0 ? renderFailures(at, style) : renderResolved(at, style));
  if (at.findings?.length) parts.push(renderFindings(at.findings, style));
  if (at.approval)
    parts.push(
      `${style.colors.bold('APPROVAL')}  wave "${at.approval.wave}", digest ${at.approval.digest.slice(0, 12)}, until ${moment(at.approval.expiresAtMs)}`,
    );
  if (at.next.length) parts.push(renderNext(at, style));
  if (at.url && at.open) parts.push(style.colors.dim(at.url));
  return `${parts.join('\n\n')}\n`;
}

/** The average; worth a look only over more than a few tenants. */
const pace = (at: RolloutStatus): string => (at.tenantsPerSecond && at.totals.applied > 1 ? `   ${at.tenantsPerSecond} tenants/s` : '');

function headline(at: RolloutStatus, { colors }: Style): string {
  const tone = at.needsPerson ? colors.yellow : at.state === 'succeeded' ? colors.green : isFinal(at.state) ? colors.red : colors.cyan;
  const name = `${colors.bold(at.fleet)} ${at.rolloutId}${at.backfillOf === undefined ? '' : `  backfill of ${at.backfillOf}`}`;
  if (!at.open) {
    const when = at.finishedAtMs ? colors.dim(`  ${moment(at.finishedAtMs).replace(/:\d\d UTC/, ' UTC')}`) : '';
    return `${name}  ${tone(sentenceOfState[at.state])}${at.terminated ? ' by Terminate in Temporal' : ''} in ${duration(at.durationMs)}${when}`;
  }
  const wave = at.waves.find(
    (it) => it.state === 'running' || it.state === 'rollingBack' || it.state === 'baking' || it.state === 'halted',
  );
  const where = wave ? `  wave ${at.waves.indexOf(wave) + 1} of ${at.waves.length}: ${wave.name}` : '';
  const eta = at.etaMs === null ? '' : `, about ${duration(at.etaMs)} left`;
  return `${name}  ${tone(sentenceOfState[at.state])}${where}  ${duration(at.durationMs)}${eta}`;
}

const sentenceOfState: Record<RolloutStatus['state'], string> = {
  running: 'running',
  draining: 'draining',
  baking: 'baking',
  awaitingApproval: 'awaiting approval',
  paused: 'paused',
  halted: 'halted',
  rollingBack: 'rolling back',
  rollbackFailed: 'rollback failed',
  succeeded: 'succeeded',
  completedWithFailures: 'completed with failures',
  aborted: 'aborted',
  rolledBack: 'rolled back',
};

export function renderWaves(waves: readonly WaveProgress[], { width, colors }: Style): string {
  const names = Math.min(18, Math.max(...waves.map((wave) => [...wave.name].length)));
  return waves
    .map((wave) => {
      const done = finished(wave);
      const bar = drawBar(done, wave.tenants);
      const figures = `${number(done)}/${number(wave.tenants)}`.padEnd(String(number(wave.tenants)).length * 2 + 1);
      const state = wave.state === 'running' || wave.state === 'waiting' || wave.state === 'done' ? '' : ` ${sentenceOfWave[wave.state]}`;
      const trouble = wave.totals.failed + wave.totals.parked + wave.totals.unknown + wave.totals.rollbackFailed;
      const budget = trouble ? `  may fail ${wave.maxFailures}, ${trouble} did ` : '';
      const line = `${clip(wave.name, names).padEnd(names)}  ${bar}  ${figures}${state}${budget}  ${counts(wave.totals, ['pending', 'running'])}`;
      const shown = clip(line.trimEnd(), width);
      return wave.state === 'waiting' ? colors.dim(shown) : shown;
    })
    .join('\n');
}

const sentenceOfWave: Record<WaveProgress['state'], string> = {
  waiting: 'waiting',
  running: 'running',
  baking: 'baking',
  done: 'done',
  halted: 'halted',
  skipped: 'skipped',
  rollingBack: 'rolling back',
  rolledBack: 'rolled back',
};

const UNFINISHED: readonly (keyof Totals)[] = ['pending', 'blocked', 'running', 'deferred', 'rollingBack'];
function finished(wave: WaveProgress): number {
  const counted = TENANT_STATES.filter((state) => !UNFINISHED.includes(state)).reduce((n, state) => n + wave.totals[state], 0);
  return Math.min(counted, wave.tenants || countTotals(wave.totals));
}

/** Full only when all is done, empty only when nothing is. */
export function drawBar(done: number, of: number): string {
  const share = of === 0 ? 0 : done / of;
  const blocks = share >= 1 ? BAR : share <= 0 ? 0 : Math.min(BAR - 1, Math.max(1, Math.floor(share * BAR)));
  return '█'.repeat(blocks) + '░'.repeat(BAR - blocks);
}

function renderReasons(at: RolloutStatus, { width, colors }: Style): string {
  const rows = at.reasons.map((reason) => {
    const until = reason.untilMs === undefined ? '' : `, ${moment(reason.untilMs)}`;
    const clears = reason.clears === 'itself' ? ` (clears by itself${until})` : '';
    return `  ${reason.kind.padEnd(10)} ${wrap(`${reason.text}${clears}`, width - 13, ' '.repeat(13))}`;
  });
  return [colors.bold('WHY'), ...rows].join('\n');
}

/** A bar for each backfill, and a line for the tenants that have the most left. */
function renderBackfills({ backfills = [] }: RolloutStatus, { width, colors }: Style): string | undefined {
  if (backfills.length === 0) return undefined;
  const lines = backfills.flatMap((it) => [
    clip(`  ${it.migration}  ${drawBar(fleetShareDone(it), 1)}  ${fleetText(it)}`, width),
    ...it.running.slice(0, 5).map((row) => colors.dim(clip(`    ${row.tenant}  ${tenantText(row)}`, width))),
  ]);
  return [colors.bold('BACKFILLS'), ...lines].join('\n');
}

/** Gates that do not simply pass, and what an operator has set: what a person looks for when it goes slower than planned. */
function renderControl({ gates, speed, sweeps, open }: RolloutStatus, { width, colors }: Style): string | undefined {
  if (!open) return undefined;
  const lines: string[] = [];
  if (gates.others.length) {
    lines.push(`${colors.bold('GATES')}  ${number(gates.passing)} pass`);
    for (const it of gates.others.slice(0, 8)) {
      const name = it.host === undefined ? it.gate : `${it.gate} on ${it.host}`;
      const idle = it.idle === 'skipped' ? ' (skipped)' : it.idle === 'dryRun' ? ' (dry run)' : '';
      lines.push(`  ${wrap(`${name}  ${it.verdict ?? 'not known yet'}${it.text ? `: ${it.text}` : ''}${idle}`, width - 2, '    ')}`);
    }
    if (gates.others.length > 8) lines.push(`  and ${gates.others.length - 8} more`);
  }
  const set = [
    speed?.maxConcurrency === undefined ? '' : `${speed.maxConcurrency} at once`,
    speed?.perHost === undefined ? '' : `${speed.perHost} per host`,
  ].filter(Boolean);
  if (set.length) lines.push(`${colors.bold('SPEED')}  ${set.join(', ')} (flotilla speed)`);
  if (sweeps > 0) lines.push(`${colors.bold('SWEEPS')}  ${plural(sweeps, 'look')} for tenants that came or changed meanwhile`);
  return lines.length ? lines.join('\n') : undefined;
}

/** @param at null: this fleet never had a rollout */
export function renderExplain(at: RolloutStatus | null, style: Style): string {
  if (!at) return 'This fleet never had a rollout. Begin with "flotilla plan".\n';
  const parts = [headline(at, style)];
  if (at.open && at.reasons.length) parts.push(at.reasons.map((reason) => wrap(explain(reason), style.width, '  ')).join('\n'));
  else if (at.open) parts.push('Nothing holds it up.');
  if (at.next.length) parts.push(renderNext(at, style));
  return `${parts.join('\n\n')}\n`;
}

function renderRollback({ rollback }: RolloutStatus, { width, colors }: Style): string | undefined {
  if (!rollback) return undefined;
  const lines: string[] = [];
  if (rollback.refused.length) {
    lines.push(colors.bold(`WHY NOT ROLLED BACK${rollback.automatic ? ' BY ITSELF' : ''}`));
    for (const it of rollback.refused.slice(0, 5)) lines.push(`  ${wrap(`${it.migration}: ${it.why} (${it.code})`, width - 2, '    ')}`);
  }
  if (rollback.failed.length) {
    const shown = rollback.failed.slice(0, 8).map((it) => `${it.tenant} (${it.code})`);
    lines.push(colors.bold(`NOT RETURNED ${rollback.failed.length}`), `  ${wrap(shown.join(', '), width - 2, '  ')}`);
  }
  return lines.length ? lines.join('\n') : undefined;
}

export function renderFailures(at: Pick<RolloutStatus, 'failures'>, { width, colors }: Style): string {
  const total = at.failures.reduce((n, group) => n + group.count, 0);
  const lines = at.failures.slice(0, 8).flatMap((group) => {
    const names = group.tenants.slice(0, 3).join(', ');
    return [
      `  ${colors.red(group.code)}  ${number(group.count)}  ${clip(`(${names}${group.count > 3 ? ', …' : ''})`, 60)}`,
      `    ${wrap(clip(group.sample, 2 * width), width - 4, '    ')}`,
      ...(group.remedy ? [`    ${wrap(`do: ${group.remedy}`, width - 4, '        ')}`] : []),
    ];
  });
  return [colors.bold(`FAILED ${number(total)}`), ...lines].join('\n');
}

/** Failures stay on record; nobody has to do anything about those that were resolved. */
const renderResolved = (at: Pick<RolloutStatus, 'failures'>, { colors }: Style): string =>
  colors.dim(
    `${plural(
      at.failures.reduce((n, group) => n + group.count, 0),
      'failure',
    )} on the way, resolved`,
  );

function renderNext(at: RolloutStatus, { colors }: Style): string {
  const longest = Math.min(48, Math.max(...at.next.map((it) => it.command.length)));
  return [
    colors.bold(at.open ? 'YOU CAN' : 'NEXT'),
    ...at.next.map((it) =>
      it.command.length > longest
        ? `  ${it.command}\n  ${' '.repeat(longest)}  ${it.why}`
        : `  ${it.command.padEnd(longest)}  ${colors.dim(it.why)}`,
    ),
  ].join('\n');
}

/** One line per change, for pipes and logs. */
export function renderLine(at: RolloutStatus): string {
  const wave = at.waves.find((it) => it.state !== 'done' && it.state !== 'waiting' && it.state !== 'skipped');
  const why = at.reasons[0] && !isFinal(at.state) && at.state !== 'running' ? `  ${at.reasons[0].text}` : '';
  return `${moment(Date.now())}  ${at.fleet} ${at.rolloutId}${at.backfillOf === undefined ? '' : `  backfill of ${at.backfillOf}`}  ${sentenceOfState[at.state]}${wave ? `  ${wave.name}` : ''}  ${counts(at.totals)}${why}`;
}

export const renderTenantTable = (
  tenants: readonly {
    id: string;
    host: string;
    schema?: string;
    applied?: string | null;
    pending?: number;
    state: string;
    code?: string;
  }[],
  { width }: Style,
): string =>
  table(
    [
      { head: 'TENANT' },
      { head: 'HOST' },
      { head: 'SCHEMA' },
      { head: 'STATE' },
      { head: 'PENDING', align: 'right' },
      { head: 'STANDS AT' },
    ],
    tenants.map((it) => [
      clip(it.id, 30),
      clip(it.host, 20),
      clip(it.schema ?? '-', 24),
      it.code ? `${it.state} ${it.code}` : it.state,
      it.pending ?? '',
      it.applied === null ? 'nothing yet' : (it.applied ?? ''),
    ]),
    width,
  );
