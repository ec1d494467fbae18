/** What the verbs say that put right what histories say. */

import type { RepairResult } from '../../client/truth.js';
import { moment, plural, wrap } from './format.js';
import { renderFindings } from './plan.js';
import type { Style } from './style.js';

export function renderRepair(it: RepairResult, style: Style): string {
  const parts = [wrap(sentence(it), style.width)];
  if (it.findings.length) parts.push(renderFindings(it.findings, style));
  return `${parts.join('\n\n')}\n`;
}

function sentence({ migration, checksum, outcome, tenants, sample, before }: RepairResult): string {
  const file = `${migration} as it now stands (sha256 ${checksum.slice(0, 12)})`;
  switch (outcome) {
    case 'accepted':
      return `accepted: ${file}, for ${plural(tenants, 'tenant')} that applied it from another source (${sample.join(', ')}${tenants > sample.length ? ', …' : ''})`;
    case 'acceptedBefore':
      return `nothing has drifted: ${file} was accepted by ${before!.actor} on ${moment(before!.at)}${before!.reason ? `: ${before!.reason}` : ''}`;
    case 'nothingDrifted':
      return `nothing has drifted: no tenant applied ${migration} from another source than ${file.slice(migration.length + 1)}; nothing was stored`;
  }
}
