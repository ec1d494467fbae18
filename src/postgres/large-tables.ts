/** Tables that are too large to be written in one statement, and statements that may write any number of rows. */

import type { Client } from 'pg';
import { type Name, statementsOf } from './statement.js';

/** Rows of a table, as Postgres estimates them, that one statement may still write. */
export const BULK_ROWS = 10_000;

/** SQL: about how many rows the table `c` of pg_class holds, in a partitioned one over all its partitions. Unknown is below 0. */
export const ESTIMATE = `greatest(c.reltuples, case when c.relkind = 'p' then
  (select sum(greatest(p.reltuples, 0)) from pg_partition_tree(c.oid) t join pg_class p on p.oid = t.relid where t.isleaf) end)`;

const MAY_WRITE = /\b(insert|update|delete|merge)\b/i;

/** Tables, as written, that a text may write any number of rows of. What hides in a function or a DO block is not seen. */
export async function bulkWritesIn(sql: string): Promise<readonly Name[]> {
  if (!MAY_WRITE.test(sql)) return [];
  return (await statementsOf(sql))?.flatMap(({ kind, bulk }) => (kind === 'read' ? [] : bulk)) ?? [];
}

export interface LargeTable {
  /** Indices into what was asked for. */
  readonly schema: number;
  readonly table: number;
  /** About. */
  readonly rows: number;
}

/** Which of the tables are large in which of the schemas; a table that is named with a schema of its own is looked for there. One statement. */
export async function largeTables(client: Client, schemas: readonly string[], tables: readonly Name[]): Promise<readonly LargeTable[]> {
  const { rows } = await client.query<LargeTable>(
    `select s.i::int - 1 as schema, w.i::int - 1 as "table", n::float8 as rows
     from unnest($1::name[]) with ordinality s (name, i) cross join unnest($2::name[], $3::name[]) with ordinality w (schema, name, i)
     join pg_namespace o on o.nspname = coalesce(w.schema, s.name) join pg_class c on c.relnamespace = o.oid and c.relname = w.name,
     lateral (select ${ESTIMATE} n) e where n > ${BULK_ROWS} order by 1, 2`,
    [schemas, tables.map(({ schema }) => schema ?? null), tables.map(({ name }) => name)],
  );
  return rows;
}
