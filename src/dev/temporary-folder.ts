/** A folder for what nobody keeps, in memory where there is room. */

import { mkdtempSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Linux's file system in memory. Containers often have 64 MB of it. */
const IN_MEMORY = '/dev/shm';
const ENOUGH = 6 * 1024 ** 3;

/**
 * A new, empty folder. A database is some 300 files, and on some disks it takes thirty times as long to make them.
 * @param prefix of its name
 */
export const temporaryFolder = (prefix: string): string => mkdtempSync(join(hasRoom() ? IN_MEMORY : tmpdir(), prefix));

function hasRoom(): boolean {
  try {
    const { bavail, bsize } = statfsSync(IN_MEMORY);
    return Math.min(bavail * bsize, process.availableMemory()) > ENOUGH;
  } catch {
    return false; // there is none
  }
}
