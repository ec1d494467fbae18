import type { Command } from 'commander';
import { EXIT } from '../client/exit-codes.js';
import { repairBody } from '../client/to-documents.js';
import { FlotillaError } from '../domain/errors.js';
import { renderRepair } from './render/truth.js';
import { busy } from './shared/busy.js';
import { addExpectFlags, type ExpectFlags, expectOptions, withoutExtension } from './shared/plan-options.js';
import { runSession } from './shared/session.js';
import { verbCommand } from './shared/verb-command.js';

export function register(program: Command): void {
  addExpectFlags(
    verbCommand(program, 'repair').option(
      '--checksum <migration>',
      'accept the file of this migration as it now stands, in place of what tenants have applied',
    ),
  ).action((flags: ExpectFlags & { checksum?: string }, command: Command) =>
    runSession(command, 'repair', async ({ client, config, out, ask, signal }) => {
      const { checksum } = flags;
      if (checksum === undefined) throw new FlotillaError('FLT_USAGE', 'Say what to repair: --checksum MIGRATION.');
      const result = await busy('reading the histories', !out.json, (onProgress) =>
        client.repair({ checksum: withoutExtension(checksum), ...expectOptions(flags, config), ...ask, signal, onProgress }),
      );
      out.result('repair', repairBody(result), (style) => renderRepair(result, style));
      return EXIT.ok;
    }),
  );
}
