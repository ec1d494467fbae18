/** Everything that a schema holds, for comparison: its catalog and its rows. */

import pg from 'pg';
import { catalogOf } from '../../support/catalog.js';

const OWN = /^(knex_migrations|flotilla_)/;

/** Rows of every table as sorted JSON; columns named in `without` are left out (random ids, times). */
export async function rowsOf(url: string, schema: string, without: readonly string[] = []): Promise<Record<string, string[]>> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows: tables } = await client.query<{ name: string }>(
      `select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relkind in ('r', 'p') order by 1`,
      [schema],
    );
    const all: Record<string, string[]> = {};
    for (const { name } of tables) {
      if (OWN.test(name)) continue;
      const at = `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(name)}`;
      const { rows } = await client.query<{ row: string }>(`select (to_jsonb(t) - $1::text[])::text as row from ${at} t order by 1`, [
        without,
      ]);
      all[name] = rows.map((it) => it.row);
    }
    return all;
  } finally {
    await client.end();
  }
}

export async function everythingIn(url: string, schema: string, without?: readonly string[]) {
  return { catalog: await catalogOf(url, schema), rows: await rowsOf(url, schema, without) };
}

/** What no crash may leave behind. */
export async function leftovers(url: string, schema: string): Promise<Record<string, unknown>> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const at = (name: string) => `${pg.escapeIdentifier(schema)}.${name}`;
    const one = async (sql: string, values: unknown[] = []) => (await client.query<{ v: unknown }>(sql, values)).rows[0]?.v ?? null;
    const exists = async (table: string) => (await one(`select to_regclass($1) is not null as v`, [at(table)])) === true;
    return {
      invalidIndexes: await one(
        `select count(*)::int v from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and not (i.indisvalid and i.indisready)`,
        [schema],
      ),
      knexLock: (await exists('knex_migrations_lock'))
        ? await one(`select array_agg(is_locked) v from ${at('knex_migrations_lock')}`)
        : [0],
      journal: (await exists('flotilla_step')) ? await one(`select count(*)::int v from ${at('flotilla_step')}`) : 0,
      doubledHistory: (await exists('knex_migrations'))
        ? await one(`select count(*)::int v from (select from ${at('knex_migrations')} group by name having count(*) > 1) d`)
        : 0,
      advisoryLocks: await one(
        `select count(*)::int v from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`,
      ),
    };
  } finally {
    await client.end();
  }
}

export const NOTHING_LEFT = { invalidIndexes: 0, knexLock: [0], journal: 0, doubledHistory: 0, advisoryLocks: 0 };
