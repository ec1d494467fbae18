import type { Command } from 'commander';
import { type VerbName, verbNamed } from '../../client/verbs.js';

/** A verb's command, with its one-line description from the table. */
export function verbCommand(program: Command, name: VerbName): Command {
  const verb = verbNamed(name);
  return program.command(name).description(verb.summary).helpGroup(`${verb.group}:`);
}
