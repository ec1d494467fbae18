import { setFlagsFromString } from 'node:v8';
import { type Command, InvalidArgumentError } from 'commander';
import { readEnvironment } from '../spec/env.js';
import { globalsOf } from './shared/globals.js';
import { collect } from './shared/plan-options.js';
import { printError } from './shared/print-error.js';
import { verbCommand } from './shared/verb-command.js';

interface WorkerFlags {
  readonly cell?: readonly string[];
  readonly concurrency?: number;
  readonly build?: string;
  readonly bake: boolean;
}

function positive(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > 10_000) throw new InvalidArgumentError('expected a whole number from 1 to 10000');
  return value;
}

export function register(program: Command): void {
  verbCommand(program, 'worker')
    .option('--cell <name>', 'only this cell; may be repeated (default: all cells)', collect)
    .option('--concurrency <n>', "tenant lists at once, per cell (default: the hosts' maxConcurrency together)", positive)
    .option('--build <id>', 'names the build, e.g. a commit (default: FLOTILLA_BUILD, or a hash of version and files)')
    .option('--no-bake', 'plan every bake as 0, for trying things out')
    .addHelpText(
      'after',
      '\nRuns until SIGTERM or Ctrl-C, then finishes the tenants in hand and hands back the rest; the second signal does not wait.\nAny number of workers may run; they share the work. The log is one JSON object per line; FLOTILLA_LOG_LEVEL sets its level.',
    )
    .action((flags: WorkerFlags, command: Command) => worker(flags, command));
}

/** V8 lets garbage grow to three times of what lives (here to 150 MB over 48 MB) before it looks; a collection costs 10 ms. */
const KEEP_HEAP_SMALL = '--heap-growing-percent=30';

async function worker(flags: WorkerFlags, command: Command): Promise<void> {
  setFlagsFromString(KEEP_HEAP_SMALL);
  const globals = globalsOf(command);
  let code = 0;
  try {
    const [{ loadConfig }, { useLocalStack }, { runWorker }] = await Promise.all([
      import('../spec/load-config.js'),
      import('../spec/local-stack.js'),
      import('../worker/main.js'),
    ]);
    const config = await loadConfig(globals.config ?? readEnvironment().config, process.cwd());
    useLocalStack(config.baseDir);
    await runWorker({
      config,
      noBake: !flags.bake,
      ...(flags.cell ? { cells: flags.cell } : {}),
      ...(flags.concurrency === undefined ? {} : { concurrency: flags.concurrency }),
      ...(flags.build === undefined ? {} : { buildId: flags.build }),
    });
  } catch (error) {
    code = printError(error, { json: globals.json });
  }
  // Whatever still holds the process open by then holds no tenant.
  process.exit(code);
}
