import type { Command } from 'commander';
import { EXIT } from '../client/exit-codes.js';
import { historyBody } from '../client/to-documents.js';
import { renderHistory } from './render/lists.js';
import { integerFlag } from './shared/plan-options.js';
import { runSession } from './shared/session.js';
import { verbCommand } from './shared/verb-command.js';

export function register(program: Command): void {
  verbCommand(program, 'history')
    .option('--limit <n>', 'at most this many, newest first (default: 20)', integerFlag)
    .option('--after <page>', 'the page behind this one (nextPage of --json)')
    .action((flags: { limit?: number; after?: string }, command: Command) =>
      runSession(command, 'history', async ({ client, out }) => {
        const { rollouts, next } = await client.history(flags);
        out.result('history', historyBody(rollouts, next), (style) => renderHistory(rollouts, style));
        return EXIT.ok;
      }),
    );
}
