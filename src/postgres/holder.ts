/** Who holds a tenant's lock, how a dead attempt's backend is ended, and how statements of attempts are cancelled. */

import type { Client } from 'pg';
import { tenantKey } from './keys.js';
import { literal } from './quote.js';

/**
 * Ends the backend that holds the tenant's lock, if it is one of ours: its application_name is the one that attempts of this rollout on this
 * tenant go by, and pid and start are still those of the session that was found. A backend that anybody else runs is left alone, and so is
 * one that we may not end. Answers whether one was ended.
 */
export async function endHolder(client: Client, schema: string, applicationName: string): Promise<boolean> {
  const { rows } = await client.query<{ pid: number; start: string }>(
    `select a.pid, a.backend_start::text as start from pg_locks l join pg_stat_activity a on a.pid = l.pid
     where l.locktype = 'advisory' and l.granted and l.objsubid = 1 and l.database = (select oid from pg_database where datname = current_database())
       and (l.classid::bigint << 32 | l.objid::bigint) = ${tenantKey(schema)} and a.pid <> pg_backend_pid() and a.application_name = ${literal(applicationName)}`,
  );
  const [holder] = rows;
  if (!holder) return false;
  try {
    const ended = await client.query<{ ended: boolean }>(
      `select pg_terminate_backend(pid) as ended from pg_stat_activity
       where pid = ${Number(holder.pid)} and backend_start::text = ${literal(holder.start)} and application_name = ${literal(applicationName)}`,
    );
    return ended.rows[0]?.ended ?? false;
  } catch (error) {
    if ((error as { code?: string }).code === '42501') return false;
    throw error;
  }
}

/** Cancels what sessions of these names are running on this server; answers how many were. Sessions that we may not cancel are left alone. */
export async function cancelStatements(client: Client, applicationNames: readonly string[]): Promise<number> {
  const { rows } = await client.query<{ n: number }>(
    `select count(*) filter (where pg_cancel_backend(pid))::int n from pg_stat_activity
     where application_name = any ($1) and state in ('active', 'fastpath function call') and pid <> pg_backend_pid() and pg_has_role(usesysid, 'usage')`,
    [applicationNames],
  );
  return rows[0]!.n;
}
