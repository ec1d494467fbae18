import type { Command } from 'commander';
import { validateBody } from '../client/to-documents.js';
import { exitOfValidate, validateRefusal } from '../client/validate.js';
import { renderValidate } from './render/validate.js';
import { busy } from './shared/busy.js';
import { refuseMistakes } from './shared/mistakes.js';
import { collect, withoutExtension } from './shared/plan-options.js';
import { runSession } from './shared/session.js';
import { selectionMistakes, selectionOptions } from './shared/tenant-selection.js';
import { verbCommand } from './shared/verb-command.js';

interface ValidateFlags {
  readonly migration?: string;
  readonly tenant?: readonly string[];
  readonly selector?: string;
}

export function register(program: Command): void {
  verbCommand(program, 'validate')
    .option('--migration <migration>', 'only the checks of this one (default: of every applied one)')
    .option('--tenant <id>', 'only this tenant; may be repeated', collect)
    .option('--selector <labels>', 'only tenants whose labels match, e.g. "plan=gold,host!=pg-eu-2"')
    .addHelpText('after', '\nExit 0: all pass. Exit 7: some do not. Exit 8: some tenants could not be asked.')
    .action((flags: ValidateFlags, command: Command) =>
      runSession(command, 'validate', async ({ client, out, ask, signal }) => {
        const everybody = flags.tenant === undefined && flags.selector === undefined;
        refuseMistakes(selectionMistakes({ ...flags, all: everybody }, 'check'));
        const { tenants, selector } = selectionOptions(flags);
        const result = await busy('making checks', !out.json, (onProgress) =>
          client.validate({
            ...(flags.migration === undefined ? {} : { migration: withoutExtension(flags.migration) }),
            ...(tenants === undefined ? {} : { tenants }),
            ...(selector === undefined ? {} : { selector }),
            ...ask,
            signal,
            onProgress,
          }),
        );
        out.result('validate', validateBody(result), (style) => renderValidate(result, style), validateRefusal(result));
        return exitOfValidate(result);
      }),
    );
}
