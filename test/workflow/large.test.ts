import { expect, it } from 'vitest';
import { workflowIds } from '../../src/domain/ids.js';
import { countTotals } from '../../src/domain/tenant.js';
import { stack, wave } from '../support/temporal.js';
import { weigh } from '../support/weigh.js';

const s = stack();

it('[S38] 20,000 tenants on 20 hosts, some of which fail, cost a bounded number of events, bytes and answers', { timeout: 240_000 }, () =>
  s.watched(async () => {
    const perHost = Object.fromEntries(Array.from({ length: 20 }, (_, host) => [`host-${host}`, 1_000]));
    const fleet = s.fleet({
      waves: [wave(0, 'all', perHost, { maxFailures: 1_000, maxConcurrency: 50, window: 4 })],
      policy: { sameError: undefined as never },
      tenant: (id) =>
        /-7[0-9]7$/.test(id) ? { outcome: 'failed', code: 'FLT_UNIQUE_VIOLATION', message: `${id}: rows are doubled` } : undefined,
    });
    const handle = await fleet.start();
    let largest = 0;
    const ended = fleet.report();
    let over = false;
    const watching = (async () => {
      while (!over) {
        largest = Math.max(largest, JSON.stringify(await fleet.progress()).length);
        await new Promise((done) => setTimeout(done, 500)); // the rhythm of a watching person
      }
    })();
    const report = await ended;
    over = true;
    await watching;
    expect(countTotals(report.totals)).toBe(20_000);
    expect(report.totals).toMatchObject({ applied: 19_800, parked: 200, pending: 0 });
    const ids = [handle.workflowId, workflowIds.wave(fleet.name, 'r-1', 0, 'all')].map((id) => `WorkflowId = "${id}"`).join(' or ');
    const { workflows, mostEvents, largestPayload } = await weigh(s.client(), ids);
    expect(workflows).toBeGreaterThan(1);
    expect(mostEvents).toBeLessThan(10_000);
    expect(largestPayload).toBeLessThan(256 * 1024);
    expect(largest).toBeLessThan(50 * 1024);
  }),
);

it('[S33] the step to the next wave is taken once, and not before the last straggler has settled', () =>
  s.watched(async () => {
    let letGo = () => {};
    const free = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    let straggling = false;
    const fleet = s.fleet({
      waves: [wave(0, 'first', { h1: 4, h2: 4 }), wave(1, 'second', { h1: 2 })],
      async tenant(id) {
        if (id !== 'w0-h2-3') return undefined;
        straggling = true;
        await free;
        return undefined;
      },
    });
    await fleet.start();
    await fleet.until((p) => straggling && p.totals.pending >= 2 && fleet.moved.length === 7, 'all but one have settled');
    await fleet.send('pause');
    await fleet.send('resume');
    expect(fleet.lists.filter(({ wave: index }) => index === 1)).toEqual([]);
    letGo();
    expect((await fleet.report()).totals.applied).toBe(10);
    const { events } = await fleet.handle().fetchHistory();
    const begun = events!.flatMap((event) => event.startChildWorkflowExecutionInitiatedEventAttributes?.workflowId ?? []);
    expect(begun).toEqual([workflowIds.wave(fleet.name, 'r-1', 0, 'first'), workflowIds.wave(fleet.name, 'r-1', 1, 'second')]);
  }));
