import type { Command } from 'commander';
import { EXIT } from '../client/exit-codes.js';
import { explainBody } from '../client/to-documents.js';
import { renderExplain } from './render/rollout.js';
import { runSession } from './shared/session.js';
import { verbCommand } from './shared/verb-command.js';

export function register(program: Command): void {
  verbCommand(program, 'explain').action((_flags: object, command: Command) =>
    runSession(command, 'explain', async ({ client, out }) => {
      const at = await client.status();
      out.result('explain', explainBody(at), (style) => renderExplain(at, style));
      return EXIT.ok;
    }),
  );
}
