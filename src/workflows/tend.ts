/** A verb that works through tenants without a rollout: stage them, look once more, visit every cell. Only counts and the first few names come back. */

import { setCurrentDetails } from '@temporalio/workflow';
import type { TendOrder } from '../activities/contract.js';
import { newId } from '../domain/ids.js';
import type { Finding } from '../domain/plan.js';
import { mergeTends, type TendResult, validated } from '../domain/tend.js';
import { controlActivities, planningActivities, tendActivities } from './activity-options.js';
import type { AdminAnswers, AdminArgs, TendSelection } from './admin-messages.js';
import type { AdminInput } from './messages.js';
import { cellsServed } from './who-is-there.js';

export async function baseline(input: AdminInput, args: AdminArgs['baseline']): Promise<AdminAnswers['baseline']> {
  const { migration: asked, dryRun, expect, expectTimeoutMs, ...selection } = args;
  const cells = await cellsServed({
    taskQueue: input.taskQueue,
    ...(expect ? { expect } : {}),
    ...(expectTimeoutMs ? { expectTimeoutMs } : {}),
  });
  const { migration, digest } = await controlActivities(input.taskQueue).openTending({
    fleet: input.fleet,
    verb: 'baseline',
    ...(asked ? { migration: asked } : {}),
  });
  const order = { verb: 'baseline', migration: migration!, digest: digest!, dryRun } as const;
  return { ...(await visit(input, order, selection, cells)).result, migration: migration!, dryRun };
}

export async function tend(input: AdminInput, order: TendOrder, selection: TendSelection): Promise<TendResult> {
  const cells = await cellsServed({ taskQueue: input.taskQueue });
  await controlActivities(input.taskQueue).openTending({ fleet: input.fleet, verb: order.verb });
  return (await visit(input, order, selection, cells)).result;
}

export async function validate(input: AdminInput, args: AdminArgs['validate']): Promise<AdminAnswers['validate']> {
  const { migration: asked, ...selection } = args;
  const cells = await cellsServed({ taskQueue: input.taskQueue });
  const of = asked ? { migration: asked } : {};
  const { migration } = await controlActivities(input.taskQueue).openTending({ fleet: input.fleet, verb: 'validate', ...of });
  const order: TendOrder = { verb: 'validate', ...(migration ? { migration } : {}) };
  const { result, findings } = await visit(input, order, selection, cells);
  return { ...(migration ? { migration } : {}), ...validated(result), findings };
}

interface Visited {
  readonly result: TendResult;
  /** Of discovery. */
  readonly findings: readonly Finding[];
}

async function visit(input: AdminInput, order: TendOrder, selection: TendSelection, cells: readonly string[]): Promise<Visited> {
  const { fleet, taskQueue } = input;
  const control = controlActivities(taskQueue);
  const planId = newId('p', Date.now(), Math.random);
  setCurrentDetails(`discovers the tenants of ${cells.length} cells`);
  const found = await Promise.all(
    cells.map((cell) =>
      planningActivities(taskQueue, cell).discoverTenants({ fleet, planId, cell, mode: 'scan', actor: input.actor, ...selection }),
    ),
  );
  const findings = found.flatMap((it) => it.findings);
  await control.beginTending({
    ...askOf(input),
    fleet,
    planId,
    verb: order.verb,
    findings,
    dryRun: order.verb === 'baseline' && order.dryRun,
    ...(selection.tenants ? { tenants: selection.tenants } : {}),
    ...('migration' in order && order.migration ? { migration: order.migration } : {}),
  });
  const result = await visitCells(input, order, planId, cells);
  await control.endTending({ planId });
  return { result, findings };
}

/** Every cell to its end, also when another one fails. */
export async function visitCells(input: AdminInput, order: TendOrder, planId: string, cells: readonly string[]): Promise<TendResult> {
  const { fleet, taskQueue } = input;
  setCurrentDetails(`${order.verb}: visits the tenants of ${cells.length} cells`);
  const visits = await Promise.allSettled(
    cells.map((cell) =>
      tendActivities(taskQueue, cell, `${order.verb} in cell ${cell}`).tendTenants({ ...askOf(input), fleet, planId, cell, ...order }),
    ),
  );
  const failed = visits.find((it) => it.status === 'rejected');
  if (failed) throw failed.reason;
  return mergeTends(visits.flatMap((it) => (it.status === 'fulfilled' ? [it.value] : [])));
}

export const askOf = ({ actor, reason, requestId }: AdminInput) => ({ actor, requestId, ...(reason === undefined ? {} : { reason }) });
