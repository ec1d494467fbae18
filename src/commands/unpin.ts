import type { Command } from 'commander';
import { EXIT } from '../client/exit-codes.js';
import { pinBody } from '../client/to-documents.js';
import { renderPins } from './render/holds.js';
import { runSession } from './shared/session.js';
import { verbCommand } from './shared/verb-command.js';

export function register(program: Command): void {
  verbCommand(program, 'unpin')
    .argument('<tenants...>', 'the tenants to let go')
    .action((tenants: readonly string[], _flags: unknown, command: Command) =>
      runSession(command, 'pin', async ({ client, out, ask }) => {
        const result = await client.unpin({ tenants, ...ask });
        out.result('pin', pinBody(result), (style) => renderPins(result, 'let go', style));
        return EXIT.ok;
      }),
    );
}
