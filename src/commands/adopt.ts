import type { Command } from 'commander';
import { EXIT, exitOfError } from '../client/exit-codes.js';
import { tendRefusal } from '../client/tend-refusal.js';
import { tendedBody } from '../client/to-documents.js';
import { renderAdopted } from './render/truth.js';
import { busy } from './shared/busy.js';
import { refuseMistakes } from './shared/mistakes.js';
import { runSession } from './shared/session.js';
import { verbCommand } from './shared/verb-command.js';

export function register(program: Command): void {
  verbCommand(program, 'adopt')
    .usage('[options] <tenants...>')
    .argument('[tenants...]', 'the tenants whose schemas are theirs from now on (needs --reason)')
    .action((tenants: readonly string[], _flags: unknown, command: Command) =>
      runSession(command, 'adopt', async ({ client, out, ask, signal }) => {
        refuseMistakes([
          tenants.length === 0 && 'Say which tenants to adopt: "flotilla adopt TENANT…".',
          !ask.reason && 'What was applied to an adopted tenant can no longer be rolled back: say why with --reason.',
        ]);
        const result = await busy('adopting', !out.json, (onProgress) =>
          client.adopt({ tenants: [...new Set(tenants)], ...ask, signal, onProgress }),
        );
        const refusal = tendRefusal(result);
        out.result('adopt', tendedBody(result), (style) => renderAdopted(result, style), refusal);
        return refusal ? exitOfError(refusal.code) : EXIT.ok;
      }),
    );
}
