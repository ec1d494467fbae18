import { Command } from 'commander';
import { VERBS } from '../../../src/client/verbs.js';
import { addGlobals } from '../../../src/commands/shared/globals.js';

interface CommandModule {
  register(program: Command): void;
}

/** The command line with every verb loaded; `flotilla` itself loads only the one that is asked for. */
export async function fullProgram(): Promise<Command> {
  const program = addGlobals(new Command('flotilla'));
  for (const { name } of VERBS) {
    const url = new URL(`../../../src/commands/${name}.ts`, import.meta.url);
    ((await import(/* @vite-ignore */ url.href)) as CommandModule).register(program);
  }
  return program;
}
