import type { Command } from 'commander';
import { EXIT, exitOfError } from '../client/exit-codes.js';
import { tendRefusal } from '../client/tend-refusal.js';
import { refreshBody } from '../client/to-documents.js';
import { renderRefresh } from './render/truth.js';
import { busy } from './shared/busy.js';
import { runSession } from './shared/session.js';
import { verbCommand } from './shared/verb-command.js';

export function register(program: Command): void {
  verbCommand(program, 'refresh').action((_flags: unknown, command: Command) =>
    runSession(command, 'refresh', async ({ client, out, ask, signal }) => {
      const result = await busy('reading the tenants', !out.json, (onProgress) => client.refresh({ ...ask, signal, onProgress }));
      const refusal = tendRefusal(result);
      out.result('refresh', refreshBody(result), (style) => renderRefresh(result, style), refusal);
      return refusal ? exitOfError(refusal.code) : EXIT.ok;
    }),
  );
}
