/**
 * Workflow tests: the run's dev server, one worker per test file, and each test a fleet of its own whose fake activities answer for it.
 * An error in workflow code is otherwise a silent hang: a watcher fails the test at once with the message of the failed workflow task.
 */

import { randomUUID } from 'node:crypto';
import { Context } from '@temporalio/activity';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, inject } from 'vitest';
import type { Activities, MigrateTenantsInput } from '../../src/activities/contract.js';
import { cellQueue, workflowIds } from '../../src/domain/ids.js';
import type { ListResult, TenantException } from '../../src/domain/outcome.js';
import type { PlannedWave, PlanSummary, RolloutPlan, RolloutPolicy } from '../../src/domain/plan.js';
import type { RolloutProgress, RolloutReport } from '../../src/domain/rollout/contract.js';
import type { Tuning } from '../../src/domain/tuning.js';
import type { Answer, Ask, RolloutAsks, RolloutVerb } from '../../src/workflows/messages.js';

export type Fakes = Partial<Activities>;

const NAMES: readonly (keyof Activities)[] = [
  'hello',
  'discoverTenants',
  'scanTenants',
  'freezePlan',
  'openRollout',
  'loadTenants',
  'windowsAt',
  'watchGates',
  'cancelBackends',
  'substituteCanaries',
  'freezeSweep',
  'notify',
  'migrateTenants',
  'substituteCanaries',
  'freezeSweep',
  'awaitHost',
  'verifyWave',
  'judgeRollback',
  'parkTenants',
  'dismissTenants',
  'findParked',
  'signalTenants',
  'markTenants',
  'readBackfills',
  'steerRollout',
  'recordRollout',
  'closeRollout',
  'openTending',
  'beginTending',
  'tendTenants',
  'concludeRefresh',
  'acceptChecksum',
  'endTending',
  'beginMigrate',
  'endMigrate',
  'answerAdmin',
  'checkHosts',
];

export const policy: RolloutPolicy = {
  strategy: 'test',
  onBreach: 'halt',
  onGateFail: 'halt',
  onTenantFailure: 'park',
  ramp: { initial: 100, factor: 2 },
  finalBakeMs: 0,
  approvalTimeoutMs: 60_000,
  approvalOnTimeout: 'halt',
  gates: [],
  windows: [],
  deadlines: { progressMs: 60_000 },
  membership: 'snapshot',
  retry: { quickTries: 3, maxAttempts: 6, minBackoffMs: 10, maxBackoffMs: 50 },
  timeouts: { lockMs: 500, statementMs: 60_000, idleMs: 30_000 },
  outOfOrder: 'refuse',
};

/** A wave of n tenants spread over hosts; ids are `w<index>-<host>-<n>`. */
export function wave(
  index: number,
  name: string,
  perHost: Record<string, number>,
  more: Partial<PlannedWave> & { window?: number } = {},
): PlannedWave {
  const { window = 2, ...rest } = more;
  return {
    index,
    name,
    canary: false,
    tenants: Object.values(perHost).reduce((a, b) => a + b, 0),
    hosts: Object.entries(perHost).map(([host, tenants]) => ({ host, cell: 'eu', tenants, window, limit: 8 })),
    canaries: [],
    maxFailures: 0,
    maxConcurrency: 10,
    worstCaseFailures: 1,
    bakeMs: 0,
    approval: false,
    ...rest,
  };
}

export const tenantId = (waveIndex: number, host: string, n: number): string => `w${waveIndex}-${host}-${n}`;

export interface Fleet {
  readonly name: string;
  readonly client: Client;
  /** Every list that was dispatched. */
  readonly lists: MigrateTenantsInput[];
  /** Tenants by what they went through, in order. */
  readonly moved: { id: string; direction: 'up' | 'down' }[];
  readonly parked: string[];
  readonly dismissed: string[];
  readonly recorded: string[];
  start(tuning?: Tuning, ask?: Partial<Ask>): Promise<WorkflowHandle>;
  handle(): WorkflowHandle;
  progress(): Promise<RolloutProgress>;
  send<V extends RolloutVerb>(verb: V, ask?: Partial<RolloutAsks[V]>): Promise<Answer>;
  /** Waits until the progress fits. */
  until(check: (progress: RolloutProgress) => boolean, what: string): Promise<RolloutProgress>;
  /** The report, whether the rollout succeeded or ended as failed with it. */
  report(): Promise<RolloutReport>;
}

export interface FleetPlan {
  readonly waves: readonly PlannedWave[];
  readonly policy?: Partial<RolloutPolicy>;
  readonly summary?: Partial<PlanSummary>;
  /** What one tenant comes to. @defaultValue applied, rolledBack */
  readonly tenant?: (
    id: string,
    input: MigrateTenantsInput,
  ) => Promise<Omit<TenantException, 'id'> | undefined> | Omit<TenantException, 'id'> | undefined;
  readonly fakes?: Fakes;
}

export interface Stack {
  fleet(plan: FleetPlan): Fleet;
  readonly queue: string;
  client(): Client;
  /** Starts another workflow than a rollout under a fleet's fakes, watched like it. */
  start(type: string, workflowId: string, input: unknown): Promise<WorkflowHandle>;
  /** Runs a test body; fails at once when a workflow task fails. */
  watched(body: () => Promise<void>): Promise<void>;
}

export function stack(): Stack {
  const fakes = new Map<string, Fakes>();
  const watching: WorkflowHandle[] = [];
  const queue = `q-${randomUUID()}`;
  let client: Client;
  let connections: { close(): Promise<void> }[] = [];
  let workers: { worker: Worker; running: Promise<void> }[] = [];

  const dispatch = (name: keyof Activities) => async (input: unknown) => {
    const fleet = Context.current().info.workflowExecution!.workflowId.split('/')[1]!;
    const fake = fakes.get(fleet)?.[name] as ((input: unknown) => Promise<unknown>) | undefined;
    if (!fake) throw ApplicationFailure.nonRetryable(`no fake ${name} for fleet ${fleet}`);
    return fake(input);
  };

  beforeAll(async () => {
    const { address, codePath } = inject('temporal');
    Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter: { core: 'ERROR', other: 'ERROR' } } } });
    const [main, cell, connection] = await Promise.all([
      NativeConnection.connect({ address }),
      NativeConnection.connect({ address }),
      Connection.connect({ address }),
    ]);
    client = new Client({ connection });
    connections = [connection];
    const activities = Object.fromEntries(NAMES.map((name) => [name, dispatch(name)]));
    const create = (on: NativeConnection, taskQueue: string, bundle: boolean) =>
      Worker.create({
        connection: on,
        taskQueue,
        activities,
        shutdownGraceTime: '2s',
        ...(bundle ? { workflowBundle: { codePath } } : {}),
      });
    workers = (await Promise.all([create(main, queue, true), create(cell, cellQueue(queue, 'eu'), false)])).map((worker) => ({
      worker,
      running: worker.run(),
    }));
    connections.push(main, cell);
  });
  afterAll(async () => {
    for (const { worker } of workers) worker.shutdown();
    await Promise.all(workers.map(({ running }) => running));
    for (const connection of connections) await connection.close();
  });

  const poll = async (check: () => Promise<boolean>, what: string) => {
    const end = Date.now() + 30_000;
    while (!(await check())) {
      if (Date.now() > end) throw new Error(`waited in vain for: ${what}`);
      await new Promise((done) => setTimeout(done, 30));
    }
  };

  return {
    queue,
    client: () => client,
    async start(type, workflowId, input) {
      const handle = await client.workflow.start(type, { taskQueue: queue, workflowId, args: [input] });
      watching.push(handle);
      return handle;
    },
    async watched(body) {
      let stop = false;
      const watch = async () => {
        while (!stop) {
          await new Promise((done) => setTimeout(done, 300));
          for (const handle of watching) {
            const description = await handle.describe().catch(() => undefined);
            if ((description?.raw.pendingWorkflowTask?.attempt ?? 0) <= 1) continue;
            const { events } = await handle.fetchHistory();
            const failed = events?.findLast((event) => event.workflowTaskFailedEventAttributes);
            throw new Error(`workflow task failed: ${failed?.workflowTaskFailedEventAttributes?.failure?.message ?? 'see the worker log'}`);
          }
        }
      };
      const watcher = watch();
      watcher.catch(() => undefined);
      try {
        await Promise.race([body(), watcher]);
      } finally {
        stop = true;
        watching.splice(0);
      }
    },
    fleet(plan) {
      const name = `f${randomUUID().slice(0, 8)}`;
      const lists: MigrateTenantsInput[] = [];
      const moved: Fleet['moved'] = [];
      const parked: string[] = [];
      const dismissed: string[] = [];
      const recorded: string[] = [];
      let asks = 0;
      const rolloutPlan: RolloutPlan = {
        summary: {
          fleet: name,
          planId: 'p-1',
          digest: 'd1',
          environment: 'test',
          createdAt: '2026-01-01T00:00:00Z',
          to: 'm1',
          hosts: 1,
          cells: ['eu'],
          totals: { tenants: 0, pending: 0, upToDate: 0, excluded: 0, blocked: 0 },
          migrations: [],
          waves: plan.waves,
          policy: { ...policy, ...plan.policy },
          findings: [],
          frozen: true,
          durationMs: 0,
          ...plan.summary,
        },
        outside: {},
      };
      const base: Fakes = {
        openRollout: async () => rolloutPlan,
        loadTenants: async ({ wave: index, host, from, limit }) =>
          Array.from({ length: limit }, (_, i) => ({ id: tenantId(index, host, from + i) })),
        async migrateTenants(input): Promise<ListResult> {
          lists.push(input);
          const context = Context.current();
          const exceptions: TenantException[] = [];
          const counts: Record<string, number> = {};
          let next = 0;
          for (const id of input.tenants) {
            if (context.cancellationSignal.aborted && next > 0) break;
            const untouched = input.direction === 'down' && !moved.some((it) => it.id === id && it.direction === 'up');
            const exception = (await plan.tenant?.(id, input)) ?? (untouched ? ({ outcome: 'upToDate' } as const) : undefined);
            next++;
            const outcome = exception?.outcome ?? (input.direction === 'up' ? 'applied' : 'rolledBack');
            counts[outcome] = (counts[outcome] ?? 0) + 1;
            if (exception) exceptions.push({ id, ...exception });
            else moved.push({ id, direction: input.direction });
            context.heartbeat();
            if (outcome === 'failed') break;
          }
          return { counts, exceptions, next };
        },
        awaitHost: async () => undefined,
        verifyWave: async () => ({ checked: 0, diverged: [] }),
        judgeRollback: async () => ({ refused: [] }),
        parkTenants: async ({ tenants }) => void parked.push(...tenants.map((it) => it.tenant)),
        dismissTenants: async ({ tenants }) => void dismissed.push(...tenants),
        findParked: async () => [],
        signalTenants: async ({ tenants }) => tenants,
        markTenants: async () => undefined,
        recordRollout: async ({ state, events }) => void recorded.push(state, ...events.map((event) => event.verb)),
        closeRollout: async () => undefined,
      };
      fakes.set(name, { ...base, ...plan.fakes });
      const handle = () => client.workflow.getHandle(workflowIds.rollout(name));
      const it: Fleet = {
        name,
        get client() {
          return client;
        },
        lists,
        moved,
        parked,
        dismissed,
        recorded,
        handle,
        async start(tuning, ask = {}) {
          const started = await client.workflow.start('rolloutWorkflow', {
            taskQueue: queue,
            workflowId: workflowIds.rollout(name),
            memo: { rolloutId: 'r-1' },
            args: [
              {
                fleet: name,
                rolloutId: 'r-1',
                planId: 'p-1',
                taskQueue: queue,
                actor: 'ana',
                requestId: 'start',
                ...ask,
                ...(tuning ? { tuning } : {}),
              },
            ],
          });
          watching.push(started);
          for (const w of plan.waves)
            watching.push(
              client.workflow.getHandle(workflowIds.wave(name, 'r-1', w.index, w.name)),
              client.workflow.getHandle(workflowIds.waveDown(name, 'r-1', w.index, w.name)),
            );
          return started;
        },
        progress: () => handle().query<RolloutProgress>('progress'),
        send: (verb, ask = {}) =>
          handle().executeUpdate<Answer, [Ask]>(verb, { args: [{ actor: 'ana', requestId: `q-${++asks}`, ...ask }] }),
        async until(check, what) {
          let last: RolloutProgress | undefined;
          await poll(async () => {
            last = await it.progress();
            return check(last);
          }, what);
          return last!;
        },
        async report() {
          try {
            return (await handle().result()) as RolloutReport;
          } catch (error) {
            const cause = (error as { cause?: unknown }).cause;
            if (cause instanceof ApplicationFailure && cause.details?.[0]) return cause.details[0] as RolloutReport;
            throw error;
          }
        },
      };
      return it;
    },
  };
}
