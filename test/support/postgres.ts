/** Databases of one test file on the run's server, and a check at the end that nothing was left behind. */

import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { inject } from 'vitest';
import type { PlannedMigration } from '../../src/domain/plan.js';
import type { TenantRef } from '../../src/domain/tenant.js';
import type { MigrationEngine } from '../../src/engines/engine.js';
import { createKnexEngine } from '../../src/engines/knex/knex-engine.js';
import type { AttemptInput, AttemptResult, Delta, Hosts } from '../../src/postgres/contract.js';
import { createHosts } from '../../src/postgres/hosts.js';
import { createRunner, type Runner, type RunnerOptions } from '../../src/postgres/runner.js';

export const ident = (name: string): string => pg.escapeIdentifier(name);

export async function query<T extends pg.QueryResultRow>(url: string, sql: string, values: unknown[] = []): Promise<T[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const result = await client.query<T>(sql, values);
    return result.rows;
  } finally {
    await client.end();
  }
}

export interface TestDatabase {
  readonly name: string;
  readonly url: string;
  /** One connection that stays open for the test. */
  client(): Promise<pg.Client>;
  /** Drops it. @throws when somebody still holds a connection, an advisory lock or an open transaction in it */
  drop(): Promise<void>;
}

/** @param server another server than the run's */
export async function createDatabase(prefix = 't', template?: string, server = inject('postgres').url): Promise<TestDatabase> {
  const name = `${prefix}_${randomUUID().slice(0, 8)}`;
  await query(server, `create database ${ident(name)} ${template === undefined ? '' : `template ${ident(template)}`}`);
  const at = new URL(server);
  at.pathname = `/${name}`;
  const own: pg.Client[] = [];
  return {
    name,
    url: at.toString(),
    async client() {
      const client = new pg.Client({ connectionString: at.toString() });
      client.on('error', () => undefined); // a test may kill it
      await client.connect();
      own.push(client);
      return client;
    },
    async drop() {
      for (const client of own) await client.end().catch(() => undefined);
      const leaked = async () =>
        query<{ application_name: string; state: string; locks: string }>(
          server,
          `select application_name, state, (select count(*) from pg_locks l where l.pid = a.pid and locktype = 'advisory') locks from pg_stat_activity a where datname = $1 and backend_type = 'client backend'`,
          [name],
        );
      let left = await leaked();
      for (let tries = 0; left.length > 0 && tries < 20; tries++) {
        await new Promise((done) => setTimeout(done, 50)); // a closed session takes a moment to go
        left = await leaked();
      }
      await query(server, `drop database ${ident(name)} with (force)`);
      if (left.length > 0) throw new Error(`left behind in ${name}: ${JSON.stringify(left)}`);
    },
  };
}

export interface RunnerFixture {
  readonly engine: MigrationEngine;
  readonly hosts: Hosts;
  readonly runner: Runner;
  readonly deltas: Map<string, Delta>;
  migrations(): Promise<PlannedMigration[]>;
  /** One attempt; deltas that it records are kept for later ones. */
  attempt(tenant: TenantRef, direction?: 'up' | 'down', more?: Partial<AttemptInput>): Promise<AttemptResult>;
  write(file: string, source: string): void;
  close(): Promise<void>;
}

/** @param options with an `engine`, its files count, and `files` may be empty: a module that is loaded stays in memory for good */
export function createFixture(url: string, files: Readonly<Record<string, string>>, options: Partial<RunnerOptions> = {}): RunnerFixture {
  const dir = mkdtempSync(join(tmpdir(), 'flotilla-migrations-'));
  const write = (file: string, source: string) => writeFileSync(join(dir, file), source);
  for (const [file, source] of Object.entries(files)) write(file, source);
  const engine = options.engine ?? createKnexEngine({ directories: [dir], inputs: [], baseDir: dir });
  const hosts = createHosts({ hosts: { h1: { connection: 'env:H1', maxConcurrency: 20 } }, resolve: async () => url });
  const runner = createRunner({ hosts, history: { tableName: 'knex_migrations' }, ...options, engine });
  const deltas = new Map<string, Delta>();
  const migrations = async (): Promise<PlannedMigration[]> =>
    (await engine.list()).files.map((file) => ({
      name: file.name,
      checksum: file.checksum,
      closure: file.closure,
      transactional: file.transactional,
      reversible: file.declares?.irreversible
        ? { verdict: 'no', code: 'FLT_IRREVERSIBLE', why: file.declares.irreversible }
        : file.hasDown
          ? { verdict: 'expected' }
          : { verdict: 'no', code: 'FLT_NO_DOWN' },
    }));
  return {
    engine,
    hosts,
    runner,
    deltas,
    migrations,
    write,
    async attempt(tenant, direction = 'up', more = {}) {
      const result = await runner.attempt({
        fleet: 'shop',
        tenant,
        direction,
        migrations: await migrations(),
        rolloutId: 'r-1',
        fenceFirst: direction === 'down',
        canary: direction === 'up' && deltas.size === 0,
        deltas,
        force: false,
        actor: 'ana',
        applicationName: 'flotilla test',
        timeouts: { lockMs: 300, statementMs: 30_000, idleMs: 30_000 },
        quickTries: 2,
        outOfOrder: 'refuse',
        onStep: () => undefined,
        ...more,
      });
      for (const run of result.runs) if (run.delta && direction === 'up' && !deltas.has(run.name)) deltas.set(run.name, run.delta);
      return result;
    },
    async close() {
      await hosts.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
