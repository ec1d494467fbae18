/** A plan on one screen, whatever the size of the fleet. */

import { describeOff } from '../../domain/gates-off.js';
import { HOST_CHECK_TABLE } from '../../domain/host-checks.js';
import type { Phased } from '../../domain/phases.js';
import type { Finding, PlannedGate, PlannedMigration, PlanSummary } from '../../domain/plan.js';
import { clip, duration, number, plural, wrap } from './format.js';
import type { Style } from './style.js';
import { table } from './table.js';

const CANARIES_SHOWN = 5;
const MIGRATIONS_SHOWN = 12;
const GATES_SHOWN = 12;
const FINDINGS_SHOWN = 8;

export function renderPlan(plan: PlanSummary, style: Style, { allCanaries = false } = {}): string {
  if (plan.totals.pending === 0 && !plan.findings.some((finding) => finding.severity === 'error')) return renderUpToDate(plan, style);
  const { bold, dim } = style.colors;
  const { totals } = plan;
  const head = [plan.fleet, plan.environment, `plan ${plan.planId}`, ...(plan.digest ? [`digest ${plan.digest.slice(0, 8)}`] : [])];
  const besides = [
    totals.upToDate ? `${number(totals.upToDate)} up to date` : '',
    totals.blocked ? `${number(totals.blocked)} held back` : '',
    totals.excluded ? `${number(totals.excluded)} left out` : '',
  ].filter(Boolean);
  const parts = [
    `${bold(head.join(' · '))}\n${number(totals.pending)} of ${plural(totals.tenants, 'tenant')} ${plan.operation === 'backfill' ? `on ${plural(plan.hosts, 'host')}: the backfill of ${plan.to} runs again, and nothing else` : `pending on ${plural(plan.hosts, 'host')}`}${besides.length ? ` (${besides.join(', ')})` : ''}`,
  ];
  if (plan.migrations.length && plan.operation === undefined) parts.push(migrations(plan, style));
  if (plan.waves.length) parts.push(waves(plan, style), canaries(plan, style, allCanaries), gates(plan, style));
  if (plan.findings.length) parts.push(renderFindings(plan.findings, style));
  parts.push(
    plan.frozen
      ? `${bold('ON BREACH')}  ${wrap(onBreach[plan.policy.onBreach], style.width - 11, ' '.repeat(11))}\n${bold('NEXT')}       flotilla start ${plan.planId}`
      : dim('Nothing was frozen.'),
  );
  return `${parts.filter(Boolean).join('\n\n')}\n`;
}

const onBreach: Record<PlanSummary['policy']['onBreach'], string> = {
  rollbackWave: 'roll the wave back, where every migration can be taken back; else halt',
  rollbackRollout: 'roll everything this rollout did back, where it can be; else halt',
  halt: 'halt and wait for a person',
  continue: 'go on; failed tenants are parked',
};

export function renderUpToDate(plan: PlanSummary, { width }: Style): string {
  const { totals } = plan;
  const lines = [
    plan.operation === 'backfill'
      ? `${plan.fleet}: no tenant to run the backfill of ${plan.to} in (checked in ${duration(plan.durationMs)})`
      : `${plan.fleet}: ${plural(totals.upToDate, 'tenant')} on ${plural(plan.hosts, 'host')} ${totals.upToDate === 1 ? 'is' : 'are'} up to date with ${plan.to || 'no migration'} (checked in ${duration(plan.durationMs)})`,
  ];
  if (totals.blocked) lines.push(`${plural(totals.blocked, 'tenant')} held back: see "flotilla status --tenants"`);
  if (totals.excluded) lines.push(`${plural(totals.excluded, 'tenant')} left out`);
  for (const finding of plan.findings) lines.push(`${finding.severity}  ${finding.code}  ${finding.message}`);
  return `${lines.map((line) => wrap(line, width - 2, '  ')).join('\n')}\n`;
}

function migrations(plan: PlanSummary, { width, colors }: Style): string {
  const shown = plan.migrations.slice(0, MIGRATIONS_SHOWN);
  const rows = shown.map((migration) => [clip(migration.name, 44), number(migration.appliedBefore), reversibility(migration)]);
  const more = plan.migrations.length - shown.length;
  return `${table([{ head: 'MIGRATIONS' }, { head: 'BEFORE', align: 'right' }, { head: 'ROLLS BACK' }], rows, width)}${more > 0 ? colors.dim(`\n… ${more} more: flotilla plan --json`) : ''}`;
}

function reversibility({ reversible, transactional }: PlannedMigration): string {
  if (reversible.verdict === 'no') return `no: ${reversible.why ?? reversible.code ?? ''}`;
  if (reversible.verdict === 'notAsOne' || !transactional) return 'step by step, not as one';
  return 'expected; proven by the canaries';
}

function waves(plan: PlanSummary, { width }: Style): string {
  const rows = plan.waves.map((wave) => [
    wave.name,
    number(wave.tenants),
    wave.hosts.length,
    wave.maxConcurrency,
    Math.max(0, ...wave.hosts.map((host) => host.window)),
    `${wave.maxFailures} (at most ${wave.worstCaseFailures}*)`,
    wave.bakeMs ? duration(wave.bakeMs) : '-',
    wave.approval ? 'asked first' : '-',
  ]);
  const columns = [
    { head: 'WAVE' },
    { head: 'TENANTS', align: 'right' },
    { head: 'HOSTS', align: 'right' },
    { head: 'AT ONCE', align: 'right' },
    { head: 'PER HOST', align: 'right' },
    { head: 'MAY FAIL' },
    { head: 'BAKE' },
    { head: 'APPROVAL' },
  ] as const;
  const withApproval = plan.waves.some((wave) => wave.approval);
  const cut = withApproval ? columns.length : columns.length - 1;
  return `${table(
    columns.slice(0, cut),
    rows.map((row) => row.slice(0, cut)),
    width,
  )}\n${wrap('* failures possible before a halt takes hold: allowed + in flight', width)}`;
}

function canaries(plan: PlanSummary, { width, colors }: Style, all: boolean): string {
  const chosen = plan.waves.flatMap((wave) => wave.canaries);
  if (!chosen.length) return '';
  const shown = all ? chosen : chosen.slice(0, CANARIES_SHOWN);
  const rows = shown.map((canary) => [clip(canary.host, 20), clip(canary.tenant, 30), canary.reason]);
  const more = chosen.length - shown.length;
  return `${table([{ head: 'CANARIES' }, { head: '' }, { head: '' }], rows, width)}${more > 0 ? colors.dim(`\n… ${more} more: flotilla plan --canaries`) : ''}`;
}

function gates({ policy }: PlanSummary, { width, colors }: Style): string {
  if (!policy.gates.length) return '';
  const shown = policy.gates.slice(0, GATES_SHOWN);
  const rows = shown.map((gate) => [gate.name, limit(gate, gate.limits.throttle), limit(gate, gate.limits.abort), remark(gate)]);
  const columns = [{ head: 'GATES' }, { head: 'SLOWER' }, { head: 'STOPS' }, { head: '' }] as const;
  const cut = rows.some((row) => row[3]) ? columns.length : columns.length - 1;
  const more = policy.gates.length - shown.length;
  return `${table(
    columns.slice(0, cut),
    rows.map((row) => row.slice(0, cut)),
    width,
  )}${more > 0 ? colors.dim(`\n… ${more} more: flotilla plan --json`) : ''}`;
}

/** `above 10 s` */
function limit({ limits, check }: PlannedGate, value: number | undefined): string {
  if (value === undefined) return '-';
  return `${limits.when} ${value}${check ? ` ${HOST_CHECK_TABLE[check].unit}` : ''}`;
}

const remark = (gate: PlannedGate): string =>
  [
    gate.contract ? `before each wave: ${wanted(gate.contract)}` : '',
    gate.off.length > 0 ? `off ${describeOff(gate)}` : '',
    gate.dryRun ? 'dry run: acts on nothing' : '',
  ]
    .filter(Boolean)
    .join('; ');

const wanted = ({ declares: { flags = [], appVersion } = {} }: Phased): string =>
  [
    ...(flags.length > 0 ? [`${flags.length === 1 ? 'flag' : 'flags'} ${flags.join(', ')}`] : []),
    ...(appVersion === undefined ? [] : [`version ${appVersion}`]),
  ].join(', ');

export function renderFindings(findings: readonly Finding[], { width, colors }: Style): string {
  const order = { error: 0, warning: 1, info: 2 } as const;
  const sorted = [...findings].sort((a, b) => order[a.severity] - order[b.severity]);
  const paint = { error: colors.red, warning: colors.yellow, info: colors.dim } as const;
  const lines = sorted.slice(0, FINDINGS_SHOWN).flatMap((finding) => {
    const about = [finding.migration, finding.tenants ? plural(finding.tenants, 'tenant') : ''].filter(Boolean).join(', ');
    const sample = finding.sample?.length ? ` (${clip(finding.sample.slice(0, 5).join(', '), 60)})` : '';
    return [
      `${paint[finding.severity](finding.severity.padEnd(8))}${finding.code}${about ? `  ${about}${sample}` : ''}`,
      ...finding.message.split('\n').map((line) => `        ${wrap(line, width - 8, '        ')}`),
      ...(finding.remedy ? [`        ${wrap(`do: ${finding.remedy}`, width - 8, '            ')}`] : []),
    ];
  });
  const more = sorted.length - FINDINGS_SHOWN;
  return [colors.bold('FINDINGS'), ...lines, ...(more > 0 ? [colors.dim(`… ${more} more: --json`)] : [])].join('\n');
}
