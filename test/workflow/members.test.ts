/** Who belongs to a rollout while it runs, with fake activities: what the body does with what they answer. */

import { ApplicationFailure } from '@temporalio/common';
import { expect, it } from 'vitest';
import type { MigrateTenantsInput } from '../../src/activities/contract.js';
import { workflowIds } from '../../src/domain/ids.js';
import type { ListResult } from '../../src/domain/outcome.js';
import type { PlanSummary, RolloutPlan } from '../../src/domain/plan.js';
import { countTotals } from '../../src/domain/tenant.js';
import type { AdminInput } from '../../src/workflows/messages.js';
import { type Fakes, type Fleet, policy, stack, tenantId, wave } from '../support/temporal.js';

const s = stack();
const test = (title: string, body: () => Promise<void>) => it(title, () => s.watched(body));
const canary = wave(0, 'canary', { h1: 2 }, { canary: true, maxConcurrency: 1, window: 1 });

/** A canary that is up to date; those that came into its wave later are tenants 2, 3… of it. */
const upToDate =
  (...ids: string[]) =>
  (id: string) =>
    ids.includes(id) ? ({ outcome: 'upToDate' } as const) : undefined;

test('[S15] runs substitutes in the wave of the canaries, and not again in the wave that they left', async () => {
  const [c0, c1, left] = [tenantId(0, 'h1', 0), tenantId(0, 'h1', 1), tenantId(1, 'h1', 3)];
  const asked: unknown[] = [];
  const fleet: Fleet = s.fleet({
    waves: [canary, wave(1, 'rest', { h1: 6 })],
    tenant: upToDate(c0, c1),
    fakes: {
      substituteCanaries: async (input) => {
        asked.push(input.canaries);
        return [{ id: left, host: 'h1', wave: 1 }];
      },
      loadTenants: async ({ wave: index, host, from, limit }) =>
        Array.from({ length: limit }, (_, i) => (index === 0 && from + i >= 2 ? left : tenantId(index, host, from + i))).map((id) => ({
          id,
        })),
    },
  });
  await fleet.start();
  const report = await fleet.report();
  expect(report).toMatchObject({ finalState: 'succeeded', totals: { applied: 6, upToDate: 2 } });
  expect(report.waves.map(({ name, tenants }) => [name, tenants])).toEqual([
    ['canary', 3],
    ['rest', 5],
  ]);
  expect(asked).toEqual([[c0, c1]]);
  expect(fleet.moved.map(({ id }) => id).sort()).toEqual([0, 1, 2, 3, 4, 5].map((n) => tenantId(1, 'h1', n)));
  expect(countTotals(report.totals)).toBe(8);
});

const hello = async () => ({ build: 'b', pid: 1, newest: 'm1', migrations: 1, cells: ['eu'], expectMet: true });

const planOf = (
  fleet: () => Fleet,
  more: Partial<RolloutPlan> & { readonly waves: PlanSummary['waves']; readonly catchUp?: true },
): Fakes => ({
  openRollout: async () => {
    const { waves, catchUp, ...rest } = more;
    return {
      summary: {
        fleet: fleet().name,
        planId: 'p-1',
        digest: 'd1',
        environment: 'test',
        createdAt: '2026-01-01T00:00:00Z',
        to: 'm1',
        hosts: 1,
        cells: ['eu'],
        totals: { tenants: 0, pending: 0, upToDate: 0, excluded: 0, blocked: 0 },
        migrations: [],
        waves,
        policy: { ...policy, membership: catchUp ? 'catchUp' : 'snapshot' },
        findings: [],
        frozen: true,
        durationMs: 0,
      },
      outside: {},
      ...rest,
    };
  },
});

test('[S07] starts nobody before a freeze that it began under comes to its end, by itself', async () => {
  const untilMs = Date.now() + 1_500;
  const waves = [wave(0, 'all', { h1: 2 })];
  const fleet: Fleet = s.fleet({
    waves,
    fakes: planOf(() => fleet, { waves, freeze: { actor: 'bo', reason: 'sale', sinceMs: 1, untilMs } }),
    tenant: () => (Date.now() < untilMs ? { outcome: 'failed', code: 'FLT_FROZEN', message: 'too early' } : undefined),
  });
  await fleet.start();
  await fleet.until((it) => it.state === 'paused', 'the pause');
  expect((await fleet.report()).totals).toMatchObject({ applied: 2 });
});

test('[S36] blocks whoever was pinned since the plan was frozen', async () => {
  const waves = [wave(0, 'all', { h1: 3 })];
  const marked: unknown[] = [];
  const pinned = tenantId(0, 'h1', 1);
  const fleet: Fleet = s.fleet({
    waves,
    fakes: {
      ...planOf(() => fleet, { waves, pins: [{ tenant: pinned }] }),
      markTenants: async ({ tenants, state, code }) => void marked.push([tenants, state, code]),
    },
  });
  await fleet.start();
  expect((await fleet.report()).totals).toMatchObject({ applied: 2, blocked: 1 });
  expect(marked).toEqual([[[pinned], 'blocked', 'FLT_PINNED']]);
});

test('[S19] ends without a sweep that fails, says what it could not look at, and loses nothing that the scan has found', async () => {
  const waves = [wave(0, 'all', { h1: 2 })];
  const drift = { severity: 'error', code: 'FLT_CHECKSUM_DRIFT', message: 'm1 was edited' } as const;
  const given: unknown[] = [];
  const sweeping = (more: Fakes): Fleet => {
    const fleet: Fleet = s.fleet({
      waves,
      fakes: {
        ...planOf(() => fleet, { waves, catchUp: true }),
        hello,
        discoverTenants: async () => ({ tenants: 2, findings: [] }),
        scanTenants: async () => ({ tenants: 2, pending: 0, upToDate: 2, findings: [drift] }),
        freezeSweep: async ({ findings }) => {
          given.push(...findings);
          return { retaken: [], findings };
        },
        ...more,
      },
    });
    return fleet;
  };
  const fine = sweeping({});
  await fine.start();
  expect(await fine.report()).toMatchObject({ finalState: 'succeeded', sweeps: 1, findings: [drift] });
  expect(given).toEqual([drift]);
  expect(fine.recorded).toContain('sweep');

  const unseen = sweeping({
    discoverTenants: async () => {
      throw ApplicationFailure.nonRetryable('the directory is broken', 'FLT_SOURCE_INVALID');
    },
  });
  await unseen.start();
  const finding = { severity: 'warning', code: 'FLT_SOURCE_INVALID', message: expect.stringContaining('cell "eu"') };
  expect(await unseen.report()).toMatchObject({ finalState: 'succeeded', totals: { applied: 2 }, findings: [finding] });

  const lost = sweeping({
    freezeSweep: async () => {
      throw ApplicationFailure.nonRetryable('no such plan', 'FLT_PLAN_NOT_FOUND');
    },
  });
  await lost.start();
  expect(await lost.report()).toMatchObject({ finalState: 'succeeded', findings: [drift, { code: 'FLT_PLAN_NOT_FOUND' }] });
});

/** One tenant on demand; each try answers the next of these. */
async function migrate(tries: readonly (ListResult | Error)[], plan: Partial<PlanSummary> = {}) {
  const lists: MigrateTenantsInput[] = [];
  const parked: string[] = [];
  const ended: string[] = [];
  let n = 0;
  const fleet = s.fleet({
    waves: [],
    fakes: {
      hello,
      discoverTenants: async () => ({
        tenants: 1,
        findings: [{ severity: 'error', code: 'FLT_HOST_UNAVAILABLE', message: 'another host' }],
      }),
      scanTenants: async () => ({ tenants: 1, pending: 1, upToDate: 0, findings: [] }),
      freezePlan: async ({ findings }) =>
        ({ totals: { tenants: 1, pending: 1, upToDate: 0, excluded: 0, blocked: 0 }, findings, ...plan }) as unknown as PlanSummary,
      beginMigrate: async () => ({ host: 'h1', cell: 'eu' }),
      migrateTenants: async (input) => {
        lists.push(input);
        const answer = tries[n++]!;
        if (answer instanceof Error) throw answer;
        return answer;
      },
      parkTenants: async ({ tenants }) => void parked.push(...tenants.map((it) => `${it.tenant} ${it.code}`)),
      endMigrate: async ({ finalState }) => void ended.push(finalState),
    },
  });
  const input: AdminInput = {
    fleet: fleet.name,
    taskQueue: s.queue,
    verb: 'migrate',
    args: { tenant: 't1', force: false },
    actor: 'ana',
    requestId: 'q-1',
  };
  const handle = await s.start('adminWorkflow', workflowIds.admin(fleet.name, 'q-1'), input);
  const answer = await handle.result().then(
    (value) => value as unknown,
    (error) => (error as { cause: ApplicationFailure }).cause.type,
  );
  return { answer, lists, parked, ended };
}

const exception = (more: object): ListResult => ({ counts: {}, exceptions: [{ id: 't1', ...more } as never], next: 1 });
const applied: ListResult = { counts: { applied: 1 }, exceptions: [], next: 1, has: ['m1'] };

test('comes back to a tenant that others hold, and follows it to another host', async () => {
  const busy = exception({ outcome: 'deferred', code: 'FLT_TENANT_BUSY', message: 'busy' });
  const moved = exception({ outcome: 'moved', to: { host: 'h2', cell: 'eu', limit: 4 } });
  const { answer, lists, ended } = await migrate([busy, moved, applied]);
  expect(answer).toMatchObject({ tenant: 't1', outcome: 'applied', migrations: ['m1'] });
  expect(lists.map(({ host, tenants, onDemand }) => [host, tenants, onDemand])).toEqual([
    ['h1', ['t1'], true],
    ['h1', ['t1'], true],
    ['h2', ['t1'], true],
  ]);
  expect(ended).toEqual(['succeeded']);
});

test('parks a tenant that was left half-way, and none that failed cleanly', async () => {
  const failed = { outcome: 'failed', code: 'FLT_SQL_ERROR', message: 'no' };
  expect(await migrate([exception(failed)])).toMatchObject({ answer: 'FLT_SQL_ERROR', parked: [], ended: ['completedWithFailures'] });
  expect(await migrate([exception({ ...failed, partial: true })])).toMatchObject({ answer: 'FLT_SQL_ERROR', parked: ['t1 FLT_SQL_ERROR'] });
  expect(await migrate([ApplicationFailure.nonRetryable('no', 'FLT_UNKNOWN_TENANT')])).toMatchObject({
    answer: 'FLT_UNKNOWN_TENANT',
    parked: [],
    ended: ['completedWithFailures'],
  });
});

test('refuses by what the plan says of the tenant, before anything is on record', async () => {
  const held = {
    totals: { tenants: 1, pending: 0, upToDate: 0, excluded: 0, blocked: 1 },
    findings: [{ severity: 'info', code: 'FLT_PINNED', message: 'pinned' }],
  } as const;
  expect(await migrate([], held)).toMatchObject({ answer: 'FLT_PINNED', lists: [], ended: [] });
  const asleep = { totals: { tenants: 1, pending: 0, upToDate: 0, excluded: 1, blocked: 0 } };
  expect(await migrate([], asleep)).toMatchObject({ answer: 'FLT_TENANT_INACTIVE', lists: [] });
  const drift = { findings: [{ severity: 'error', code: 'FLT_CHECKSUM_DRIFT', message: 'edited' }] } as const;
  expect(await migrate([], drift)).toMatchObject({ answer: 'FLT_CHECKSUM_DRIFT', lists: [] });
});

it('[S15] a canary that was up to date is still replaced when the others have halted their wave and a person goes on', () =>
  s.watched(async () => {
    const asked: (readonly string[])[] = [];
    const fleet = s.fleet({
      waves: [wave(0, 'canary', { h1: 2 }, { canary: true, maxConcurrency: 1, window: 1 }), wave(1, 'rest', { h1: 2 })],
      tenant: (id) => {
        if (id === 'w0-h1-0') return { outcome: 'upToDate' };
        return id === 'w0-h1-1' ? { outcome: 'failed', code: 'FLT_SQL_ERROR', message: 'no' } : undefined;
      },
      fakes: {
        substituteCanaries: async ({ canaries }) => {
          asked.push(canaries);
          return [];
        },
      },
    });
    await fleet.start();
    await fleet.until((p) => p.state === 'halted', 'the canary wave is halted');
    expect(asked).toEqual([]);
    await fleet.send('resume', { acceptFailures: 1 });
    await fleet.until((p) => p.reasons.some(({ kind }) => kind === 'canary'), 'nobody is evidence');
    expect(asked).toEqual([['w0-h1-0']]);
    await fleet.send('resume');
    expect((await fleet.report()).totals).toMatchObject({ applied: 2, upToDate: 1, parked: 1 });
  }));
