/** Rollouts: one row each, with the report of the finished ones. The dev server forgets closed workflows after a day; this does not. */

import type { RolloutProgress, RolloutReport, RolloutState } from '../domain/rollout/contract.js';
import { ask, type ControlPool } from './control-pool.js';

export interface RolloutRow {
  readonly id: string;
  readonly planId: string;
  readonly requestId: string;
  readonly actor: string;
  readonly reason: string | null;
  readonly state: RolloutState;
  readonly startedAt: Date;
  readonly finishedAt: Date | null;
  readonly report: RolloutProgress | RolloutReport | null;
  /** Rebuilt from the tenants' ledgers: the newest migration that it is known to have applied. */
  readonly rebuiltTo: string | null;
}

const COLUMNS = `id, plan_id "planId", request_id "requestId", actor, reason, state, started_at "startedAt", finished_at "finishedAt", report, rebuilt_to "rebuiltTo"`;

/** Opens the rollout's row. Safe to repeat. `tenant`: the one that somebody has asked for by name. */
export async function openRollout(
  pool: ControlPool,
  rollout: { rolloutId: string; fleet: string; planId: string; requestId: string; actor: string; reason?: string; tenant?: string },
): Promise<void> {
  await ask(
    pool,
    `insert into rollout (id, fleet, plan_id, request_id, actor, reason, state, tenant) values ($1, $2, $3, $4, $5, $6, 'running', $7)
     on conflict (id) do nothing`,
    [rollout.rolloutId, rollout.fleet, rollout.planId, rollout.requestId, rollout.actor, rollout.reason ?? null, rollout.tenant ?? null],
  );
}

/** Keeps the latest state; a finished rollout is not reopened by a late message. */
export async function updateRollout(pool: ControlPool, rolloutId: string, state: RolloutState, progress?: RolloutProgress): Promise<void> {
  await ask(pool, `update rollout set state = $2, report = coalesce($3, report) where id = $1 and finished_at is null`, [
    rolloutId,
    state,
    progress ? JSON.stringify(progress) : null,
  ]);
}

export async function finishRollout(pool: ControlPool, rolloutId: string, state: RolloutState, report?: RolloutProgress): Promise<void> {
  await ask(pool, `update rollout set state = $2, report = $3, finished_at = coalesce(finished_at, now()) where id = $1`, [
    rolloutId,
    state,
    report ? JSON.stringify(report) : null,
  ]);
}

export async function rolloutById(pool: ControlPool, fleet: string, rolloutId: string): Promise<RolloutRow | undefined> {
  return (await ask<RolloutRow>(pool, `select ${COLUMNS} from rollout where fleet = $1 and id = $2`, [fleet, rolloutId]))[0];
}

export async function rolloutByRequest(pool: ControlPool, fleet: string, requestId: string): Promise<RolloutRow | undefined> {
  return (await ask<RolloutRow>(pool, `select ${COLUMNS} from rollout where fleet = $1 and request_id = $2`, [fleet, requestId]))[0];
}

/** Rollouts of the fleet, without what was migrated by name: the latest, newest first; `before` is the id of the last one seen. */
export async function rolloutsPage(
  pool: ControlPool,
  fleet: string,
  before: string | undefined,
  limit: number,
): Promise<readonly RolloutRow[]> {
  return ask<RolloutRow>(
    pool,
    `select ${COLUMNS} from rollout where fleet = $1 and tenant is null and ($2::text is null or id < $2) order by id desc limit $3`,
    [fleet, before ?? null, limit],
  );
}
