/** How busy the database is, as far as the session's role may see it: the lag of replicas shows only to members of `pg_monitor`. */

import type { Load } from '../../domain/backfill/pace.js';
import type { Send } from './door.js';

export function createLoadProbe(send: Send, table: number): (nowMs: number) => Promise<Load> {
  let vacuum: { readonly pid: number; readonly sinceMs: number } | undefined;
  return async (nowMs) => {
    const { rows } = await send<{ lag: number; waits: number; vacuum: number | null }>(
      `select (select coalesce(max(extract(epoch from replay_lag)) * 1000, 0)::float8 from pg_stat_replication) as lag,
        (select count(distinct pid)::float8 from pg_locks where not granted and waitstart < clock_timestamp() - interval '1 second') as waits,
        (select min(pid) from pg_stat_progress_vacuum where relid = ${table}) as vacuum`,
    );
    const { lag, waits, vacuum: pid } = rows[0]!;
    vacuum = pid === null ? undefined : vacuum?.pid === pid ? vacuum : { pid, sinceMs: nowMs };
    return { replicationLagMs: lag, lockWaits: waits, ...(vacuum ? { vacuumSinceMs: vacuum.sinceMs } : {}) };
  };
}
