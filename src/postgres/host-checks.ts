/** SQL behind Flotilla's own host checks: one number each, no data, nothing changed. */

import type { Client, PoolClient, QueryArrayConfig } from 'pg';
import type { HostCheck } from '../domain/host-checks.js';

interface Question {
  readonly sql: string;
  /** The answer is true only for a role that sees other people's sessions. */
  readonly seesAll: boolean;
}

const CHECKS: Readonly<Record<HostCheck, Question>> = {
  replicationLag: {
    sql: `select coalesce(extract(epoch from max(replay_lag)), 0)::float8 as value from pg_stat_replication`,
    seesAll: true,
  },
  lockWaits: {
    sql: `select count(distinct pid)::float8 as value from pg_locks where not granted and waitstart < clock_timestamp() - interval '1 second'`,
    seesAll: false,
  },
  oldestTransaction: {
    sql: `select coalesce(extract(epoch from clock_timestamp() - min(xact_start)), 0)::float8 as value from pg_stat_activity
      where backend_type = 'client backend' and pid <> pg_backend_pid() and application_name !~ '^flotilla( |$)'`,
    seesAll: true,
  },
  connections: {
    sql: `select 100.0 * sum(numbackends)::float8 / current_setting('max_connections')::int as value from pg_stat_database`,
    seesAll: false,
  },
  walQueue: {
    sql: `select case current_setting('archive_mode') when 'off' then 0
        else (select count(*) from pg_ls_archive_statusdir() where name ~ '\\.ready$') end::float8 as value`,
    seesAll: true,
  },
  invalidIndexes: {
    sql: `select count(*)::float8 as value from pg_index i where not i.indisvalid
        and not exists (select from pg_stat_progress_create_index p where p.index_relid = i.indexrelid)
        and not exists (select from pg_locks l where l.relation = i.indrelid and l.mode = 'ShareUpdateExclusiveLock' and l.pid <> pg_backend_pid())`,
    seesAll: false,
  },
};

/** @returns the number, or why this role cannot read it */
export const readHostCheck = (
  client: Client,
  check: HostCheck,
  withinMs: number,
): Promise<{ readonly value: number } | { readonly hidden: string }> =>
  readOnly(client, withinMs, async () => {
    const { sql, seesAll } = CHECKS[check];
    if (seesAll) {
      const { rows } = await client.query<{ sees: boolean }>(`select pg_has_role('pg_monitor', 'usage') as sees`);
      if (!rows[0]!.sees) return { hidden: 'the role is no member of pg_monitor' };
    }
    const { rows } = await client.query<{ value: number | null }>(sql);
    return { value: rows[0]?.value ?? 0 };
  });

/** The first column of the first row of one statement, which can change nothing. `undefined`: no row. */
export const readFirstColumn = async (client: Client | PoolClient, query: string, withinMs: number): Promise<unknown> =>
  (await readColumn(client, query, withinMs))[0];

/** The first column of every row of one statement, which can change nothing. */
export const readColumn = (client: Client | PoolClient, query: string, withinMs: number): Promise<readonly unknown[]> =>
  readOnly(client, withinMs, async () => {
    // The extended protocol takes one statement: none can end the transaction and go on outside of it
    const question: QueryArrayConfig & { queryMode: 'extended' } = { text: query, rowMode: 'array', queryMode: 'extended' };
    const { rows } = await client.query<unknown[]>(question);
    return rows.map((row) => row[0]);
  });

async function readOnly<T>(client: Client | PoolClient, withinMs: number, read: () => Promise<T>): Promise<T> {
  try {
    await client.query(`begin read only; set local statement_timeout to ${withinMs}`);
    return await read();
  } finally {
    await client.query('rollback').catch(() => undefined);
  }
}
