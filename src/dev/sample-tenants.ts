/** Tenants for a local database: schemas that a glob finds, each filled by a seed script. */

import pg from 'pg';

const NAMES = ['acme', 'globex', 'initech', 'umbrella', 'hooli', 'stark', 'wayne', 'wonka', 'tyrell', 'cyberdyne', 'soylent', 'duff'];

/** Schema names that fit a glob with one star; undefined when the glob is of another kind. */
export function sampleSchemas(like: string, count: number): string[] | undefined {
  const parts = like.split('*');
  if (parts.length !== 2 || /[?[\]{}()!+@\\]/.test(like)) return undefined;
  return Array.from({ length: count }, (_, i) => `${parts[0]}${NAMES[i] ?? String(i + 1).padStart(3, '0')}${parts[1]}`);
}

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** Opens one connection for `work`. */
export async function withDatabase<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: 'flotilla dev' });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Creates a database unless it is there. Answers whether it is new. */
export async function createDatabase(serverUrl: string, name: string): Promise<boolean> {
  return withDatabase(serverUrl, async (client) => {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [name]);
    if (!rowCount) await client.query(`create database ${quote(name)}`);
    return !rowCount;
  });
}

/** Creates the schemas that are missing and runs the seed in each new one, 25 to a transaction. Answers the new ones. */
export async function createTenants(url: string, schemas: readonly string[], seed: string | undefined): Promise<string[]> {
  return withDatabase(url, async (client) => {
    const { rows } = await client.query<{ nspname: string }>('select nspname from pg_namespace where nspname = any($1)', [schemas]);
    const there = new Set(rows.map((row) => row.nspname));
    const missing = schemas.filter((schema) => !there.has(schema));
    for (let at = 0; at < missing.length; at += 25) {
      const statements = missing
        .slice(at, at + 25)
        .map((schema) => `create schema ${quote(schema)}; set local search_path to ${quote(schema)}; ${seed ?? ''};`);
      await client.query(`begin; ${statements.join('\n')} commit;`);
    }
    return missing;
  });
}
