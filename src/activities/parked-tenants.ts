/** Parked tenants and their workflows: each waits for retry, skip or rollback, and outlives its rollout. */

import type { Client } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/common';
import { returnedParked } from '../control/moved-tenants.js';
import { findTenants, markParked, markTenants } from '../control/rollout-tenants.js';
import { rolloutById } from '../control/rollouts.js';
import { workflowIds } from '../domain/ids.js';
import { DISMISS_SIGNAL, PARKED_SIGNAL, type TenantAsk, type TenantInput, type TenantVerb, WORKFLOWS } from '../workflows/messages.js';
import { searchAttribute } from '../workflows/search-attributes.js';
import type { Activities } from './contract.js';
import type { ActivityDeps } from './deps.js';

/** Calls to Temporal on the way at once. */
const AT_ONCE = 10;

/** Starts one tenant workflow each, or tells the one that is there. Safe to repeat. */
export const createParkTenants =
  (deps: ActivityDeps): Activities['parkTenants'] =>
  async ({ tenants, ...shared }) => {
    await inBatches(tenants, async (tenant) => {
      const input: TenantInput = { ...shared, ...tenant };
      await deps.temporal.workflow.signalWithStart(WORKFLOWS.tenant, {
        workflowId: workflowIds.tenant(shared.fleet, tenant.tenant),
        taskQueue: shared.taskQueue,
        args: [input],
        signal: PARKED_SIGNAL,
        signalArgs: [input],
        workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        typedSearchAttributes: [
          { key: searchAttribute.fleet, value: shared.fleet },
          { key: searchAttribute.rollout, value: shared.rolloutId },
          { key: searchAttribute.host, value: tenant.host },
          { key: searchAttribute.tenant, value: tenant.tenant },
          { key: searchAttribute.state, value: 'parked' },
          { key: searchAttribute.error, value: tenant.code },
        ],
        memo: { rolloutId: shared.rolloutId, planId: shared.planId },
        staticSummary: `tenant ${tenant.tenant} on ${tenant.host}: ${tenant.code}`.slice(0, 200),
      });
    });
    await markParked(deps.control, shared.rolloutId, tenants);
  };

/** Ends the workflows of tenants that need nobody any more. One that is not there is fine. */
export const createDismissTenants =
  (deps: ActivityDeps): Activities['dismissTenants'] =>
  ({ fleet, tenants, reason }) =>
    inBatches(tenants, (tenant) => signal(deps.temporal, fleet, tenant, DISMISS_SIGNAL, { reason }).then(() => undefined));

export const createSettleClosed =
  (deps: ActivityDeps): Activities['settleClosed'] =>
  async ({ fleet, rolloutId }) => {
    const planId = (await rolloutById(deps.control, fleet, rolloutId))?.planId;
    const of = planId === undefined ? undefined : (await deps.plans.summary(planId)).rollbackOf;
    if (!of) return;
    const back = await returnedParked(deps.control, of.rolloutId, rolloutId);
    await inBatches(back, (tenant) =>
      signal(deps.temporal, fleet, tenant, DISMISS_SIGNAL, { reason: `rolled back by ${rolloutId}` }).then(() => undefined),
    );
    await markTenants(deps.control, of.rolloutId, back, 'rolledBack');
  };

export const createFindParked =
  (deps: ActivityDeps): Activities['findParked'] =>
  async ({ rolloutId, states = ['parked', 'rollbackFailed'], tenants, error, host, wave }) => {
    const found = await findTenants(deps.control, rolloutId, {
      states,
      ...(tenants === undefined ? {} : { tenants }),
      ...(error === undefined ? {} : { error }),
      ...(host === undefined ? {} : { host }),
      ...(wave === undefined ? {} : { wave }),
    });
    return found.flatMap((tenant) => (tenant.wave === null ? [] : [{ tenant: tenant.id, wave: tenant.wave, host: tenant.host }]));
  };

/** Passes an operator's verb on to the tenants' workflows. One that is not there is left out. */
export const createSignalTenants =
  (deps: ActivityDeps): Activities['signalTenants'] =>
  (input) =>
    signalParked(deps.temporal, input);

/** Answers the tenants that were reached. */
export async function signalParked(
  temporal: Client,
  {
    fleet,
    verb,
    tenants,
    actor,
    reason,
    requestId,
    force,
  }: TenantAsk & { readonly fleet: string; readonly verb: TenantVerb; readonly tenants: readonly string[] },
): Promise<readonly string[]> {
  const ask: TenantAsk = { actor, requestId, ...(reason === undefined ? {} : { reason }), ...(force === undefined ? {} : { force }) };
  const reached: string[] = [];
  await inBatches(tenants, async (tenant) => {
    if (await signal(temporal, fleet, tenant, verb, ask)) reached.push(tenant);
  });
  return reached.sort();
}

async function signal(temporal: Client, fleet: string, tenant: string, name: string, payload: unknown): Promise<boolean> {
  try {
    await temporal.workflow.getHandle(workflowIds.tenant(fleet, tenant)).signal(name, payload);
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

async function inBatches<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let from = 0; from < items.length; from += AT_ONCE) await Promise.all(items.slice(from, from + AT_ONCE).map(work));
}
