import type { Command } from 'commander';
import { type ApprovalFlags, approvalAsk } from './shared/approval.js';
import { runSteer } from './shared/steer-command.js';
import { verbCommand } from './shared/verb-command.js';

export function register(program: Command): void {
  verbCommand(program, 'approve')
    .argument('<wave>', 'name of the wave that waits')
    .option('--digest <digest>', "the plan's digest as status shows it (its first 8 characters do)")
    .action((wave: string, flags: ApprovalFlags, command: Command) =>
      runSteer(command, 'approve', async (session) =>
        session.client.approve({ ...(await approvalAsk(session, 'approve', wave, flags)), ...session.ask }),
      ),
    );
}
