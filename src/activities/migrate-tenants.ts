import { Context } from '@temporalio/activity';
import { recordDelta } from '../control/deltas.js';
import { tenantsById } from '../control/plan-tenants.js';
import { recordOutcomes, restoreReadiness, withdrawReadiness } from '../control/rollout-tenants.js';
import { FlotillaError } from '../domain/errors.js';
import type { ListResult } from '../domain/outcome.js';
import type { PlanSummary } from '../domain/plan.js';
import type { TenantRef } from '../domain/tenant.js';
import type { AttemptInput, AttemptResult, Delta } from '../postgres/contract.js';
import { applicationName } from './application-name.js';
import { buildOf } from './build.js';
import type { Activities, MigrateTenantsInput } from './contract.js';
import type { ActivityDeps } from './deps.js';
import { heartbeating } from './heartbeat.js';
import { isGone } from './is-gone.js';
import { ListOutcomes } from './list-outcomes.js';
import { fileDifference } from './plan-files.js';

/** What the heartbeat says of the tenant in hand, as an operator reads it in the Temporal UI. */
interface InHand {
  tenant: string;
  readonly host: string;
  n: string;
  step: string;
  since: string;
}

/**
 * Works through a list of tenants of one host, one at a time. Hands back what it did not reach: after its time box, at the first failure,
 * when the host falls silent, when this worker's files are not the plan's, on cancellation and on shutdown. Always finishes the tenant in
 * hand. Safe to repeat: what is applied already answers `applied`.
 */
export const createMigrateTenants =
  (deps: ActivityDeps): Activities['migrateTenants'] =>
  async (input) => {
    const inHand: InHand = { tenant: '', host: input.host, n: '', step: 'starting', since: new Date().toISOString() };
    return heartbeating(
      () => ({ ...inHand }),
      () => workThrough(deps, input, inHand),
    );
  };

async function workThrough(deps: ActivityDeps, input: MigrateTenantsInput, inHand: InHand): Promise<ListResult> {
  const started = performance.now();
  const cancelled = watchCancellation();
  const plan = await deps.plans.summary(input.planId);
  const outcomes = new ListOutcomes(input.direction);
  const differs = async (message: string) => {
    const build = await buildOf(deps);
    return { build, message: `worker build ${build}: ${message}` };
  };

  const difference = fileDifference(plan.migrations, await deps.engine.list());
  if (difference !== undefined) return outcomes.result(0, { filesDiffer: await differs(difference) });
  const tenants = await resolveTenants(deps, input);
  const deltas = await deps.plans.deltas(input.planId);
  if (input.direction === 'down') await withdrawReadiness(deps.control, input.rolloutId, input.tenants);

  let why: Pick<ListResult, 'hostDown' | 'filesDiffer'> = {};
  let next = 0;
  while (next < tenants.length) {
    const tenant = tenants[next]!;
    Object.assign(inHand, {
      tenant: tenant.id,
      n: `${next + 1} of ${tenants.length}`,
      step: 'connecting',
      since: new Date().toISOString(),
    });
    const result = await attempt(deps, input, plan, tenant, deltas, {
      onStep: (step) => {
        inHand.step = step;
      },
      stop: () => cancelled.reason() || deps.stopping(),
    });
    await learnDeltas(deps, input, tenant, result);
    if (result.hostDown) {
      why = { hostDown: result.hostDown };
      break;
    }
    if (result.code === 'FLT_MIGRATION_MISMATCH') {
      why = { filesDiffer: await differs(result.message ?? 'its files have changed') };
      break;
    }
    next++;
    const gone = result.code === 'FLT_SCHEMA_MISSING' && (await isGone(deps, tenant));
    outcomes.add({
      id: tenant.id,
      ...(gone ? GONE : { outcome: result.outcome, code: result.code, message: result.message, partial: result.partial }),
      durationMs: result.durationMs,
      ...readiness(plan, input, result),
    });
    const failed = !gone && ['failed', 'rollbackFailed', 'unknown'].includes(result.outcome);
    if (failed || cancelled.reason() || deps.stopping() || performance.now() - started > input.timeBoxMs) break;
  }
  await recordOutcomes(deps.control, input.rolloutId, input.wave, input.host, outcomes.rows());
  const result = outcomes.result(next, why);
  if (input.direction === 'down') {
    const returned = result.exceptions.filter(({ outcome }) => outcome === 'rolledBack' || outcome === 'upToDate');
    await restoreReadiness(
      deps.control,
      input.rolloutId,
      input.planId,
      returned.map(({ id }) => id),
    );
  }
  cancelled.throwIfPaused();
  return result;
}

const GONE = {
  outcome: 'gone',
  code: 'FLT_TENANT_GONE',
  message: 'its schema is not there any more, and its source does not name it',
} as const;

/** @throws FLT_UNKNOWN_TENANT: the plan and the list do not belong together */
async function resolveTenants(deps: ActivityDeps, input: MigrateTenantsInput): Promise<readonly TenantRef[]> {
  const tenants = await tenantsById(deps.control, input.planId, input.tenants);
  if (tenants.length === input.tenants.length) return tenants;
  const known = new Set(tenants.map((tenant) => tenant.id));
  const lost = input.tenants.filter((id) => !known.has(id));
  throw new FlotillaError('FLT_UNKNOWN_TENANT', `Plan ${input.planId} holds no tenant ${lost.map((id) => `"${id}"`).join(', ')}.`, {
    tenants: lost,
  });
}

function attempt(
  deps: ActivityDeps,
  input: MigrateTenantsInput,
  { policy, migrations }: PlanSummary,
  tenant: TenantRef,
  deltas: ReadonlyMap<string, Delta>,
  hooks: Required<Pick<AttemptInput, 'onStep' | 'stop'>>,
): Promise<AttemptResult> {
  const lost = Context.current().info.attempt > 1;
  return deps.runner.attempt({
    fleet: input.fleet,
    tenant,
    direction: input.direction,
    migrations,
    rolloutId: input.rolloutId,
    // An earlier attempt may still be at work somewhere: it must not commit after this one
    fenceFirst: input.again || input.direction === 'down' || lost,
    takeOver: lost,
    canary: input.canary,
    deltas,
    force: input.force ?? false,
    actor: input.actor,
    applicationName: applicationName(input.rolloutId, tenant.id),
    timeouts: policy.timeouts,
    quickTries: policy.retry.quickTries,
    outOfOrder: policy.outOfOrder,
    ...hooks,
  });
}

/** Keeps what each migration changed in this tenant; the first of each is what the others are compared with. */
async function learnDeltas(deps: ActivityDeps, input: MigrateTenantsInput, tenant: TenantRef, { runs }: AttemptResult): Promise<void> {
  if (input.direction === 'down') return;
  for (const { name, delta } of runs) {
    if (!delta) continue;
    await recordDelta(deps.control, input.planId, name, tenant.id, delta);
    deps.plans.learn(input.planId, name, delta);
  }
}

function readiness({ to }: PlanSummary, input: MigrateTenantsInput, { outcome, runs }: AttemptResult): { readonly ready?: string } {
  if (input.direction === 'down') return {};
  if (outcome === 'applied' || outcome === 'upToDate') return { ready: to };
  const last = runs.at(-1)?.name;
  return last === undefined ? {} : { ready: last };
}

/** Cancelled or shut down: finish the tenant in hand and return. Paused or reset in the UI: finish it too, then let the SDK know. */
function watchCancellation() {
  const context = Context.current();
  let reason: unknown;
  context.cancelled.catch((error: unknown) => {
    reason = error;
  });
  return {
    reason: () => reason !== undefined,
    throwIfPaused: () => {
      const details = context.cancellationDetails;
      if (reason !== undefined && (details?.paused || details?.reset)) throw reason;
    },
  };
}
