/** A real PgBouncer before a database, where Debian's package is installed. */

import type { spawn as Spawn } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { freePort } from '../../../src/dev/embedded-postgres.js';
import { until } from '../../support/until.js';

export interface Pooler {
  readonly url: string;
  client(): Promise<pg.Client>;
  stop(): Promise<void>;
}

export async function startPgBouncer(target: string, mode: 'transaction' | 'session' | 'statement', spawn: typeof Spawn): Promise<Pooler> {
  const to = new URL(target);
  const dir = mkdtempSync(join(tmpdir(), 'pgbouncer-'));
  const port = await freePort();
  const ini = join(dir, 'pgbouncer.ini');
  writeFileSync(
    ini,
    `[databases]\n* = host=127.0.0.1 port=${to.port} user=${to.username} password=${to.password}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = ${port}\nauth_type = any\npool_mode = ${mode}\nunix_socket_dir =\n`,
  );
  // It refuses to run as root
  const root = process.getuid?.() === 0;
  const nobody = 65534;
  if (root) {
    chmodSync(dir, 0o755);
    chownSync(ini, nobody, nobody);
  }
  const child = spawn('/usr/sbin/pgbouncer', [ini], { stdio: 'ignore', ...(root ? { uid: nobody, gid: nobody } : {}) });
  const at = new URL(target);
  at.port = String(port);
  const client = async () => {
    const it = new pg.Client({ connectionString: at.toString() });
    it.on('error', () => undefined);
    await it.connect();
    return it;
  };
  await until(async () => {
    try {
      await (await client()).end();
      return true;
    } catch {
      return false;
    }
  }, 'PgBouncer answers');
  return {
    url: at.toString(),
    client,
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGINT');
      child.kill('SIGKILL');
      await ended;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
