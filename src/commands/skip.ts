import type { Command } from 'commander';
import { runSteer } from './shared/steer-command.js';
import { addTenantFlag, requireOne } from './shared/tenant-flags.js';
import { verbCommand } from './shared/verb-command.js';

interface SkipFlags {
  readonly tenant?: readonly string[];
  readonly wave?: string;
  readonly bake?: boolean;
}

export function register(program: Command): void {
  addTenantFlag(verbCommand(program, 'skip'), 'leave out this tenant; a skipped failure no longer counts')
    .option('--wave <name>', 'leave out what is left of this wave')
    .option('--bake', 'do not wait out the bake time that runs')
    .action(({ tenant: tenants, wave, bake }: SkipFlags, command: Command) =>
      runSteer(command, 'skip', ({ client, ask }) => {
        requireOne({ tenants, wave, bake }, 'skip', ['--tenant', '--wave', '--bake']);
        return client.skip({ ...(tenants ? { tenants } : {}), ...(wave ? { wave } : {}), ...(bake ? { bake } : {}), ...ask });
      }),
    );
}
