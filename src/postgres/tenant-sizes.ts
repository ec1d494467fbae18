/** How large tenants are, roughly, and what their server runs: what canaries are told apart by. */

import type { Client } from 'pg';

export interface Measured {
  /** Major version. */
  readonly pgVersion: string;
  /** Bytes by schema, as the last VACUUM or ANALYZE saw them. A schema without tables is 0. */
  readonly sizes: ReadonlyMap<string, number>;
}

export async function measureSchemas(client: Client, schemas: readonly string[]): Promise<Measured> {
  const { rows } = await client.query<{ schema: string | null; bytes: number; version: number }>(
    `select s.schema, coalesce(sum(c.relpages), 0)::float8 * current_setting('block_size')::int as bytes,
       current_setting('server_version_num')::int / 10000 as version
     from unnest($1::name[]) s (schema) left join pg_namespace n on n.nspname = s.schema
     left join pg_class c on c.relnamespace = n.oid and c.relkind in ('r', 'm') group by 1`,
    [schemas],
  );
  return { pgVersion: String(rows[0]?.version ?? ''), sizes: new Map(rows.map((row) => [row.schema!, row.bytes])) };
}
