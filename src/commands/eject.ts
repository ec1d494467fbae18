import type { Command } from 'commander';
import { EXIT, exitOfError } from '../client/exit-codes.js';
import { tendRefusal } from '../client/tend-refusal.js';
import { tendedBody } from '../client/to-documents.js';
import { renderEjected } from './render/truth.js';
import { busy } from './shared/busy.js';
import { confirm } from './shared/confirm.js';
import { refuseMistakes } from './shared/mistakes.js';
import { runSession, type Session } from './shared/session.js';
import {
  addSelectionFlags,
  describeSelection,
  type SelectionFlags,
  selectionMistakes,
  selectionOptions,
} from './shared/tenant-selection.js';
import { verbCommand } from './shared/verb-command.js';

interface EjectFlags extends SelectionFlags {
  readonly force?: boolean;
  readonly yes?: boolean;
}

export function register(program: Command): void {
  addSelectionFlags(verbCommand(program, 'eject'))
    .option('--force', 'also tenants with a half-way migration: how far it came is then lost')
    .option('-y, --yes', 'do not ask')
    .action((flags: EjectFlags, command: Command) => runSession(command, 'eject', (session) => eject(session, flags)));
}

async function eject({ client, out, ask, signal }: Session, flags: EjectFlags) {
  refuseMistakes([
    ...selectionMistakes(flags, 'eject'),
    !flags.yes && !out.interactive && 'This cannot be taken back, and there is no terminal to ask at: answer with --yes.',
  ]);
  const who = describeSelection(flags);
  const question = `Drop Flotilla's tables from ${who}? Its rollouts can no longer be rolled back, nor edited files be found.`;
  if (!flags.yes && !(await confirm(question, { interactive: out.interactive, flag: '--yes' }))) {
    process.stdout.write('Nothing was dropped.\n');
    return EXIT.ok;
  }
  const { force } = flags;
  const result = await busy("dropping Flotilla's tables", !out.json, (onProgress) =>
    client.eject({ ...selectionOptions(flags), ...(force ? { force } : {}), ...ask, signal, onProgress }),
  );
  const refusal = tendRefusal(result);
  out.result('eject', tendedBody(result), (style) => renderEjected(result, style), refusal);
  return refusal ? exitOfError(refusal.code) : EXIT.ok;
}
