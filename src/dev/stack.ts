/** The local stack's servers, started together and ended in order: workers first, then Temporal, then Postgres. */

import { join } from 'node:path';
import { FlotillaError } from '../domain/errors.js';
import type { PostgresServer, StartPostgresOptions } from './embedded-postgres.js';
import { startOf } from './process-identity.js';
import type { StartTemporalOptions, TemporalServer } from './temporal-server.js';
import type { WorkerProcess } from './worker-process.js';

export interface StackOptions {
  /** Logs go here. */
  readonly folder: string;
  /** Postgres servers by name. */
  readonly postgres: Readonly<Record<string, StartPostgresOptions>>;
  readonly temporal: StartTemporalOptions;
}

export interface StackProcess {
  readonly name: string;
  readonly pid: number;
  readonly startedAt?: string;
}

export interface Stack {
  readonly postgres: Readonly<Record<string, PostgresServer>>;
  readonly temporal: TemporalServer;
  /** Workers to be ended with the stack; whoever starts or replaces one keeps this list. */
  readonly workers: Set<WorkerProcess>;
  processes(): StackProcess[];
  /** Ends everything. Safe to repeat. */
  stop(): Promise<void>;
}

/** Starts the servers side by side. When one does not start, the others are ended again. @throws FLT_DEV_FAILED, FLT_TEMPORAL_UNAVAILABLE */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { startPostgres } = await import('./embedded-postgres.js');
  const { startTemporal } = await import('./temporal-server.js');
  const names = Object.keys(options.postgres);
  const started = await Promise.allSettled([
    startTemporal({ logFile: join(options.folder, 'temporal.log'), ...options.temporal }),
    ...names.map((name) => startPostgres(options.postgres[name])),
  ]);
  const running = started.flatMap((it) => (it.status === 'fulfilled' ? [it.value] : []));
  const failed = started.find((it) => it.status === 'rejected');
  if (failed) {
    await Promise.all(running.map((server) => server.stop()));
    if (failed.reason instanceof FlotillaError) throw failed.reason;
    throw new FlotillaError('FLT_DEV_FAILED', (failed.reason as Error).message, { logs: options.folder });
  }
  const [temporal, ...servers] = running as [TemporalServer, ...PostgresServer[]];
  const postgres = Object.fromEntries(names.map((name, i) => [name, servers[i] as PostgresServer]));
  const workers = new Set<WorkerProcess>();
  const processes = () =>
    [
      { name: 'temporal', pid: temporal.pid },
      ...names.map((name) => ({ name: `postgres ${name}`, pid: postgres[name]!.pid })),
      ...[...workers].map((worker) => ({ name: 'worker', pid: worker.pid })),
    ].map((it) => {
      const startedAt = startOf(it.pid);
      return { ...it, ...(startedAt === undefined ? {} : { startedAt }) };
    });
  let stopping: Promise<void> | undefined;
  const stop = async () => {
    await Promise.all([...workers].map((worker) => worker.stop()));
    await temporal.stop();
    await Promise.all(servers.map((server) => server.stop()));
  };
  return {
    postgres,
    temporal,
    workers,
    processes,
    stop() {
      stopping ??= stop();
      return stopping;
    },
  };
}
