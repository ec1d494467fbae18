/** Who holds up a session of ours: told without anybody's query, which may hold row values. */

import type { Client } from 'pg';

export interface BlockingSession {
  readonly pid: number;
  readonly applicationName: string;
  readonly state: string;
  readonly xactAgeMs: number;
}

/** Sessions that the one of this application_name waits for; `atWork` says whether there is such a session at all. */
export async function blockersOf(
  client: Client,
  applicationName: string,
): Promise<{ readonly atWork: boolean; readonly blockers: readonly BlockingSession[] }> {
  const { rows } = await client.query<{ pid: number | null; application_name: string | null; state: string | null; age: number | null }>(
    `select b.pid, b.application_name, b.state, extract(epoch from clock_timestamp() - b.xact_start)::float8 * 1000 as age
     from pg_stat_activity s left join lateral unnest(pg_blocking_pids(s.pid)) u (pid) on true left join pg_stat_activity b on b.pid = u.pid
     where s.application_name = $1 and s.state <> 'idle' and s.pid <> pg_backend_pid()`,
    [applicationName],
  );
  return {
    atWork: rows.length > 0,
    blockers: rows.flatMap((row) =>
      row.pid === null
        ? []
        : [
            {
              pid: row.pid,
              applicationName: row.application_name ?? '',
              state: row.state ?? 'unknown',
              xactAgeMs: Math.max(0, Math.round(row.age ?? 0)),
            },
          ],
    ),
  };
}
