/** Files that nobody has yet. */

import { closeSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { FlotillaError } from '../../domain/errors.js';

export interface NewFile {
  /** Absolute. */
  readonly path: string;
  readonly text: string;
}

/** Writes all of them, with the folders they need, or none. @throws FLT_FILE_EXISTS */
export function writeNewFiles(files: readonly NewFile[]): void {
  const made: string[] = [];
  try {
    for (const { path } of files) {
      mkdirSync(dirname(path), { recursive: true });
      create(path);
      made.push(path);
    }
    for (const { path, text } of files) writeFileSync(path, text);
  } catch (error) {
    for (const path of made) rmSync(path, { force: true });
    throw error;
  }
}

function create(path: string): void {
  try {
    closeSync(openSync(path, 'wx'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new FlotillaError('FLT_FILE_EXISTS', `${path} is there already.`, { path });
  }
}
