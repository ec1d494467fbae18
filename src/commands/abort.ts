import type { Command } from 'commander';
import { confirm } from './shared/confirm.js';
import { runSteer } from './shared/steer-command.js';
import { verbCommand } from './shared/verb-command.js';

export function register(program: Command): void {
  verbCommand(program, 'abort')
    .option('-y, --yes', 'do not ask')
    .action((flags: { yes?: boolean }, command: Command) =>
      runSteer(command, 'abort', async ({ client, out, ask }) => {
        if (out.interactive && !flags.yes && !(await confirm('End the rollout? Nothing is undone.', { interactive: true, flag: '--yes' })))
          return { rolloutId: '', accepted: false, pending: false, state: null, message: 'Nothing was sent.', next: [] };
        return client.abort(ask);
      }),
    );
}
