/**
 * Histories recorded with released workflow code must replay on today's: workers are replaced while rollouts run. After a change that is meant
 * to alter what a workflow commands, guard it with `patched()`; `RECORD_HISTORIES=1 npm run test:workflow -- replay` records new ones beside.
 */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { historyFromJSON, historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { Worker } from '@temporalio/worker';
import { expect, inject, it } from 'vitest';
import { workflowIds } from '../../src/domain/ids.js';
import { alone, filling, inWaves } from '../support/backfill-alone.js';
import { type Fleet, stack, wave } from '../support/temporal.js';

type History = Parameters<typeof historyToJSON>[0];

const s = stack();
const folder = fileURLToPath(new URL('../histories/', import.meta.url));
/** Under the id that it had: a wave names the workflow beside it after itself. */
const replay = (history: History) =>
  Worker.runReplayHistory(
    { workflowBundle: { codePath: inject('temporal').codePath } },
    history,
    history.events?.[0]?.workflowExecutionStartedEventAttributes?.workflowId ?? undefined,
  );

const canary = wave(0, 'canary', { h1: 1 }, { canary: true, maxConcurrency: 1, window: 1, bakeMs: 5 });
const fails = { outcome: 'failed', code: 'FLT_UNIQUE_VIOLATION', message: 'rows are doubled' } as const;

/** Small rollouts that between them pass through every state. */
const scenarios: Record<string, () => Promise<Fleet>> = {
  async succeeds() {
    const fleet = s.fleet({ waves: [canary, wave(1, 'rest', { h1: 6, h2: 6 })] });
    await fleet.start({ smallWave: 0, listSize: 3 });
    await fleet.report();
    return fleet;
  },
  async 'rolls-back'() {
    const fleet = s.fleet({
      waves: [canary, wave(1, 'rest', { h1: 8 })],
      policy: { onBreach: 'rollbackRollout' },
      tenant: (id, { direction }) => (id === 'w1-h1-4' ? (direction === 'up' ? fails : { outcome: 'upToDate' }) : undefined),
    });
    await fleet.start();
    await fleet.report();
    return fleet;
  },
  async 'is-steered'() {
    const fleet = s.fleet({
      waves: [canary, wave(1, 'rest', { h1: 6 }, { approval: true })],
      tenant: (id) => (id === 'w1-h1-2' ? fails : undefined),
    });
    await fleet.start();
    const at = await fleet.until((p) => p.state === 'awaitingApproval', 'approval');
    await fleet.send('pause', { reason: 'lunch' });
    await fleet.send('resume');
    await fleet.send('approve', { wave: 'rest', digest: at.digest });
    await fleet.until((p) => p.state === 'halted', 'the halt');
    await fleet.send('resume', { acceptFailures: 1 });
    await fleet.report();
    return fleet;
  },
  async aborts() {
    const fleet = s.fleet({ waves: [canary, wave(1, 'rest', { h1: 6 }, { approval: true })] });
    await fleet.start();
    await fleet.until((p) => p.state === 'awaitingApproval', 'approval');
    await fleet.send('abort', { reason: 'not today' });
    await fleet.report();
    return fleet;
  },
  async 'continues-as-new'() {
    const fleet = s.fleet({ waves: [canary, wave(1, 'rest', { h1: 20, h2: 20 })] });
    await fleet.start({ continueAsNewAfterEvents: 40, smallWave: 1, listSize: 4 });
    await fleet.report();
    return fleet;
  },
  async 'fills-again'() {
    const fleet = s.fleet(alone([canary, wave(1, 'rest', { h1: 6 }, { approval: true })], s.client));
    await fleet.start();
    const at = await fleet.until((p) => p.state === 'awaitingApproval', 'approval');
    const beside = s.client().workflow.getHandle(workflowIds.backfillAlone(fleet.name, 'r-1'));
    const say = (verb: string, ask: object = {}) => beside.executeUpdate(verb, { args: [{ actor: 'ana', requestId: verb, ...ask }] });
    await say('pause');
    await say('resume');
    await say('approve', { wave: 'rest', digest: at.digest });
    await fleet.report();
    return fleet;
  },
  async fills() {
    let looked = () => {};
    const look = new Promise<void>((resolve) => {
      looked = resolve;
    });
    const fleet = s.fleet(
      inWaves([canary, wave(1, 'rest', { h1: 6 })], s.client, {
        // The last tenant is not done before somebody has looked how far it is
        async tenant(id) {
          if (id === 'w1-h1-5') await look;
          return undefined;
        },
        fakes: {
          async readBackfills({ wave: index }) {
            if (index === 1) looked();
            return [filling()];
          },
        },
      }),
    );
    await fleet.start();
    await fleet.report();
    return fleet;
  },
  async sweeps() {
    const born = wave(2, 'sweep', { h1: 2 });
    let swept = false;
    const fleet = s.fleet({
      waves: [canary, wave(1, 'rest', { h1: 4 })],
      policy: { membership: 'catchUp' },
      fakes: {
        discoverTenants: async () => ({ tenants: 7, findings: [] }),
        scanTenants: async () => ({ tenants: 7, pending: 2, upToDate: 5, findings: [] }),
        async freezeSweep() {
          const first = !swept;
          swept = true;
          return { ...(first ? { wave: born } : {}), outside: {}, retaken: [], findings: [] };
        },
      },
    });
    await fleet.start();
    await fleet.report();
    return fleet;
  },
};

/** Of every run: a wave that continued as new has several. */
async function histories(fleet: Fleet) {
  const ids = [
    workflowIds.rollout(fleet.name),
    workflowIds.backfillAlone(fleet.name, 'r-1'),
    ...['canary', 'rest', 'sweep'].flatMap((name, index) => [
      workflowIds.wave(fleet.name, 'r-1', index, name),
      workflowIds.waveDown(fleet.name, 'r-1', index, name),
      workflowIds.backfill(workflowIds.wave(fleet.name, 'r-1', index, name)),
    ]),
  ];
  const found: { name: string; history: History }[] = [];
  for (const id of ids) {
    const runs: { runId: string; at: number }[] = [];
    for await (const { runId, startTime } of s.client().workflow.list({ query: `WorkflowId = "${id}"` }))
      runs.push({ runId, at: startTime.getTime() });
    for (const [index, { runId }] of runs.sort((a, b) => a.at - b.at).entries()) {
      const name = id.includes('/backfill/') ? 'backfill' : id.split('/').slice(3).join('.') || 'rollout';
      found.push({
        name: index === 0 ? name : `${name}.${index + 1}`,
        history: await s.client().workflow.getHandle(id, runId).fetchHistory(),
      });
    }
  }
  return found;
}

/** Runs of workflows. @defaultValue 3 */
const LEAST: Readonly<Record<string, number>> = { aborts: 2, fills: 5 };

it.each(Object.keys(scenarios))('replays a rollout that %s, its waves too, as it ran', (name) =>
  s.watched(async () => {
    const fleet = await scenarios[name]!();
    let all: Awaited<ReturnType<typeof histories>> = [];
    // Visibility comes a moment after the fact
    const look = async () => {
      all = await histories(fleet);
      return all.length;
    };
    await expect.poll(look, { timeout: 10_000 }).toBeGreaterThanOrEqual(LEAST[name] ?? 3);
    for (const { name: of, history } of all) {
      await replay(history);
      if (!process.env.RECORD_HISTORIES) continue;
      mkdirSync(folder, { recursive: true });
      writeFileSync(`${folder}${name}.${of}.json`, historyToJSON(history));
    }
  }),
);

const recorded = () => readdirSync(folder).filter((file) => file.endsWith('.json'));

it('holds recorded histories of rollouts and of waves', () => {
  for (const name of Object.keys(scenarios))
    expect(recorded().filter((file) => file.startsWith(`${name}.`)).length, name).toBeGreaterThan(1);
  expect(recorded()).toEqual(expect.arrayContaining(['continues-as-new.w1-rest.2.json', 'fills.w1-rest.backfill.json']));
});

it.each(recorded())('still replays %s', async (file) => {
  await replay(historyFromJSON(JSON.parse(readFileSync(`${folder}${file}`, 'utf8'))));
});
