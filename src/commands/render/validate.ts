import type { ValidateResult } from '../../client/validate.js';
import { number, plural, wrap } from './format.js';
import { renderFindings } from './plan.js';
import type { Style } from './style.js';

const NAMED = 5;

export function renderValidate(it: ValidateResult, style: Style): string {
  const parts = [wrap(counted(it), style.width)];
  if (it.failed.length) parts.push(renderFailed(it, style));
  if (it.findings.length) parts.push(renderFindings(it.findings, style));
  return `${parts.join('\n\n')}\n`;
}

/** `2 of 4,000 tenants do not pass; 11,998 checks were made (12 tenants have none to make)` */
function counted({ migration, counts: { tenants, passed, failed, unchecked, unasked }, checks }: ValidateResult): string {
  const of = migration === undefined ? '' : ` of ${migration}`;
  const besides = [
    unchecked ? `${plural(unchecked, 'tenant')} ${unchecked === 1 ? 'has' : 'have'} none to make` : '',
    unasked ? `${number(unasked)} could not be asked` : '',
  ].filter(Boolean);
  const outcome = failed
    ? `${number(failed)} of ${plural(tenants, 'tenant')} ${failed === 1 ? 'does' : 'do'} not pass`
    : passed
      ? `${plural(passed, 'tenant')} ${passed === 1 ? 'passes' : 'pass'}`
      : 'nothing was checked';
  return `${outcome}; ${plural(checks, 'check')}${of} ${checks === 1 ? 'was' : 'were'} made${besides.length ? ` (${besides.join(', ')})` : ''}`;
}

function renderFailed({ failed }: ValidateResult, { width, colors }: Style): string {
  return failed
    .map(({ migration, check, count, tenants, sample }) => {
      const names = tenants.slice(0, NAMED);
      const who = `${plural(count, 'tenant')} (${names.join(', ')}${count > names.length ? ', …' : ''})`;
      return [
        `${colors.red('failed')} ${check}  ${colors.dim(migration)}`,
        `       ${wrap(`${sample}; ${who}`, width - 8, '       ')}`,
      ].join('\n');
    })
    .join('\n');
}
