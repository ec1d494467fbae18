/** What operators read in the Temporal UI: current details as a small Markdown table, and search attributes. */

import { upsertSearchAttributes } from '@temporalio/workflow';
import { type FleetBackfill, fleetText, tenantText } from '../domain/backfill/fleet-progress.js';
import { explain } from '../domain/explain.js';
import type { RolloutProgress, WaveProgress } from '../domain/rollout/contract.js';
import { TENANT_STATES, type Totals } from '../domain/tenant.js';
import { searchAttribute } from './search-attributes.js';

/** Sets search attributes; each costs an event, so only on a change of state. */
export function publish(values: Partial<Record<keyof typeof searchAttribute, string>>): void {
  upsertSearchAttributes(
    Object.entries(values).map(([name, value]) => ({ key: searchAttribute[name as keyof typeof searchAttribute], value })),
  );
}

const cell = (text: string): string => text.replace(/[|\n`]/g, ' ');

const counts = (totals: Totals): string =>
  TENANT_STATES.filter((state) => totals[state] > 0)
    .map((state) => `${state} ${totals[state]}`)
    .join(', ');

export function showRollout(progress: RolloutProgress): string {
  const waves = progress.waves.map((w) => `| ${cell(w.name)} | ${w.tenants} | ${w.maxFailures} | ${w.state} | ${counts(w.totals)} |`);
  const reasons = progress.reasons.map((reason) => `- ${cell(explain(reason))}`);
  const failures = progress.failures.map((f) => `- \`${f.code}\` ${f.count}: ${cell(f.tenants.join(', '))}`);
  return [
    `### ${progress.state}`,
    ...reasons,
    '',
    '| wave | tenants | may fail | state | tenants by state |',
    '|---|---|---|---|---|',
    ...waves,
    ...(failures.length ? ['', '**Failures**', ...failures] : []),
  ].join('\n');
}

export function showWave(progress: WaveProgress): string {
  return [
    `### ${progress.state}: ${progress.tenants} tenants on ${progress.hosts} hosts`,
    counts(progress.totals),
    ...progress.silentHosts.map((host) => `- ${cell(host.host)} does not answer (${host.code})`),
    ...progress.failures.map((f) => `- \`${f.code}\` ${f.count}: ${cell(f.tenants.join(', '))}`),
  ].join('\n\n');
}

export function showBackfills(backfills: readonly FleetBackfill[]): string {
  if (backfills.length === 0) return 'No tenant has begun a backfill yet.';
  return backfills
    .map((it) =>
      [
        `### ${cell(it.migration)}`,
        '',
        fleetText(it),
        ...(it.running.length ? ['', '| tenant | host | how far |', '|---|---|---|'] : []),
        ...it.running.map((row) => `| ${cell(row.tenant)} | ${cell(row.host)} | ${cell(tenantText(row))} |`),
      ].join('\n'),
    )
    .join('\n\n');
}
