/** Asks one tenant source of the config who its tenants are. */

import { FlotillaError } from '../domain/errors.js';
import type { TenantRef } from '../domain/tenant.js';
import type { Hosts } from '../postgres/contract.js';
import { discoverSchemas } from '../postgres/scan.js';
import { type QuerySource, type SchemasSource, type TenantSource, tenantRef } from '../spec/fleet.js';

/** How a message names a source: `tenants.1: fromQuery on host "pg-us-1"`. */
export function describeSource(source: TenantSource, index: number): string {
  if (typeof source === 'function') return `tenants.${index}: the function`;
  if (source.kind === 'list') return `tenants.${index}: fromList`;
  return `tenants.${index}: ${source.kind === 'schemas' ? `fromSchemas "${source.like}"` : 'fromQuery'} on host "${source.host}"`;
}

/** The host that a source must be asked at; undefined: it needs none. */
export const hostOfSource = (source: TenantSource): string | undefined =>
  typeof source === 'function' || source.kind === 'list' ? undefined : source.host;

/**
 * Tenants of one source, in its own order.
 * @throws FLT_HOST_UNAVAILABLE, FLT_AUTH_FAILED…, FLT_SOURCE_INVALID when rows or a function's answer are no tenants
 */
export async function readSource(source: TenantSource, index: number, hosts: Hosts): Promise<readonly TenantRef[]> {
  if (typeof source === 'function') return checked(await callFunction(source, index), source, index);
  if (source.kind === 'list') return source.tenants;
  return source.kind === 'schemas' ? readSchemas(source, index, hosts) : readQuery(source, index, hosts);
}

async function readSchemas(source: SchemasSource, index: number, hosts: Hosts): Promise<readonly TenantRef[]> {
  const found = await hosts.withHost(source.host, (client) => discoverSchemas(client, source.like), source.database);
  const tenants = found.map((schema) => ({
    id: source.id ? source.id(schema) : matchedByStar(source.like, schema),
    host: source.host,
    ...(source.database === undefined ? {} : { database: source.database }),
    schema,
    ...(source.labels === undefined ? {} : { labels: typeof source.labels === 'function' ? source.labels(schema) : source.labels }),
  }));
  return checked(tenants, source, index);
}

/** The id is what the star matched; with no star, or several, the whole name of the schema. */
function matchedByStar(like: string, schema: string): string {
  const parts = like.split('*');
  if (parts.length !== 2 || like.includes('?')) return schema;
  return schema.slice(parts[0]!.length, schema.length - parts[1]!.length) || schema;
}

async function readQuery(source: QuerySource, index: number, hosts: Hosts): Promise<readonly TenantRef[]> {
  const rows = await hosts.withHost(
    source.host,
    async (client) => {
      // A tenant source only reads; a slip in the config must not be able to change anything.
      try {
        await client.query('begin read only');
        return (await client.query<Record<string, unknown>>(source.sql)).rows;
      } finally {
        await client.query('rollback').catch(() => undefined);
      }
    },
    source.database,
  );
  const tenants = rows.map((row) => {
    const { id, host, database, schema, labels, lifecycle, role } = row;
    const given = { database, schema, labels, lifecycle, role };
    return {
      id: typeof id === 'number' || typeof id === 'bigint' ? String(id) : id,
      host: host ?? source.host,
      ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null && value !== undefined)),
      ...(database == null && source.database !== undefined ? { database: source.database } : {}),
    };
  });
  return checked(tenants, source, index);
}

async function callFunction(source: Extract<TenantSource, (...args: never[]) => unknown>, index: number): Promise<unknown> {
  try {
    return await source();
  } catch (error) {
    throw new FlotillaError(
      'FLT_SOURCE_INVALID',
      `tenants.${index}: the function threw ${error instanceof Error ? error.name : 'an error'}; its text may hold secrets and is not repeated.`,
      { source: index },
      { cause: error },
    );
  }
}

/** Names what is wrong with the first bad row, never the row's values. */
function checked(tenants: unknown, source: TenantSource, index: number): readonly TenantRef[] {
  const invalid = (message: string) =>
    new FlotillaError('FLT_SOURCE_INVALID', `${describeSource(source, index)}: ${message}.`, { source: index });
  if (!Array.isArray(tenants)) throw invalid('expected a list of tenants');
  return tenants.map((tenant, at) => {
    const parsed = tenantRef.safeParse(tenant);
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    throw invalid(`row ${at + 1}: ${issue!.path.join('.') || 'row'}: ${issue!.message}`);
  });
}
