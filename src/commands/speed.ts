import type { Command } from 'commander';
import { integerFlag } from './shared/plan-options.js';
import { runSteer } from './shared/steer-command.js';
import { requireOne } from './shared/tenant-flags.js';
import { verbCommand } from './shared/verb-command.js';

interface SpeedFlags {
  readonly maxConcurrency?: number;
  readonly perHost?: number;
  readonly maxFailures?: number;
}

export function register(program: Command): void {
  verbCommand(program, 'speed')
    .option('--max-concurrency <n>', 'lists of tenants in hand over all hosts', integerFlag)
    .option('--per-host <n>', "lists in hand on each host; never above the host's own limit", integerFlag)
    .option('--max-failures <n>', 'failures that the wave which runs, or comes next, bears', integerFlag)
    .action((flags: SpeedFlags, command: Command) =>
      runSteer(command, 'speed', ({ client, ask }) => {
        requireOne({ ...flags }, 'change', ['--max-concurrency', '--per-host', '--max-failures']);
        return client.speed({ ...flags, ...ask });
      }),
    );
}
