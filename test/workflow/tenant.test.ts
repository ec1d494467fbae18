import { Context } from '@temporalio/activity';
import type { WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { expect, it } from 'vitest';
import type { Activities, MigrateTenantsInput } from '../../src/activities/contract.js';
import { workflowIds } from '../../src/domain/ids.js';
import type { ListResult, TenantException } from '../../src/domain/outcome.js';
import type { TenantAnswer, TenantAsk, TenantInput, TenantProgress, TenantResult } from '../../src/workflows/messages.js';
import { stack } from '../support/temporal.js';

const s = stack();
const test = (title: string, body: () => Promise<void>) => it(title, () => s.watched(body));

type Try = Omit<TenantException, 'id'> | 'clean' | Error | Pick<ListResult, 'hostDown' | 'hostBusy' | 'filesDiffer'>;
const fails: Try = { outcome: 'failed', code: 'FLT_CHECK_VIOLATION', message: 't1: a row does not fit' };

/** A parked tenant whose tries end as listed, one after the other. */
async function parked(...tries: readonly Try[]) {
  const asked: MigrateTenantsInput[] = [];
  const marked: Parameters<Activities['markTenants']>[0][] = [];
  const left = [...tries];
  const fleet = s.fleet({
    waves: [],
    fakes: {
      async migrateTenants(input) {
        asked.push(input);
        const now = left.shift() ?? 'clean';
        if (now instanceof Error) throw now;
        if (now === 'clean') return { counts: { applied: 1 }, exceptions: [], next: 1 };
        if ('outcome' in now) return { counts: {}, exceptions: [{ id: input.tenants[0]!, ...now }], next: 1 };
        return { counts: {}, exceptions: [], next: 0, ...now };
      },
      markTenants: async (input) => void marked.push(input),
    },
  });
  const input: TenantInput = {
    fleet: fleet.name,
    tenant: 't1',
    host: 'h1',
    cell: 'eu',
    planId: 'p-1',
    rolloutId: 'r-1',
    wave: 0,
    taskQueue: s.queue,
    code: 'FLT_UNIQUE_VIOLATION',
    message: 't1: rows are doubled',
    partial: false,
  };
  const handle = await s.start('tenantWorkflow', workflowIds.tenant(fleet.name, 't1'), input);
  return { handle, asked, marked, input };
}

let asks = 0;
const send = (handle: WorkflowHandle, verb: string, more: Partial<TenantAsk> = {}) =>
  handle.executeUpdate<TenantAnswer, [TenantAsk]>(verb, { args: [{ actor: 'ana', requestId: `a-${++asks}`, ...more }] });
const progress = (handle: WorkflowHandle) => handle.query<TenantProgress>('progress');
async function until(handle: WorkflowHandle, check: (at: TenantProgress) => boolean): Promise<TenantProgress> {
  for (;;) {
    const at = await progress(handle);
    if (check(at)) return at;
    await new Promise((done) => setTimeout(done, 20));
  }
}

test('retries a parked tenant with its fence committed first, and ends applied', async () => {
  const { handle, asked, marked } = await parked('clean');
  expect(await progress(handle)).toMatchObject({ tenant: 't1', state: 'parked', code: 'FLT_UNIQUE_VIOLATION', attempts: 0 });
  expect(await send(handle, 'retry', { reason: 'rows removed' })).toMatchObject({ accepted: true });
  expect((await handle.result()) as TenantResult).toEqual({ tenant: 't1', resolution: 'applied', actor: 'ana', reason: 'rows removed' });
  expect(asked).toMatchObject([{ direction: 'up', tenants: ['t1'], again: true, canary: false, actor: 'ana' }]);
  expect(marked).toMatchObject([{ rolloutId: 'r-1', tenants: ['t1'], state: 'applied' }]);
});

test('stays parked, with what went wrong this time, when a retry fails', async () => {
  const { handle, marked } = await parked(fails);
  await send(handle, 'retry');
  expect(await until(handle, (at) => at.attempts === 1 && at.state === 'parked')).toMatchObject({
    code: 'FLT_CHECK_VIOLATION',
    message: 't1: a row does not fit',
  });
  expect(marked).toMatchObject([{ state: 'parked', code: 'FLT_CHECK_VIOLATION' }]);
  await send(handle, 'skip', { reason: 'customer leaves' });
  expect((await handle.result()) as TenantResult).toMatchObject({ resolution: 'skipped', reason: 'customer leaves' });
});

test('rolls back by force when asked to, and stays as rollbackFailed where that does not work', async () => {
  const { handle, asked } = await parked(
    { outcome: 'rollbackFailed', code: 'FLT_REVERT_INEXACT', message: 'm1 leaves a column' },
    { outcome: 'rolledBack' },
  );
  await send(handle, 'rollback', { force: true, reason: 'x' });
  expect(await until(handle, (at) => at.state === 'rollbackFailed')).toMatchObject({ code: 'FLT_REVERT_INEXACT' });
  await send(handle, 'rollback', { force: true, reason: 'x' });
  expect((await handle.result()) as TenantResult).toMatchObject({ resolution: 'rolledBack' });
  expect(asked.map((it) => [it.direction, it.force])).toEqual([
    ['down', true],
    ['down', true],
  ]);
});

test('stays parked for what it was parked for when it shall take back a backfill that was run alone', async () => {
  const stays = ApplicationFailure.create({ type: 'FLT_BACKFILL_STAYS', message: 'it is not taken back', nonRetryable: true });
  const { handle, marked } = await parked(stays, 'clean');
  await send(handle, 'rollback');
  const at = await until(handle, ({ state, message }) => state === 'parked' && message === 'it is not taken back');
  expect(at).toMatchObject({ code: 'FLT_UNIQUE_VIOLATION', attempts: 1 });
  expect(marked).toMatchObject([{ state: 'parked', code: 'FLT_UNIQUE_VIOLATION' }]);
  await send(handle, 'retry');
  expect(await handle.result()).toMatchObject({ resolution: 'applied' });
});

test('gives a repeated request id its first answer, and one order at a time', async () => {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const fleet = s.fleet({
    waves: [],
    fakes: {
      async migrateTenants() {
        const beat = setInterval(() => Context.current().heartbeat(), 500);
        await held;
        clearInterval(beat);
        return { counts: { applied: 1 }, exceptions: [], next: 1 };
      },
    },
  });
  const { input } = await parked();
  const handle = await s.start('tenantWorkflow', workflowIds.tenant(fleet.name, 't1'), { ...input, fleet: fleet.name });
  const first = await send(handle, 'retry', { requestId: 'same' });
  expect(await send(handle, 'skip')).toMatchObject({ accepted: false, message: expect.stringContaining('retry is on its way') });
  expect(await send(handle, 'retry', { requestId: 'same' })).toEqual(first);
  release();
  expect((await handle.result()) as TenantResult).toMatchObject({ resolution: 'applied' });
});

test('tries again by itself while its host is silent', async () => {
  const { handle, asked } = await parked({ hostDown: { code: 'FLT_HOST_UNAVAILABLE', message: 'h1 does not answer' } }, 'clean');
  await send(handle, 'retry');
  expect((await handle.result()) as TenantResult).toMatchObject({ resolution: 'applied' });
  expect(asked).toHaveLength(2);
});

test('waits for its turn where all slots of its host are taken, and where somebody holds its lock', async () => {
  const { handle, asked } = await parked(
    { hostBusy: { message: 'all 4 slots of host "h1" are taken' } },
    { outcome: 'deferred', code: 'FLT_TENANT_BUSY', message: 't1: another session is migrating it.' },
    'clean',
  );
  await send(handle, 'retry');
  expect((await handle.result()) as TenantResult).toMatchObject({ resolution: 'applied' });
  expect(asked).toHaveLength(3);
});

test('follows a tenant that has moved to another host', async () => {
  const { handle, asked } = await parked(
    { outcome: 'moved', code: 'FLT_TENANT_MOVED', message: 'it lives on host "h2" now', to: { host: 'h2', cell: 'eu', limit: 4 } },
    'clean',
  );
  await send(handle, 'retry');
  expect((await handle.result()) as TenantResult).toMatchObject({ resolution: 'applied' });
  expect(asked.map(({ host }) => host)).toEqual(['h1', 'h2']);
});

test('gives up after a few workers whose files are not those of the plan, and says so', async () => {
  const other = { filesDiffer: { build: 'abc', message: "worker build abc: its m1 differs from the plan's" } };
  const { handle, asked } = await parked(other, other, other);
  await send(handle, 'retry');
  const at = await until(handle, ({ state, code }) => state === 'parked' && code === 'FLT_MIGRATION_MISMATCH');
  expect(at.message).toContain("its m1 differs from the plan's");
  expect(asked).toHaveLength(3);
});

test('takes up a later trouble of the same tenant, and ends when its rollout has dealt with it', async () => {
  const { handle, input } = await parked();
  await handle.signal('parked', { ...input, code: 'FLT_LOCK_TIMEOUT', message: 'busy' });
  await until(handle, (at) => at.code === 'FLT_LOCK_TIMEOUT');
  await handle.signal('dismiss', { reason: 'rolled back with its rollout' });
  expect((await handle.result()) as TenantResult).toMatchObject({ resolution: 'dismissed', reason: 'rolled back with its rollout' });
});

test('[S20] follows a parked tenant to the host where it lives now', async () => {
  const to = { host: 'h2', cell: 'eu', limit: 4 };
  const { handle, asked } = await parked({ outcome: 'moved', code: 'FLT_TENANT_MOVED', to }, 'clean');
  await send(handle, 'retry');
  expect(await handle.result()).toMatchObject({ resolution: 'applied' });
  expect(asked.map(({ host }) => host)).toEqual(['h1', 'h2']);
});
