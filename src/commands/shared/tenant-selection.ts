/** Whom a verb is meant for: named, by labels, or all. Nobody is meant by default. */

import type { Command } from 'commander';
import type { SelectOptions } from '../../client/truth.js';
import { FlotillaError } from '../../domain/errors.js';
import { parseSelector } from '../../spec/parse-selector.js';
import { collect } from './plan-options.js';

export interface SelectionFlags {
  readonly tenant?: readonly string[];
  readonly selector?: string;
  readonly all?: boolean;
}

export const addSelectionFlags = (command: Command): Command =>
  command
    .option('--tenant <id>', 'this tenant; may be repeated', collect)
    .option('--selector <labels>', 'tenants whose labels match, e.g. "plan=gold,host!=pg-eu-2"')
    .option('--all', 'every tenant of the fleet');

/** What is wrong with the flags, a sentence each. */
export function selectionMistakes({ tenant, selector, all }: SelectionFlags, verb: string): readonly string[] {
  const some = tenant !== undefined || selector !== undefined;
  const mistakes: string[] = [];
  if (!some && !all) mistakes.push(`Say which tenants to ${verb}: --tenant, --selector or --all.`);
  if (some && all) mistakes.push('--all and a selection of tenants cannot both be meant.');
  if (selector !== undefined)
    try {
      parseSelector(selector);
    } catch (error) {
      if (!(error instanceof FlotillaError)) throw error;
      mistakes.push(error.message);
    }
  return mistakes;
}

export const selectionOptions = ({ tenant, selector, all }: SelectionFlags): SelectOptions => ({
  ...(tenant === undefined ? {} : { tenants: [...new Set(tenant)] }),
  ...(selector === undefined ? {} : { selector }),
  ...(all === undefined ? {} : { all }),
});

/** For a question: `t01, t02`, `tenants with plan=gold`, `every tenant`. */
export const describeSelection = ({ tenant, selector }: SelectionFlags): string =>
  [tenant?.join(', '), selector === undefined ? undefined : `tenants with ${selector}`].filter(Boolean).join(', of ') || 'every tenant';
