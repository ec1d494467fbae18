import type { Command } from 'commander';
import { EXIT } from '../client/exit-codes.js';
import { renderAudit } from './render/lists.js';
import { integerFlag } from './shared/plan-options.js';
import { runSession } from './shared/session.js';
import { verbCommand } from './shared/verb-command.js';

export function register(program: Command): void {
  verbCommand(program, 'audit')
    .argument('[rollout]', 'only this rollout')
    .option('--limit <n>', 'at most this many, newest first (default: 50)', integerFlag)
    .option('--after <page>', 'the page behind this one (nextPage of --json)')
    .action((rolloutId: string | undefined, flags: { limit?: number; after?: string }, command: Command) =>
      runSession(command, 'audit', async ({ client, out }) => {
        const { events, next } = await client.audit({ ...flags, ...(rolloutId === undefined ? {} : { rolloutId }) });
        out.result('audit', { events: [...events], ...(next ? { nextPage: next } : {}) }, (style) => renderAudit(events, style));
        return EXIT.ok;
      }),
    );
}
