/** Connections to tenants: a small pool per host, database and credential, with a hard cap per host. */

import { AsyncLocalStorage } from 'node:async_hooks';
import type { EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { parseIntoClientConfig } from 'pg-connection-string';
import { FlotillaError } from '../domain/errors.js';
import type { TenantRef } from '../domain/tenant.js';
import type { Hosts, TenantSession } from './contract.js';
import { classify } from './sqlstate.js';

export interface HostSettings {
  readonly connection: string | ((tenant: TenantRef) => string | Promise<string>);
  readonly admin?: string;
  /** Connections that Flotilla holds on this host, in use or idle; at most three more for slots, discovery and look-ups. @defaultValue 8 */
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
/** The server notices within half a minute that this machine is gone, and frees what it held here. Ignored on a Unix socket. */
const KEEPALIVE = ['-c tcp_keepalives_idle=10', '-c tcp_keepalives_interval=5', '-c tcp_keepalives_count=4', '-c tcp_user_timeout=30000'];
/** Cancels our statement when this process is gone, instead of letting it finish and commit unseen. Not on every platform. */
const CHECK_CLIENT = '-c client_connection_check_interval=500';
const IDLE_MS = 30_000;
/** Beyond those of tenants: one that holds slots, one for discovery and gates, one for look-ups from inside. */
export const EXTRA_CONNECTIONS = 3;
/** Tries on a server that is full, each wait twice the one before: about three seconds in all, then the host is said to be full. */
const FULL_TRIES = 5;
const FULL_WAIT_MS = 100;

interface Pooled {
  /** Host, database and credential. */
  readonly key: string;
  readonly client: pg.Client;
  /** As the server said when it greeted us: `18.4`. */
  serverVersion: string;
  uses: number;
  broken: boolean;
  /** What the server said when it ended the session. */
  lastWords?: Error;
  idleTimer?: NodeJS.Timeout;
}

export function createHosts(options: HostsOptions): Hosts {
  const places = new Map<string, Places>();
  /** Set inside `work`, so that its own second connection is told from a first one. */
  const inside = new AsyncLocalStorage<true>();
  let closed = false;
  /** Start-up options that a host has taken so far; each refusal leaves some out. */
  const accepted = new Map<string, readonly string[]>();

  const placesOf = (host: string): Places => {
    const max = options.hosts[host]?.maxConcurrency ?? 8;
    // A second connection has a gate of its own: if all waited for it at the first one, none would ever leave
    const found = places.get(host) ?? {
      max: max + EXTRA_CONNECTIONS,
      idle: [],
      gate: createGate(max + EXTRA_CONNECTIONS - 1),
      second: createGate(1),
      inUse: 0,
    };
    places.set(host, found);
    return found;
  };

  const settings = (host: string): HostSettings => {
    const found = options.hosts[host];
    if (!found) throw new FlotillaError('FLT_UNKNOWN_HOST', `There is no host "${host}" in the config of this worker.`, { host });
    return found;
  };

  async function connect(host: string, reference: string, database: string | undefined, key: string): Promise<Pooled> {
    for (let attempt = 1; ; attempt++) {
      const dsn = await options.resolve(reference);
      const config = parse(host, dsn);
      const wanted = accepted.get(host) ?? [...KEEPALIVE, CHECK_CLIENT];
      const client = new pg.Client({
        ...config,
        ...(database === undefined ? {} : { database }),
        application_name: 'flotilla',
        connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
        keepAlive: true,
        keepAliveInitialDelayMillis: 5_000,
        ...startupOptions(config.options, wanted),
      });
      const pooled: Pooled = { key, client, serverVersion: '', uses: 0, broken: false };
      client.on('error', (error) => {
        pooled.broken = true; // told to the next query; an idle one is dropped when it is next asked for
        if ('severity' in error) pooled.lastWords ??= error;
      });
      client.on('end', () => {
        pooled.broken = true;
      });
      greetings(client).on('parameterStatus', ({ parameterName, parameterValue }) => {
        if (parameterName === 'server_version') pooled.serverVersion = parameterValue.split(' ')[0]!;
      });
      try {
        await client.connect();
        return pooled;
      } catch (error) {
        await client.end().catch(() => undefined);
        const what = classify(error);
        const fewer = withoutRefused(wanted, error as Error & { code?: string });
        if (fewer) {
          accepted.set(host, fewer);
          continue;
        }
        if (what?.code === 'FLT_AUTH_FAILED' && attempt === 1) continue; // the credential may just have been rotated
        if (what?.code === 'FLT_TOO_MANY_CONNECTIONS' && attempt <= FULL_TRIES) {
          // What idles here is in the way of ourselves; then somebody may leave
          await Promise.all(placesOf(host).idle.splice(0).map(end));
          await delay(FULL_WAIT_MS * 2 ** (attempt - 1) * (0.5 + Math.random()));
          continue;
        }
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
    const refuseWhenClosed = () => {
      if (closed) throw new FlotillaError('FLT_CONNECTION_LOST', 'The worker is closing its connections.', { host });
    };
    refuseWhenClosed();
    const key = JSON.stringify([host, database ?? null, reference]);
    const here = placesOf(host);
    const { idle } = here;
    const release = await (inside.getStore() ? here.second : here.gate).enter();
    here.inUse++;
    try {
      refuseWhenClosed();
      let pooled = takeIdle(idle, key);
      if (!pooled) {
        while (here.inUse + idle.length > here.max) await end(idle.shift()!);
        pooled = await connect(host, reference, database, key);
      }
      clearTimeout(pooled.idleTimer);
      pooled.uses++;
      let discarded = false;
      const mine = pooled;
      try {
        const discard = () => {
          discarded = true;
        };
        const session: TenantSession = {
          client: mine.client,
          serverVersion: mine.serverVersion,
          discard,
          isBroken: () => discarded || mine.broken,
          lastWords: () => mine.lastWords,
        };
        return await inside.run(true, () => work(session));
      } catch (error) {
        if (classify(error)?.trouble === 'connection') discarded = true;
        throw error;
      } finally {
        if (discarded || mine.broken || closed || mine.uses >= USES_PER_CONNECTION) await end(mine);
        else {
          mine.idleTimer = setTimeout(() => {
            const at = idle.indexOf(mine);
            if (at >= 0) idle.splice(at, 1);
            void end(mine);
          }, IDLE_MS);
          mine.idleTimer.unref();
          idle.push(mine);
        }
      }
    } finally {
      here.inUse--;
      release();
    }
  }

  return {
    async withTenant(tenant, work) {
      const { connection } = settings(tenant.host);
      if (typeof connection === 'string') return use(tenant.host, connection, tenant.database, work);
      try {
        return await use(tenant.host, await connection(tenant), tenant.database, work);
      } catch (error) {
        throw ownTrouble(tenant, error);
      }
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
      await Promise.all([...places.values()].flatMap(({ idle }) => idle.splice(0)).map(end));
    },
  };
}

const startupOptions = (own: string | undefined, wanted: readonly string[]): { options?: string } => {
  const options = [own, ...wanted].filter(Boolean).join(' ');
  return options ? { options } : {};
};

/** What is left to ask for after a refusal; undefined: the refusal was about something else. */
function withoutRefused(wanted: readonly string[], { code, message }: Error & { code?: string }): readonly string[] | undefined {
  if (wanted.length === 0) return undefined;
  // Some platforms cannot watch the client's socket
  if (code === '22023') return wanted.includes(CHECK_CLIENT) ? wanted.filter((it) => it !== CHECK_CLIENT) : [];
  // PgBouncer takes no options at all
  return code === '08P01' && /startup parameter/.test(message) ? [] : undefined;
}

interface Places {
  /** Connections at most, in use or idle. */
  readonly max: number;
  /** The one that has been idle longest comes first. */
  readonly idle: Pooled[];
  readonly gate: Gate;
  readonly second: Gate;
  inUse: number;
}

/** The one that was used last, so that others may fall idle for good; broken ones on the way are dropped. */
function takeIdle(idle: Pooled[], key: string): Pooled | undefined {
  for (let at = idle.length - 1; at >= 0; at--) {
    if (idle[at]!.key !== key) continue;
    const [found] = idle.splice(at, 1) as [Pooled];
    if (!found.broken) return found;
    void end(found);
  }
  return undefined;
}

/** What the server tells of itself while it connects; the driver has no type for it. */
const greetings = (client: pg.Client) =>
  (client as unknown as { connection: EventEmitter<{ parameterStatus: [{ parameterName: string; parameterValue: string }] }> }).connection;

async function end(pooled: Pooled): Promise<void> {
  clearTimeout(pooled.idleTimer);
  await pooled.client.end().catch(() => undefined);
}

/** The error of the parser is not handed on: it may hold the connection string. */
function parse(host: string, dsn: string): ReturnType<typeof parseIntoClientConfig> {
  try {
    return parseIntoClientConfig(dsn);
  } catch (error) {
    const why = (error as { code?: string }).code ?? 'malformed';
    throw new FlotillaError('FLT_REFERENCE_UNRESOLVED', `What the reference of host "${host}" holds is no connection string (${why}).`, {
      host,
    });
  }
}

/** A credential of the tenant's own that is refused or missing is its own trouble, not its host's: `details.tenant` says so. */
function ownTrouble(tenant: TenantRef, error: unknown): unknown {
  if (!(error instanceof FlotillaError) || (error.code !== 'FLT_AUTH_FAILED' && error.code !== 'FLT_REFERENCE_UNRESOLVED')) return error;
  return new FlotillaError(error.code, `${tenant.id}: ${error.message}`, { ...error.details, tenant: tenant.id }, { cause: error });
}

/** Refused for one database or role alone: no CONNECT privilege, or a database that takes no connections. */
const REFUSED = ['42501', '55000'];

function connectError(host: string, database: string | undefined, what: ReturnType<typeof classify>, cause: unknown): FlotillaError {
  const where = database === undefined ? `Host "${host}"` : `Database "${database}" on host "${host}"`;
  const { code } = cause as { readonly code?: string };
  if (REFUSED.includes(code ?? ''))
    return new FlotillaError('FLT_PERMISSION_DENIED', `${where} takes no connection of this role (${code}).`, { host }, { cause });
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
