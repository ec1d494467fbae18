/** The Temporal dev server as a process of ours: found or fetched once, started on free ports, ended with this process however that ends. */

import { execFile, spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync, openSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { Connection } from '@temporalio/client';
import { FlotillaError } from '../domain/errors.js';
import { SEARCH_ATTRIBUTES } from '../workflows/search-attributes.js';
import { freePort } from './embedded-postgres.js';
import { reapWhenThisProcessDies } from './reaper.js';

const run = promisify(execFile);

/** The version that plain `go install` builds; server 1.29.1 with UI 2.42. */
export const TEMPORAL_CLI_VERSION = '1.5.1';
const GO_PACKAGE = `github.com/temporalio/cli/cmd/temporal@v${TEMPORAL_CLI_VERSION}`;

export interface FindTemporalOptions {
  /** What FLOTILLA_TEMPORAL_BIN names. */
  readonly bin?: string;
  /** PATH to search. */
  readonly path?: string;
  /** @defaultValue ~/.cache */
  readonly cacheHome?: string;
  /** Told before each attempt, since the last ones take minutes. */
  readonly onTry?: (what: string) => void;
}

const executable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/** Folder of Flotilla's cache that holds the server binary. */
export const temporalCacheFolder = (cacheHome = join(homedir(), '.cache')): string => join(cacheHome, 'flotilla', 'bin');

/** The `temporal` binary: the one named, PATH, the cache, the SDK's own download, a build with Go.
 *  @throws FLT_TEMPORAL_UNAVAILABLE naming each thing that was tried */
export async function findTemporal(options: FindTemporalOptions = {}): Promise<string> {
  const tried: string[] = [];
  const attempt = (what: string) => {
    tried.push(what);
    options.onTry?.(what);
  };
  if (options.bin) {
    attempt(`FLOTILLA_TEMPORAL_BIN=${options.bin}`);
    if (executable(options.bin)) return options.bin;
  }
  attempt('temporal on PATH');
  for (const folder of (options.path ?? '').split(delimiter).filter(Boolean)) {
    const file = join(folder, 'temporal');
    if (executable(file)) return file;
  }
  const cache = temporalCacheFolder(options.cacheHome);
  attempt(`${cache}/temporal`);
  if (executable(join(cache, 'temporal'))) return join(cache, 'temporal');

  mkdirSync(cache, { recursive: true });
  attempt("the SDK's download");
  const downloaded = await downloadThroughSdk(cache).catch((error: Error) => void tried.push(`  failed: ${error.message.split('\n')[0]}`));
  if (downloaded) return downloaded;

  attempt(`go install ${GO_PACKAGE} (about 3 minutes, once)`);
  try {
    await run('env', [`GOBIN=${cache}`, 'go', 'install', GO_PACKAGE], { timeout: 20 * 60_000 });
    return join(cache, 'temporal');
  } catch (error) {
    tried.push(`  failed: ${(error as Error).message.split('\n')[0]}`);
  }
  throw new FlotillaError('FLT_TEMPORAL_UNAVAILABLE', `No Temporal server binary was found. Tried:\n  ${tried.join('\n  ')}`, { tried });
}

/** The SDK fetches its own copy when asked for a local test server; it is started once, headless, and ended at once. */
async function downloadThroughSdk(cache: string): Promise<string | undefined> {
  const { TestWorkflowEnvironment } = await import('@temporalio/testing');
  const { readdirSync } = await import('node:fs');
  const version = `v${TEMPORAL_CLI_VERSION}`;
  const environment = await TestWorkflowEnvironment.createLocal({
    server: { executable: { type: 'cached-download', downloadDir: cache, version } },
  });
  await environment.teardown();
  const file = readdirSync(cache).find((name) => name.startsWith('temporal-') && executable(join(cache, name)));
  return file && join(cache, file);
}

export interface StartTemporalOptions extends FindTemporalOptions {
  /** @defaultValue a free one */
  readonly port?: number;
  /** @defaultValue a free one */
  readonly uiPort?: number;
  /** Without a UI. @defaultValue false */
  readonly headless?: boolean;
  /** Workflows survive a restart on the same file. @defaultValue kept in memory */
  readonly dbFile?: string;
  /** @defaultValue default */
  readonly namespace?: string;
  /** The server's own log. @defaultValue thrown away */
  readonly logFile?: string;
  /** `key=value` pairs, values as JSON. */
  readonly dynamicConfig?: readonly string[];
}

export interface TemporalServer {
  readonly address: string;
  readonly uiUrl?: string;
  readonly pid: number;
  /** Ends the server. Safe to repeat. */
  stop(): Promise<void>;
  /** kill -9, for tests of what survives it. */
  kill(): Promise<void>;
}

/** Starts the server and waits until its namespace and search attributes answer. */
export async function startTemporal(options: StartTemporalOptions = {}): Promise<TemporalServer> {
  const binary = await findTemporal(options);
  const port = options.port ?? (await freePort());
  const uiPort = options.headless ? undefined : (options.uiPort ?? (await freePort()));
  const namespace = options.namespace ?? 'default';
  const args = ['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port), '--log-level', 'error', '--namespace', namespace];
  args.push(...(uiPort ? ['--ui-port', String(uiPort)] : ['--headless']));
  if (options.dbFile) args.push('--db-filename', options.dbFile);
  for (const name of SEARCH_ATTRIBUTES) args.push('--search-attribute', `${name}=Keyword`);
  for (const pair of options.dynamicConfig ?? []) args.push('--dynamic-config-value', pair);
  const log = options.logFile ? openSync(options.logFile, 'a') : 'ignore';
  // detached: Ctrl-C is ours to handle, in order: first the worker, then the server
  const child = spawn(binary, args, { stdio: ['ignore', log, log], detached: true });
  reapWhenThisProcessDies({ pid: child.pid!, signal: 'SIGKILL' });
  let ended: string | undefined;
  const exit = new Promise<void>((resolve) =>
    child.once('exit', (code, signal) => {
      ended = `exit ${code ?? signal}`;
      resolve();
    }),
  );
  const address = `127.0.0.1:${port}`;
  await waitUntilReady(address, namespace, () => ended);
  const end = async (signal: NodeJS.Signals) => {
    if (!ended) child.kill(signal);
    await exit;
  };
  return {
    address,
    ...(uiPort ? { uiUrl: `http://127.0.0.1:${uiPort}` } : {}),
    pid: child.pid!,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  };
}

async function waitUntilReady(address: string, namespace: string, ended: () => string | undefined): Promise<void> {
  const deadline = Date.now() + 60_000;
  let last = '';
  while (Date.now() < deadline && !ended()) {
    try {
      const connection = await Connection.connect({ address, connectTimeout: 2_000 });
      try {
        const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
        if (SEARCH_ATTRIBUTES.every((name) => customAttributes?.[name] !== undefined)) return;
        last = 'search attributes are missing';
      } finally {
        await connection.close();
      }
    } catch (error) {
      last = (error as Error).message;
    }
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new FlotillaError('FLT_TEMPORAL_UNAVAILABLE', `The Temporal dev server did not come up on ${address}: ${ended() ?? last}`, {
    address,
  });
}
