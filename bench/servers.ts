/** One Postgres and one Temporal server for a benchmark, and databases full of tenant schemas. */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { type StartPostgresOptions, startPostgres } from '../src/dev/embedded-postgres.js';
import { startTemporal } from '../src/dev/temporal-server.js';
import { type FleetStack, query } from '../test/support/fleet-project.js';

export interface Servers extends FleetStack {
  /** A database with these schemas, each filled by `seed`. */
  databaseOf(schemas: readonly string[], seed: string): Promise<string>;
  /** A copy of a database; nobody may be connected to it. */
  copyOf(url: string): Promise<string>;
  drop(url: string): Promise<void>;
  /** Processor time that the Postgres server and all its sessions have taken so far. Linux only. */
  cpuMs(): number;
  stop(): Promise<void>;
}

export const schemaNames = (count: number): string[] => Array.from({ length: count }, (_, i) => `t${String(i).padStart(5, '0')}`);

let serial = 0;

/** What Postgres itself ships with, where our test server has more room: with that room a look at `pg_locks` costs 0.6 ms instead of 0.3. */
export const AS_SHIPPED: StartPostgresOptions = {
  maxConnections: 100,
  settings: { max_locks_per_transaction: '64', shared_buffers: '128MB', max_wal_size: '1GB' },
};

export async function startServers(options: StartPostgresOptions = {}): Promise<Servers> {
  // On the disk, where tenants are
  const folder = mkdtempSync(join(tmpdir(), 'flotilla-bench-'));
  const [postgres, temporal] = await Promise.all([
    startPostgres({ ...options, dataDir: join(folder, 'data') }),
    startTemporal({ headless: true, path: process.env.PATH ?? '' }),
  ]);
  const nameOf = (url: string) => pg.escapeIdentifier(new URL(url).pathname.slice(1));
  const create = async (template: string) => {
    const name = `bench_${++serial}`;
    await query(postgres.url, `create database ${name} template ${template}`);
    return postgres.databaseUrl(name);
  };
  return {
    serverUrl: postgres.url,
    temporalAddress: temporal.address,
    async databaseOf(schemas, seed) {
      const url = await create('template1');
      for (let from = 0; from < schemas.length; from += 500)
        await query(
          url,
          schemas
            .slice(from, from + 500)
            .map((schema) => `create schema ${schema}; set search_path to ${schema}; ${seed}`)
            .join('\n'),
        );
      return url;
    },
    copyOf: (url) => create(nameOf(url)),
    drop: async (url) => void (await query(postgres.url, `drop database ${nameOf(url)} with (force)`)),
    cpuMs: () => processTree(postgres.pid),
    async stop() {
      await temporal.stop();
      await postgres.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** From /proc: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html. Sessions that ended are in the counts of their parent. */
function processTree(root: number): number {
  const TICK_MS = 10;
  let ticks = 0;
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const fields = readFileSync(`/proc/${entry}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ');
      const [parent, own, ended] = [Number(fields[1]), Number(fields[11]) + Number(fields[12]), Number(fields[13]) + Number(fields[14])];
      if (Number(entry) === root) ticks += own + ended;
      else if (parent === root) ticks += own;
    } catch {
      // it has just ended
    }
  }
  return ticks * TICK_MS;
}
