/** Changes without downtime, phase by phase. */

import type { ChangeRecord } from '../../workflows/admin-messages.js';
import { clip, number, wrap } from './format.js';
import { renderFindings } from './plan.js';
import type { Style } from './style.js';
import { table } from './table.js';

const STATE: Readonly<Record<ChangeRecord['state'], string>> = { notBegun: 'not begun', underWay: 'under way', done: 'done' };

export function renderPhases(changes: readonly ChangeRecord[], tenant: string | undefined, style: Style): string {
  if (changes.length === 0) return 'No migration declares a phase. See docs/migrations/zero-downtime.md.\n';
  return `${changes.map((change) => renderChange(change, tenant, style)).join('\n\n')}\n`;
}

function renderChange(
  { name, state, upNext, migrations, blockedBy, next }: ChangeRecord,
  tenant: string | undefined,
  style: Style,
): string {
  const { colors, width } = style;
  const rows = migrations.map((it) => [
    it.name === upNext ? '→' : '',
    it.phase ?? '',
    ...(tenant === undefined ? [] : [it.tenantHas ? 'yes' : 'no']),
    `${it.has} of ${it.has + it.lacks}`,
    it.name,
  ]);
  const heads = ['', 'PHASE', ...(tenant === undefined ? [] : [tenant]), 'TENANTS', 'MIGRATION'].map((head) => ({ head }));
  return [
    `${colors.bold(name)}  ${STATE[state]}`,
    table(heads, rows, width),
    ...missing(migrations.find((it) => it.name === upNext)).map((line) => `   ${wrap(line, width - 3, '   ')}`),
    ...(blockedBy.length > 0 ? [renderFindings(blockedBy, style)] : []),
    ...next.map(({ command, why }) => `  ${wrap(`${command}  ${colors.dim(why)}`, width)}`),
  ].join('\n');
}

/** Who lacks the migration that is next: a few by name. */
function missing(upNext: ChangeRecord['migrations'][number] | undefined): readonly string[] {
  if (!upNext || upNext.sample.length === 0) return [];
  const more = upNext.lacks - upNext.sample.length;
  const names = upNext.sample.map((tenant) => clip(tenant, 30)).join(', ');
  return [`missing in ${names}${more > 0 ? ` and ${number(more)} more` : ''}`];
}
