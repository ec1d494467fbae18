/** Reads a knexfile for `flotilla init --from-knexfile`: what Flotilla takes over, and what it has to tell a person about. */

import { existsSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { createJiti } from 'jiti';
import { FlotillaError } from '../../domain/errors.js';

const KNEXFILES = ['ts', 'mts', 'js', 'mjs', 'cjs'].map((extension) => `knexfile.${extension}`);

export interface KnexfileSettings {
  readonly path: string;
  /** Relative to the project, `./`-prefixed. */
  readonly directories: readonly string[];
  readonly tableName?: string;
  readonly schemaName?: string;
  readonly loadExtensions?: readonly string[];
  /** What could not be taken over, one sentence each. */
  readonly notes: readonly string[];
}

type Loose = Record<string, unknown>;
const isObject = (value: unknown): value is Loose => value !== null && typeof value === 'object' && !Array.isArray(value);

/** Path of the knexfile: the one given, or the first of the usual names. @throws FLT_KNEXFILE_UNUSABLE */
export function findKnexfile(given: string | undefined, dir: string): string {
  if (given) {
    const path = resolve(dir, given);
    if (existsSync(path)) return path;
    throw unusable(path, 'there is no such file');
  }
  const name = KNEXFILES.find((candidate) => existsSync(join(dir, candidate)));
  if (name) return join(dir, name);
  throw unusable(dir, `none of ${KNEXFILES.join(', ')} is there`);
}

const unusable = (path: string, why: string): FlotillaError =>
  new FlotillaError('FLT_KNEXFILE_UNUSABLE', `The knexfile cannot be taken over: ${why} (${path}).`, { path });

/** Loads it as Knex would (object, promise or function; with environments or without). Connections are not read.
 *  @throws FLT_KNEXFILE_UNUSABLE */
export async function readKnexfile(path: string, projectDir: string, environment = 'development'): Promise<KnexfileSettings> {
  let loaded: unknown;
  try {
    loaded = await createJiti(import.meta.url, { moduleCache: false, fsCache: false }).import(path, { default: true });
    if (typeof loaded === 'function') loaded = await (loaded as () => unknown)();
    loaded = await loaded;
  } catch (error) {
    throw unusable(path, `it does not load: ${(error as Error).message.split('\n')[0]}`);
  }
  if (!isObject(loaded)) throw unusable(path, 'it exports no configuration object');
  const config = isObject(loaded[environment]) ? loaded[environment] : loaded;
  const dialect = config.client ?? config.dialect;
  if (dialect === undefined && !isObject(config.migrations))
    throw unusable(path, `it has neither a client nor an environment "${environment}"; name one with --knex-env`);
  if (typeof dialect === 'string' && !/^(pg|postgres|postgresql|pgnative|pg-native)$/i.test(dialect))
    throw unusable(path, `its client is "${dialect}", and Flotilla runs on Postgres`);
  const migrations = isObject(config.migrations) ? config.migrations : {};
  if (migrations.migrationSource !== undefined)
    throw unusable(path, 'it uses a migrationSource of its own; Flotilla reads migration files from folders');
  const given = Array.isArray(migrations.directory) ? migrations.directory : [migrations.directory ?? './migrations'];
  return {
    path,
    // Knex takes folders as relative to the knexfile
    directories: given.map((directory) => dotted(relative(projectDir, resolve(dirname(path), String(directory))))),
    ...text('tableName', migrations.tableName),
    ...text('schemaName', migrations.schemaName),
    ...(Array.isArray(migrations.loadExtensions) ? { loadExtensions: migrations.loadExtensions.map(String) } : {}),
    notes: notesOn(config, migrations),
  };
}

const text = <K extends string>(key: K, value: unknown) =>
  (typeof value === 'string' && value !== '' ? { [key]: value } : {}) as { readonly [P in K]?: string };

const dotted = (path: string): string => {
  const posix = path.split(sep).join('/');
  return posix.startsWith('.') ? posix : `./${posix}`;
};

function notesOn(config: Loose, migrations: Loose): string[] {
  const notes: string[] = [];
  for (const hook of ['wrapIdentifier', 'postProcessResponse'])
    if (typeof config[hook] === 'function')
      notes.push(`The knexfile sets ${hook}, which changes what migrations build: pass the same function as migrations.${hook}.`);
  if (config.userParams !== undefined)
    notes.push('The knexfile sets userParams: pass them as migrations.userParams, a function of the tenant.');
  if (migrations.disableTransactions === true)
    notes.push(
      'The knexfile sets disableTransactions. Flotilla decides per file: export const config = { transaction: false } where a file needs it.',
    );
  if (migrations.sortDirsSeparately === true)
    notes.push('The knexfile sets sortDirsSeparately. Flotilla orders the files of all folders by name, as Knex does without it.');
  return notes;
}
