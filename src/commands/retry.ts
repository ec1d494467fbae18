import type { Command } from 'commander';
import { runSteer } from './shared/steer-command.js';
import { addTenantFlag, requireOne } from './shared/tenant-flags.js';
import { verbCommand } from './shared/verb-command.js';

interface RetryFlags {
  readonly tenant?: readonly string[];
  readonly error?: string;
  readonly host?: string;
  readonly failed?: boolean;
  readonly unfinished?: boolean;
}

export function register(program: Command): void {
  addTenantFlag(verbCommand(program, 'retry'), 'this tenant')
    .option('--error <code>', 'those that failed with this code')
    .option('--host <name>', 'those on this host')
    .option('--failed', 'all that failed')
    .option('--unfinished', 'all that failed, and a halted or paused rollout goes on')
    .action(({ tenant: tenants, error, host, failed, unfinished }: RetryFlags, command: Command) =>
      runSteer(command, 'retry', ({ client, ask }) => {
        requireOne({ tenants, error, host, failed, unfinished }, 'retry', ['--tenant', '--error', '--host', '--failed', '--unfinished']);
        return client.retry({
          ...(tenants ? { tenants } : {}),
          ...(error ? { error } : {}),
          ...(host ? { host } : {}),
          ...(failed ? { failed } : {}),
          ...(unfinished ? { unfinished } : {}),
          ...ask,
        });
      }),
    );
}
