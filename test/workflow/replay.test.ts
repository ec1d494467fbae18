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
import { type Fleet, stack, wave } from '../support/temporal.js';

const s = stack();
const folder = fileURLToPath(new URL('../histories/', import.meta.url));
const replay = (history: unknown, workflowId: string) =>
  Worker.runReplayHistory({ workflowBundle: { codePath: inject('temporal').codePath } }, history as never, workflowId);

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
};

const histories = async (fleet: Fleet) => {
  const ids = [
    workflowIds.rollout(fleet.name),
    workflowIds.wave(fleet.name, 'r-1', 0, 'canary'),
    workflowIds.wave(fleet.name, 'r-1', 1, 'rest'),
    workflowIds.waveDown(fleet.name, 'r-1', 1, 'rest'),
  ];
  const found = await Promise.all(
    ids.map(async (id) => ({
      id,
      history: await s
        .client()
        .workflow.getHandle(id)
        .fetchHistory()
        .catch(() => undefined),
    })),
  );
  return found.filter((it) => it.history !== undefined);
};

it.each(Object.keys(scenarios))('replays a rollout that %s, its waves too, as it ran', (name) =>
  s.watched(async () => {
    const fleet = await scenarios[name]!();
    const all = await histories(fleet);
    expect(all.length).toBeGreaterThan(2);
    for (const { id, history } of all) {
      await replay(history, id);
      if (!process.env.RECORD_HISTORIES) continue;
      mkdirSync(folder, { recursive: true });
      writeFileSync(`${folder}${name}.${id.split('/').slice(3).join('.') || 'rollout'}.json`, historyToJSON(history!));
    }
  }),
);

const recorded = () => readdirSync(folder).filter((file) => file.endsWith('.json'));

it('holds recorded histories of rollouts and of waves', () => {
  expect(recorded().filter((file) => file.includes('.rollout.')).length).toBeGreaterThanOrEqual(3);
  expect(recorded().filter((file) => file.includes('.w1-rest')).length).toBeGreaterThanOrEqual(3);
});

it.each(recorded())('still replays %s', async (file) => {
  await replay(historyFromJSON(JSON.parse(readFileSync(`${folder}${file}`, 'utf8'))), file);
});
