/** `flotilla dev` as a process in a copy of one of the examples. */

import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { stillRuns } from '../../src/dev/process-identity.js';
import { type LocalStack, readLocalStack } from '../../src/spec/local-stack.js';
import { CLI } from './fleet.js';
import { until } from './until.js';

const examples = fileURLToPath(new URL('../../examples/', import.meta.url));

export interface DevProject {
  readonly dir: string;
  /** Starts `flotilla dev` and waits until it says that it is up. */
  dev(...args: string[]): Promise<DevProcess>;
  /** Runs `flotilla …` in the project, with no variable set. */
  cli(
    ...args: string[]
  ): Promise<{ readonly code: number | undefined; readonly stdout: string; readonly stderr: string; readonly json: any }>;
  remove(): Promise<void>;
}

export interface DevRun {
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  /** Parsed stdout of a `--json` run. */
  readonly json: any;
}

export interface DevProcess {
  readonly stack: LocalStack;
  output(): string;
  saw(text: string): Promise<void>;
  /** Sends the signal and waits for its end; answers exit code or signal. */
  end(signal: NodeJS.Signals): Promise<number | string | null>;
  /** Resolves when nothing that it had started runs any more. */
  nothingLeft(): Promise<void>;
}

export function createDevProject(example = 'quick-start'): DevProject {
  const dir = mkdtempSync(join(tmpdir(), 'flotilla-dev-'));
  cpSync(join(examples, example), dir, { recursive: true, filter: (path) => !path.includes('.flotilla') });
  const running = new Set<ChildProcess>();
  return {
    dir,
    async dev(...args) {
      const child = spawn(process.execPath, [CLI, 'dev', ...args], { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] });
      running.add(child);
      let text = '';
      child.stdout.on('data', (chunk) => (text += chunk));
      child.stderr.on('data', (chunk) => (text += chunk));
      const ended = new Promise<number | string | null>((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code)));
      const saw = async (what: string) => {
        await until(
          async () => {
            if (text.includes(what)) return true;
            if (child.exitCode !== null) throw new Error(`flotilla dev ended (${child.exitCode}):\n${text}`);
            return false;
          },
          `"${what}" from flotilla dev; it printed:\n${text}`,
          90_000,
        );
      };
      await saw('Ctrl-C ends it');
      const stack = readLocalStack(dir) as LocalStack;
      return {
        stack,
        output: () => text,
        saw,
        async end(signal) {
          child.kill(signal);
          const how = await ended;
          running.delete(child);
          return how;
        },
        nothingLeft: async () => {
          await until(async () => !stack.processes.some(stillRuns), `the end of ${JSON.stringify(stack.processes)}`, 20_000);
        },
      };
    },
    async cli(...args) {
      const { exitCode, stdout, stderr } = await execa(process.execPath, [CLI, ...args], { cwd: dir, reject: false, stdin: 'ignore' });
      return { code: exitCode, stdout, stderr, json: args.includes('--json') ? JSON.parse(stdout) : undefined };
    },
    async remove() {
      for (const child of running) child.kill('SIGKILL');
      const left = readLocalStack(dir)?.processes ?? [];
      await until(async () => !left.some(stillRuns), 'the end of the stack', 20_000);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
