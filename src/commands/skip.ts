import type { Command } from 'commander';
import { runSteer } from './shared/steer-command.js';
import { addTenantFlag, requireOne } from './shared/tenant-flags.js';
import { verbCommand } from './shared/verb-command.js';

interface SkipFlags {
  readonly tenant?: readonly string[];
  readonly host?: string;
  readonly wave?: string;
  readonly bake?: boolean;
  readonly gate?: string;
}

export function register(program: Command): void {
  addTenantFlag(verbCommand(program, 'skip'), 'leave out this tenant; a skipped failure no longer counts')
    .option('--host <name>', 'leave out the tenants of this host that were not started')
    .option('--wave <name>', 'leave out what is left of this wave')
    .option('--bake', 'do not wait out the bake time that runs')
    .option('--gate <name>', 'go on whatever this gate says, to the end of this rollout')
    .action(({ tenant: tenants, ...flags }: SkipFlags, command: Command) =>
      runSteer(command, 'skip', ({ client, ask }) => {
        requireOne({ tenants, ...flags }, 'skip', ['--tenant', '--host', '--wave', '--bake', '--gate']);
        return client.skip({ ...(tenants ? { tenants } : {}), ...flags, ...ask });
      }),
    );
}
