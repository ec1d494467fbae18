/** What a migration's behaviour depends on beyond its own source: local imports, and files it reads. */

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { build } from 'esbuild';
import picomatch from 'picomatch';
import { checksum } from './checksum.js';

/** Hash over the file, everything local that it imports, and the files that the `inputs` globs match under `baseDir`. */
export async function closureHash(file: string, inputs: readonly string[], baseDir: string): Promise<string> {
  const result = await build({
    entryPoints: [file],
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    absWorkingDir: baseDir,
    logLevel: 'silent',
    loader: { '.sql': 'text' },
  });
  const local = Object.keys(result.metafile.inputs).map((path) => resolve(baseDir, path));
  return hashFiles([...local, ...matching(inputs, baseDir)], baseDir);
}

/** The same for a file that does not import anything local and reads nothing: no bundling needed. */
export const soloHash = (file: string, source: string, baseDir: string): string =>
  hashEntries([[relative(baseDir, file), checksum(source)]]);

const LOCAL_IMPORT = /\b(?:import|export)\b[^'"]*['"][./]|\b(?:require|import)\s*\(\s*(?!['"][^./])/;
/** `@lib/names` and `#lib/names` may be local by the `paths` of a tsconfig and the `imports` of a package.json. */
const OTHER_IMPORT = /\b(?:from|import|(?:require|import)\s*\()\s*['"](?!(?:knex|flotilla)(?:\/[^'"]*)?['"]|node:)/;

/** Whether the source may reach another local file; when in doubt, yes. */
export const mayImport = (source: string): boolean => LOCAL_IMPORT.test(source) || OTHER_IMPORT.test(source);

function hashFiles(files: readonly string[], baseDir: string): string {
  return hashEntries([...new Set(files)].sort().map((file) => [relative(baseDir, file), checksum(readFileSync(file, 'utf8'))]));
}

const hashEntries = (entries: readonly (readonly [string, string])[]): string =>
  createHash('sha256').update(JSON.stringify(entries)).digest('hex');

function matching(globs: readonly string[], baseDir: string): readonly string[] {
  if (globs.length === 0) return [];
  const matches = picomatch(globs as string[]);
  return readdirSync(baseDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('node_modules'))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => matches(relative(baseDir, path)));
}
