/** What `doctor` asks a host: no data, nothing changed. */

import type { Client } from 'pg';

export interface HostFacts {
  readonly version: string;
  readonly versionNumber: number;
  readonly role: string;
  readonly maxConnections: number;
  readonly reservedConnections: number;
  readonly readOnly: boolean;
  /** Server clock minus ours. */
  readonly clockOffMs: number;
}

export async function readHostFacts(client: Client): Promise<HostFacts> {
  const before = Date.now();
  const { rows } = await client.query<Omit<HostFacts, 'clockOffMs'> & { now: number }>(
    `select current_setting('server_version') "version", current_setting('server_version_num')::int "versionNumber", current_user::text "role",
       current_setting('max_connections')::int "maxConnections", current_setting('superuser_reserved_connections')::int "reservedConnections",
       pg_is_in_recovery() or current_setting('default_transaction_read_only') = 'on' "readOnly",
       extract(epoch from clock_timestamp())::float8 * 1000 as now`,
  );
  const { now, ...facts } = rows[0]!;
  return { ...facts, clockOffMs: Math.round(now - (before + Date.now()) / 2) };
}

/** GRANTs that the current role lacks on the schemas, ready to be run by their owner. A schema that does not exist is left out. */
export async function missingGrants(client: Client, schemas: readonly string[]): Promise<readonly string[]> {
  const { rows } = await client.query<{ sql: string }>(
    `select format('grant usage, create on schema %I to %I;', nspname, current_user) as sql from pg_namespace
     where nspname = any ($1::name[]) and not (has_schema_privilege(oid, 'usage') and has_schema_privilege(oid, 'create')) order by nspname`,
    [schemas],
  );
  return rows.map((row) => row.sql);
}

/** Tables in the schemas that the current role neither owns nor may act as the owner of: it could not alter them. */
export async function tablesNotOwned(
  client: Client,
  schemas: readonly string[],
): Promise<{ readonly count: number; readonly owners: readonly string[] }> {
  const { rows } = await client.query<{ owner: string; n: number }>(
    `select pg_get_userbyid(c.relowner)::text as owner, count(*)::int n from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = any ($1::name[]) and c.relkind in ('r', 'p') and not pg_has_role(c.relowner, 'usage') group by 1 order by 1`,
    [schemas],
  );
  return { count: rows.reduce((n, row) => n + row.n, 0), owners: rows.map((row) => row.owner) };
}

/**
 * true behind a pooler in transaction or statement mode: while the second connection holds a transaction, the first one is given another
 * backend than before, or the second was given the first one's. A pooler that has several idle ones may hide it by chance: asked a few times.
 */
export async function sharesBackends(first: Client, second: Client): Promise<boolean> {
  const pid = async (client: Client) => (await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]!.pid;
  for (let round = 0; round < 3; round++) {
    const before = await pid(first);
    try {
      await second.query('begin');
    } catch (error) {
      // A pooler in statement mode refuses it, and Postgres itself never does
      if ((error as { code?: string }).code === '08P01') return true;
      throw error;
    }
    try {
      if ((await pid(second)) === before || (await pid(first)) !== before) return true;
    } finally {
      await second.query('rollback');
    }
  }
  return false;
}
