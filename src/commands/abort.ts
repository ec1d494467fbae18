import type { Command } from 'commander';
import { mayChange } from './shared/confirm.js';
import { runSteer } from './shared/steer-command.js';
import { verbCommand } from './shared/verb-command.js';

export function register(program: Command): void {
  verbCommand(program, 'abort')
    .option('-y, --yes', 'do not ask')
    .action((flags: { yes?: boolean }, command: Command) =>
      runSteer(command, 'abort', async ({ client, config, out, ask }) => {
        if (!(await mayChange('End the rollout? Nothing is undone.', { ...out, yes: flags.yes, environment: config.fleet.environment })))
          return { rolloutId: '', accepted: false, pending: false, state: null, message: 'Nothing was sent.', next: [] };
        return client.abort(ask);
      }),
    );
}
