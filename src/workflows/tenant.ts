/**
 * One troubled tenant, parked until somebody retries it, skips it or rolls it back. It outlives its rollout; the list of open tenant
 * workflows is the operators' to-do list.
 */

import { ActivityFailure, ApplicationFailure } from '@temporalio/common';
import { condition, getExternalWorkflowHandle, setCurrentDetails, setHandler, sleep } from '@temporalio/workflow';
import { backoffMs } from '../domain/backoff.js';
import { workflowIds } from '../domain/ids.js';
import { judgeTry } from '../domain/on-demand.js';
import type { ListResult } from '../domain/outcome.js';
import type { TenantState } from '../domain/tenant.js';
import { controlActivities, listActivities } from './activity-options.js';
import { publish } from './details.js';
import {
  dismissSignal,
  HELP,
  parkedSignal,
  tenantProgressQuery,
  tenantResolvedSignal,
  tenantRetrySignal,
  tenantRetryUpdate,
  tenantRollbackSignal,
  tenantRollbackUpdate,
  tenantSkipSignal,
  tenantSkipUpdate,
} from './handlers.js';
import type { TenantAnswer, TenantAsk, TenantInput, TenantResolved, TenantResult, TenantVerb } from './messages.js';
import { steadily } from './steady.js';

/** A tenant whose turn does not come is given up after so many tries, most of them a minute apart. */
const MOST_TRIES = 10;
const MOST_WORKERS = 3;
const BACKOFF = { minBackoffMs: 500, maxBackoffMs: 60_000 };

export async function tenantWorkflow(first: TenantInput): Promise<TenantResult> {
  let parked = first;
  let state: TenantState = 'parked';
  let order: { readonly verb: TenantVerb; readonly ask: TenantAsk } | undefined;
  let dismissed: string | undefined;
  let attempts = 0;
  const parkedAtMs = Date.now();
  const seen = new Map<string, TenantAnswer>();

  const take =
    (verb: TenantVerb) =>
    (ask: TenantAsk): TenantAnswer => {
      const known = seen.get(ask.requestId);
      if (known) return known;
      const accepted = order === undefined;
      if (accepted) order = { verb, ask };
      const answer: TenantAnswer = {
        accepted,
        state,
        message: accepted ? `${parked.tenant}: ${verb} begins.` : `${parked.tenant}: ${order!.verb} is on its way already.`,
      };
      seen.set(ask.requestId, answer);
      return answer;
    };
  setHandler(tenantRetryUpdate, take('retry'), { description: HELP.tenantRetry });
  setHandler(tenantSkipUpdate, take('skip'), { description: HELP.tenantSkip });
  setHandler(tenantRollbackUpdate, take('rollback'), { description: HELP.tenantRollback });
  setHandler(tenantRetrySignal, (ask) => void take('retry')(ask));
  setHandler(tenantSkipSignal, (ask) => void take('skip')(ask));
  setHandler(tenantRollbackSignal, (ask) => void take('rollback')(ask));
  setHandler(parkedSignal, (again) => {
    parked = again;
    show();
  });
  setHandler(dismissSignal, ({ reason }) => {
    dismissed = reason;
  });
  setHandler(tenantProgressQuery, () => ({
    tenant: parked.tenant,
    host: parked.host,
    rolloutId: parked.rolloutId,
    state,
    code: parked.code,
    message: parked.message,
    partial: parked.partial,
    attempts,
    parkedAtMs,
  }));

  return steadily(wait, () => {
    dismissed = 'Request Cancellation';
  });

  async function wait(): Promise<TenantResult> {
    show();
    publish({ state, error: parked.code, rollout: parked.rolloutId });
    for (;;) {
      await condition(() => order !== undefined || dismissed !== undefined);
      if (order === undefined) return { tenant: parked.tenant, resolution: 'dismissed', actor: 'flotilla', reason: dismissed! };
      const { verb, ask } = order;
      const resolution = verb === 'skip' ? await skip(ask) : await migrate(verb, ask);
      await report(resolution);
      order = undefined;
      if (resolution === 'failedAgain' || resolution === 'rollbackFailed') {
        state = resolution === 'rollbackFailed' ? 'rollbackFailed' : 'parked';
        show();
        publish({ state, error: parked.code });
        continue;
      }
      publish({ state: resolution });
      return { tenant: parked.tenant, resolution, actor: ask.actor, ...(ask.reason ? { reason: ask.reason } : {}) };
    }
  }

  async function skip(ask: TenantAsk): Promise<'skipped'> {
    await controlActivities(parked.taskQueue).markTenants({
      rolloutId: parked.rolloutId,
      tenants: [parked.tenant],
      state: 'skipped',
      reason: `skipped by ${ask.actor}`,
    });
    return 'skipped';
  }

  async function migrate(verb: 'retry' | 'rollback', ask: TenantAsk): Promise<TenantResolved['resolution']> {
    attempts++;
    for (let tries = 1; ; tries++) {
      state = verb === 'retry' ? 'running' : 'rollingBack';
      show();
      let result: ListResult;
      try {
        result = await tryOnce(verb, ask);
      } catch (error) {
        const cause = error instanceof ActivityFailure ? error.cause : undefined;
        const code = cause instanceof ApplicationFailure ? (cause.type ?? 'FLT_INTERNAL') : 'FLT_WORKER_LOST';
        return failed(verb, code, cause?.message ?? 'three workers in a row were lost');
      }
      const outcome = result.exceptions[0]?.outcome;
      if (outcome === 'rolledBack') return 'rolledBack';
      if (outcome === 'gone' || outcome === 'skipped') return 'skipped';
      const said = judgeTry(parked.tenant, result);
      if ('done' in said) return verb === 'retry' ? 'applied' : 'rolledBack';
      if ('failed' in said) return failed(verb, said.failed.code, said.failed.message, said.failed.partial);
      if ('moved' in said) {
        parked = { ...parked, host: said.moved.host, cell: said.moved.cell };
        continue;
      }
      // Another worker may have the files of the plan; when none has, a person waits for the answer
      if (tries >= (said.again.code === 'FLT_MIGRATION_MISMATCH' ? MOST_WORKERS : MOST_TRIES))
        return failed(verb, said.again.code, said.again.message);
      state = 'deferred';
      parked = { ...parked, ...said.again };
      show();
      await sleep(backoffMs(tries, BACKOFF, Math.random), { summary: `${said.again.code}: waits before the next try` });
    }
  }

  /** One list of one tenant. */
  function tryOnce(verb: 'retry' | 'rollback', ask: TenantAsk): Promise<ListResult> {
    const { fleet, planId, rolloutId, wave, host, cell, taskQueue, tenant } = parked;
    return listActivities(taskQueue, cell, `${host}: ${tenant} (${verb})`).migrateTenants({
      fleet,
      planId,
      rolloutId,
      wave,
      host,
      direction: verb === 'retry' ? 'up' : 'down',
      tenants: [tenant],
      canary: false,
      again: true,
      timeBoxMs: 60_000,
      actor: ask.actor,
      ...(ask.force ? { force: true } : {}),
    });
  }

  function failed(verb: 'retry' | 'rollback', code: string, message: string, partial = parked.partial): 'failedAgain' | 'rollbackFailed' {
    if (code === 'FLT_BACKFILL_STAYS') {
      // Nothing was tried: it stays parked for what it was parked for
      parked = { ...parked, message };
      return 'failedAgain';
    }
    parked = { ...parked, code, message, partial };
    return verb === 'retry' ? 'failedAgain' : 'rollbackFailed';
  }

  /** Best effort: the rollout may be over. */
  async function report(resolution: TenantResolved['resolution']): Promise<void> {
    const state: TenantState = resolution === 'failedAgain' ? 'parked' : resolution;
    await controlActivities(parked.taskQueue).markTenants({
      rolloutId: parked.rolloutId,
      tenants: [parked.tenant],
      state,
      ...(state === 'applied' ? {} : { code: parked.code }),
    });
    await getExternalWorkflowHandle(workflowIds.rollout(parked.fleet))
      .signal(tenantResolvedSignal, {
        rolloutId: parked.rolloutId,
        tenant: parked.tenant,
        wave: parked.wave,
        resolution,
        code: parked.code,
      })
      .catch(() => undefined);
  }

  function show(): void {
    setCurrentDetails(
      `### ${state}: ${parked.code}\n\n${parked.message}\n\n${parked.partial ? 'Something of the migration stays behind (partial).' : 'The tenant is as it was before (clean).'}\n\nRetry, skip or roll back with the updates of this workflow.`,
    );
  }
}
