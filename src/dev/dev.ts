/** `flotilla dev`: what the config needs and the machine does not have, until Ctrl-C. */

import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FlotillaError } from '../domain/errors.js';
import { childEnvironment, type Environment } from '../spec/env.js';
import type { LoadedConfig } from '../spec/load-config.js';
import { type LocalStack, localStackFile, localStackFolder } from '../spec/local-stack.js';
import { superviseWorker } from './dev-worker.js';
import { lockProject } from './project-lock.js';
import { databasesToProvide, type ProvidedDatabase } from './provided-databases.js';
import { createDatabase, createTenants, sampleSchemas } from './sample-tenants.js';
import { type Stack, startStack } from './stack.js';

export interface DevOptions {
  readonly config: LoadedConfig;
  readonly environment: Environment;
  /** Sample tenants in each new local database. @defaultValue 5 */
  readonly tenants: number;
  /** SQL file run in each new sample tenant. */
  readonly seed?: string;
  /** Free ones unless given. */
  readonly temporalPort?: number;
  readonly uiPort?: number;
  readonly postgresPort?: number;
  /** Takes one line at a time. */
  readonly print: (line: string) => void;
  /** Ends the stack. */
  readonly signal: AbortSignal;
}

/** Runs until the signal. Data stays in `.flotilla/` of the project. @throws FLT_DEV_RUNNING, FLT_DEV_FAILED, FLT_TEMPORAL_UNAVAILABLE */
export async function runDev(options: DevOptions): Promise<void> {
  const { config, print, signal } = options;
  const { fleet, baseDir } = config;
  if (fleet.temporal?.address)
    throw new FlotillaError(
      'FLT_USAGE',
      `${config.path} names a Temporal server (temporal.address). "flotilla dev" brings its own: leave the address to TEMPORAL_ADDRESS or temporal.toml.`,
    );
  const lock = await lockProject(baseDir);
  let stack: Stack | undefined;
  try {
    const folder = localStackFolder(baseDir);
    const provided = databasesToProvide(fleet);
    const namespace = fleet.temporal?.namespace ?? 'default';
    stack = await startStack({
      folder,
      postgres: provided.length
        ? { local: { dataDir: postgresFolder(folder), persistent: true, ...given('port', options.postgresPort) } }
        : {},
      temporal: {
        namespace,
        dbFile: join(folder, 'temporal.db'),
        path: options.environment.path,
        // Looking on this machine takes no time; the others take minutes
        onTry: (what) => (/download|go install/.test(what) ? print(`Temporal server, once: ${what}`) : undefined),
        ...given('bin', options.environment.temporalBin),
        ...given('cacheHome', options.environment.cacheHome),
        ...given('port', options.temporalPort),
        ...given('uiPort', options.uiPort),
      },
    });
    if (signal.aborted) return;
    const variables = await provideDatabases(stack, provided, options);
    const uiUrl = stack.temporal.uiUrl;
    const record = (running: Stack) =>
      writeRecord(baseDir, {
        pid: process.pid,
        temporal: { address: running.temporal.address, namespace, ...(uiUrl ? { uiUrl } : {}) },
        variables,
        processes: running.processes(),
      });
    record(stack);
    const running = stack;
    await superviseWorker({
      config,
      stack,
      env: childEnvironment({ TEMPORAL_ADDRESS: stack.temporal.address, TEMPORAL_NAMESPACE: namespace, ...variables }),
      logFile: join(folder, 'worker.log'),
      print,
      signal,
      onChange: () => record(running),
      onFirstReady: () => describe(running, provided, variables, config, print),
    });
    print('stopping');
  } finally {
    await stack?.stop();
    lock.release();
  }
}

const given = <K extends string, V>(key: K, value: V | undefined) =>
  (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: V };

function postgresFolder(folder: string): string {
  const parent = join(folder, 'postgres');
  mkdirSync(parent, { recursive: true });
  return join(parent, 'data');
}

/** Creates the local databases and, in new ones, tenants to begin with. Answers the variables that lead there. */
async function provideDatabases(stack: Stack, provided: readonly ProvidedDatabase[], options: DevOptions): Promise<Record<string, string>> {
  const { fleet } = options.config;
  const seed = options.seed === undefined ? undefined : readSeed(options.seed);
  const variables: Record<string, string> = {};
  for (const { variable, database, hosts } of provided) {
    const server = stack.postgres.local!;
    const url = server.databaseUrl(database);
    variables[variable] = url;
    if (!(await createDatabase(server.url, database)) || options.tenants === 0) continue;
    for (const source of fleet.tenants) {
      if (typeof source === 'function' || source.kind !== 'schemas' || !hosts.includes(source.host) || source.database) continue;
      const schemas = sampleSchemas(source.like, options.tenants);
      if (schemas) await createTenants(url, schemas, seed);
    }
  }
  return variables;
}

function readSeed(path: string): string {
  if (!existsSync(path)) throw new FlotillaError('FLT_USAGE', `There is no seed file ${path}.`, { path });
  return readFileSync(path, 'utf8');
}

/** Only this user may read it: it holds the local databases' addresses and password. */
function writeRecord(projectDir: string, record: LocalStack): void {
  const file = localStackFile(projectDir);
  writeFileSync(file, `${JSON.stringify(record, undefined, 2)}\n`, { mode: 0o600 });
  chmodSync(file, 0o600);
}

function describe(
  stack: Stack,
  provided: readonly ProvidedDatabase[],
  variables: Readonly<Record<string, string>>,
  config: LoadedConfig,
  print: (line: string) => void,
): void {
  print(`${config.fleet.name} is up`);
  print(`  Temporal   ${stack.temporal.address}`);
  if (stack.temporal.uiUrl) print(`  UI         ${stack.temporal.uiUrl}`);
  for (const { variable, hosts } of provided)
    print(`  Postgres   ${variables[variable]}  (${hosts.length ? `host ${hosts.join(', ')}` : 'control'}, ${variable})`);
  print(`  worker     log in ${join(localStackFolder(config.baseDir), 'worker.log')}`);
  print('  next       in another terminal, in this folder: flotilla plan, then flotilla start --watch');
  print('  Ctrl-C ends it; the data stays in .flotilla/');
}
