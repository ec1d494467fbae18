/** Reads where the tenants of one host stand, a slice at a time. */

import { FlotillaError } from '../domain/errors.js';
import type { TenantRef } from '../domain/tenant.js';
import type { Position } from '../postgres/contract.js';
import { scanPositions } from '../postgres/scan.js';
import type { ActivityDeps } from './deps.js';
import { groupBy } from './group-by.js';

/** Tenants that one connection reads before the next takes over: several at once share a host's processors. */
const SLICE = 1_000;
export const CONNECTIONS_PER_HOST = 4;

/** Tenants in the same database. */
export interface Slice {
  readonly database: string | undefined;
  readonly tenants: readonly TenantRef[];
}

export function slices(tenants: readonly TenantRef[], size = SLICE): Slice[] {
  return [...groupBy(tenants, (tenant) => tenant.database)].flatMap(([database, of]) => {
    const parts: Slice[] = [];
    for (let from = 0; from < of.length; from += size) parts.push({ database, tenants: of.slice(from, from + size) });
    return parts;
  });
}

export const placesOf = ({ tenants }: Slice): readonly { readonly id: string; readonly schema: string }[] =>
  tenants.map(({ id, schema = 'public' }) => ({ id, schema }));

/** A database that is not there is no trouble of its host: its tenants have no schema. */
export async function readPositions(deps: Pick<ActivityDeps, 'hosts' | 'names'>, host: string, slice: Slice): Promise<readonly Position[]> {
  try {
    return await deps.hosts.withHost(host, (client) => scanPositions(client, placesOf(slice), deps.names), slice.database);
  } catch (error) {
    if (!isMissingDatabase(error, slice)) throw error;
    return slice.tenants.map(({ id }) => ({ id, applied: undefined, written: [], checksums: {}, halfWay: [] }));
  }
}

export const isMissingDatabase = (error: unknown, { database }: Slice): boolean =>
  database !== undefined && error instanceof FlotillaError && error.code === 'FLT_SCHEMA_MISSING';
