/** What a rollback would do, before anything is done. */

import type { RollbackPreview } from '../../domain/rollback-preview.js';
import { clip, number, plural, wrap } from './format.js';
import type { Style } from './style.js';

export function renderPreview(it: RollbackPreview, { width, colors }: Style): string {
  const lines = [
    `rollback of ${colors.bold(it.rolloutId)}, dry run: ${plural(it.tenants, 'tenant')} would be visited; nothing was changed`,
  ];
  const section = (head: string) => lines.push('', colors.bold(head));
  if (it.refused.length) {
    section('REFUSED AS A WHOLE, unless forced');
    for (const { migration, why, code } of it.refused) lines.push(`  ${wrap(`${migration}: ${why} (${code})`, width - 2, '    ')}`);
  }
  if (it.groups.length) section('TENANTS');
  for (const { tenants, sample, reverts, refused } of it.groups) {
    lines.push(`  ${number(tenants)}  ${clip(`(${sample.join(', ')}${tenants > sample.length ? ', …' : ''})`, width - 12)}`);
    lines.push(`    ${wrap(reverts.length ? `takes back ${reverts.join(', ')}` : 'takes nothing back', width - 4, '      ')}`);
    if (refused) {
      const what = refused.migration ? `stops at ${refused.migration}: ` : '';
      lines.push(`    ${wrap(colors.yellow(`${what}${refused.why} (${refused.code})`), width - 4, '      ')}`);
    }
  }
  if (it.more) lines.push(`  and ${plural(it.more, 'tenant')} with other answers`);
  section('NOT KNOWN');
  for (const text of it.unknown) lines.push(`  ${wrap(text, width - 2, '    ')}`);
  return `${lines.join('\n')}\n`;
}
