/** Connection references: `env:NAME` and `file:PATH`, resolved only where the worker runs, each time a connection is made. */

import { readFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { FlotillaError } from '../domain/errors.js';
import { readVariable } from './env.js';

export type ResolveReference = (reference: string) => Promise<string>;

/** Relative `file:` paths start at the config file's folder.
 *  @throws FLT_REFERENCE_UNRESOLVED naming the reference, never its value */
export function createResolver(baseDir: string): ResolveReference {
  return async (reference) => {
    const colon = reference.indexOf(':');
    const kind = reference.slice(0, colon);
    const name = reference.slice(colon + 1);
    if (kind === 'env') {
      const value = readVariable(name);
      if (value) return value;
      throw new FlotillaError(
        'FLT_REFERENCE_UNRESOLVED',
        `The variable ${name} is not set where the worker runs (reference "${reference}").`,
        { reference },
      );
    }
    if (kind === 'file') {
      try {
        const value = (await readFile(isAbsolute(name) ? name : join(baseDir, name), 'utf8')).trim();
        if (value) return value;
        throw new Error('it is empty');
      } catch (error) {
        const why = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
        throw new FlotillaError('FLT_REFERENCE_UNRESOLVED', `The file of reference "${reference}" cannot be read: ${why}.`, { reference });
      }
    }
    // A function in the config answered something else: do not repeat it, it may be a connection string.
    throw new FlotillaError(
      'FLT_REFERENCE_UNRESOLVED',
      'A connection function answered something that is neither "env:NAME" nor "file:PATH".',
      {},
    );
  };
}
