/** Tables of the reading verbs. */

import type { SteerResult } from '../../client/steer.js';
import { tenantText } from '../../domain/backfill/fleet-progress.js';
import type { AuditRecord, Check, RolloutRecord, TenantLatest } from '../../workflows/admin-messages.js';
import { clip, duration, moment, wrap } from './format.js';
import { counts } from './rollout.js';
import type { Style } from './style.js';
import { table } from './table.js';

export function renderHistory(rollouts: readonly RolloutRecord[], { width }: Style): string {
  if (!rollouts.length) return 'No rollout yet. Begin with "flotilla plan".\n';
  const rows = rollouts.map((it) => [
    it.rolloutId,
    moment(it.startedAt).slice(0, 16),
    it.finishedAt ? duration(Date.parse(it.finishedAt) - Date.parse(it.startedAt)) : 'open',
    it.rollbackOf ? `${it.state} (${it.rollbackOf})` : it.backfillOf ? `${it.state} (backfill ${clip(it.backfillOf, 30)})` : it.state,
    clip(it.actor, 14),
    counts(it.totals),
  ]);
  return `${table([{ head: 'ROLLOUT' }, { head: 'STARTED (UTC)' }, { head: 'TOOK', align: 'right' }, { head: 'STATE' }, { head: 'BY' }, { head: 'TENANTS' }], rows, width)}\n`;
}

export function renderAudit(events: readonly AuditRecord[], { width }: Style): string {
  if (!events.length) return 'Nothing is on record yet.\n';
  const rows = events.map((it) => [moment(it.at).slice(0, 19), clip(it.actor, 16), it.verb, clip(it.subject ?? '', 24), it.reason ?? '']);
  return `${table([{ head: 'AT (UTC)' }, { head: 'WHO (says)' }, { head: 'VERB' }, { head: 'ABOUT' }, { head: 'WHY' }], rows, width)}\n`;
}

export function renderDoctor(checks: readonly Check[], { width, colors }: Style): string {
  const lines = checks.flatMap((check) => [
    `${check.ok ? colors.green('ok  ') : colors.red('FAIL')}  ${check.name.padEnd(20)} ${wrap(check.detail, width - 27, ' '.repeat(27))}`,
    ...(check.ok || !check.remedy ? [] : [`${' '.repeat(27)}${wrap(`do: ${check.remedy}`, width - 27, ' '.repeat(31))}`]),
  ]);
  return `${lines.join('\n')}\n`;
}

export function renderTenant(it: TenantLatest, { width, colors }: Style): string {
  const place = [it.host, it.database, it.schema].filter(Boolean).join(' / ');
  const lines = [`${colors.bold(it.id)}  ${it.state}${it.code ? `  ${it.code}` : ''}`, `  lives      ${place}`];
  if (it.applied !== undefined) lines.push(`  stands at  ${it.applied ?? 'nothing yet'}${it.pending ? `, ${it.pending} pending` : ''}`);
  if (it.rolloutId) lines.push(`  rollout    ${it.rolloutId}${it.wave === undefined ? '' : `, wave ${it.wave}`}`);
  if (it.message) lines.push(`  message    ${wrap(it.message, width - 13, ' '.repeat(13))}`);
  if (it.backfill)
    lines.push(
      `  backfill   ${clip(it.backfill.migration, width - 13)}`,
      `             ${wrap(clip(tenantText(it.backfill), 2 * width), width - 13, ' '.repeat(13))}`,
    );
  for (const by of it.blockers)
    lines.push(`  blocked by pid ${by.pid} "${clip(by.applicationName, 30)}", ${by.state}, transaction open for ${duration(by.xactAgeMs)}`);
  return `${lines.join('\n')}\n`;
}

export function renderSteer(verb: string, result: SteerResult, { width, colors }: Style): string {
  const head = result.accepted
    ? result.pending
      ? 'accepted, pending'
      : 'accepted'
    : result.pending
      ? 'sent, no answer yet'
      : 'not accepted';
  const lines = [
    `${colors.bold(verb)} ${result.rolloutId}  ${head}${result.state ? `; now ${result.state}` : ''}`,
    wrap(result.message, width),
  ];
  for (const next of result.next) lines.push(`  ${next.command.padEnd(44)}  ${next.why}`);
  return `${lines.join('\n')}\n`;
}
