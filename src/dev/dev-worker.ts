/** Keeps one worker running for `flotilla dev`: started again when it ends, and when a migration or the config changes. */

import { type FSWatcher, watch } from 'node:fs';
import { basename } from 'node:path';
import { FlotillaError } from '../domain/errors.js';
import type { LoadedConfig } from '../spec/load-config.js';
import { stillRuns } from './process-identity.js';
import type { Stack } from './stack.js';
import { startWorker, type WorkerProcess } from './worker-process.js';

export interface SuperviseOptions {
  readonly config: LoadedConfig;
  readonly stack: Stack;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly logFile: string;
  readonly print: (line: string) => void;
  readonly signal: AbortSignal;
  /** After each start. */
  readonly onChange: () => void;
  readonly onFirstReady: () => void;
}

/** Several files are often written at once. */
const SETTLE_MS = 300;
const SERVERS_CHECK_MS = 2_000;

/** Returns when the signal fires. @throws FLT_DEV_FAILED when a server of the stack ends by itself, or the first worker does not start */
export async function superviseWorker(options: SuperviseOptions): Promise<void> {
  const { stack, print, signal } = options;
  const changes = watchFiles(options.config);
  const servers = stack.processes();
  let first = true;
  try {
    while (!signal.aborted) {
      let worker: WorkerProcess | undefined;
      try {
        worker = await startWorker({
          cwd: options.config.baseDir,
          env: options.env,
          logFile: options.logFile,
          args: ['--no-bake', '--config', options.config.path],
        });
      } catch (error) {
        if (first || !(error instanceof FlotillaError)) throw error;
        print(`${error.message} It is started again when a file changes.`);
        for (const line of (error.details.last as readonly string[] | undefined) ?? []) print(`  ${line}`);
      }
      if (worker) {
        stack.workers.add(worker);
        options.onChange();
        if (first) options.onFirstReady();
        else print('worker ready');
      }
      first = false;
      const why = await next(worker, changes, servers, signal);
      if (worker) {
        if (why === 'changed') print('a file changed: the worker is started again');
        if (why === 'ended') print('the worker ended by itself and is started again');
        await worker.stop();
        stack.workers.delete(worker);
      }
    }
  } finally {
    changes.close();
  }
}

type Why = 'stop' | 'changed' | 'ended';

async function next(
  worker: WorkerProcess | undefined,
  changes: Changes,
  servers: ReturnType<Stack['processes']>,
  signal: AbortSignal,
): Promise<Why> {
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  try {
    return await new Promise<Why>((resolve, reject) => {
      onAbort = () => resolve('stop');
      signal.addEventListener('abort', onAbort);
      if (signal.aborted) onAbort();
      void changes.next().then(() => resolve('changed'));
      void worker?.ended.then(() => resolve('ended'));
      timer = setInterval(() => {
        const gone = servers.find((it) => !stillRuns(it));
        if (gone) reject(new FlotillaError('FLT_DEV_FAILED', `${gone.name} ended by itself.`, { process: gone.name }));
      }, SERVERS_CHECK_MS);
    });
  } finally {
    clearInterval(timer);
    if (onAbort) signal.removeEventListener('abort', onAbort);
  }
}

interface Changes {
  /** Resolves after the next change, once things are quiet. */
  next(): Promise<void>;
  close(): void;
}

function watchFiles(config: LoadedConfig): Changes {
  let wake: (() => void) | undefined;
  let timer: NodeJS.Timeout | undefined;
  const changed = () => {
    clearTimeout(timer);
    timer = setTimeout(() => wake?.(), SETTLE_MS);
  };
  const watchers: FSWatcher[] = config.migrationDirectories.flatMap((directory) => {
    try {
      return [watch(directory, (_, file) => (file === null || /\.[cm]?[jt]s$/.test(file) ? changed() : undefined))];
    } catch {
      return []; // a folder that is missing is the worker's to report
    }
  });
  watchers.push(watch(config.baseDir, (_, file) => (file === basename(config.path) ? changed() : undefined)));
  return {
    next: () => new Promise((resolve) => (wake = resolve)),
    close() {
      clearTimeout(timer);
      for (const watcher of watchers) watcher.close();
    },
  };
}
