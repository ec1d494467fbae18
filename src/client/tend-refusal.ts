import { FlotillaError } from '../domain/errors.js';
import type { TendResult } from '../domain/tend.js';

/** Why a verb did not do all that it was asked, when some tenants were left alone; undefined when none was. */
export function tendRefusal({ counts, left }: Pick<TendResult, 'counts' | 'left'>): FlotillaError | undefined {
  const { tenants, refused, unreached } = counts;
  if (refused + unreached === 0) return undefined;
  const what = [refused ? `${refused} refused` : '', unreached ? `${unreached} not reached` : ''].filter(Boolean).join(', ');
  return new FlotillaError(
    refused ? 'FLT_TENANTS_REFUSED' : 'FLT_TENANTS_UNREACHED',
    `${refused + unreached} of ${tenants} ${tenants === 1 ? 'tenant was' : 'tenants were'} left alone: ${what}.`,
    { left: left.map(({ code, sample, tenants: names, count }) => ({ code, message: sample, sample: names.slice(0, 5), tenants: count })) },
  );
}
