import type { Command } from 'commander';
import { FlotillaError } from '../../domain/errors.js';
import { collect } from './plan-options.js';

/** `--tenant A --tenant B` */
export const addTenantFlag = (command: Command, text: string): Command =>
  command.option('--tenant <id>', `${text}; may be repeated`, collect);

/** A verb that would otherwise act on nothing, or on everything, by oversight. @throws FLT_USAGE */
export function requireOne(flags: Readonly<Record<string, unknown>>, verb: string, names: readonly string[]): void {
  if (Object.values(flags).every((value) => value === undefined || value === false))
    throw new FlotillaError('FLT_USAGE', `Say what to ${verb}: ${names.join(', ')}.`);
}
