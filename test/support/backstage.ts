/** The Knex migrations of a published package, fetched once per machine: real files, written by people who know nothing of Flotilla. */

import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import knex, { type Knex } from 'knex';
import pacote from 'pacote';

const PACKAGE = '@backstage/plugin-catalog-backend@4.0.0';
const HOME = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'flotilla', 'backstage-catalog-4.0.0');

/** The folder with its 45 migration files. */
export async function backstageMigrations(): Promise<string> {
  const folder = join(HOME, 'migrations');
  if (!existsSync(folder)) {
    mkdirSync(join(HOME, '..'), { recursive: true });
    const fresh = mkdtempSync(`${HOME}-`);
    await pacote.extract(PACKAGE, fresh, { integrity: undefined });
    rmSync(HOME, { recursive: true, force: true });
    renameSync(fresh, HOME);
  }
  return folder;
}

/** Copies the files up to a name, and answers their names. */
export function copyMigrations(from: string, to: string, last = '~'): string[] {
  const files = readdirSync(from)
    .filter((file) => file.endsWith('.js') && file.split('_')[0]! <= last)
    .sort();
  mkdirSync(to, { recursive: true });
  for (const file of files) cpSync(join(from, file), join(to, file));
  return files;
}

/** Knex itself, as its own command line would be configured for this tenant. */
export async function withKnex<T>(url: string, directory: string, schema: string | undefined, work: (db: Knex) => Promise<T>): Promise<T> {
  const db = knex({
    client: 'pg',
    connection: url,
    pool: { min: 0, max: 2 },
    ...(schema ? { searchPath: [schema] } : {}),
    migrations: { directory, ...(schema ? { schemaName: schema } : {}) },
  });
  try {
    return await work(db);
  } finally {
    await db.destroy();
  }
}
