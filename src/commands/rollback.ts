import type { Command } from 'commander';
import { EXIT } from '../client/exit-codes.js';
import { FlotillaError } from '../domain/errors.js';
import { renderPreview } from './render/preview.js';
import { mayChange } from './shared/confirm.js';
import { collect, withoutExtension } from './shared/plan-options.js';
import { runSession } from './shared/session.js';
import { NOTHING_SENT, runSteer } from './shared/steer-command.js';
import { addTenantFlag } from './shared/tenant-flags.js';
import { verbCommand } from './shared/verb-command.js';

interface RollbackFlags {
  readonly tenant?: readonly string[];
  readonly wave?: string;
  readonly to?: string;
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly continue?: boolean;
  readonly skip?: readonly string[];
  readonly yes?: boolean;
}

export function register(program: Command): void {
  addTenantFlag(
    verbCommand(program, 'rollback').argument('[rollout]', 'id of a closed rollout: a new one takes it back (default: the open one)'),
    'only this tenant',
  )
    .option('--wave <name>', 'only this wave')
    .option('--to <migration>', 'this migration stays, with all before it (default: nothing of this rollout does)')
    .option('--dry-run', 'say what would be taken back and what refused, and change nothing; exit 3 when all of it would be refused')
    .option('--force', 'revert although something is lost by it (needs --reason)')
    .option('--continue', 'after a rollback that failed: try those again that are not back')
    .option('--skip <tenant>', 'with --continue: leave this tenant as it is; may be repeated', collect)
    .option('-y, --yes', 'do not ask')
    .action((rollout: string | undefined, flags: RollbackFlags, command: Command) =>
      flags.dryRun ? preview(command, rollout, flags) : send(command, rollout, flags),
    );
}

function send(command: Command, rolloutId: string | undefined, flags: RollbackFlags): Promise<void> {
  return runSteer(command, 'rollback', async ({ client, config, out, ask }) => {
    const { tenant: tenants, wave, force, skip } = flags;
    if (force && !ask.reason) throw new FlotillaError('FLT_USAGE', 'A forced rollback loses data: say why with --reason.');
    if (skip && !flags.continue)
      throw new FlotillaError('FLT_USAGE', '--skip goes with --continue: it leaves tenants of a failed rollback as they are.');
    const scope = tenants ? tenants.join(', ') : wave ? `wave "${wave}"` : `everything ${rolloutId ?? 'this rollout'} moved`;
    if (!(await mayChange(`Roll back ${scope}?`, { ...out, yes: flags.yes, environment: config.fleet.environment }))) return NOTHING_SENT;
    return client.rollback({
      ...scopeOf(rolloutId, flags),
      ...(force ? { force } : {}),
      ...(skip ? { continueSkipping: skip } : {}),
      ...ask,
    });
  });
}

function preview(command: Command, rolloutId: string | undefined, flags: RollbackFlags): Promise<void> {
  return runSession(command, 'rollbackPreview', async ({ client, out, ask }) => {
    const found = await client.previewRollback({ ...scopeOf(rolloutId, flags), ...ask });
    const { refused, groups, unknown, ...rest } = found;
    out.result(
      'rollbackPreview',
      {
        ...rest,
        refused: [...refused],
        groups: groups.map((group) => ({ ...group, reverts: [...group.reverts], sample: [...group.sample] })),
        unknown: [...unknown],
      },
      (style) => renderPreview(found, style),
    );
    return refused.length > 0 && !flags.force ? EXIT.refused : EXIT.ok;
  });
}

const scopeOf = (rolloutId: string | undefined, { tenant, wave, to }: RollbackFlags) => ({
  ...(rolloutId === undefined ? {} : { rolloutId }),
  ...(tenant ? { tenants: tenant } : {}),
  ...(wave ? { wave } : {}),
  ...(to === undefined ? {} : { to: withoutExtension(to) }),
});
