/** `flotilla.config.ts`: the schema, and the helpers that configs call. Every schema is strict; problems are reported all at once. */

import { z } from 'zod';
import { LOCKS } from '../domain/locks.js';
import type { TenantRef } from '../domain/tenant.js';
import { LIFECYCLES } from '../domain/tenant.js';
import { flagsSpec } from './flags.js';
import { webhookSpec } from './notify.js';
import { strategySpec } from './strategy.js';

const name = z.string().regex(/^[a-z0-9][a-z0-9_.-]{0,62}$/i, { error: 'expected 1 to 63 letters, digits, ".", "_" or "-"' });

/** `env:NAME` or `file:PATH`. A literal DSN is refused: secrets stay out of the config. */
export const reference = z.string().regex(/^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$/, {
  error: 'expected a reference such as "env:PG_EU_1_URL" or "file:/run/secrets/pg-eu-1", never the connection string itself',
});
export type Reference = z.infer<typeof reference>;

const referenceFunction = z.custom<(tenant: TenantRef) => string | Promise<string>>((value) => typeof value === 'function', {
  error: 'expected a reference or a function (tenant) => reference',
});

export const hostSpec = z
  .strictObject({
    connection: z.union([reference, referenceFunction]),
    /** Serves discovery when each tenant has a credential of its own. */
    admin: reference.optional(),
    /** @defaultValue default */
    cell: name.optional(),
    /** Lists of tenants at once on this host, of all workers and fleets together. @defaultValue 8 */
    maxConcurrency: z.int().min(1).max(1000).optional(),
  })
  .refine((host) => typeof host.connection === 'string' || host.admin !== undefined, {
    error: 'a host whose connection is a function needs "admin": a reference that serves discovery',
    path: ['admin'],
  });
export type HostSpec = z.infer<typeof hostSpec>;

export const tenantRef = z.strictObject({
  id: z.string().min(1).max(200),
  host: z.string().min(1),
  database: z.string().min(1).max(63).optional(),
  schema: z.string().min(1).max(63).optional(),
  labels: z.record(z.string(), z.string()).optional(),
  lifecycle: z.enum(LIFECYCLES).optional(),
  role: z.string().min(1).max(63).optional(),
});

export interface SchemasSource {
  readonly kind: 'schemas';
  readonly host: string;
  readonly database?: string;
  readonly like: string;
  readonly id?: (schema: string) => string;
  readonly labels?: Record<string, string> | ((schema: string) => Record<string, string>);
}
export interface QuerySource {
  readonly kind: 'query';
  readonly host: string;
  readonly database?: string;
  readonly sql: string;
}
export interface ListSource {
  readonly kind: 'list';
  readonly tenants: readonly TenantRef[];
}
export type TenantsFunction = () => readonly TenantRef[] | Promise<readonly TenantRef[]>;
export type TenantSource = SchemasSource | QuerySource | ListSource | TenantsFunction;

const isFunction = (value: unknown): boolean => typeof value === 'function';
const tenantSource = z.union([
  z.strictObject({
    kind: z.literal('schemas'),
    host: z.string(),
    database: z.string().optional(),
    like: z.string().min(1),
    id: z.custom<(schema: string) => string>(isFunction).optional(),
    labels: z.union([z.record(z.string(), z.string()), z.custom<(schema: string) => Record<string, string>>(isFunction)]).optional(),
  }),
  z.strictObject({ kind: z.literal('query'), host: z.string(), database: z.string().optional(), sql: z.string().min(1) }),
  z.strictObject({ kind: z.literal('list'), tenants: z.array(tenantRef).readonly() }),
  z.custom<TenantsFunction>(isFunction, { error: 'expected fromSchemas(…), fromQuery(…), fromList(…) or a function that returns tenants' }),
]);

/** Tenants are the schemas of a host whose name fits a glob; the id is what the star matched. */
export const fromSchemas = (source: Omit<SchemasSource, 'kind'>): SchemasSource => ({ kind: 'schemas', ...source });
/** Tenants are the rows of a query: id, host?, database?, schema?, labels? (jsonb), lifecycle?, role?. */
export const fromQuery = (source: Omit<QuerySource, 'kind'>): QuerySource => ({ kind: 'query', ...source });
/** Tenants written out. */
export const fromList = (tenants: readonly TenantRef[]): ListSource => ({ kind: 'list', tenants });

const migrationsSpec = z.strictObject({
  directory: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]),
  /** @defaultValue knex_migrations */
  tableName: z.string().min(1).max(57).optional(),
  /** Schema of Knex's tables, when it is not the tenant's. */
  schemaName: z.string().min(1).max(63).optional(),
  /** As Knex has it. @defaultValue .js .cjs .mjs .ts .cts .mts */
  loadExtensions: z.array(z.string().regex(/^\./)).optional(),
  /** Handed to migrations as `knex.userParams`. */
  userParams: z.custom<(tenant: TenantRef) => Record<string, unknown>>(isFunction).optional(),
  /** Knex's identifier hooks, which change what a migration builds. */
  wrapIdentifier: z.custom<(value: string, next: (value: string) => string, context: unknown) => string>(isFunction).optional(),
  postProcessResponse: z.custom<(result: unknown, context: unknown) => unknown>(isFunction).optional(),
  /** Files other than imports that migrations read (globs); part of each migration's closure. */
  inputs: z.array(z.string()).optional(),
});

export const ENVIRONMENTS = ['production', 'staging', 'development', 'test'] as const;

export const fleetSpec = z.strictObject({
  name,
  /** Declared, never guessed; production asks before it changes anything. @defaultValue development */
  environment: z.enum(ENVIRONMENTS, { error: `expected ${ENVIRONMENTS.join(', ')}` }).optional(),
  temporal: z
    .strictObject({
      /** @defaultValue flotilla */
      taskQueue: z.string().min(1).optional(),
      /** Overrides TEMPORAL_ADDRESS and temporal.toml. */
      address: z.string().optional(),
      namespace: z.string().optional(),
    })
    .optional(),
  control: z.strictObject({
    connection: reference,
    /** @defaultValue flotilla */
    schema: z.string().min(1).max(63).optional(),
  }),
  hosts: z.record(name, hostSpec).refine((hosts) => Object.keys(hosts).length > 0, { error: 'expected at least one host' }),
  tenants: z.array(tenantSource).min(1),
  migrations: migrationsSpec,
  /** A preset or a name in `strategies`. @defaultValue auto */
  strategy: z.string().optional(),
  strategies: z.record(z.string(), strategySpec).optional(),
  /** Whom rollouts tell that somebody is needed, or that they ended. */
  notify: z.array(webhookSpec).optional(),
  /** Whom contracts ask whether a feature flag is on. */
  flags: flagsSpec.optional(),
  /** What migrations may touch outside their tenant: relations up to a lock; other objects as a refusal names them, with ACCESS EXCLUSIVE. */
  shared: z.array(z.strictObject({ object: z.string().min(1), maxLock: z.enum(LOCKS) })).optional(),
  /** Schemas with extensions, added to the search_path behind the tenant's. */
  extensionSchemas: z.array(z.string().min(1).max(63)).optional(),
});
export type FleetConfig = z.input<typeof fleetSpec>;
export type Fleet = z.output<typeof fleetSpec>;

/** Types the config; checking happens when it is loaded, so that every mistake is reported at once. */
export const defineFleet = (config: FleetConfig): FleetConfig => config;
