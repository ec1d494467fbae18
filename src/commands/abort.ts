import { type Command, Option } from 'commander';
import type { AbortAsk } from '../domain/asks.js';
import { mayChange } from './shared/confirm.js';
import { NOTHING_SENT, runSteer } from './shared/steer-command.js';
import { verbCommand } from './shared/verb-command.js';

interface AbortFlags extends Pick<AbortAsk, 'inFlight' | 'confirm'> {
  readonly yes?: boolean;
}

export function register(program: Command): void {
  verbCommand(program, 'abort')
    .addOption(
      new Option('--in-flight <how>', 'tenants in hand: let them finish, or cancel their statements')
        .choices(['drain', 'cancel'])
        .default(undefined, 'drain'),
    )
    .option('--confirm', 'also while a rollback runs: it stops half-way, with some tenants back and others not')
    .option('-y, --yes', 'do not ask')
    .action(({ yes, ...flags }: AbortFlags, command: Command) =>
      runSteer(command, 'abort', async ({ client, config, out, ask }) => {
        if (!(await mayChange('End the rollout? Nothing is undone.', { ...out, yes, environment: config.fleet.environment })))
          return NOTHING_SENT;
        return client.abort({ ...flags, ...ask });
      }),
    );
}
