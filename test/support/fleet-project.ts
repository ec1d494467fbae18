/**
 * A real fleet for end-to-end tests and measurements: a project folder with a config and migrations, databases of its own on a running Postgres server, a
 * running Temporal server, and real processes (`flotilla worker`, `flotilla <verb>`) started from the build in `dist/`.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';

export const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

export interface FleetOptions {
  /** Hosts and the tenant schemas on each (created empty unless `seed` fills them). @defaultValue { h1: t01…t06 } */
  readonly hosts?: Readonly<
    Record<string, { readonly schemas: readonly string[]; readonly cell?: string; readonly url?: string; readonly maxConcurrency?: number }>
  >;
  /** File name → source. */
  readonly migrations: Readonly<Record<string, string>>;
  /** SQL run in each new tenant schema (search_path is set to it). */
  readonly seed?: string;
  /** JavaScript of further config fields, e.g. `strategy: 'careful', strategies: {…}`. @defaultValue strategy: 'fast', which bakes nowhere */
  readonly config?: string;
  /** JavaScript of the `tenants` array; default: fromSchemas on every host. */
  readonly tenants?: string;
}

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Parsed stdout of a `--json` run. */
  readonly json: any;
}

export interface WorkerProcess {
  readonly pid: number;
  readonly process: ChildProcess;
  /** All it has printed so far. */
  output(): string;
  /** Resolves once the output holds the text. */
  saw(text: string | RegExp, timeoutMs?: number): Promise<void>;
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

export interface FleetFixture {
  readonly name: string;
  readonly dir: string;
  readonly env: Record<string, string>;
  readonly hostUrls: Readonly<Record<string, string>>;
  readonly controlUrl: string;
  readonly temporalAddress: string;
  worker(args?: readonly string[], env?: Record<string, string>, cwd?: string): Promise<WorkerProcess>;
  /** Runs `flotilla …` to its end. */
  cli(args: readonly string[], more?: { env?: Record<string, string>; cwd?: string }): Promise<Ran>;
  /** Starts `flotilla …` and leaves it running. */
  start(args: readonly string[], env?: Record<string, string>): WorkerProcess;
  migration(file: string, source: string): void;
  rows<T extends Record<string, unknown>>(host: string, sql: string, values?: unknown[]): Promise<T[]>;
  control<T extends Record<string, unknown>>(sql: string, values?: unknown[]): Promise<T[]>;
  close(): Promise<void>;
}

const ident = (name: string) => `"${name.replaceAll('"', '""')}"`;

export async function query<T extends Record<string, unknown>>(url: string, sql: string, values: unknown[] = []): Promise<T[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<T>(sql, values)).rows;
  } finally {
    await client.end();
  }
}

export const sixTenants = ['t01', 't02', 't03', 't04', 't05', 't06'];

/** The servers that a fleet lives on. */
export interface FleetStack {
  readonly serverUrl: string;
  readonly temporalAddress: string;
}

let serial = 0;

export async function createFleetOn({ serverUrl, temporalAddress }: FleetStack, options: FleetOptions): Promise<FleetFixture> {
  const name = `e${process.pid}x${++serial}`;
  const dir = mkdtempSync(join(tmpdir(), `flotilla-e2e-${name}-`));
  mkdirSync(join(dir, 'migrations'));
  const hosts = options.hosts ?? { h1: { schemas: sixTenants } };
  const databases: string[] = [];
  const createDatabase = async (database: string) => {
    await query(serverUrl, `create database ${ident(database)}`);
    databases.push(database);
    const at = new URL(serverUrl);
    at.pathname = `/${database}`;
    return at.toString();
  };

  const controlUrl = await createDatabase(`${name}_control`);
  const hostUrls: Record<string, string> = {};
  const env: Record<string, string> = { FLOTILLA_CONTROL_URL: controlUrl, TEMPORAL_ADDRESS: temporalAddress, NO_COLOR: '1' };
  for (const [host, { schemas, url }] of Object.entries(hosts)) {
    const at = url ?? (await createDatabase(`${name}_${host}`));
    hostUrls[host] = at;
    env[`PG_${host.toUpperCase()}`] = at;
    if (schemas.length)
      await query(at, schemas.map((s) => `create schema ${ident(s)}; set search_path to ${ident(s)}; ${options.seed ?? ''};`).join('\n'));
  }
  const hostLines = Object.entries(hosts).map(
    ([host, { cell, maxConcurrency }]) =>
      `${JSON.stringify(host)}: { connection: 'env:PG_${host.toUpperCase()}'${cell ? `, cell: '${cell}'` : ''}${maxConcurrency ? `, maxConcurrency: ${maxConcurrency}` : ''} }`,
  );
  const tenants =
    options.tenants ?? `[${Object.keys(hosts).map((host) => `fromSchemas({ host: ${JSON.stringify(host)}, like: 't*', id: (s) => s })`)}]`;
  writeFileSync(
    join(dir, 'flotilla.config.mjs'),
    `import { defineFleet, fromSchemas, fromQuery, fromList } from 'flotilla';
export default defineFleet({
  name: '${name}',
  temporal: { taskQueue: '${name}' },
  control: { connection: 'env:FLOTILLA_CONTROL_URL' },
  hosts: { ${hostLines.join(', ')} },
  tenants: ${tenants},
  migrations: { directory: './migrations' },
  ${options.config ?? `strategy: 'fast',`}
});
`,
  );
  const migration = (file: string, source: string) => writeFileSync(join(dir, 'migrations', file), source);
  for (const [file, source] of Object.entries(options.migrations)) migration(file, source);

  const running = new Set<WorkerProcess>();
  const launch = (args: readonly string[], more: Record<string, string> = {}, cwd = dir): WorkerProcess => {
    const child = spawn(process.execPath, [CLI, ...args], {
      cwd,
      env: { ...process.env, ...env, ...more },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let text = '';
    const waiters = new Set<() => void>();
    const take = (chunk: Buffer) => {
      text += chunk.toString();
      for (const wake of waiters) wake();
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    const ended = once(child, 'exit');
    const it: WorkerProcess = {
      pid: child.pid!,
      process: child,
      output: () => text,
      saw: (what, timeoutMs = 60_000) =>
        new Promise((resolve, reject) => {
          const check = () => {
            if (!(typeof what === 'string' ? text.includes(what) : what.test(text))) return;
            clearTimeout(timer);
            waiters.delete(check);
            resolve();
          };
          const timer = setTimeout(() => {
            waiters.delete(check);
            reject(new Error(`"${what}" not printed within ${timeoutMs} ms by flotilla ${args.join(' ')}; it printed:\n${text}`));
          }, timeoutMs);
          waiters.add(check);
          void ended.then(() => {
            check();
            if (waiters.delete(check)) {
              clearTimeout(timer);
              reject(
                new Error(`flotilla ${args.join(' ')} ended (${child.exitCode ?? child.signalCode}) before it printed "${what}":\n${text}`),
              );
            }
          });
          check();
        }),
      stop: async (signal = 'SIGTERM') => {
        running.delete(it);
        if (child.exitCode === null && child.signalCode === null) {
          child.kill(signal);
          await ended;
        }
        return child.exitCode;
      },
    };
    running.add(it);
    return it;
  };

  return {
    name,
    dir,
    env,
    hostUrls,
    controlUrl,
    temporalAddress,
    start: launch,
    migration,
    async worker(args = [], more = {}, cwd = dir) {
      const it = launch(['worker', ...args], more, cwd);
      await it.saw(/worker ready/i);
      return it;
    },
    async cli(args, more = {}) {
      const child = spawn(process.execPath, [CLI, ...args], {
        cwd: more.cwd ?? dir,
        env: { ...process.env, ...env, ...more.env },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let stdout = '';
      let stderr = '';
      child.stdout.on('data', (chunk) => (stdout += chunk));
      child.stderr.on('data', (chunk) => (stderr += chunk));
      const [code] = (await once(child, 'close')) as [number | null];
      let json: unknown;
      if (args.includes('--json')) {
        const lines = stdout.trim().split('\n');
        try {
          json = JSON.parse(stdout);
        } catch {
          json = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
        }
      }
      return { code, stdout, stderr, json };
    },
    rows: (host, sql, values) => query(hostUrls[host]!, sql, values),
    control: (sql, values) => query(controlUrl, sql, values),
    async close() {
      for (const it of running) await it.stop('SIGKILL');
      for (const database of databases) await query(serverUrl, `drop database if exists ${ident(database)} with (force)`);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
