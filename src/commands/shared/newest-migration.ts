import { readdirSync } from 'node:fs';
import { extname } from 'node:path';
import type { LoadedConfig } from '../../spec/load-config.js';

const KNEX_EXTENSIONS = ['.js', '.cjs', '.mjs', '.ts', '.cts', '.mts'];

/**
 * Newest migration in the caller's own folders, without its extension: what a worker is expected to know. Undefined when the caller has
 * none, as on a machine that holds only the config. Reads names, loads nothing.
 */
export function newestMigration({ fleet, migrationDirectories }: LoadedConfig): string | undefined {
  const extensions = fleet.migrations.loadExtensions ?? KNEX_EXTENSIONS;
  const names = migrationDirectories.flatMap((directory) => {
    try {
      return readdirSync(directory).filter((file) => extensions.includes(extname(file)) && !/\.d\.[cm]?ts$/.test(file));
    } catch {
      return [];
    }
  });
  const newest = names.sort().at(-1);
  return newest?.slice(0, -extname(newest).length);
}
