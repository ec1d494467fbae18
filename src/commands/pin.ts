import type { Command } from 'commander';
import { EXIT } from '../client/exit-codes.js';
import { pinBody } from '../client/to-documents.js';
import { renderPins } from './render/holds.js';
import { refuseMistakes } from './shared/mistakes.js';
import { untilFlag } from './shared/plan-options.js';
import { runSession } from './shared/session.js';
import { verbCommand } from './shared/verb-command.js';

export function register(program: Command): void {
  verbCommand(program, 'pin')
    .argument('[tenants...]', 'the tenants to hold (needs --reason); without any: list who is pinned')
    .option('--until <when>', 'let them go by themselves: "2h" from now, or "2026-12-01T06:00:00Z"', untilFlag)
    .action((tenants: readonly string[], { until }: { until?: Date }, command: Command) =>
      runSession(command, 'pin', async ({ client, out, ask }) => {
        refuseMistakes([
          tenants.length > 0 && !ask.reason && 'Say why these tenants are pinned: --reason.',
          tenants.length === 0 && until && 'Say which tenants to pin.',
        ]);
        const result = await client.pin({ tenants, ...(until ? { until } : {}), ...ask });
        out.result('pin', pinBody(result), (style) => renderPins(result, 'pinned', style));
        return EXIT.ok;
      }),
    );
}
