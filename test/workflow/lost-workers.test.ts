import { Context } from '@temporalio/activity';
import { expect, it } from 'vitest';
import { planGates } from '../../src/domain/planned-gates.js';
import { stack, wave } from '../support/temporal.js';

const s = stack();

it(
  'splits a list that lost its workers three times, parks the tenant that loses them again as unknown, and migrates the rest once',
  () =>
    s.watched(async () => {
      const fleet = s.fleet({
        waves: [wave(0, 'all', { h1: 6 }, { maxFailures: 1, window: 1 })],
        // As if the process had died: no answer, no heartbeat.
        tenant: (id) =>
          id === 'w0-h1-1'
            ? new Promise((resolve) => Context.current().cancellationSignal.addEventListener('abort', () => resolve(undefined)))
            : undefined,
      });
      await fleet.start({ smallWave: 0, listSize: 3, timeBoxMs: 60_000 });
      const report = await fleet.report();
      expect(report.finalState).toBe('completedWithFailures');
      expect(report.totals).toMatchObject({ applied: 5, parked: 1 });
      expect(report.failures).toMatchObject([{ code: 'FLT_WORKER_LOST', tenants: ['w0-h1-1'] }]);
      expect(fleet.parked).toEqual(['w0-h1-1']);
      const holding = fleet.lists.filter((list) => list.tenants.includes('w0-h1-1'));
      expect(holding.map((list) => list.tenants.length)).toEqual([3, 3, 3, 1, 1, 1]);
      expect(holding.map((list) => list.again)).toEqual([false, false, false, true, true, true]);
    }),
  120_000,
);

it('goes on when the worker that looks at the gates is lost just when nobody wants to know any more', { timeout: 120_000 }, () =>
  s.watched(async () => {
    const looks: string[] = [];
    const fleet = s.fleet({
      waves: [wave(0, 'first', { h1: 2 }), wave(1, 'second', { h1: 2 })],
      policy: { gates: planGates([]) },
      fakes: {
        // Passes before a wave; while it runs, as if the process had died: no answer, no heartbeat.
        watchGates: async ({ phase, fresh, memory }) => {
          looks.push(phase);
          if (!fresh || phase === 'during')
            await new Promise((resolve) => Context.current().cancellationSignal.addEventListener('abort', resolve));
          return { readings: { readings: [], complete: true, passing: 6 }, memory };
        },
      },
    });
    await fleet.start();
    expect((await fleet.report()).totals.applied).toBe(4);
    expect(looks).toContain('during');
  }),
);
