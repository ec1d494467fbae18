/** One local stack per project. The lock is a file that names its holder; a holder that was killed leaves it behind, and that is noticed. */

import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { FlotillaError } from '../domain/errors.js';
import { localStackFile, localStackFolder, readLocalStack } from '../spec/local-stack.js';
import { type KnownProcess, startOf, stillRuns } from './process-identity.js';

export interface ProjectLock {
  release(): void;
}

/** Takes the project's lock, clearing up after a stack that was killed. @throws FLT_DEV_RUNNING */
export async function lockProject(projectDir: string): Promise<ProjectLock> {
  const folder = localStackFolder(projectDir);
  const file = join(folder, 'dev.lock');
  mkdirSync(folder, { recursive: true });
  // The folder ignores itself: the project's own .gitignore is not ours to edit.
  writeFileSync(join(folder, '.gitignore'), '*\n');
  const mine = `${file}.${process.pid}`;
  const aside = `${mine}.old`;
  writeFileSync(mine, JSON.stringify({ pid: process.pid, startedAt: startOf(process.pid) } satisfies KnownProcess));
  try {
    while (!linked(mine, file)) {
      const holder = readHolder(file);
      if (holder && stillRuns(holder)) throw alreadyRunning(projectDir, holder.pid);
      // Moved and looked at again, not removed: another process may have put its own lock there since we read it.
      if (!moved(file, aside)) continue;
      const taken = readHolder(aside);
      if (taken && stillRuns(taken)) {
        linked(aside, file);
        throw alreadyRunning(projectDir, taken.pid);
      }
    }
  } finally {
    rmSync(mine, { force: true });
    rmSync(aside, { force: true });
  }
  await clearUpAfterCrash(projectDir);
  return {
    release() {
      rmSync(localStackFile(projectDir), { force: true });
      rmSync(file, { force: true });
    },
  };
}

/** Gives a complete file its name, unless the name is taken. */
function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function moved(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

function readHolder(file: string): KnownProcess | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as KnownProcess;
  } catch {
    return undefined;
  }
}

function alreadyRunning(projectDir: string, pid: number): FlotillaError {
  const uiUrl = readLocalStack(projectDir)?.temporal.uiUrl;
  return new FlotillaError('FLT_DEV_RUNNING', `"flotilla dev" already runs in ${projectDir}, as process ${pid}.`, {
    pid,
    ...(uiUrl ? { ui: uiUrl } : {}),
  });
}

/** A killed stack's servers end by themselves within seconds; their data folders are free only then. */
async function clearUpAfterCrash(projectDir: string): Promise<void> {
  const left = (readLocalStack(projectDir)?.processes ?? []).filter(stillRuns);
  for (let waited = 0; left.some(stillRuns); waited += 100) {
    if (waited >= 15_000) for (const it of left.filter(stillRuns)) process.kill(it.pid, 'SIGKILL');
    await delay(100);
  }
  rmSync(localStackFile(projectDir), { force: true });
}
