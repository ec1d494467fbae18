/** A selector as one types it: `plan=gold,host!=pg-eu-2,region in (eu,us),beta,!legacy`. Every part must match. */

import { FlotillaError } from '../domain/errors.js';
import type { Selector } from './strategy.js';

type Expression = NonNullable<Selector['matchExpressions']>[number];

const KEY = String.raw`[^\s=!,()]+`;
const SET = new RegExp(String.raw`^(${KEY})\s+(in|notin)\s+\(([^()]*)\)$`, 'i');
const EQUAL = new RegExp(String.raw`^(${KEY})\s*(==?|!=)\s*(?!=)([^,()]*)$`);
const EXISTS = new RegExp(String.raw`^(!?)\s*(${KEY})$`);

/** `host` and `id` are labels that every tenant has. @throws FLT_USAGE naming the part that is not understood */
export function parseSelector(text: string): Selector {
  const matchExpressions = splitParts(text).map((part): Expression => {
    const set = SET.exec(part);
    if (set)
      return {
        key: set[1]!,
        operator: set[2]!.toLowerCase() === 'in' ? 'In' : 'NotIn',
        values: set[3]!.split(',').map((value) => value.trim()),
      };
    const equal = EQUAL.exec(part);
    if (equal) return { key: equal[1]!, operator: equal[2] === '!=' ? 'NotIn' : 'In', values: [equal[3]!.trim()] };
    const exists = EXISTS.exec(part);
    if (exists) return { key: exists[2]!, operator: exists[1] ? 'DoesNotExist' : 'Exists' };
    throw new FlotillaError(
      'FLT_USAGE',
      `The selector part "${part}" is not understood; expected for example plan=gold, host!=pg-eu-2, "region in (eu,us)", beta or !legacy.`,
      { selector: text },
    );
  });
  return { matchExpressions };
}

/** At commas outside parentheses. */
function splitParts(text: string): string[] {
  const parts = text
    .split(/,(?![^()]*\))/)
    .map((part) => part.trim())
    .filter(Boolean);
  if (parts.length === 0) throw new FlotillaError('FLT_USAGE', 'The selector is empty.', {});
  return parts;
}
