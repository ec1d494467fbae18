/** What every verb that talks to Temporal does around its work: config, connection, Ctrl-C, errors, exit code. */

import type { Command } from 'commander';
import { Detached } from '../../client/detached.js';
import type { DocumentKind } from '../../client/documents.js';
import { EXIT, type ExitCode } from '../../client/exit-codes.js';
import type { FlotillaClient } from '../../client/flotilla-client.js';
import { readEnvironment } from '../../spec/env.js';
import type { LoadedConfig } from '../../spec/load-config.js';
import { type Globals, globalsOf } from './globals.js';
import { createOutput, type Output } from './output.js';
import { printError } from './print-error.js';

export interface Session {
  readonly client: FlotillaClient;
  readonly config: LoadedConfig;
  readonly globals: Globals;
  readonly out: Output;
  /** Fires on Ctrl-C: stop waiting, change nothing. */
  readonly signal: AbortSignal;
  /** The same as Ctrl-C. */
  readonly detach: () => void;
  /** actor, reason and requestId as given. */
  readonly ask: { readonly actor: string; readonly reason?: string; readonly requestId?: string };
}

/** Runs a verb's work; its answer is the exit code. Errors are printed under the verb's kind of document. */
export async function runSession(command: Command, kind: DocumentKind, work: (session: Session) => Promise<ExitCode>): Promise<void> {
  const globals = globalsOf(command);
  const environment = readEnvironment();
  const interrupt = new AbortController();
  const onInterrupt = () => {
    // The second Ctrl-C does not wait for anything.
    if (interrupt.signal.aborted) process.exit(EXIT.detached);
    interrupt.abort();
  };
  process.on('SIGINT', onInterrupt);
  let fleet: string | null = null;
  let client: FlotillaClient | undefined;
  try {
    // Loaded here and not above: usage errors and --help need neither zod nor the Temporal SDK.
    const [{ loadConfig }, { useLocalStack }, sdk] = await Promise.all([
      import('../../spec/load-config.js'),
      import('../../spec/local-stack.js'),
      import('../../client/flotilla-client.js'),
    ]);
    const config = await loadConfig(globals.config ?? environment.config, process.cwd());
    useLocalStack(config.baseDir);
    fleet = config.fleet.name;
    const { localUiUrl } = await import('./local-ui.js');
    const uiUrl = localUiUrl(config);
    const actor = globals.actor ?? environment.actor;
    client = await sdk.FlotillaClient.connect({
      fleet,
      taskQueue: config.taskQueue,
      actor,
      ...(uiUrl ? { uiUrl } : {}),
      ...(config.fleet.temporal?.address ? { address: config.fleet.temporal.address } : {}),
      ...(config.fleet.temporal?.namespace ? { namespace: config.fleet.temporal.namespace } : {}),
    });
    const working = work({
      client,
      config,
      globals,
      out: createOutput({ json: globals.json, fleet }),
      signal: interrupt.signal,
      detach: onInterrupt,
      ask: {
        actor,
        ...(globals.reason === undefined ? {} : { reason: globals.reason }),
        ...(globals.requestId === undefined ? {} : { requestId: globals.requestId }),
      },
    });
    // Whatever the verb is waiting for, Ctrl-C answers at once.
    process.exitCode = await Promise.race([working, rejectOn(interrupt.signal)]);
  } catch (error) {
    if (error instanceof Detached || interrupt.signal.aborted) {
      process.stderr.write('Detached; what was started goes on. Look with "flotilla status", wait with "flotilla wait".\n');
      process.exit(EXIT.detached);
    } else process.exitCode = printError(error, { json: globals.json, fleet, kind: fleet === null ? 'error' : kind });
  } finally {
    process.off('SIGINT', onInterrupt);
    await client?.close().catch(() => undefined);
  }
}

const rejectOn = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Detached()), { once: true }));
