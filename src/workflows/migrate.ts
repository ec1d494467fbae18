/**
 * Brings one tenant to the newest migration, because somebody has asked for it by name. It has a plan of its own, and no wave: the tenant's lock
 * and ledger decide, so that it may run beside a rollout, and beside itself.
 */

import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/common';
import { setCurrentDetails, sleep } from '@temporalio/workflow';
import type { MigrateTenantsInput } from '../activities/contract.js';
import { backoffMs } from '../domain/backoff.js';
import { newId } from '../domain/ids.js';
import { isUnclear, judgeTry, type Trouble, type Try } from '../domain/on-demand.js';
import type { ListResult } from '../domain/outcome.js';
import type { Finding, PlanSummary } from '../domain/plan.js';
import { controlActivities, listActivities, planningActivities } from './activity-options.js';
import type { AdminAnswers, AdminArgs } from './admin-messages.js';
import type { AdminInput, PlanInput } from './messages.js';
import { askOf } from './tend.js';
import { cellsServed } from './who-is-there.js';

/** Somebody waits for the answer: what has not begun by then is tried again by whoever asked. */
const PATIENCE_MS = 120_000;
const BACKOFF = { minBackoffMs: 250, maxBackoffMs: 5_000 };

export async function migrate(input: AdminInput, args: AdminArgs['migrate']): Promise<AdminAnswers['migrate']> {
  const startedAtMs = Date.now();
  const { fleet, taskQueue, actor } = input;
  const { tenant, force, ...expecting } = args;
  const control = controlActivities(taskQueue);
  const planId = newId('p', startedAtMs, Math.random);
  const rolloutId = newId('r', startedAtMs, Math.random);
  const cells = await cellsServed({ taskQueue, ...expecting });

  setCurrentDetails(`looks where ${tenant} stands`);
  const plan = await planFor({ fleet, planId, taskQueue, actor, mode: 'tenant', tenants: [tenant], force }, cells, startedAtMs);
  refuse(plan);
  const place = await control.beginMigrate({ ...askOf(input), fleet, planId, rolloutId, tenant, force });
  setCurrentDetails(`migrates ${tenant}`);
  const at = { fleet, planId, rolloutId, taskQueue, actor, tenant };
  const { outcome, has } =
    plan.totals.pending === 0 ? { outcome: { done: 'upToDate' } as const, has: [] } : await tryUntilSettled(at, place);
  await control.endMigrate({ rolloutId, finalState: 'done' in outcome ? 'succeeded' : 'completedWithFailures' });
  if (!('done' in outcome)) throw failure('failed' in outcome ? outcome.failed : outcome.again, { tenant });
  return {
    tenant,
    outcome: outcome.done,
    migrations: has,
    findings: plan.findings,
    durationMs: Date.now() - startedAtMs,
    planId,
    rolloutId,
  };
}

async function planFor(input: PlanInput, cells: readonly string[], startedAtMs: number): Promise<PlanSummary> {
  const { fleet, planId, taskQueue, mode, actor, tenants } = input;
  const looks = await Promise.all(
    cells.map(async (cell) => {
      const activities = planningActivities(taskQueue, cell);
      const discovered = await activities.discoverTenants({ fleet, planId, cell, mode, actor, ...(tenants ? { tenants } : {}) });
      return { discovered, scanned: await activities.scanTenants({ fleet, planId, cell, bulkWrites: true }) };
    }),
  );
  // Once the tenant is found it is enough that nobody else claims to be it; what is wrong elsewhere is no matter here
  const found = looks.some(({ discovered }) => discovered.tenants > 0);
  const inTheWay = (finding: Finding) => !found || finding.code === 'FLT_DUPLICATE_TENANT';
  return controlActivities(taskQueue).freezePlan({
    ...input,
    cells,
    findings: looks.flatMap(({ discovered, scanned }) => [...discovered.findings.filter(inTheWay), ...scanned.findings]),
    edited: looks.flatMap(({ scanned }) => scanned.edited ?? []),
    startedAtMs,
  });
}

function refuse({ findings, totals }: PlanSummary): void {
  const held = totals.blocked > 0 ? findings.find(({ code }) => code === 'FLT_PINNED' || code === 'FLT_UNRESOLVED_FAILURE') : undefined;
  const first = findings.find(({ severity }) => severity === 'error') ?? held;
  if (first) throw failure(first, {});
  if (totals.excluded > 0) throw failure({ code: 'FLT_TENANT_INACTIVE', message: 'Its source says that it is not active.' }, {});
}

type At = Pick<MigrateTenantsInput, 'fleet' | 'planId' | 'rolloutId' | 'actor'> & { readonly taskQueue: string; readonly tenant: string };

async function tryUntilSettled(
  at: At,
  first: { readonly host: string; readonly cell: string },
): Promise<{ readonly outcome: Exclude<Try, { moved: unknown }>; readonly has: readonly string[] }> {
  const until = Date.now() + PATIENCE_MS;
  let place = first;
  for (let tries = 1; ; tries++) {
    const result = await tryOnce(at, place);
    const outcome = 'failed' in result ? result : judgeTry(at.tenant, result);
    if ('moved' in outcome) place = outcome.moved;
    else if ('again' in outcome && Date.now() < until)
      await sleep(backoffMs(tries, BACKOFF, Math.random), { summary: `${outcome.again.code}: tries again` });
    else {
      if ('failed' in outcome && isUnclear(outcome.failed)) await park(at, place, outcome.failed);
      return { outcome, has: 'failed' in result ? [] : (result.has ?? []) };
    }
  }
}

/** One list of one tenant, or why it gave no answer. */
async function tryOnce(
  { taskQueue, tenant, ...of }: At,
  { host, cell }: { readonly host: string; readonly cell: string },
): Promise<ListResult | Extract<Try, { failed: unknown }>> {
  const { migrateTenants } = listActivities(taskQueue, cell, `${host}: ${tenant} (on demand)`);
  const list = { wave: 0, host, direction: 'up', tenants: [tenant], canary: false, again: false, timeBoxMs: 5_000 } as const;
  try {
    return await migrateTenants({ ...of, ...list, onDemand: true });
  } catch (error) {
    const cause = error instanceof ActivityFailure ? error.cause : undefined;
    if (cause instanceof TimeoutFailure)
      return {
        failed: { code: 'FLT_WORKER_LOST', message: `${tenant}: three workers in a row were lost while they held it.`, partial: true },
      };
    if (!(cause instanceof ApplicationFailure)) throw error;
    return { failed: { code: cause.type ?? 'FLT_INTERNAL', message: cause.message, partial: false } };
  }
}

/** Something of it may stay behind: it waits for a person, like one of a rollout. */
function park(
  { fleet, rolloutId, planId, taskQueue, tenant }: At,
  { host, cell }: { readonly host: string; readonly cell: string },
  { code, message, partial }: Trouble & { readonly partial: boolean },
): Promise<void> {
  const tenants = [{ tenant, host, code, message, partial }];
  return controlActivities(taskQueue).parkTenants({ fleet, rolloutId, planId, wave: 0, cell, taskQueue, tenants });
}

const failure = ({ code, message }: Trouble, details: Record<string, unknown>): ApplicationFailure =>
  ApplicationFailure.create({ type: code, message, nonRetryable: true, details: [details] });
