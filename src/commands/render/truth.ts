/** What the verbs say that put right what histories say. */

import type { BaselineResult, RefreshResult, RepairResult, TendedResult } from '../../client/truth.js';
import { clip, moment, number, plural, wrap } from './format.js';
import { renderFindings } from './plan.js';
import type { Style } from './style.js';
import { table } from './table.js';

export function renderRepair(it: RepairResult, style: Style): string {
  const parts = [wrap(sentence(it), style.width)];
  if (it.findings.length) parts.push(renderFindings(it.findings, style));
  return `${parts.join('\n\n')}\n`;
}

function sentence({ migration, checksum, outcome, tenants, sample, before }: RepairResult): string {
  const file = `the file as it now stands (sha256 ${checksum.slice(0, 12)})`;
  switch (outcome) {
    case 'accepted':
      return `accepted for ${migration}: ${file}; ${plural(tenants, 'tenant')} applied it from another source (${sample.join(', ')}${tenants > sample.length ? ', …' : ''})`;
    case 'acceptedBefore':
      return `nothing has drifted: ${file} was accepted for ${migration} by ${before!.actor} on ${moment(before!.at)}${before!.reason ? `: ${before!.reason}` : ''}`;
    case 'nothingDrifted':
      return `nothing has drifted, and nothing was stored: no tenant is known to have ${migration} from another source than ${file}`;
  }
}

const GROUPS_SHOWN = 12;

/** `312 of 315 tenants marked, 2 stood there already` */
function counted({ counts }: Pick<TendedResult, 'counts'>, done: string, unchanged: string): string {
  const besides = [
    counts.unchanged ? `${number(counts.unchanged)} ${unchanged}` : '',
    counts.skipped ? `${number(counts.skipped)} not active` : '',
    counts.refused ? `${number(counts.refused)} refused` : '',
    counts.unreached ? `${number(counts.unreached)} not reached` : '',
  ].filter(Boolean);
  return `${number(counts.done)} of ${plural(counts.tenants, 'tenant')} ${done}${besides.length ? ` (${besides.join(', ')})` : ''}`;
}

export function renderBaseline(it: BaselineResult, style: Style): string {
  const done = `${it.dryRun ? 'would be marked' : 'marked'} as standing at ${it.migration}`;
  const parts = [wrap(counted(it, done, 'stood there already'), style.width)];
  if (it.groups.length) parts.push(renderGroups(it, style));
  return `${parts.join('\n\n')}\n`;
}

/** The odd ones out are the small groups. */
function renderGroups({ groups, moreGroups }: BaselineResult, { width, colors }: Style): string {
  const shown = groups.slice(0, GROUPS_SHOWN);
  const rows = shown.map((group) => [
    group.fingerprint,
    number(group.tenants),
    `${clip(group.sample.join(', '), 60)}${group.tenants > group.sample.length ? ', …' : ''}`,
  ]);
  const more = groups.length - shown.length + moreGroups.groups;
  return `${table([{ head: 'STRUCTURE' }, { head: 'TENANTS', align: 'right' }, { head: '' }], rows, width)}${more > 0 ? colors.dim(`\n… ${number(more)} more: --json`) : ''}`;
}

export function renderAdopted(it: TendedResult, { width }: Style): string {
  const lines = [wrap(counted(it, 'adopted', 'left as they were'), width), ...it.told.map((line) => `  ${wrap(line, width - 4, '    ')}`)];
  return `${lines.join('\n')}\n`;
}

export const renderEjected = (it: TendedResult, { width }: Style): string =>
  `${wrap(counted(it, "without Flotilla's tables now", 'had none'), width)}\n`;

export function renderRefresh(it: RefreshResult, style: Style): string {
  const { totals, rebuilt } = it;
  const stand = `${plural(totals.tenants, 'tenant')} on record: ${number(totals.upToDate)} up to date, ${number(totals.pending)} pending${totals.blocked ? `, ${number(totals.blocked)} held back` : ''}`;
  const rollouts = rebuilt.rollouts
    ? `${plural(rebuilt.rollouts, 'rollout')} rebuilt from ledgers, with ${plural(rebuilt.tenants, "tenant's outcome", "tenants' outcomes")}`
    : 'no rollout was missing';
  const parts = [`${wrap(stand, style.width)}\n${wrap(rollouts, style.width)}`];
  if (it.findings.length) parts.push(renderFindings(it.findings, style));
  return `${parts.join('\n\n')}\n`;
}
