import { setTimeout as delay } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { recordDelta } from '../control/deltas.js';
import { tenantsById } from '../control/plan-tenants.js';
import { recordOutcomes, restoreReadiness, withdrawReadiness } from '../control/rollout-tenants.js';
import { recordValidations, type TenantValidation } from '../control/validations.js';
import { ERROR_CODES } from '../domain/error-codes.js';
import { FlotillaError } from '../domain/errors.js';
import type { ListResult } from '../domain/outcome.js';
import type { PlanSummary } from '../domain/plan.js';
import type { TenantRef } from '../domain/tenant.js';
import { HOST_CONCURRENCY } from '../domain/wave-plan.js';
import { lookAt, windowsOf } from '../domain/windows.js';
import type { AttemptInput, AttemptResult, Delta } from '../postgres/contract.js';
import { applicationName } from './application-name.js';
import { keepProgress } from './backfill-progress.js';
import { buildOf } from './build.js';
import type { Activities, MigrateTenantsInput } from './contract.js';
import type { ActivityDeps } from './deps.js';
import { heartbeating } from './heartbeat.js';
import { hostTrouble } from './host-trouble.js';
import { ListOutcomes } from './list-outcomes.js';
import { logAttempt } from './log-attempt.js';
import { logBackfill } from './log-backfill.js';
import { logChecks } from './log-checks.js';
import { logPhases } from './log-phases.js';
import { logRowsWritten } from './log-rows-written.js';
import { fileDifference } from './plan-files.js';
import { startTenantTime } from './tenant-time.js';
import { hasVanished, searchFor, type Whereabouts, whereaboutsOf } from './whereabouts.js';

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
 * in the middle of a long backfill when others of the list wait, when the host falls silent, when this worker's files are not the plan's, on cancellation and on shutdown. Always finishes the tenant in
 * hand. Safe to repeat: what is applied already answers `applied`.
 */
export const createMigrateTenants =
  (deps: ActivityDeps): Activities['migrateTenants'] =>
  async (input) => {
    const inHand: InHand = { tenant: '', host: input.host, n: '', step: 'starting', since: new Date().toISOString() };
    return heartbeating(
      () => ({ ...inHand }),
      () => inSlot(deps, input, inHand),
    );
  };

/** A host bears so many lists at once, of all fleets and workers together. */
async function inSlot(deps: ActivityDeps, input: MigrateTenantsInput, inHand: InHand): Promise<ListResult> {
  const slots = deps.fleet.hosts[input.host]?.maxConcurrency ?? HOST_CONCURRENCY;
  const context = Context.current();
  inHand.step = 'waiting for a slot of the host';
  let began = false;
  try {
    const wait = { withinMs: input.timeBoxMs, stop: () => context.cancellationSignal.aborted || deps.stopping() };
    const done = await deps.slots.hold(input.host, slots, wait, () => {
      began = true;
      return workThrough(deps, input, inHand);
    });
    return (
      done?.answer ?? { counts: {}, exceptions: [], next: 0, hostBusy: { message: `all ${slots} slots of host "${input.host}" are taken` } }
    );
  } catch (error) {
    if (began) throw error;
    return { counts: {}, exceptions: [], next: 0, hostDown: hostTrouble(error, 'asking for a slot') };
  }
}

async function workThrough(deps: ActivityDeps, input: MigrateTenantsInput, inHand: InHand): Promise<ListResult> {
  const started = performance.now();
  const cancelled = watchCancellation();
  const plan = await deps.plans.summary(input.planId);
  if (input.direction === 'up' && plan.rollbackOf)
    throw new FlotillaError('FLT_REFUSED', `Rollout ${input.rolloutId} takes ${plan.rollbackOf.rolloutId} back: it brings nobody up.`, {});
  if (input.direction === 'down' && plan.operation === 'backfill')
    throw new FlotillaError('FLT_BACKFILL_STAYS', ERROR_CODES.FLT_BACKFILL_STAYS.meaning, {});
  const outcomes = new ListOutcomes(input.direction, plan.rollbackOf !== undefined);
  const differs = async (message: string) => {
    const build = await buildOf(deps);
    return { build, message: `worker build ${build}: ${message}` };
  };

  const listed = await deps.engine.list();
  const difference = fileDifference(plan.migrations, listed, plan.operation);
  if (difference !== undefined) return outcomes.result(0, { filesDiffer: await differs(difference) });
  const tenants = await resolveTenants(deps, input);
  const deltas = await deps.plans.deltas(input.planId);
  if (input.direction === 'down') await withdrawReadiness(deps.control, input.rolloutId, input.tenants);

  const stop = () => cancelled.reason() || deps.stopping();
  let why: Pick<ListResult, 'hostDown' | 'filesDiffer'> = {};
  let next = 0;
  const has: string[] = [];
  const validations: TenantValidation[] = [];
  const tellApart = (tenant: TenantRef, { elsewhere }: Extract<Whereabouts, { elsewhere: unknown }>) => {
    outcomes.add({ id: tenant.id, ...elsewhere, durationMs: 0 });
    next++;
  };
  while (next < tenants.length && !(next > 0 && (stop() || performance.now() - started > input.timeBoxMs))) {
    const planned = tenants[next]!;
    Object.assign(inHand, {
      tenant: planned.id,
      n: `${next + 1} of ${tenants.length}`,
      step: 'connecting',
      since: new Date().toISOString(),
    });
    const place = await whereaboutsOf(deps, input, planned);
    if ('elsewhere' in place) {
      tellApart(planned, place);
      continue;
    }
    const tenant = place.here;
    if (input.direction === 'up' && !windowIsOpen(plan, tenant)) {
      tellApart(planned, { elsewhere: OUTSIDE_WINDOW });
      continue;
    }
    const { log } = Context.current();
    const progress = keepProgress(deps, input, tenant.id);
    const told = logBackfill(log, tenant);
    const othersWait = next + 1 < tenants.length;
    const tried = await attempt(deps, input, plan, tenant, deltas, {
      onStep: (step) => {
        inHand.step = step;
      },
      onBackfill: (it) => {
        progress.heard(it);
        told.heard(it);
      },
      stop,
      cut: () => stop() || (othersWait && performance.now() - started > input.timeBoxMs),
    });
    await progress.end(tried.runs.map(({ name }) => name));
    const result = await cancelledByUs(tried, stop);
    await learnDeltas(deps, input, tenant, result);
    for (const it of result.validations ?? []) validations.push({ tenant: tenant.id, ...it });
    told.end(result);
    logChecks(log, tenant, result.validations);
    logAttempt(log, tenant, plan.operation ?? input.direction, result);
    logRowsWritten(log, tenant, input.direction, result.runs);
    if (plan.operation === undefined) logPhases(log, tenant, input.direction, listed.files, result.runs);
    if (result.hostDown) {
      why = { hostDown: result.hostDown };
      break;
    }
    if (result.code === 'FLT_MIGRATION_MISMATCH') {
      why = { filesDiffer: await differs(result.message ?? 'its files have changed') };
      break;
    }
    const found = (await hasVanished(deps, tenant, result)) ? await searchFor(deps, input, tenant) : undefined;
    if (found && 'elsewhere' in found) {
      tellApart(planned, found);
      continue;
    }
    next++;
    has.push(...(result.has ?? []));
    outcomes.add({
      id: tenant.id,
      // On this host, in another place: its next turn finds it there
      ...(found
        ? { outcome: 'deferred', code: 'FLT_TENANT_MOVED', message: 'it lives in another schema or database now' }
        : { outcome: result.outcome, code: result.code, message: result.message, partial: result.partial }),
      durationMs: result.durationMs,
      ...readiness(plan, input, result),
    });
    if (['failed', 'rollbackFailed', 'unknown'].includes(result.outcome)) break;
  }
  await recordValidations(deps.control, input.fleet, input.rolloutId, validations);
  await recordOutcomes(deps.control, input.rolloutId, input.wave, input.host, outcomes.rows());
  const result: ListResult = { ...outcomes.result(next, why), ...(input.onDemand ? { has } : {}) };
  if (input.direction === 'down') {
    const returned = result.exceptions.filter(({ outcome }) => outcome === 'rolledBack' || outcome === 'upToDate');
    await restoreReadiness(
      deps.control,
      input.rolloutId,
      input.planId,
      returned.map(({ id }) => id),
      input.to ?? plan.rollbackOf?.to,
    );
  }
  cancelled.throwIfPaused();
  return result;
}

const OUTSIDE_WINDOW = { outcome: 'deferred', code: 'FLT_OUTSIDE_WINDOW', message: 'its maintenance window is closed' } as const;

/** Looked at for each tenant when its turn comes: a list may be on its way for a while. */
function windowIsOpen({ policy }: PlanSummary, { id, host, labels = {} }: TenantRef): boolean {
  const concerned = windowsOf(policy.windows, { id, host, labels });
  return (
    concerned.length === 0 ||
    lookAt(
      concerned.map((index) => policy.windows[index]!),
      Date.now(),
    ).open
  );
}

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

async function attempt(
  deps: ActivityDeps,
  input: MigrateTenantsInput,
  { policy, migrations, rollbackOf, operation }: PlanSummary,
  tenant: TenantRef,
  deltas: ReadonlyMap<string, Delta>,
  hooks: Required<Pick<AttemptInput, 'onStep' | 'onBackfill' | 'stop' | 'cut'>>,
): Promise<AttemptResult> {
  const lost = Context.current().info.attempt > 1;
  const name = applicationName(input.rolloutId, tenant.id);
  const time = startTenantTime(deps, tenant.host, name, policy.timeouts.tenantMs);
  const result = await deps.runner
    .attempt({
      fleet: input.fleet,
      tenant,
      direction: operation ?? input.direction,
      migrations,
      rolloutId: input.rolloutId,
      ...(rollbackOf ? { takesBack: rollbackOf.rolloutId } : {}),
      ...stays(input.to ?? rollbackOf?.to),
      // An earlier attempt may still be at work somewhere: it must not commit after this one
      fenceFirst: input.again || input.direction === 'down' || lost,
      takeOver: lost,
      canary: input.canary,
      deltas,
      force: input.force ?? false,
      actor: input.actor,
      applicationName: name,
      timeouts: policy.timeouts,
      quickTries: policy.retry.quickTries,
      outOfOrder: policy.outOfOrder,
      ...hooks,
      stop: () => hooks.stop() || time.isOver(),
    })
    .finally(() => time.end());
  return time.isOver() ? overTime(tenant, result, policy.timeouts.tenantMs!) : result;
}

const stays = (to: string | undefined): { readonly to?: string } => (to === undefined ? {} : { to });

const HEARD_WITHIN_MS = 3_000;

/**
 * A statement was cancelled on the server: by ourselves, when word of it comes with one of the next heartbeats. Then its turn may come again,
 * as far as anybody else is concerned.
 */
async function cancelledByUs(result: AttemptResult, stop: () => boolean): Promise<AttemptResult> {
  if (result.code !== 'FLT_CANCELLED' || (result.outcome !== 'failed' && result.outcome !== 'rollbackFailed')) return result;
  const { cancelled } = Context.current();
  const heard = new AbortController();
  await Promise.race([
    cancelled.catch(() => undefined),
    delay(HEARD_WITHIN_MS, undefined, { signal: heard.signal }).catch(() => undefined),
  ]);
  heard.abort();
  return stop() ? { ...result, outcome: 'deferred' } : result;
}

/** What it had finished when its time was over is finished. */
function overTime(tenant: TenantRef, result: AttemptResult, limitMs: number): AttemptResult {
  if (result.outcome !== 'deferred' || result.hostDown) return result;
  const message = `${tenant.id}: it took longer than ${limitMs} ms (timeouts.tenant); what it ran was cancelled.`;
  return { ...result, outcome: 'failed', code: 'FLT_TENANT_TIMEOUT', message };
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

function readiness(
  { to, operation }: PlanSummary,
  input: MigrateTenantsInput,
  { outcome, runs }: AttemptResult,
): { readonly ready?: string } {
  if (input.direction === 'down' || operation === 'backfill') return {};
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
