import { type Command, InvalidArgumentError } from 'commander';
import { EXIT } from '../client/exit-codes.js';
import { readEnvironment } from '../spec/env.js';
import { globalsOf } from './shared/globals.js';
import { printError } from './shared/print-error.js';
import { verbCommand } from './shared/verb-command.js';

interface DevFlags {
  readonly tenants: number;
  readonly seed?: string;
  readonly temporalPort?: number;
  readonly uiPort?: number;
  readonly postgresPort?: number;
}

const whole = (most: number) => (text: string) => {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > most) throw new InvalidArgumentError(`expected a whole number up to ${most}`);
  return value;
};

export function register(program: Command): void {
  verbCommand(program, 'dev')
    .option('--tenants <n>', 'sample tenants in each new local database', whole(10_000), 5)
    .option('--seed <file>', 'SQL run in each new sample tenant')
    .option('--temporal-port <port>', 'default: a free one', whole(65_535))
    .option('--ui-port <port>', 'default: a free one', whole(65_535))
    .option('--postgres-port <port>', 'default: a free one', whole(65_535))
    .addHelpText(
      'after',
      '\nProvides a local database for each connection variable of the config that is not set (env:NAME), a Temporal server with its\nUI, and a worker that is started again when a migration or the config changes. Other commands in this folder find it by\nthemselves. The data stays in .flotilla/.',
    )
    .action((flags: DevFlags, command: Command) => dev(flags, command));
}

async function dev(flags: DevFlags, command: Command): Promise<void> {
  const globals = globalsOf(command);
  const environment = readEnvironment();
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      // The second one does not wait; what was started ends with this process.
      if (stop.signal.aborted) process.exit(EXIT.unexpected);
      stop.abort();
    });
  let code: number = EXIT.ok;
  try {
    const [{ runDev }, { loadConfig }] = await Promise.all([import('../dev/dev.js'), import('../spec/load-config.js')]);
    const config = await loadConfig(globals.config ?? environment.config, process.cwd());
    await runDev({ config, environment, ...flags, signal: stop.signal, print: (line) => process.stdout.write(`${line}\n`) });
  } catch (error) {
    code = printError(error, { json: globals.json });
  }
  process.exit(code);
}
