import type { Command } from 'commander';
import { EXIT, exitOfError } from '../client/exit-codes.js';
import { tendRefusal } from '../client/tend-refusal.js';
import { baselineBody } from '../client/to-documents.js';
import type { BaselineOptions } from '../client/truth.js';
import { plural } from './render/format.js';
import { renderBaseline } from './render/truth.js';
import { busy } from './shared/busy.js';
import { mayChange } from './shared/confirm.js';
import { refuseMistakes } from './shared/mistakes.js';
import { addExpectFlags, type ExpectFlags, expectOptions, withoutExtension } from './shared/plan-options.js';
import { runSession, type Session } from './shared/session.js';
import {
  addSelectionFlags,
  describeSelection,
  type SelectionFlags,
  selectionMistakes,
  selectionOptions,
} from './shared/tenant-selection.js';
import { verbCommand } from './shared/verb-command.js';

interface BaselineFlags extends SelectionFlags, ExpectFlags {
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

export function register(program: Command): void {
  addExpectFlags(
    addSelectionFlags(
      verbCommand(program, 'baseline').argument('[migration]', 'migration that the tenants stand at (default: the newest)'),
    ).option('--dry-run', 'only say who would be marked, and how the tenants differ in structure'),
  )
    .option('-y, --yes', 'do not ask')
    .action((migration: string | undefined, flags: BaselineFlags, command: Command) =>
      runSession(command, 'baseline', (session) => baseline(session, migration, flags)),
    );
}

async function baseline(session: Session, migration: string | undefined, flags: BaselineFlags) {
  const { client, config, out, ask } = session;
  refuseMistakes(selectionMistakes(flags, 'mark'));
  const options: BaselineOptions = {
    ...(migration === undefined ? {} : { migration: withoutExtension(migration) }),
    ...selectionOptions(flags),
    ...expectOptions(flags, config),
  };
  const run = (more: Partial<BaselineOptions>) =>
    busy('marking tenants', !out.json, (onProgress) => client.baseline({ ...options, ...more, signal: session.signal, onProgress }));
  if (!flags.dryRun && !(await mayMark(session, flags, run))) {
    process.stdout.write('Nothing was marked.\n');
    return EXIT.ok;
  }
  const result = await run({ ...ask, dryRun: flags.dryRun ?? false });
  const refusal = tendRefusal(result);
  out.result('baseline', baselineBody(result), (style) => renderBaseline(result, style), refusal);
  return refusal ? exitOfError(refusal.code) : EXIT.ok;
}

/** A person sees who would be marked, and who differs, before the question. */
async function mayMark(
  { config, out }: Session,
  flags: BaselineFlags,
  run: (more: Partial<BaselineOptions>) => ReturnType<Session['client']['baseline']>,
): Promise<boolean> {
  const asked = { interactive: out.interactive, yes: flags.yes, environment: config.fleet.environment };
  if (flags.yes || !out.interactive) return mayChange(`Mark ${describeSelection(flags)}?`, asked);
  const preview = await run({ dryRun: true });
  // Nobody to ask about: the run itself says why
  if (preview.counts.done === 0) return true;
  process.stdout.write(renderBaseline(preview, out.style));
  return mayChange(`Mark ${plural(preview.counts.done, 'tenant')} as standing at ${preview.migration}?`, asked);
}
