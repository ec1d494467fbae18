/** Types a `flotilla` command for the demo: the real command line, as a process of its own. */

import { spawn } from 'node:child_process';
import { FlotillaError } from '../../domain/errors.js';
import { cliPath } from '../worker-process.js';

export interface DemoCli {
  /** The person watches: its output goes to the terminal. Answers exit code and duration. */
  shown(...args: readonly string[]): Promise<{ readonly code: number | null; readonly ms: number }>;
  /** A script reads: answers the parsed document of `--json`. */
  document<T>(...args: readonly string[]): Promise<T>;
}

export function createDemoCli(
  cwd: string,
  env: Readonly<Record<string, string | undefined>>,
  print: (line: string) => void,
  signal: AbortSignal,
): DemoCli {
  const run = (args: readonly string[], capture: boolean): Promise<{ code: number | null; stdout: string }> =>
    new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [cliPath(), ...args], {
        cwd,
        env: { ...env },
        stdio: ['ignore', capture ? 'pipe' : 'inherit', 'inherit'],
        signal,
      });
      let stdout = '';
      child.stdout?.on('data', (chunk: Buffer) => {
        stdout += chunk;
      });
      child.once('error', reject);
      child.once('close', (code) => resolve({ code, stdout }));
    });
  return {
    async shown(...args) {
      print(`$ flotilla ${args.join(' ')}`);
      const began = performance.now();
      const { code } = await run(args, false);
      return { code, ms: performance.now() - began };
    },
    async document<T>(...args: readonly string[]) {
      print(`$ flotilla ${args.join(' ')} --json`);
      const { code, stdout } = await run([...args, '--json'], true);
      const parsed = JSON.parse(stdout || '{}') as T & { error?: { code: string; message: string } };
      if (parsed.error)
        throw new FlotillaError('FLT_DEMO_FAILED', `${args[0]}: ${parsed.error.message}`, { code: parsed.error.code, exit: code });
      return parsed;
    },
  };
}
