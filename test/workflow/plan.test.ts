import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { expect, it } from 'vitest';
import type { Activities } from '../../src/activities/contract.js';
import { workflowIds } from '../../src/domain/ids.js';
import type { PlanInput } from '../../src/workflows/messages.js';
import { stack } from '../support/temporal.js';

const s = stack();
const test = (title: string, body: () => Promise<void>) => it(title, () => s.watched(body));
const worker = (more: Partial<Awaited<ReturnType<Activities['hello']>>> = {}) => ({
  build: 'b1',
  pid: 7,
  newest: 'm1',
  migrations: 1,
  cells: ['eu'],
  expectMet: true,
  ...more,
});

/** Notes the step and answers. */
const noted =
  <T>(order: string[], step: string, answer: T) =>
  async (): Promise<T> => {
    order.push(step);
    return answer;
  };

async function planned(fakes: Partial<Activities>, more: Partial<PlanInput> = {}) {
  const fleet = s.fleet({ waves: [], fakes });
  const input: PlanInput = { fleet: fleet.name, planId: 'p-1', taskQueue: s.queue, actor: 'ana', mode: 'freeze', ...more };
  const handle = await s.start('planWorkflow', workflowIds.plan(fleet.name, 'p-1'), input);
  return handle.result();
}

const failure = async (running: Promise<unknown>): Promise<ApplicationFailure> => {
  const error = await running.then(
    () => undefined,
    (thrown) => thrown,
  );
  expect(error).toBeInstanceOf(WorkflowFailedError);
  expect((error as WorkflowFailedError).cause).toBeInstanceOf(ApplicationFailure);
  return (error as WorkflowFailedError).cause as ApplicationFailure;
};

test('looks which gates can be read when a rollout may follow, and what cannot goes into the plan', async () => {
  const asked: unknown[] = [];
  const off = [{ gate: 'walQueue', host: 'h1', why: 'the role is no member of pg_monitor' }];
  const fakes: Partial<Activities> = {
    hello: async () => worker(),
    discoverTenants: async () => ({ tenants: 3, findings: [] }),
    async scanTenants({ gates }) {
      asked.push(gates);
      return { tenants: 3, pending: 3, upToDate: 0, findings: [], gatesOff: off };
    },
    freezePlan: async ({ gatesOff }) => ({ gatesOff }) as never,
  };
  expect(await planned(fakes)).toEqual({ gatesOff: off });
  await planned(fakes, { mode: 'check' });
  await planned(fakes, { mode: 'scan' });
  expect(asked).toEqual(['all', 'all', undefined]);
});

test('asks who is there, discovers, scans, and freezes with the findings of both', async () => {
  const order: string[] = [];
  const finding = (code: string) => ({ severity: 'warning', code, message: code }) as const;
  const answer = await planned({
    hello: noted(order, 'hello', worker()),
    discoverTenants: noted(order, 'discover', { tenants: 3, findings: [finding('FLT_DUPLICATE_TENANT')] }),
    scanTenants: noted(order, 'scan', { tenants: 3, pending: 3, upToDate: 0, findings: [finding('FLT_OUT_OF_ORDER')] }),
    async freezePlan({ cells, findings }) {
      order.push('freeze');
      return { cells, codes: findings.map((it) => it.code) } as never;
    },
  });
  expect(order).toEqual(['hello', 'hello', 'discover', 'scan', 'freeze']);
  expect(answer).toEqual({ cells: ['eu'], codes: ['FLT_DUPLICATE_TENANT', 'FLT_OUT_OF_ORDER'] });
});

test('names the cell that nobody serves, and touches no tenant', async () => {
  const touched: string[] = [];
  const { type, message } = await failure(
    planned(
      {
        hello: async () => worker({ cells: ['eu', 'nobody-here'] }),
        discoverTenants: noted(touched, 'discover', { tenants: 0, findings: [] }),
      },
      { helloTimeoutMs: 300 },
    ),
  );
  expect(type).toBe('FLT_NO_CELL_WORKER');
  expect(message).toContain('nobody-here');
  expect(touched).toEqual([]);
});

test('waits for a worker that has the expected file, as long as a deploy rolls', async () => {
  let asked = 0;
  const answer = await planned(
    {
      hello: async ({ expect: wanted }) => worker({ expectMet: wanted !== 'm2' || ++asked > 2, newest: asked > 2 ? 'm2' : 'm1' }),
      discoverTenants: async () => ({ tenants: 0, findings: [] }),
      scanTenants: async () => ({ tenants: 0, pending: 0, upToDate: 0, findings: [] }),
      freezePlan: async () => 'frozen' as never,
    },
    { expect: 'm2', expectTimeoutMs: 10_000 },
  );
  expect(answer).toBe('frozen');
  expect(asked).toBeGreaterThan(2);
});

test('refuses when no worker has the expected file in time, and says which build has what', async () => {
  const { type, message } = await failure(
    planned({ hello: async () => worker({ expectMet: false }) }, { expect: 'm2', expectTimeoutMs: 200 }),
  );
  expect(type).toBe('FLT_MIGRATION_MISMATCH');
  expect(message).toMatch(/m2.*b1.*m1/);
});
