/** The demo's fleet: 300 tenants on two servers, the bad data that is planted in some of them, and what is then read back from all. */

import { readFileSync } from 'node:fs';
import { createDatabase, createTenants, withDatabase } from '../sample-tenants.js';
import type { Stack } from '../stack.js';

export const HOSTS = ['eu', 'us'] as const;
export type DemoHost = (typeof HOSTS)[number];

export interface DemoFleet {
  /** Variables that the demo's config refers to. */
  readonly variables: Readonly<Record<string, string>>;
  readonly tenants: readonly string[];
  /** Runs SQL with `{t}` standing for the tenant's quoted schema. */
  run(tenant: string, sql: string): Promise<void>;
  /** How many tenants have the relation or column, by a count over the catalogs of both servers. */
  countTenants(condition: string): Promise<number>;
}

/** A tenant's id says where it is: `eu_017` lives in schema `tenant_eu_017` of the server `eu`. */
const hostOf = (tenant: string): DemoHost => (tenant.startsWith('eu_') ? 'eu' : 'us');
const schemaOf = (tenant: string): string => `tenant_${tenant}`;

/** Creates control database, tenants and their data on the stack's two servers. */
export async function createDemoFleet(stack: Stack, tenantCount: number, seedFile: string): Promise<DemoFleet> {
  const seed = readFileSync(seedFile, 'utf8');
  const server = (host: DemoHost) => stack.postgres[host]!;
  const tenants = HOSTS.flatMap((host) =>
    Array.from({ length: tenantCount / HOSTS.length }, (_, i) => `${host}_${String(i + 1).padStart(3, '0')}`),
  );
  await Promise.all([
    createDatabase(server('eu').url, 'flotilla_control'),
    ...HOSTS.map((host) => createTenants(server(host).url, tenants.filter((it) => hostOf(it) === host).map(schemaOf), seed)),
  ]);
  return {
    variables: {
      FLOTILLA_CONTROL_URL: server('eu').databaseUrl('flotilla_control'),
      PG_EU_1_URL: server('eu').url,
      PG_US_1_URL: server('us').url,
    },
    tenants,
    run: (tenant, sql) =>
      withDatabase(server(hostOf(tenant)).url, async (client) => {
        await client.query(sql.replaceAll('{t}', `"${schemaOf(tenant)}"`));
      }),
    async countTenants(condition) {
      const counts = await Promise.all(
        HOSTS.map((host) =>
          withDatabase(server(host).url, async (client) => {
            const sql = `select count(*)::int as n from pg_namespace s where s.nspname like 'tenant\\_%' and ${condition}`;
            return (await client.query<{ n: number }>(sql)).rows[0]!.n;
          }),
        ),
      );
      return counts.reduce((sum, n) => sum + n, 0);
    },
  };
}

/** Catalog conditions on a tenant's schema `s`. */
export const hasRelation = (name: string): string =>
  `exists (select from pg_class c where c.relnamespace = s.oid and c.relname = '${name}')`;

/** Every n-th of those that are not excluded: spread over both servers, and the same in each run. */
export function spread(tenants: readonly string[], exclude: readonly string[], count: number): string[] {
  const free = tenants.filter((tenant) => !exclude.includes(tenant));
  const step = free.length / count;
  return Array.from({ length: count }, (_, i) => free[Math.floor((i + 0.5) * step)] as string);
}
