import type { Command } from 'commander';
import { EXIT } from '../client/exit-codes.js';
import { renderDoctor } from './render/lists.js';
import { busy } from './shared/busy.js';
import { runSession } from './shared/session.js';
import { verbCommand } from './shared/verb-command.js';

export function register(program: Command): void {
  verbCommand(program, 'doctor')
    .option('--fix', "create what is missing in Temporal (Flotilla's search attributes)")
    .addHelpText('after', '\nExit 0: all is well. Exit 3: a check failed.')
    .action((flags: { fix?: boolean }, command: Command) =>
      runSession(command, 'doctor', async ({ client, config, out }) => {
        const { ok, checks } = await busy('checking', !out.json, () => client.doctor(flags));
        const all = [{ name: 'config', ok: true, detail: config.path }, ...checks];
        out.result('doctor', { ok, checks: all }, (style) => renderDoctor(all, style));
        return ok ? EXIT.ok : EXIT.refused;
      }),
    );
}
