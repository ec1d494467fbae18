/** Connections to tenants: a small pool per host, database and credential, with a hard cap per host. */

import pg from 'pg';
import { parseIntoClientConfig } from 'pg-connection-string';
import { FlotillaError } from '../domain/errors.js';
import type { TenantRef } from '../domain/tenant.js';
import type { Hosts, TenantSession } from './contract.js';
import { classify } from './sqlstate.js';

export interface HostSettings {
  readonly connection: string | ((tenant: TenantRef) => string | Promise<string>);
  readonly admin?: string;
  /** Connections that Flotilla holds on this host at most. @defaultValue 8 */
  readonly maxConcurrency?: number;
}

export interface HostsOptions {
  readonly hosts: Readonly<Record<string, HostSettings>>;
  /** Answers the connection string behind a reference; asked for each new connection, and once more after a refused credential. */
  readonly resolve: (reference: string) => Promise<string>;
  /** @defaultValue 5000 */
  readonly connectTimeoutMs?: number;
}

/** A session's memory of relations it has seen never shrinks (about 60 KB a tenant): start afresh after this many. */
const USES_PER_CONNECTION = 500;
const IDLE_MS = 30_000;

interface Pooled {
  readonly client: pg.Client;
  uses: number;
  broken: boolean;
  idleTimer?: NodeJS.Timeout;
}

export function createHosts(options: HostsOptions): Hosts {
  const idle = new Map<string, Pooled[]>();
  const gates = new Map<string, Gate>();
  let closed = false;
  let watched = true;

  const gateOf = (host: string): Gate => {
    const gate = gates.get(host) ?? createGate((options.hosts[host]?.maxConcurrency ?? 8) + 2); // two more for discovery and look-ups
    gates.set(host, gate);
    return gate;
  };

  const settings = (host: string): HostSettings => {
    const found = options.hosts[host];
    if (!found) throw new FlotillaError('FLT_UNKNOWN_HOST', `There is no host "${host}" in the config of this worker.`, { host });
    return found;
  };

  async function connect(host: string, reference: string, database: string | undefined): Promise<Pooled> {
    for (let attempt = 1; ; attempt++) {
      const dsn = await options.resolve(reference);
      const config = parseIntoClientConfig(dsn);
      const client = new pg.Client({
        ...config,
        ...(database === undefined ? {} : { database }),
        application_name: 'flotilla',
        connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
        keepAlive: true,
        keepAliveInitialDelayMillis: 5_000,
        // Cancels our statement when this process is gone, instead of letting it finish and commit unseen. Not on every platform.
        ...(watched ? { options: `${config.options ?? ''} -c client_connection_check_interval=500` } : {}),
      });
      const pooled: Pooled = { client, uses: 0, broken: false };
      client.on('error', () => {
        pooled.broken = true; // told to the next query; an idle one is dropped when it is next asked for
      });
      client.on('end', () => {
        pooled.broken = true;
      });
      try {
        await client.connect();
        return pooled;
      } catch (error) {
        await client.end().catch(() => undefined);
        const what = classify(error);
        if (watched && (error as { code?: string }).code === '22023') {
          watched = false;
          continue;
        }
        if (what?.code === 'FLT_AUTH_FAILED' && attempt === 1) continue; // the credential may just have been rotated
        throw connectError(host, database, what, error);
      }
    }
  }

  async function use<T>(
    host: string,
    reference: string,
    database: string | undefined,
    work: (session: TenantSession) => Promise<T>,
  ): Promise<T> {
    if (closed) throw new FlotillaError('FLT_CONNECTION_LOST', 'The worker is closing its connections.', { host });
    const key = JSON.stringify([host, database ?? null, reference]);
    const release = await gateOf(host).enter();
    try {
      let pooled = idle.get(key)?.pop();
      while (pooled?.broken) pooled = idle.get(key)?.pop();
      pooled ??= await connect(host, reference, database);
      clearTimeout(pooled.idleTimer);
      pooled.uses++;
      let discarded = false;
      const mine = pooled;
      try {
        const version = (mine.client as unknown as { serverVersion?: string }).serverVersion;
        const discard = () => {
          discarded = true;
        };
        return await work({ client: mine.client, serverVersion: version ?? '', discard });
      } catch (error) {
        if (classify(error)?.trouble === 'connection') discarded = true;
        throw error;
      } finally {
        if (discarded || mine.broken || closed || mine.uses >= USES_PER_CONNECTION) await mine.client.end().catch(() => undefined);
        else {
          mine.idleTimer = setTimeout(() => {
            const list = idle.get(key);
            const at = list?.indexOf(mine) ?? -1;
            if (at >= 0) list!.splice(at, 1);
            void mine.client.end().catch(() => undefined);
          }, IDLE_MS);
          mine.idleTimer.unref();
          const list = idle.get(key) ?? [];
          list.push(mine);
          idle.set(key, list);
        }
      }
    } finally {
      release();
    }
  }

  return {
    async withTenant(tenant, work) {
      const { connection } = settings(tenant.host);
      const reference = typeof connection === 'string' ? connection : await connection(tenant);
      return use(tenant.host, reference, tenant.database, work);
    },
    async withHost(host, work, database) {
      const { connection, admin } = settings(host);
      const reference = admin ?? (typeof connection === 'string' ? connection : undefined);
      if (!reference)
        throw new FlotillaError('FLT_CONFIG_INVALID', `Host "${host}" has a connection function and no "admin" reference.`, { host });
      return use(host, reference, database, ({ client }) => work(client));
    },
    async close() {
      closed = true;
      const all = [...idle.values()].flat();
      idle.clear();
      await Promise.all(
        all.map((pooled) => {
          clearTimeout(pooled.idleTimer);
          return pooled.client.end().catch(() => undefined);
        }),
      );
    },
  };
}

function connectError(host: string, database: string | undefined, what: ReturnType<typeof classify>, cause: unknown): FlotillaError {
  const where = database === undefined ? `Host "${host}"` : `Database "${database}" on host "${host}"`;
  switch (what?.code) {
    case 'FLT_AUTH_FAILED':
      return new FlotillaError('FLT_AUTH_FAILED', `${where} refused the credential (${what.name}).`, { host }, { cause });
    case 'FLT_SCHEMA_MISSING':
      return new FlotillaError('FLT_SCHEMA_MISSING', `${where} does not exist.`, { host, ...(database ? { database } : {}) }, { cause });
    case 'FLT_TOO_MANY_CONNECTIONS':
      return new FlotillaError('FLT_TOO_MANY_CONNECTIONS', `${where} has no connection left (${what.name}).`, { host }, { cause });
    default:
      return new FlotillaError(
        'FLT_HOST_UNAVAILABLE',
        `${where} does not answer (${what?.name ?? 'connection failed'}).`,
        { host },
        { cause },
      );
  }
}

interface Gate {
  /** Waits for a free place and answers what gives it back. */
  enter(): Promise<() => void>;
}

/** First come, first served. */
function createGate(places: number): Gate {
  let free = places;
  const waiting: (() => void)[] = [];
  const leave = () => {
    const next = waiting.shift();
    if (next) next();
    else free++;
  };
  return {
    async enter() {
      if (free > 0) free--;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      return leave;
    },
  };
}
