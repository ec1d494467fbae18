import type { Command } from 'commander';
import { runSteer } from './shared/steer-command.js';
import { verbCommand } from './shared/verb-command.js';

export function register(program: Command): void {
  verbCommand(program, 'pause').action((_flags: object, command: Command) =>
    runSteer(command, 'pause', ({ client, ask }) => client.pause(ask)),
  );
}
