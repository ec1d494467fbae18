/** `application_name` of a tenant's session: says in pg_stat_activity who is at work, and lets `status --tenant` find it again. */

/** Postgres keeps 63 bytes and replaces what is not printable ASCII. */
export function applicationName(rolloutId: string, tenant: string): string {
  return `flotilla ${rolloutId} ${tenant}`.replace(/[^\x20-\x7e]/g, '?').slice(0, 63);
}
