import type { Command } from 'commander';
import { EXIT } from '../client/exit-codes.js';
import { phasesBody } from '../client/to-documents.js';
import { renderPhases } from './render/phases.js';
import { runSession } from './shared/session.js';
import { verbCommand } from './shared/verb-command.js';

export function register(program: Command): void {
  verbCommand(program, 'phases')
    .option('--tenant <id>', 'also where this tenant stands')
    .action(({ tenant }: { tenant?: string }, command: Command) =>
      runSession(command, 'phases', async ({ client, out }) => {
        const changes = await client.phases(tenant);
        out.result('phases', phasesBody(changes, tenant), (style) => renderPhases(changes, tenant, style));
        return EXIT.ok;
      }),
    );
}
