import { once } from 'node:events';
import { createServer } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { freePort } from '../../../src/dev/embedded-postgres.js';
import { FlotillaError } from '../../../src/domain/errors.js';
import type { TenantRef } from '../../../src/domain/tenant.js';
import type { Hosts, TenantSession } from '../../../src/postgres/contract.js';
import { createHosts, type HostsOptions } from '../../../src/postgres/hosts.js';
import { createDatabase, ident, query, type TestDatabase } from '../../support/postgres.js';

const SECRET = 's3cret-pass';

let db: TestDatabase;
let others: TestDatabase[] = [];
let opened: Hosts[] = [];

beforeEach(async () => {
  db = await createDatabase('hosts');
});
afterEach(async () => {
  for (const hosts of opened) await hosts.close();
  opened = [];
  for (const other of others) await other.drop();
  others = [];
  await db.drop(); // fails when a connection is left
});

const TENANT: TenantRef = { id: 'acme', host: 'h1', schema: 'public' };

function setup(options: Partial<HostsOptions> = {}): Hosts {
  const hosts = createHosts({ hosts: { h1: { connection: 'env:H1', maxConcurrency: 2 } }, resolve: async () => db.url, ...options });
  opened.push(hosts);
  return hosts;
}
async function moreDatabases(count: number): Promise<TenantRef[]> {
  for (let n = 0; n < count; n++) others.push(await createDatabase('hosts'));
  return others.map(({ name }) => ({ id: name, host: 'h1', database: name }));
}
const pidOf = ({ client }: Pick<TenantSession, 'client'>): Promise<number> =>
  client.query<{ pid: number }>('select pg_backend_pid() as pid').then(({ rows }) => rows[0]!.pid);
const databaseOf = ({ client }: Pick<TenantSession, 'client'>): Promise<string> =>
  client.query<{ name: string }>('select current_database() as name').then(({ rows }) => rows[0]!.name);
/** Sessions that Flotilla holds in this test's databases. */
async function held(): Promise<number> {
  const names = [db, ...others].map(({ name }) => name);
  const rows = await query<{ n: number }>(
    inject('postgres').url,
    `select count(*)::int as n from pg_stat_activity where application_name = 'flotilla' and datname = any ($1)`,
    [names],
  );
  return rows[0]!.n;
}
const kill = (pid: number) => query(inject('postgres').url, 'select pg_terminate_backend($1)', [pid]);
const withUser = (user: string, password: string): string => {
  const at = new URL(db.url);
  at.username = user;
  at.password = password;
  return at.toString();
};
async function failureOf(work: Promise<unknown>): Promise<FlotillaError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(FlotillaError);
  return error as FlotillaError;
}
const endOf = ({ client }: TenantSession): Promise<void> => new Promise((resolve) => client.once('end', () => resolve()));
/** A promise and what fulfils it. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

describe('the cap of a host', () => {
  it('holds however many ask at once, and lets everybody through in turn', async () => {
    const hosts = setup();
    const full = gate();
    const free = gate();
    let active = 0;
    let peak = 0;
    const order: number[] = [];
    const all = Array.from({ length: 12 }, (_, n) =>
      hosts.withTenant(TENANT, async (session) => {
        await pidOf(session);
        active++;
        peak = Math.max(peak, active);
        if (active === 4) full.open();
        await free.opened;
        active--;
        order.push(n);
      }),
    );
    await full.opened;
    expect(await held()).toBe(4);
    free.open();
    await Promise.all(all);
    expect(peak).toBe(4);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, n) => n));
  });

  it('counts idle connections too: many databases of one host never add up to more', async () => {
    const tenants = await moreDatabases(7);
    const hosts = setup();
    for (const tenant of tenants) expect(await hosts.withTenant(tenant, databaseOf)).toBe(tenant.database);
    await expect.poll(held).toBeLessThanOrEqual(5);
    await Promise.all(
      [...tenants, ...tenants].map(async (tenant) => expect(await hosts.withTenant(tenant, databaseOf)).toBe(tenant.database)),
    );
    await expect.poll(held).toBeLessThanOrEqual(5);
  });

  it('is never waited for by those who hold it: each may ask for a second connection', async () => {
    const hosts = setup();
    const pairs = await Promise.all(
      Array.from({ length: 8 }, () =>
        hosts.withTenant(TENANT, async (first) => [await pidOf(first), await hosts.withTenant(TENANT, pidOf)] as const),
      ),
    );
    for (const [first, second] of pairs) expect(second).not.toBe(first);
    expect(await hosts.withHost('h1', (first) => hosts.withHost('h1', async (second) => first === second))).toBe(false);
    await expect.poll(held).toBeLessThanOrEqual(5);
  });

  it('is free again after work that failed and after a connection that could not be made', async () => {
    let url = withUser('nobody', SECRET);
    const hosts = setup({ resolve: async () => url });
    for (let n = 0; n < 8; n++) await expect(hosts.withTenant(TENANT, pidOf)).rejects.toThrow();
    url = db.url;
    for (let n = 0; n < 8; n++) await expect(hosts.withTenant(TENANT, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await hosts.withTenant(TENANT, databaseOf)).toBe(db.name);
  });

  it('is one for each host', async () => {
    const hosts = setup({
      hosts: { h1: { connection: 'env:H1', maxConcurrency: 1 }, h2: { connection: 'env:H2', maxConcurrency: 1 } },
    });
    const both = gate();
    let inside = 0;
    const work = async () => {
      if (++inside === 4) both.open();
      await both.opened;
    };
    await Promise.all(['h1', 'h1', 'h2', 'h2'].map((host) => hosts.withTenant({ ...TENANT, host }, work)));
    expect(inside).toBe(4);
  });
});

describe('a connection', () => {
  it('is used again, by the same credential and for the same database only', async () => {
    const [tenant] = await moreDatabases(1);
    const hosts = setup({
      hosts: { h1: { connection: ({ id }) => (id === 'other' ? 'env:OTHER' : 'env:H1') } },
    });
    const first = await hosts.withTenant(TENANT, pidOf);
    expect(await hosts.withTenant({ ...TENANT, id: 'same', schema: 'elsewhere' }, pidOf)).toBe(first);
    expect(await hosts.withTenant({ ...TENANT, id: 'other' }, pidOf)).not.toBe(first);
    expect(await hosts.withTenant(tenant!, databaseOf)).toBe(tenant!.database);
    expect(await hosts.withTenant(TENANT, pidOf)).toBe(first);
  });

  it('stays after an error that a tenant made', async () => {
    const hosts = setup();
    const first = await hosts.withTenant(TENANT, pidOf);
    await expect(hosts.withTenant(TENANT, ({ client }) => client.query('select 1 / 0'))).rejects.toMatchObject({ code: '22012' });
    expect(await hosts.withTenant(TENANT, pidOf)).toBe(first);
  });

  it('that broke while it was idle is dropped, and the next one is asked for in its place', async () => {
    const hosts = setup();
    const { pid, ended } = await hosts.withTenant(TENANT, async (session) => ({
      pid: await pidOf(session),
      ended: endOf(session),
    }));
    await kill(pid);
    await ended;
    expect(await hosts.withTenant(TENANT, pidOf)).not.toBe(pid);
    await expect.poll(held).toBe(1);
  });

  it('that broke during the work is dropped, also when the work did not notice', async () => {
    const hosts = setup();
    let first = 0;
    await expect(
      hosts.withTenant(TENANT, async (session) => {
        first = await pidOf(session);
        await kill(first);
        await session.client.query('select 1');
      }),
    ).rejects.toThrow();
    const second = await hosts.withTenant(TENANT, async (session) => {
      const pid = await pidOf(session);
      const ended = endOf(session);
      await kill(pid);
      await ended;
      return pid;
    });
    expect(second).not.toBe(first);
    expect(await hosts.withTenant(TENANT, pidOf)).not.toBe(second);
    await expect.poll(held).toBe(1);
  });

  it('that the work discards is closed', async () => {
    const hosts = setup();
    const first = await hosts.withTenant(TENANT, async (session) => {
      session.discard();
      return pidOf(session);
    });
    expect(await hosts.withTenant(TENANT, pidOf)).not.toBe(first);
    await expect.poll(held).toBe(1);
  });

  it('tells the version of its server, and ends its statement when this process is gone', async () => {
    const hosts = setup();
    const { server, serverVersion, interval } = await hosts.withTenant(TENANT, async (session) => ({
      server: (await session.client.query('show server_version')).rows[0].server_version,
      serverVersion: session.serverVersion,
      interval: (await session.client.query('show client_connection_check_interval')).rows[0].client_connection_check_interval,
    }));
    expect(serverVersion).toMatch(/^\d+/);
    expect(server.split(' ')[0]).toBe(serverVersion);
    expect(interval).toBe('500ms');
  });

  it('keeps the options of the connection string', async () => {
    const hosts = setup({ resolve: async () => `${db.url}?options=${encodeURIComponent('-c work_mem=5MB')}` });
    const { rows } = await hosts.withTenant(TENANT, ({ client }) => client.query('show work_mem'));
    expect(rows).toEqual([{ work_mem: '5MB' }]);
  });

  it("of a host goes by its admin reference, to the connection's database or the one asked for", async () => {
    const [tenant] = await moreDatabases(1);
    const asked: string[] = [];
    const hosts = setup({
      hosts: { h1: { connection: () => 'env:TENANT', admin: 'env:ADMIN' } },
      resolve: async (reference) => {
        asked.push(reference);
        return db.url;
      },
    });
    expect(await hosts.withHost('h1', (client) => databaseOf({ client }))).toBe(db.name);
    expect(await hosts.withHost('h1', (client) => databaseOf({ client }), tenant!.database)).toBe(tenant!.database);
    await hosts.withTenant(TENANT, pidOf);
    expect(asked).toEqual(['env:ADMIN', 'env:ADMIN', 'env:TENANT']);
  });
});

describe('the credential', () => {
  it('is read for each new connection, and not for one that is used again', async () => {
    let asked = 0;
    const hosts = setup({
      resolve: async () => {
        asked++;
        return db.url;
      },
    });
    await hosts.withTenant(TENANT, pidOf);
    await hosts.withTenant(TENANT, pidOf);
    expect(asked).toBe(1);
    await hosts.withTenant(TENANT, async (session) => session.discard());
    await hosts.withTenant(TENANT, pidOf);
    expect(asked).toBe(2);
  });

  it('is read once more when the server refused it, because it may just have been rotated', async () => {
    const answers = [withUser('postgres', SECRET), db.url];
    const hosts = setup({ resolve: async () => answers.shift()! });
    expect(await hosts.withTenant(TENANT, databaseOf)).toBe(db.name);
    expect(answers).toEqual([]);
  });

  it('is not tried a third time', async () => {
    let asked = 0;
    const hosts = setup({
      resolve: async () => {
        asked++;
        return withUser('postgres', SECRET);
      },
    });
    expect(await failureOf(hosts.withTenant(TENANT, pidOf))).toMatchObject({ code: 'FLT_AUTH_FAILED' });
    expect(asked).toBe(2);
  });

  it('that cannot be resolved fails as its reference does', async () => {
    const hosts = setup({ resolve: async () => Promise.reject(new FlotillaError('FLT_REFERENCE_UNRESOLVED', 'no such variable')) });
    expect(await failureOf(hosts.withTenant(TENANT, pidOf))).toMatchObject({ code: 'FLT_REFERENCE_UNRESOLVED' });
  });
});

describe('a host that cannot be used', () => {
  const LIMITED = 'flotilla_limited';

  it.each<[code: string, text: string, url: () => string | Promise<string>, database?: string]>([
    [
      'FLT_HOST_UNAVAILABLE',
      'Host "h1" does not answer (ECONNREFUSED).',
      async () => `postgres://someone:${SECRET}@127.0.0.1:${await freePort()}/db`,
    ],
    ['FLT_HOST_UNAVAILABLE', 'Host "h1" does not answer (ENOTFOUND).', () => `postgres://someone:${SECRET}@nowhere.invalid/db`],
    [
      'FLT_AUTH_FAILED',
      'Host "h1" refused the credential (28P01 invalid_authorization_specification).',
      () => withUser('postgres', SECRET),
    ],
    ['FLT_AUTH_FAILED', 'Host "h1" refused the credential (28P01 invalid_authorization_specification).', () => withUser('nobody', SECRET)],
    ['FLT_SCHEMA_MISSING', 'Database "no_such_db" on host "h1" does not exist.', () => db.url, 'no_such_db'],
    [
      'FLT_TOO_MANY_CONNECTIONS',
      'Host "h1" has no connection left (53300 too_many_connections).',
      async () => {
        await query(db.url, `drop role if exists ${LIMITED}; create role ${LIMITED} login password '${SECRET}' connection limit 0`);
        return withUser(LIMITED, SECRET);
      },
    ],
    [
      'FLT_REFERENCE_UNRESOLVED',
      'What the reference of host "h1" holds is no connection string (ERR_INVALID_URL).',
      () => `postgres://someone:${SECRET}@h:port/db`,
    ],
  ])('is %s: %s, without the secret', async (code, message, url, database) => {
    const dsn = await url();
    const hosts = setup({ resolve: async () => dsn });
    try {
      const error = await failureOf(hosts.withTenant({ ...TENANT, ...(database ? { database } : {}) }, pidOf));
      expect(error).toMatchObject({ code, message, details: { host: 'h1' } });
      const everything = [error.stack, JSON.stringify(error), inspect(error, { depth: 20, showHidden: true })].join('\n');
      expect(everything).not.toContain(SECRET);
    } finally {
      await query(db.url, `drop role if exists ${LIMITED}`);
    }
  });

  it('is unavailable when it takes the connection and then says nothing', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as { port: number };
    const hosts = setup({ resolve: async () => `postgres://someone:${SECRET}@127.0.0.1:${port}/db`, connectTimeoutMs: 100 });
    try {
      const error = await failureOf(hosts.withTenant(TENANT, pidOf));
      expect(error).toMatchObject({ code: 'FLT_HOST_UNAVAILABLE' });
      expect(inspect(error, { depth: 20 })).not.toContain(SECRET);
    } finally {
      silent.close();
    }
  });

  it('is named when the config does not know it, and when it has nothing to discover with', async () => {
    const hosts = setup({ hosts: { h1: { connection: () => 'env:H1' } } });
    expect(await failureOf(hosts.withTenant({ ...TENANT, host: 'h9' }, pidOf))).toMatchObject({ code: 'FLT_UNKNOWN_HOST' });
    expect(await failureOf(hosts.withHost('h1', async () => undefined))).toMatchObject({ code: 'FLT_CONFIG_INVALID' });
  });
});

describe('close', () => {
  it('ends every idle connection of every database, and may be repeated', async () => {
    const tenants = await moreDatabases(3);
    const hosts = setup();
    await Promise.all(tenants.map((tenant) => hosts.withTenant(tenant, pidOf)));
    await hosts.close();
    await hosts.close();
    await expect.poll(held).toBe(0);
  });

  it('lets running work finish, ends its connection then, and starts nothing that still waited', async () => {
    const hosts = setup();
    const full = gate();
    const free = gate();
    let inside = 0;
    const running = Array.from({ length: 4 }, () =>
      hosts.withTenant(TENANT, async (session) => {
        if (++inside === 4) full.open();
        await free.opened;
        return databaseOf(session);
      }),
    );
    await full.opened;
    const waiting = failureOf(hosts.withTenant(TENANT, pidOf));
    await hosts.close();
    expect(await failureOf(hosts.withTenant(TENANT, pidOf))).toMatchObject({ code: 'FLT_CONNECTION_LOST' });
    free.open();
    expect(await Promise.all(running)).toEqual([db.name, db.name, db.name, db.name]);
    expect(await waiting).toMatchObject({ code: 'FLT_CONNECTION_LOST' });
    await expect.poll(held).toBe(0);
  });
});

it('takes database names as they are', async () => {
  const name = `odd "name'; ${db.name}`;
  await query(db.url, `create database ${ident(name)}`);
  const hosts = setup();
  try {
    expect(await hosts.withTenant({ id: 'odd', host: 'h1', database: name }, databaseOf)).toBe(name);
  } finally {
    await hosts.close();
    await query(db.url, `drop database ${ident(name)} with (force)`);
  }
});

it('tells trouble of a tenant from trouble of its host', async () => {
  const hosts = setup({
    hosts: { h1: { connection: ({ id }) => `env:${id}`, admin: 'env:admin', maxConcurrency: 2 } },
    resolve: async (reference) => {
      if (reference === 'env:missing') throw new FlotillaError('FLT_REFERENCE_UNRESOLVED', 'env:missing is not set.', {});
      return reference === 'env:mistaken' ? withUser('nobody_here', 'wrong') : db.url;
    },
  });
  const connect = (id: string) => hosts.withTenant({ ...TENANT, id }, async () => undefined);
  await expect(connect('missing')).rejects.toMatchObject({ code: 'FLT_REFERENCE_UNRESOLVED', details: { tenant: 'missing' } });
  await expect(connect('mistaken')).rejects.toMatchObject({ code: 'FLT_AUTH_FAILED', details: { tenant: 'mistaken' } });
  await expect(connect('acme')).resolves.toBeUndefined();
});

it('names a database that takes no connections, and does not call its host silent', async () => {
  const [closed] = await moreDatabases(1);
  await query(inject('postgres').url, `alter database ${closed!.database} allow_connections false`);
  await expect(setup().withTenant(closed!, async () => undefined)).rejects.toMatchObject({ code: 'FLT_PERMISSION_DENIED' });
});
