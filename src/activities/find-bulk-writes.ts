/** Looks for tenants in which a pending plain file would write a large table in one statement. Files are read, and only catalogs are asked. */

import type { ScannedTenant } from '../control/plan-tenants.js';
import { type BulkWrite, bulkWriteFinding } from '../domain/bulk-write.js';
import type { Finding } from '../domain/plan.js';
import type { TenantRef } from '../domain/tenant.js';
import type { MigrationFile } from '../engines/engine.js';
import { largeTables } from '../postgres/large-tables.js';
import type { Name } from '../postgres/statement.js';
import type { ActivityDeps } from './deps.js';
import { eachAtOnce } from './each-at-once.js';
import { hostTrouble } from './host-trouble.js';
import { CONNECTIONS_PER_HOST, placesOf, slices } from './read-positions.js';

const SAMPLE = 5;

interface Scan {
  readonly files: readonly MigrationFile[];
  readonly byHost: ReadonlyMap<string, readonly TenantRef[]>;
  readonly scanned: readonly ScannedTenant[];
}

/** One finding for each migration and table. Where no pending file writes like that, no tenant's server is asked. */
export async function findBulkWrites(deps: Pick<ActivityDeps, 'engine' | 'hosts'>, scan: Scan): Promise<readonly Finding[]> {
  const pending = new Map(scan.scanned.map((tenant) => [tenant.id, tenant.pending]));
  const writes = await writesOf(deps, scan.files, new Set([...pending.values()].flat()));
  const found = new Map<Write, { tenants: number; rows: number; readonly sample: string[] }>();
  const concerns = ({ migration }: Write, tenant: string): boolean => pending.get(tenant)?.includes(migration) ?? false;
  const look = [...scan.byHost].map(([host, tenants]) => {
    const concerned = tenants.filter(({ id }) => writes.some((write) => concerns(write, id)));
    return eachAtOnce(slices(concerned), CONNECTIONS_PER_HOST, async (slice) => {
      const places = placesOf(slice);
      try {
        const large = await deps.hosts.withHost(
          host,
          (client) =>
            largeTables(
              client,
              places.map(({ schema }) => schema),
              writes.map(({ table }) => table),
            ),
          slice.database,
        );
        for (const { schema, table, rows } of large) {
          const { id } = places[schema]!;
          const write = writes[table]!;
          if (!concerns(write, id)) continue;
          const it = found.get(write) ?? { tenants: 0, rows: 0, sample: [] };
          it.tenants++;
          it.rows = Math.max(it.rows, Math.round(rows));
          if (it.sample.length < SAMPLE) it.sample.push(id);
          found.set(write, it);
        }
      } catch (error) {
        hostTrouble(error, 'looking for large tables'); // a bug is thrown on; a host that is silent now has said so to the scan
      }
    });
  });
  await Promise.all(look);
  return writes.flatMap((write): Finding[] => {
    const it = found.get(write);
    return it ? [bulkWriteFinding({ ...describe(write), tenants: it.tenants, rows: it.rows }, it.sample)] : [];
  });
}

interface Write {
  readonly migration: string;
  readonly table: Name;
}

async function writesOf(
  { engine }: Pick<ActivityDeps, 'engine'>,
  files: readonly MigrationFile[],
  pending: ReadonlySet<string>,
): Promise<readonly Write[]> {
  // One that says something of itself is held to it when it runs
  const plain = files.filter(({ name, declares }) => declares === undefined && pending.has(name));
  const writes = await Promise.all(
    plain.map(async (file) => (await engine.bulkWrites(file)).map((table) => ({ migration: file.name, table }))),
  );
  return writes.flat();
}

const describe = ({ migration, table: { schema, name } }: Write): Pick<BulkWrite, 'migration' | 'table'> => ({
  migration,
  table: schema === undefined ? name : `${schema}.${name}`,
});
