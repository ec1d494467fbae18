import type { Command } from 'commander';
import { type ApprovalFlags, approvalAsk } from './shared/approval.js';
import { runSteer } from './shared/steer-command.js';
import { verbCommand } from './shared/verb-command.js';

export function register(program: Command): void {
  verbCommand(program, 'reject')
    .argument('<wave>', 'name of the wave that waits')
    .option('--digest <digest>', "the plan's digest as status shows it (its first 8 characters do)")
    .action((wave: string, flags: ApprovalFlags, command: Command) =>
      runSteer(command, 'reject', async (session) =>
        session.client.reject({ ...(await approvalAsk(session, 'reject', wave, flags)), ...session.ask }),
      ),
    );
}
