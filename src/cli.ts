#!/usr/bin/env node
/**
 * `flotilla <verb>`: loads only the module of the verb that is asked for, so that `--help` and usage errors answer at once.
 * A command sets `process.exitCode` itself, or throws a `FlotillaError`, whose code decides the exit code.
 */

import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { VERBS } from './client/verbs.js';
import { addGlobals } from './commands/shared/globals.js';
import { verbCommand } from './commands/shared/verb-command.js';

interface CommandModule {
  register(program: Command): void;
}

const argv = process.argv.slice(2);
const wantsJson = argv.includes('--json') || argv.includes('--output=json') || argv[argv.indexOf('--output') + 1] === 'json';

const version = (): string =>
  (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }).version;

async function buildProgram(): Promise<Command> {
  const program = addGlobals(new Command('flotilla'))
    .description('Rolls Knex migrations out across many tenant schemas or databases, as durable Temporal workflows.')
    .version(version())
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true })
    // With --json stdout and stderr stay free of anything but the document.
    .configureOutput({ writeErr: (text) => (wantsJson ? undefined : process.stderr.write(text)) })
    .exitOverride();
  for (const verb of VERBS) {
    if (argv.includes(verb.name)) {
      const module = (await import(`./commands/${verb.name}.js`)) as CommandModule;
      module.register(program);
    } else verbCommand(program, verb.name);
  }
  return program;
}

async function report(error: unknown): Promise<number> {
  const { printError } = await import('./commands/shared/print-error.js');
  if (!(error instanceof CommanderError)) return printError(error, { json: wantsJson });
  if (error.exitCode === 0) return 0;
  if (wantsJson) {
    const { FlotillaError } = await import('./domain/errors.js');
    return printError(new FlotillaError('FLT_USAGE', error.message.replace(/^error: /, '')), { json: true });
  }
  return 2;
}

try {
  const program = await buildProgram();
  if (argv.length === 0) program.outputHelp();
  else await program.parseAsync(argv, { from: 'user' });
} catch (error) {
  process.exitCode = await report(error);
}
