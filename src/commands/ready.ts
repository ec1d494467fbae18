import type { Command } from 'commander';
import { EXIT } from '../client/exit-codes.js';
import { FlotillaError } from '../domain/errors.js';
import { plural } from './render/format.js';
import { withoutExtension } from './shared/plan-options.js';
import { runSession } from './shared/session.js';
import { verbCommand } from './shared/verb-command.js';

export function register(program: Command): void {
  verbCommand(program, 'ready')
    .usage('[options] <tenant> <migration> | --all <migration>')
    .argument('<names...>', 'tenant and migration; with --all only the migration')
    .option('--all', 'the whole fleet')
    .addHelpText('after', '\nExit 0: ready. Exit 7: not ready.')
    .action((names: readonly string[], flags: { all?: boolean }, command: Command) =>
      runSession(command, 'ready', async ({ client, out }) => {
        if (names.length !== (flags.all ? 1 : 2))
          throw new FlotillaError('FLT_USAGE', 'Expected "flotilla ready TENANT MIGRATION" or "flotilla ready --all MIGRATION".');
        const migration = withoutExtension(names.at(-1) as string);
        const tenant = flags.all ? undefined : names[0];
        const { ready, missing, sample } = await client.ready(migration, tenant);
        out.result('ready', { migration, ...(tenant === undefined ? {} : { tenant }), ready, missing, sample: [...sample] }, () => {
          const who = tenant ?? 'every tenant';
          if (ready) return `ready: ${who} is at ${migration} or later\n`;
          const names = tenant === undefined ? ` (${sample.join(', ')}${missing > sample.length ? ', …' : ''})` : '';
          return `not ready: ${tenant ?? plural(missing, 'tenant')}${names} not yet at ${migration}\n`;
        });
        return ready ? EXIT.ok : EXIT.notReady;
      }),
    );
}
