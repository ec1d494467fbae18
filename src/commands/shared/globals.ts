/** Flags that every verb takes. */

import { randomUUID } from 'node:crypto';
import { type Command, Option } from 'commander';

export interface Globals {
  readonly config?: string;
  readonly json: boolean;
  readonly actor?: string;
  readonly reason?: string;
  readonly requestId?: string;
}

export function addGlobals(program: Command): Command {
  return program
    .addOption(new Option('--config <file>', 'config file (default: flotilla.config.{ts,mts,js,mjs,cjs} in this folder)'))
    .addOption(new Option('--json', 'print one JSON document on stdout'))
    .addOption(new Option('--output <format>', 'the same as --json').choices(['json', 'text']))
    .addOption(new Option('--actor <name>', 'who asks, for the audit trail (default: the user name)'))
    .addOption(new Option('--reason <text>', 'why, for the audit trail'))
    .addOption(new Option('--request-id <id>', 'makes a repeat harmless: the same id gets the first answer'));
}

/** The global flags as given, wherever they stood on the command line. */
export function globalsOf(command: Command): Globals {
  const { config, json, output, actor, reason, requestId } = command.optsWithGlobals() as Omit<Globals, 'json'> & {
    json?: boolean;
    output?: string;
  };
  return { config, json: json === true || output === 'json', actor, reason, requestId };
}

export const freshRequestId = (): string => `q-${randomUUID()}`;
