import type { Command } from 'commander';
import { waitBody } from '../client/to-documents.js';
import { renderRollout } from './render/rollout.js';
import { durationFlag } from './shared/plan-options.js';
import { runSession } from './shared/session.js';
import { verbCommand } from './shared/verb-command.js';
import { createWatcher } from './shared/watch.js';

export function register(program: Command): void {
  verbCommand(program, 'wait')
    .argument('[rollout]', 'id of a rollout (default: the open one, else the latest)')
    .option('--timeout <duration>', 'exit 6 when it is still going after this long', durationFlag)
    .option('--watch', 'show it while waiting')
    .action((rolloutId: string | undefined, flags: { timeout?: number; watch?: boolean }, command: Command) =>
      runSession(command, 'wait', async (session) => {
        const { client, out, signal } = session;
        const watcher = flags.watch || (!out.json && process.stdout.isTTY) ? await createWatcher(session) : undefined;
        try {
          const result = await client.wait({
            signal,
            ...(rolloutId === undefined ? {} : { rolloutId }),
            ...(flags.timeout === undefined ? {} : { timeoutMs: flags.timeout }),
            ...(watcher ? { onStatus: watcher.show } : {}),
          });
          watcher?.done(false);
          out.result('wait', waitBody(result), (style) => renderRollout(result.status, style));
          return result.exitCode;
        } finally {
          watcher?.done(true);
        }
      }),
    );
}
