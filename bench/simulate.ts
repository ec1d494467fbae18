/**
 * The dispatcher alone: 20,000 and 100,000 tenants on 20 hosts, one in a hundred fails, and the activities answer at once. What it costs in
 * workflow events, in bytes and in time is all Flotilla's own. https://docs.temporal.io/cloud/limits has the limits.
 */

import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import Table from 'cli-table3';
import type { Activities } from '../src/activities/contract.js';
import { startTemporal } from '../src/dev/temporal-server.js';
import { cellQueue, workflowIds } from '../src/domain/ids.js';
import type { TenantException } from '../src/domain/outcome.js';
import type { PlannedWave, RolloutPlan } from '../src/domain/plan.js';
import { resolveStrategy } from '../src/domain/resolve-strategy.js';
import type { RolloutReport } from '../src/domain/rollout/contract.js';
import type { RolloutInput } from '../src/workflows/messages.js';
import type { Bench, Measure } from './measure.js';

const HOSTS = Array.from({ length: 20 }, (_, i) => `host-${String(i).padStart(2, '0')}`);
const FAILS = 0.01;
const AIM_PER_SECOND = 1_500;
const MOST_EVENTS = 10_000;
const MOST_PAYLOAD = 256 * 1024;
const MOST_PROGRESS = 50 * 1024;

interface Figures {
  readonly tenants: number;
  readonly seconds: number;
  readonly failed: number;
  readonly workflows: number;
  readonly mostEvents: number;
  readonly largestPayload: number;
  readonly largestProgress: number;
}

export const simulate: Bench = async ({ say }) => {
  Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter: { core: 'ERROR', other: 'ERROR' } } } });
  const temporal = await startTemporal({ headless: true, path: process.env.PATH ?? '' });
  const figures: Figures[] = [];
  try {
    for (const tenants of [20_000, 100_000]) {
      figures.push(await run(temporal.address, tenants));
      say(`${tenants} tenants: ${figures.at(-1)!.seconds.toFixed(1)} s`);
    }
  } finally {
    await temporal.stop();
  }
  say(`\n${tableOf(figures)}`);
  return figures.flatMap(measuresOf);
};

async function run(address: string, tenants: number): Promise<Figures> {
  const fleet = `simulated-${tenants}`;
  const plan = planFor(fleet, tenants);
  const connections = await Promise.all([NativeConnection.connect({ address }), NativeConnection.connect({ address })]);
  const activities = activitiesFor(plan);
  const codePath = fileURLToPath(new URL('../dist/workflow-bundle.cjs', import.meta.url));
  const workers = await Promise.all([
    Worker.create({
      connection: connections[0]!,
      taskQueue: fleet,
      activities,
      workflowBundle: { codePath },
      maxConcurrentActivityTaskExecutions: 20,
    }),
    Worker.create({ connection: connections[1]!, taskQueue: cellQueue(fleet, 'eu'), activities, maxConcurrentActivityTaskExecutions: 100 }),
  ]);
  const running = workers.map((worker) => worker.run());
  const connection = await Connection.connect({ address });
  const client = new Client({ connection });
  try {
    const input: RolloutInput = { fleet, rolloutId: 'r-1', planId: 'p-1', taskQueue: fleet, actor: 'bench', requestId: 'start' };
    const started = performance.now();
    const handle = await client.workflow.start('rolloutWorkflow', {
      taskQueue: fleet,
      workflowId: workflowIds.rollout(fleet),
      args: [input],
    });
    let largestProgress = 0;
    let over = false;
    const watching = (async () => {
      while (!over) {
        await new Promise((done) => setTimeout(done, 1_000)); // the rhythm of a person's `status --watch`
        largestProgress = Math.max(largestProgress, JSON.stringify(await handle.query('progress')).length);
      }
    })();
    const report = (await handle
      .result()
      .catch((error: { cause?: { details?: unknown[] } }) => error.cause?.details?.[0])) as RolloutReport;
    const seconds = (performance.now() - started) / 1_000;
    over = true;
    await watching;
    const failed = report.totals.parked + report.totals.failed;
    if (report.totals.applied + failed !== tenants) throw new Error(`tenants were lost: ${JSON.stringify(report.totals)}`);
    return { tenants, seconds, failed, largestProgress, ...(await weigh(client, fleet)) };
  } finally {
    for (const worker of workers) worker.shutdown();
    await Promise.all(running);
    await connection.close();
    for (const it of connections) await it.close();
  }
}

/** Events of each run of each workflow, and the largest payload in any of them. */
async function weigh(client: Client, fleet: string): Promise<Pick<Figures, 'workflows' | 'mostEvents' | 'largestPayload'>> {
  let [workflows, mostEvents, largestPayload] = [0, 0, 0];
  for await (const { workflowId, runId } of client.workflow.list({ query: `TaskQueue = "${fleet}"` })) {
    const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    workflows++;
    mostEvents = Math.max(mostEvents, history.events?.length ?? 0);
    for (const [, data] of historyToJSON(history).matchAll(/"data": ?"([^"]+)"/g))
      largestPayload = Math.max(largestPayload, (data!.length * 3) / 4);
  }
  return { workflows, mostEvents, largestPayload };
}

function planFor(fleet: string, tenants: number): RolloutPlan {
  const { sameError: _, ...policy } = resolveStrategy({ name: 'fast', pending: tenants, noBake: true }).policy;
  const wave = (index: number, name: string, count: number, canary: boolean): PlannedWave => ({
    index,
    name,
    canary,
    tenants: count,
    hosts: HOSTS.map((host, i) => ({
      host,
      cell: 'eu',
      tenants: Math.floor(count / HOSTS.length) + (i < count % HOSTS.length ? 1 : 0),
      window: 4,
      limit: 8,
    })),
    canaries: [],
    maxFailures: canary ? HOSTS.length : tenants,
    maxConcurrency: 50,
    worstCaseFailures: count,
    bakeMs: 0,
    approval: false,
  });
  const canaries = HOSTS.length;
  const early = Math.floor(tenants / 20);
  const waves = [wave(0, 'canary', canaries, true), wave(1, '5%', early, false), wave(2, 'rest', tenants - canaries - early, false)];
  return {
    summary: {
      fleet,
      planId: 'p-1',
      digest: 'd',
      environment: 'test',
      createdAt: new Date(0).toISOString(),
      to: 'm1',
      hosts: HOSTS.length,
      cells: ['eu'],
      totals: { tenants, pending: tenants, upToDate: 0, excluded: 0, blocked: 0 },
      migrations: [],
      waves,
      policy: { ...policy, gates: [], membership: 'snapshot' },
      findings: [],
      frozen: true,
      durationMs: 0,
    },
    outside: {},
  };
}

/** They answer at once, and as in a fleet: a list ends at the first tenant that fails. */
function activitiesFor(plan: RolloutPlan): Partial<Activities> {
  const failing = random(20261124);
  return {
    openRollout: async () => plan,
    loadTenants: async ({ wave, host, from, limit }) =>
      Array.from({ length: limit }, (_, i) => ({ id: `tenant-${wave}-${host}-${from + i}` })),
    async migrateTenants({ tenants }) {
      const exceptions: TenantException[] = [];
      let next = 0;
      while (next < tenants.length && exceptions.length === 0) {
        const id = tenants[next++]!;
        if (failing() < FAILS)
          exceptions.push({
            id,
            outcome: 'failed',
            code: 'FLT_UNIQUE_VIOLATION',
            message: `${id}: unique violation (23505) on constraint "users_email_key"; the values stay in the database`,
          });
      }
      return { counts: { applied: next - exceptions.length, ...(exceptions.length ? { failed: 1 } : {}) }, exceptions, next };
    },
    verifyWave: async () => ({ checked: 0, diverged: [] }),
    parkTenants: async () => undefined,
    markTenants: async () => undefined,
    recordRollout: async () => undefined,
    closeRollout: async () => undefined,
  };
}

/** https://en.wikipedia.org/wiki/Linear_congruential_generator, as in glibc. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

function tableOf(figures: readonly Figures[]): string {
  const table = new Table({
    head: ['tenants', 'failed', 's', 'tenants/s', 'workflow runs', 'most events', 'largest payload', 'largest progress'],
    style: { head: [], border: [] },
  });
  for (const it of figures)
    table.push([
      it.tenants,
      it.failed,
      it.seconds.toFixed(1),
      Math.round(it.tenants / it.seconds),
      it.workflows,
      it.mostEvents,
      `${(it.largestPayload / 1024).toFixed(1)} KB`,
      `${(it.largestProgress / 1024).toFixed(1)} KB`,
    ]);
  return table.toString();
}

function measuresOf({ tenants, seconds, mostEvents, largestPayload, largestProgress }: Figures): Measure[] {
  const measure = (name: string, unit: string, ours: number, floor: number, ratio: number): Measure => ({
    bench: 'simulate',
    measure: name,
    unit,
    ours,
    floor,
    ratio,
    aim: 1,
    n: tenants,
    runs: 1,
  });
  const perSecond = tenants / seconds;
  return [
    measure('tenants/s / 1,500', 'tenants/s', perSecond, AIM_PER_SECOND, perSecond / AIM_PER_SECOND),
    measure('10,000 / events of the longest run', 'events', mostEvents, MOST_EVENTS, MOST_EVENTS / mostEvents),
    measure('256 KB / largest payload', 'bytes', largestPayload, MOST_PAYLOAD, MOST_PAYLOAD / largestPayload),
    measure('50 KB / largest progress', 'bytes', largestProgress, MOST_PROGRESS, MOST_PROGRESS / largestProgress),
  ];
}
