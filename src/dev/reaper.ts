/**
 * One small process per parent that ends the servers which the parent started, should the parent die without doing so itself (kill -9, a
 * crash). It reads one JSON line per server from its standard input; the end of that input means that the parent is gone.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface Reaped {
  readonly pid: number;
  readonly signal: NodeJS.Signals;
  /** Removed once the process has ended: temporary data. */
  readonly remove?: string;
}

let reaper: ChildProcess | undefined;

/** Asks for `it` to be ended when this process dies. Safe to repeat. The promise to end it in the ordinary way stays with the caller. */
export function reapWhenThisProcessDies(it: Reaped): void {
  if (!reaper || reaper.exitCode !== null) {
    const script = fileURLToPath(import.meta.url);
    const loader = script.endsWith('.ts') ? ['--import', 'jiti/register'] : [];
    // detached: Ctrl-C reaches the whole foreground group, and the reaper has to outlive it
    reaper = spawn(process.execPath, [...loader, script, 'reap'], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    reaper.unref();
    (reaper.stdin as unknown as { unref(): void }).unref();
  }
  reaper.stdin!.write(`${JSON.stringify(it)}\n`);
}

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

async function end(it: Reaped): Promise<void> {
  if (alive(it.pid)) process.kill(it.pid, it.signal);
  for (let waited = 0; alive(it.pid) && waited < 100; waited++) {
    await new Promise((done) => setTimeout(done, 100));
    if (waited === 80) process.kill(it.pid, 'SIGKILL');
  }
  if (it.remove) rmSync(it.remove, { recursive: true, force: true });
}

if (process.argv[2] === 'reap' && process.argv[1] === fileURLToPath(import.meta.url)) {
  const all: Reaped[] = [];
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => all.push(JSON.parse(line)));
  lines.on('close', () => void Promise.all(all.map(end)).then(() => process.exit(0)));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
}
