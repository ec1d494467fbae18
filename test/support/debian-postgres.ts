/** Servers of Debian's Postgres package, where it is installed: an older version, and what the embedded package lacks (pg_basebackup). */

import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../src/dev/embedded-postgres.js';
import { temporaryFolder } from '../../src/dev/temporary-folder.js';

const BIN = '/usr/lib/postgresql/15/bin';
export const debianPostgres = existsSync(join(BIN, 'postgres'));

export interface DebianServer {
  readonly url: string;
  readonly port: number;
  readonly dataDir: string;
  /** Another server that follows this one. */
  standby(): Promise<DebianServer>;
  promote(): void;
  /** fast: as an operator stops it; immediate: as a crash. */
  stop(mode?: 'fast' | 'immediate'): void;
  start(): void;
  close(): void;
}

/** Postgres refuses to run as root. */
const postgresUser = () => {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres']).toString());
  return { uid: id('-u'), gid: id('-g') };
};

const run = (command: string, args: readonly string[]) =>
  void execFileSync(join(BIN, command), args as string[], { stdio: 'ignore', ...postgresUser(), cwd: '/', timeout: 60_000 });

export async function startDebianPostgres(settings: Readonly<Record<string, string>> = {}, at?: string): Promise<DebianServer> {
  const parent = at ?? temporaryFolder('flotilla-pg15-');
  const own = postgresUser();
  if (own) {
    chmodSync(parent, 0o755);
    chownSync(parent, own.uid, own.gid);
  }
  const dataDir = join(parent, 'data');
  run('initdb', ['-D', dataDir, '-U', 'postgres', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync']);
  return serve(parent, dataDir, settings);
}

async function serve(parent: string, dataDir: string, settings: Readonly<Record<string, string>>): Promise<DebianServer> {
  const port = await freePort();
  const all = {
    port: String(port),
    listen_addresses: `'127.0.0.1'`,
    unix_socket_directories: `''`,
    fsync: 'off',
    max_connections: '200',
    wal_level: 'replica',
    max_locks_per_transaction: '512',
    ...settings,
  };
  const conf = join(dataDir, 'flotilla.conf');
  writeFileSync(
    conf,
    Object.entries(all)
      .map(([name, value]) => `${name} = ${value}\n`)
      .join(''),
  );
  writeFileSync(join(dataDir, 'postgresql.conf'), `include 'flotilla.conf'\n`);
  const own = postgresUser();
  if (own) for (const file of [conf, join(dataDir, 'postgresql.conf')]) chownSync(file, own.uid, own.gid);
  const start = () => run('pg_ctl', ['-D', dataDir, '-w', '-l', join(parent, 'log'), 'start']);
  start();
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const stop = (mode: 'fast' | 'immediate' = 'fast') => run('pg_ctl', ['-D', dataDir, '-m', mode, 'stop']);
  return {
    url,
    port,
    dataDir,
    start,
    stop,
    promote: () => run('pg_ctl', ['-D', dataDir, '-w', 'promote']),
    async standby() {
      const there = temporaryFolder('flotilla-pg15-');
      if (own) chownSync(there, own.uid, own.gid);
      const copy = join(there, 'data');
      run('pg_basebackup', ['-d', url, '-D', copy, '-R', '-X', 'stream', '--no-sync', '-c', 'fast']);
      return serve(there, copy, settings);
    },
    close() {
      try {
        stop('immediate');
      } catch {
        // it was stopped before
      }
      rmSync(parent, { recursive: true, force: true });
    },
  };
}

/** A small file system in memory, which root alone may mount: undefined where that is refused. */
export function smallFileSystem(megabytes: number): { readonly path: string; close(): void } | undefined {
  const path = mkdtempSync(join(tmpdir(), 'flotilla-small-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path], { stdio: 'ignore' });
  } catch {
    rmSync(path, { recursive: true, force: true });
    return undefined;
  }
  mkdirSync(join(path, 'space'));
  const own = postgresUser();
  if (own) chownSync(join(path, 'space'), own.uid, own.gid);
  chmodSync(path, 0o755);
  return {
    path: join(path, 'space'),
    close() {
      execFileSync('umount', ['-l', path], { stdio: 'ignore' });
      rmSync(path, { recursive: true, force: true });
    },
  };
}
