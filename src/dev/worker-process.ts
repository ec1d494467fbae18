/** A `flotilla worker` as a child process of the local stack. */

import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { FlotillaError } from '../domain/errors.js';
import { reapWhenThisProcessDies } from './reaper.js';

export interface WorkerProcessOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly args?: readonly string[];
  /** Gets everything the worker prints. */
  readonly logFile: string;
  /** @defaultValue 60000 */
  readonly readyTimeoutMs?: number;
}

export interface WorkerProcess {
  readonly pid: number;
  /** Resolves with its exit code (null: a signal) when it ends, for whatever reason. */
  readonly ended: Promise<number | null>;
  /** Finishes the tenant in hand, hands back the rest. Safe to repeat. */
  stop(): Promise<void>;
}

/** The command line beside this module: of the build, or of the sources. */
export const cliPath = (): string =>
  fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../../dist/cli.js' : '../cli.js', import.meta.url));

/** Starts a worker and waits until it takes work. It ends with this process, however that ends. @throws FLT_DEV_FAILED with its last lines */
export async function startWorker(options: WorkerProcessOptions): Promise<WorkerProcess> {
  const log = createWriteStream(options.logFile, { flags: 'a' });
  // detached: Ctrl-C in the terminal is for us; the worker is then asked once, in its turn
  const child = spawn(process.execPath, [cliPath(), 'worker', ...(options.args ?? [])], {
    cwd: options.cwd,
    env: { ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const ended = new Promise<number | null>((resolve) => {
    child.once('exit', (code) => resolve(code));
    child.once('error', () => resolve(null));
  });
  void ended.then(() => log.end());
  if (child.pid) reapWhenThisProcessDies({ pid: child.pid, signal: 'SIGTERM' });
  await untilReady(child, ended, log, options);
  return {
    pid: child.pid as number,
    ended,
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

function untilReady(
  child: ChildProcess,
  ended: Promise<number | null>,
  log: NodeJS.WritableStream,
  options: WorkerProcessOptions,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let tail = '';
    const failed = (why: string) => {
      clearTimeout(timer);
      const last = tail.trim().split('\n').slice(-6);
      reject(new FlotillaError('FLT_DEV_FAILED', `The worker ${why}.`, { log: options.logFile, last }));
    };
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      failed('was not ready in time');
    }, options.readyTimeoutMs ?? 60_000);
    const take = (chunk: Buffer) => {
      log.write(chunk);
      tail = `${tail}${chunk}`.slice(-4000);
      if (!/worker ready/i.test(tail)) return;
      clearTimeout(timer);
      resolve();
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    void ended.then((code) => failed(`ended at once (exit ${code ?? 'by a signal'})`));
  });
}
