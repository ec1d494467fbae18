import type { Command } from 'commander';
import { EXIT } from '../client/exit-codes.js';
import { freezeBody } from '../client/to-documents.js';
import { renderFreeze } from './render/holds.js';
import { refuseMistakes } from './shared/mistakes.js';
import { untilFlag } from './shared/plan-options.js';
import { runSession } from './shared/session.js';
import { verbCommand } from './shared/verb-command.js';

export function register(program: Command): void {
  verbCommand(program, 'freeze')
    .option('--until <when>', 'ends by itself: "2h" from now, or "2026-12-01T06:00:00Z" (default: stays until lifted)', untilFlag)
    .option('--lift', 'end the freeze')
    .addHelpText('after', '\nWith --reason it freezes the fleet; without --reason and --lift it says whether the fleet is frozen.')
    .action((flags: { until?: Date; lift?: boolean }, command: Command) =>
      runSession(command, 'freeze', async ({ client, out, ask }) => {
        refuseMistakes([
          flags.lift && flags.until && 'A freeze is either lifted or given an end.',
          !flags.lift && flags.until && !ask.reason && 'Say why the fleet is frozen: --reason.',
        ]);
        const result = await client.freeze({ ...flags, ...ask });
        out.result('freeze', freezeBody(result), (style) => renderFreeze(result, style));
        return EXIT.ok;
      }),
    );
}
