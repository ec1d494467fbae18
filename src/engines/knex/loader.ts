/**
 * Finds and loads migration files, each once per process: a module cannot be unloaded, so a file that changes on disk is a problem until
 * the worker restarts, never a silent mix of old and new.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { createJiti } from 'jiti';
import type { Knex } from 'knex';
import { loadTrouble } from '../../domain/load-trouble.js';
import { phaseMistakes } from '../../domain/phases.js';
import { readDeclaration } from '../../migration/declaration.js';
import { selfAlias } from '../../spec/load-config.js';
import type { FileProblem, MigrationFile } from '../engine.js';
import { checksum } from './checksum.js';
import { closureHash, mayImport, soloHash } from './closure.js';

/** Knex's own default. */
export const LOAD_EXTENSIONS = ['.co', '.coffee', '.eg', '.iced', '.js', '.cjs', '.litcoffee', '.ls', '.ts'];
const OURS = ['.js', '.cjs', '.mjs', '.ts', '.cts', '.mts'];

export interface LoaderOptions {
  /** Absolute. */
  readonly directories: readonly string[];
  readonly loadExtensions?: readonly string[];
  readonly inputs: readonly string[];
  readonly baseDir: string;
}

export interface MigrationModule {
  readonly up: (knex: Knex) => unknown;
  readonly down?: (knex: Knex) => unknown;
}

/** What it takes and answers, only its run can show. */
const isMigrationFunction = (value: unknown): value is MigrationModule['up'] => typeof value === 'function';

export interface LoadedMigration {
  readonly file: MigrationFile;
  readonly module: MigrationModule;
}

export interface Loader {
  load(): Promise<{ readonly migrations: ReadonlyMap<string, LoadedMigration>; readonly problems: readonly FileProblem[] }>;
}

export function createLoader(options: LoaderOptions): Loader {
  const jiti = createJiti(import.meta.url, {
    moduleCache: false,
    fsCache: false,
    tsconfigPaths: true,
    interopDefault: false,
    alias: selfAlias(),
  });
  const loaded = new Map<string, LoadedMigration>();
  const failed = new Map<string, { checksum: string; message: string }>();

  async function loadFile(path: string): Promise<LoadedMigration> {
    const source = readFileSync(path, 'utf8');
    const fileName = basename(path);
    const exports = pickExports(await jiti.import(path));
    const { up, down } = exports;
    if (!isMigrationFunction(up)) throw new Error('it exports no function "up"');
    const config = exports.config as { transaction?: boolean } | undefined;
    const declares = readDeclaration(exports.flotilla);
    const solo = options.inputs.length === 0 && !mayImport(source);
    return {
      file: {
        name: fileName.slice(0, -extname(fileName).length),
        fileName,
        path,
        checksum: checksum(source),
        closure: solo ? soloHash(path, source, options.baseDir) : await closureHash(path, options.inputs, options.baseDir),
        transactional: config?.transaction !== false && declares?.backfill === undefined,
        hasDown: isMigrationFunction(down),
        ...(declares ? { declares } : {}),
      },
      module: { up, ...(isMigrationFunction(down) ? { down } : {}) },
    };
  }

  const look = async (): ReturnType<Loader['load']> => {
    const problems: FileProblem[] = [];
    const migrations = new Map<string, LoadedMigration>();
    for (const path of listFiles(options, problems)) {
      const fileName = basename(path);
      const now = checksum(readFileSync(path, 'utf8'));
      const before = loaded.get(path);
      if (before && before.file.checksum !== now) {
        problems.push({ file: fileName, message: 'it has changed on disk since this worker loaded it; restart the worker' });
        continue;
      }
      const known = failed.get(path);
      if (known?.checksum === now) {
        problems.push({ file: fileName, message: known.message });
        continue;
      }
      try {
        const it = before ?? (await loadFile(path));
        loaded.set(path, it);
        if (migrations.has(it.file.name))
          problems.push({
            file: fileName,
            message: `another file has the same name without its extension: ${migrations.get(it.file.name)!.file.fileName}`,
          });
        else migrations.set(it.file.name, it);
      } catch (error) {
        const message = `it does not load: ${loadTrouble(error)}`;
        failed.set(path, { checksum: now, message });
        problems.push({ file: fileName, message });
      }
    }
    const broken = problems.map(({ file }) => file.slice(0, -extname(file).length));
    const files = [...migrations.values()].map(({ file }) => file);
    for (const { name, message } of phaseMistakes(files, broken)) problems.push({ file: migrations.get(name)!.file.fileName, message });
    return { migrations: new Map([...migrations].sort(([a], [b]) => (a < b ? -1 : 1))), problems };
  };

  let latest: { at: number; found: ReturnType<Loader['load']> } | undefined;
  return {
    load() {
      // Asked for every tenant: the disk is looked at twice a second at most
      if (!latest || performance.now() - latest.at > 500) latest = { at: performance.now(), found: look() };
      return latest.found;
    },
  };
}

function listFiles(options: LoaderOptions, problems: FileProblem[]): readonly string[] {
  const extensions = options.loadExtensions ?? [...new Set([...LOAD_EXTENSIONS, ...OURS])];
  return options.directories.flatMap((directory) => {
    try {
      return readdirSync(directory, { withFileTypes: true })
        .filter((entry) => entry.isFile() && extensions.includes(extname(entry.name)) && !/\.d\.[cm]?ts$/.test(entry.name))
        .map((entry) => join(directory, entry.name));
    } catch (error) {
      problems.push({ file: directory, message: `the folder cannot be read: ${(error as NodeJS.ErrnoException).code ?? ''}` });
      return [];
    }
  });
}

/** CommonJS through an ESM loader hides everything under `default`; `config.transaction` must not get lost there. */
function pickExports(module: unknown): Record<string, unknown> {
  const outer = module as Record<string, unknown>;
  const inner = outer.default as Record<string, unknown> | undefined;
  return {
    ...(inner && typeof inner === 'object' ? inner : {}),
    ...Object.fromEntries(Object.entries(outer).filter(([key]) => key !== 'default')),
  };
}
