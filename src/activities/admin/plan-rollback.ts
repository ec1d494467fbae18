import { createHash } from 'node:crypto';
import { countMoved, type MovedFilter, movedSince, planMoved } from '../../control/moved-tenants.js';
import { loadSummary, openPlan, storeSummary } from '../../control/plans.js';
import { type RolloutRow, rolloutById } from '../../control/rollouts.js';
import { canonicalJson } from '../../domain/canonical-json.js';
import { FlotillaError } from '../../domain/errors.js';
import { backfillOf, type PlanSummary } from '../../domain/plan.js';
import { refuseTo, rollbackPolicy, rollbackWaves } from '../../domain/rollback-plan.js';
import { isFinal } from '../../domain/rollout/contract.js';
import { HOST_CONCURRENCY } from '../../domain/wave-plan.js';
import { DEFAULT_CELL } from '../../spec/cells.js';
import type { AdminAnswers, AdminArgs } from '../../workflows/admin-messages.js';
import type { ActivityDeps } from '../deps.js';
import { createJudgeRollback } from '../judge-rollback.js';
import type { AdminContext } from './answer-admin.js';

/**
 * Freezes the plan of a rollout that takes a closed one back: exactly the tenants that it moved, in its waves. Safe to repeat.
 * @throws FLT_ROLLOUT_NOT_FOUND, FLT_UNKNOWN_MIGRATION, FLT_UNKNOWN_HOST, FLT_IRREVERSIBLE (rule 1, unless forced), FLT_REFUSED
 */
export async function planRollback(
  deps: ActivityDeps,
  { fleet }: AdminContext,
  { planId, rolloutId, force, to, tenants, wave }: AdminArgs['planRollback'],
): Promise<AdminAnswers['planRollback']> {
  const startedAt = Date.now();
  const old = await rolloutToTakeBack(deps, fleet, rolloutId);
  const { summary } = old;
  if (to !== undefined) refuseTo(summary.migrations, to);
  if (!force) await refuseByRule1(deps, old, to);

  const filter: MovedFilter = {
    ...(tenants?.length ? { tenants } : {}),
    ...(wave === undefined ? {} : { wave: waveNamed(old, wave) }),
  };
  const counted = await countMoved(deps.control, rolloutId, filter, old.terminated);
  if (counted.length === 0) throw new FlotillaError('FLT_REFUSED', `Rollout ${rolloutId} has moved nobody who could be taken back.`, {});
  const later = await movedSince(deps.control, rolloutId, filter, old.terminated);
  if (later)
    throw new FlotillaError(
      'FLT_REFUSED',
      `Rollout ${later.rolloutId} has moved ${later.tenants} of these tenants since: roll that one back first.`,
      { rolloutId: later.rolloutId },
    );
  const hosts = new Map(counted.map(({ host }) => [host, hostOf(deps, host)]));
  const { waves, waveOf } = rollbackWaves(
    summary.waves,
    (index) => old.row.report?.waves.find((it) => it.index === index)?.name,
    counted.map((group) => ({ ...group, ...hosts.get(group.host)! })),
  );
  await openPlan(deps.control, { planId, fleet });
  const cellOf = new Map([...hosts].map(([host, { cell }]) => [host, cell]));
  await planMoved(deps.control, planId, { rolloutId, planId: old.row.planId }, filter, old.terminated, waveOf, cellOf);

  const total = waves.reduce((n, it) => n + it.tenants, 0);
  const content = {
    fleet,
    environment: deps.fleet.environment ?? 'development',
    to: to ?? '',
    migrations: summary.migrations,
    waves,
    policy: rollbackPolicy(summary.policy),
    rollbackOf: { rolloutId, planId: old.row.planId, force, ...(to === undefined ? {} : { to }) },
  };
  const plan: PlanSummary = {
    ...content,
    planId,
    digest: createHash('sha256').update(canonicalJson(content)).digest('hex'),
    createdAt: new Date(startedAt).toISOString(),
    hosts: hosts.size,
    cells: [...new Set(cellOf.values())].sort(),
    totals: { tenants: total, pending: total, upToDate: 0, excluded: 0, blocked: 0 },
    findings: [],
    frozen: true,
    durationMs: Date.now() - startedAt,
  };
  return storeSummary(deps.control, plan, false);
}

interface OldRollout {
  readonly row: RolloutRow;
  readonly summary: PlanSummary;
  /** It was ended in Temporal: its record stands still where it was. */
  readonly terminated: boolean;
}

/** @throws FLT_ROLLOUT_NOT_FOUND, FLT_REFUSED */
export async function rolloutToTakeBack({ control }: ActivityDeps, fleet: string, rolloutId: string): Promise<OldRollout> {
  const row = await rolloutById(control, fleet, rolloutId);
  if (!row) throw new FlotillaError('FLT_ROLLOUT_NOT_FOUND', `This fleet has no rollout ${rolloutId}.`, { rolloutId });
  const summary = await loadSummary(control, row.planId);
  const refuse = (why: string) => new FlotillaError('FLT_REFUSED', `Rollout ${rolloutId} cannot be taken back: ${why}.`, { rolloutId });
  if (row.rebuiltTo !== null || !summary?.frozen)
    throw refuse('its record was rebuilt from the ledgers, and what its migrations changed is not known');
  const filled = backfillOf(summary);
  if (filled !== undefined)
    throw new FlotillaError(
      'FLT_BACKFILL_STAYS',
      `Rollout ${rolloutId} ran the backfill of ${filled} again, which is not taken back: what rows held before is kept nowhere.`,
      { rolloutId },
    );
  if (summary.rollbackOf)
    throw refuse(`it took ${summary.rollbackOf.rolloutId} back itself; what it returned is migrated again by "flotilla start"`);
  return { row, summary, terminated: !isFinal(row.state) };
}

/** @throws FLT_IRREVERSIBLE: names each migration and why */
async function refuseByRule1(deps: ActivityDeps, { row }: OldRollout, to: string | undefined): Promise<void> {
  const { refused } = await createJudgeRollback(deps)({ planId: row.planId, rolloutId: row.id, ...(to === undefined ? {} : { to }) });
  if (refused.length === 0) return;
  const why = refused.map((it) => `${it.migration}: ${it.why}`).join('; ');
  throw new FlotillaError('FLT_IRREVERSIBLE', `Nothing was reverted: ${why}.`, { refused: [...refused] });
}

/** @throws FLT_REFUSED */
export function waveNamed({ row, summary }: Pick<OldRollout, 'row' | 'summary'>, name: string): number {
  const wave = [...summary.waves, ...(row.report?.waves ?? [])].find((it) => it.name === name);
  if (!wave) throw new FlotillaError('FLT_REFUSED', `Rollout ${row.id} has no wave "${name}".`, { wave: name });
  return wave.index;
}

function hostOf({ fleet }: ActivityDeps, host: string): { readonly cell: string; readonly limit: number } {
  const known = fleet.hosts[host];
  if (!known) throw new FlotillaError('FLT_UNKNOWN_HOST', `The config of this worker lacks the host "${host}".`, { host });
  return { cell: known.cell ?? DEFAULT_CELL, limit: known.maxConcurrency ?? HOST_CONCURRENCY };
}
