import type { Command } from 'commander';
import { FlotillaError } from '../domain/errors.js';
import { mayChange } from './shared/confirm.js';
import { collect } from './shared/plan-options.js';
import { runSteer } from './shared/steer-command.js';
import { addTenantFlag } from './shared/tenant-flags.js';
import { verbCommand } from './shared/verb-command.js';

interface RollbackFlags {
  readonly tenant?: readonly string[];
  readonly wave?: string;
  readonly force?: boolean;
  readonly continueSkipping?: readonly string[];
  readonly yes?: boolean;
}

export function register(program: Command): void {
  addTenantFlag(verbCommand(program, 'rollback'), 'only this tenant')
    .option('--wave <name>', 'only this wave')
    .option('--force', 'revert although something is lost by it (needs --reason)')
    .option('--continue-skipping <tenant>', 'after a rollback that failed: go on and leave this tenant as it is; may be repeated', collect)
    .option('-y, --yes', 'do not ask')
    .action((flags: RollbackFlags, command: Command) =>
      runSteer(command, 'rollback', async ({ client, config, out, ask }) => {
        const { tenant: tenants, wave, force, continueSkipping } = flags;
        if (force && !ask.reason) throw new FlotillaError('FLT_USAGE', 'A forced rollback loses data: say why with --reason.');
        const scope = tenants ? tenants.join(', ') : wave ? `wave "${wave}"` : 'everything this rollout moved';
        if (!(await mayChange(`Roll back ${scope}?`, { ...out, yes: flags.yes, environment: config.fleet.environment })))
          return { rolloutId: '', accepted: false, pending: false, state: null, message: 'Nothing was sent.', next: [] };
        return client.rollback({
          ...(tenants ? { tenants } : {}),
          ...(wave ? { wave } : {}),
          ...(force ? { force } : {}),
          ...(continueSkipping ? { continueSkipping } : {}),
          ...ask,
        });
      }),
    );
}
