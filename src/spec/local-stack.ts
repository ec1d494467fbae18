/** What a running `flotilla dev` leaves in its project, so that other commands there need no environment variables. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { provideVariables } from './env.js';

/** Folder of the local stack's data, inside the project. */
export const localStackFolder = (projectDir: string): string => join(projectDir, '.flotilla');
export const localStackFile = (projectDir: string): string => join(localStackFolder(projectDir), 'dev.json');

const localStack = z.object({
  pid: z.int(),
  temporal: z.object({ address: z.string(), namespace: z.string(), uiUrl: z.string().optional() }),
  /** Variables behind the config's references that the stack provides. */
  variables: z.record(z.string(), z.string()),
  /** Everything it started, so that a later one can clear up after a crash. */
  processes: z.array(z.object({ name: z.string(), pid: z.int(), startedAt: z.string().optional() })),
});
export type LocalStack = z.infer<typeof localStack>;

/** What the project's `flotilla dev` wrote; undefined when there is none or it cannot be read. It may have died since. */
export function readLocalStack(projectDir: string): LocalStack | undefined {
  try {
    return localStack.parse(JSON.parse(readFileSync(localStackFile(projectDir), 'utf8')));
  } catch {
    return undefined;
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Lets this process use the project's running local stack, for every variable that is not set. Answers whether there is one. */
export function useLocalStack(projectDir: string): boolean {
  const stack = readLocalStack(projectDir);
  if (!stack || !alive(stack.pid)) return false;
  provideVariables({ TEMPORAL_ADDRESS: stack.temporal.address, TEMPORAL_NAMESPACE: stack.temporal.namespace, ...stack.variables });
  return true;
}
