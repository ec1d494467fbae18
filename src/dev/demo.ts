/**
 * `npm run demo`: the product on this machine. Two Postgres servers, Temporal with its UI, a worker; 300 tenants; three rollouts.
 * Ends by itself with a summary and exit 0. `--keep` leaves the stack up until Ctrl-C.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FlotillaClient } from '../client/flotilla-client.js';
import { renderError, toErrorDocument } from '../commands/shared/print-error.js';
import { childEnvironment, readEnvironment } from '../spec/env.js';
import { breachAndRollback, type DemoContext, firstRollout, nothingToDo, type SummaryRow } from './demo/acts.js';
import { createDemoCli } from './demo/cli.js';
import { createDemoFleet } from './demo/fleet.js';
import { type Stack, startStack } from './stack.js';
import { startWorker } from './worker-process.js';

const TENANTS = 300;
const project = fileURLToPath(new URL('../../', import.meta.url));
const keep = process.argv.includes('--keep');
const print = (line: string) => process.stdout.write(`${line}\n`);
const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => (stop.signal.aborted ? process.exit(130) : stop.abort()));

async function demo(folder: string): Promise<Stack> {
  const environment = readEnvironment();
  const began = performance.now();
  print('starting two Postgres servers and Temporal …');
  const stack = await startStack({
    folder,
    postgres: { eu: { dataDir: join(folder, 'eu', 'data') }, us: { dataDir: join(folder, 'us', 'data') } },
    temporal: {
      path: environment.path,
      onTry: (what) => (/download|go install/.test(what) ? print(`Temporal server, once: ${what}`) : undefined),
      ...(environment.temporalBin ? { bin: environment.temporalBin } : {}),
      ...(environment.cacheHome ? { cacheHome: environment.cacheHome } : {}),
    },
  });
  try {
    print(`seeding ${TENANTS} tenants …`);
    const fleet = await createDemoFleet(stack, TENANTS, join(project, 'examples/quick-start/seed.sql'));
    const { address } = stack.temporal;
    const env = childEnvironment({ TEMPORAL_ADDRESS: address, FLOTILLA_CONFIG: join(project, 'flotilla.config.ts'), ...fleet.variables });
    stack.workers.add(await startWorker({ cwd: project, env, logFile: join(folder, 'worker.log') }));
    const ready = performance.now();
    print(`stack ready in ${seconds(ready - began)}: ${TENANTS} tenants on 2 servers, Temporal UI at ${stack.temporal.uiUrl}\n`);

    await using client = await FlotillaClient.connect({ fleet: 'demo', address, namespace: 'default', actor: 'demo' });
    const context: DemoContext = { cli: createDemoCli(project, env, print, stop.signal), client, fleet, print, signal: stop.signal };
    const rows = [...(await firstRollout(context)), ...(await nothingToDo(context)), ...(await breachAndRollback(context))];
    await summary(rows, performance.now() - ready);
    return stack;
  } catch (error) {
    await stack.stop();
    throw error;
  }
}

async function summary(rows: readonly SummaryRow[], ms: number): Promise<void> {
  const { default: Table } = await import('cli-table3');
  const table = new Table({
    head: ['', 'result', 'read back from the tenants', 'time'],
    style: { head: [], border: [] },
    wordWrap: true,
    colWidths: [38, 48, 32, 9],
  });
  for (const row of rows) table.push([row.act, row.result, row.checked, `${row.seconds.toFixed(1)} s`]);
  print(`\n${table.toString()}`);
  print(`demo finished: ${seconds(ms)} from stack ready to this summary`);
}

const folder = mkdtempSync(join(tmpdir(), 'flotilla-demo-'));
let code = 0;
try {
  const stack = await demo(folder);
  if (keep && !stop.signal.aborted) {
    print(`\nkept: Temporal UI at ${stack.temporal.uiUrl}, ${stack.temporal.address}; logs in ${folder}; Ctrl-C ends it`);
    await new Promise((resolve) => stop.signal.addEventListener('abort', resolve));
  }
  await stack.stop();
  rmSync(folder, { recursive: true, force: true });
} catch (error) {
  code = stop.signal.aborted ? 130 : toErrorDocument(error).exit;
  if (!stop.signal.aborted) {
    process.stderr.write(renderError(toErrorDocument(error)));
    print(`logs in ${folder}`);
  }
}
process.exit(code);
