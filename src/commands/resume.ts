import type { Command } from 'commander';
import { integerFlag } from './shared/plan-options.js';
import { runSteer } from './shared/steer-command.js';
import { verbCommand } from './shared/verb-command.js';

export function register(program: Command): void {
  verbCommand(program, 'resume')
    .option('--accept-failures <n>', 'after a halt: go on with up to this many unresolved failures in the halted wave', integerFlag)
    .action((flags: { acceptFailures?: number }, command: Command) =>
      runSteer(command, 'resume', ({ client, ask }) => client.resume({ ...flags, ...ask })),
    );
}
