/** The composition root of a worker process: one workflow worker on the fleet's queue, one activity worker per cell. */

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Connection } from '@temporalio/client';
import { NativeConnection, Worker, type WorkflowBundleOption } from '@temporalio/worker';
import { createControlActivities, createTenantActivities } from '../activities/create-activities.js';
import type { ActivityDeps } from '../activities/deps.js';
import { createHello } from '../activities/hello.js';
import { FlotillaError } from '../domain/errors.js';
import { cellQueue } from '../domain/ids.js';
import { cellsOf, hostsOfCell } from '../spec/cells.js';
import { readEnvironment } from '../spec/env.js';
import type { LoadedConfig } from '../spec/load-config.js';
import { temporalTarget } from '../spec/temporal-connection.js';
import { openDeps } from './create-deps.js';
import { createLogger, installRuntime, type WorkerLogger } from './logger.js';
import { stopOnSignals } from './shutdown.js';

export interface WorkerOptions {
  readonly config: LoadedConfig;
  /** Cells whose hosts this worker can reach. @defaultValue all of the fleet */
  readonly cells?: readonly string[];
  /** Tenant lists at once, per cell. @defaultValue the hosts' maxConcurrency together */
  readonly concurrency?: number;
  /** Names the build, e.g. a commit. @defaultValue FLOTILLA_BUILD, or a hash of the package version and the migration files */
  readonly buildId?: string;
  /** Every bake is 0. @defaultValue false */
  readonly noBake?: boolean;
  /** Called once when all queues are served. */
  readonly onReady?: (ready: WorkerReady) => void;
  /** Ends the worker: lists finish the tenant in hand. @defaultValue the first SIGTERM or SIGINT; the second ends the process */
  readonly signal?: AbortSignal;
  /** @defaultValue the bundle made at build time, or, from sources, one made now */
  readonly workflowBundle?: WorkflowBundleOption;
  readonly logger?: WorkerLogger;
}

export interface WorkerReady {
  readonly fleet: string;
  readonly cells: readonly string[];
  readonly taskQueue: string;
  readonly address: string;
  readonly build: string;
  readonly migrations: number;
}

/** After this an activity in hand is told; a list goes on with its tenant all the same, and the process waits for it. */
const GRACE = '30s';

/**
 * Runs until it is asked to stop, then finishes what is in hand. Any number of workers may run beside each other.
 * @throws FLT_TEMPORAL_UNAVAILABLE, FLT_REFERENCE_UNRESOLVED, FLT_CONTROL_UNAVAILABLE, FLT_USAGE for an unknown cell
 */
export async function runWorker(options: WorkerOptions): Promise<void> {
  const { config } = options;
  const environment = readEnvironment();
  const cells = checkedCells(config, options.cells);
  const logger = options.logger ?? createLogger({ level: environment.logLevel });
  installRuntime(logger);
  const signal = options.signal ?? stopOnSignals();
  const target = temporalTarget({ address: config.fleet.temporal?.address, namespace: config.fleet.temporal?.namespace });
  const build = options.buildId ?? environment.build;

  const closing: (() => Promise<unknown>)[] = [];
  try {
    const connection = await connected(target.connection.address, () => Connection.connect(target.connection));
    closing.unshift(() => connection.close());
    const opened = await openDeps({
      config,
      temporal: { connection, namespace: target.namespace },
      actor: environment.actor,
      ...(build === undefined ? {} : { build }),
      noBake: options.noBake ?? false,
      stopping: () => signal.aborted,
    });
    closing.unshift(opened.close);
    // A connection each: two workers on one connection share its long polls
    const open = async () => {
      const native = await connected(target.connection.address, () => NativeConnection.connect(target.connection));
      closing.unshift(() => native.close());
      return { connection: native, namespace: target.namespace };
    };
    const workers = [
      await workflowWorker(options, opened.deps, await open()),
      ...(await Promise.all(cells.map(async (cell) => cellWorker(options, opened.deps, cell, await open())))),
    ];
    const { build: named, migrations } = await helloOf(opened.deps);
    const running = runAll(workers, signal);
    options.onReady?.({
      fleet: config.fleet.name,
      cells,
      taskQueue: config.taskQueue,
      address: target.connection.address,
      build: named,
      migrations,
    });
    logger.info({ fleet: config.fleet.name, cells, taskQueue: config.taskQueue, build: named, migrations }, 'worker ready');
    await running;
    logger.info('worker stopped');
  } finally {
    for (const close of closing) await close().catch((error) => logger.warn({ err: error }, 'closing'));
  }
}

function checkedCells(config: LoadedConfig, wanted: readonly string[] | undefined): readonly string[] {
  const known = cellsOf(config.fleet);
  if (!wanted?.length) return known;
  const unknown = wanted.filter((cell) => !known.includes(cell));
  if (unknown.length === 0) return [...new Set(wanted)];
  throw new FlotillaError(
    'FLT_USAGE',
    `The config has no cell ${unknown.map((cell) => `"${cell}"`).join(', ')}; it has ${known.map((cell) => `"${cell}"`).join(', ')}.`,
    {
      cells: [...unknown],
    },
  );
}

async function connected<T>(address: string, connect: () => Promise<T>): Promise<T> {
  try {
    return await connect();
  } catch (error) {
    throw new FlotillaError('FLT_TEMPORAL_UNAVAILABLE', `Temporal at ${address} does not answer.`, { address }, { cause: error });
  }
}

interface Place {
  readonly connection: NativeConnection;
  readonly namespace: string;
}

async function workflowWorker(options: WorkerOptions, deps: ActivityDeps, place: Place): Promise<Worker> {
  return Worker.create({
    ...place,
    taskQueue: options.config.taskQueue,
    ...bundle(options.workflowBundle),
    activities: createControlActivities(deps),
    maxConcurrentWorkflowTaskExecutions: 20,
    maxConcurrentActivityTaskExecutions: 20,
    maxCachedWorkflows: 200,
    // A worker that went away holds up its workflows for no longer than this
    stickyQueueScheduleToStartTimeout: '3s',
    maxHeartbeatThrottleInterval: '1.5s',
    shutdownGraceTime: GRACE,
  });
}

async function cellWorker(options: WorkerOptions, deps: ActivityDeps, cell: string, place: Place): Promise<Worker> {
  const hosts = hostsOfCell(deps.fleet, cell);
  const lists = options.concurrency ?? hosts.reduce((n, host) => n + (deps.fleet.hosts[host]?.maxConcurrency ?? 8), 0);
  return Worker.create({
    ...place,
    taskQueue: cellQueue(options.config.taskQueue, cell),
    activities: createTenantActivities(deps),
    // Beside the lists: one wait per silent host, and a few for planning and verification
    maxConcurrentActivityTaskExecutions: lists + hosts.length + 4,
    maxHeartbeatThrottleInterval: '1.5s',
    defaultHeartbeatThrottleInterval: '1.5s',
    shutdownGraceTime: GRACE,
  });
}

function bundle(given: WorkflowBundleOption | undefined): { workflowBundle: WorkflowBundleOption } | { workflowsPath: string } {
  if (given) return { workflowBundle: given };
  const built = fileURLToPath(new URL('../workflow-bundle.cjs', import.meta.url));
  if (existsSync(built)) return { workflowBundle: { codePath: built } };
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return { workflowsPath: fileURLToPath(new URL(`../workflows/index.${extension}`, import.meta.url)) };
}

async function helloOf(deps: ActivityDeps): Promise<{ readonly build: string; readonly migrations: number }> {
  const { build, migrations } = await createHello(deps)({});
  return { build, migrations };
}

/** Runs them side by side; when one ends in an error, the others are stopped and the error is thrown. */
async function runAll(workers: readonly Worker[], signal: AbortSignal): Promise<void> {
  const stop = () => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  signal.addEventListener('abort', stop, { once: true });
  const runs = workers.map((worker) =>
    worker.run().catch((error) => {
      stop();
      throw error;
    }),
  );
  if (signal.aborted) stop();
  const results = await Promise.allSettled(runs);
  signal.removeEventListener('abort', stop);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}
