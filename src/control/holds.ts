/** What holds a fleet or a tenant back: a freeze, pins. What has an end is over by itself. */

import type { Freeze } from '../domain/asks.js';
import { ask, type ControlPool } from './control-pool.js';

export interface Pin {
  readonly tenant: string;
  readonly actor: string;
  readonly reason: string;
  readonly sinceMs: number;
  readonly untilMs?: number;
}

interface HoldRow {
  readonly actor: string;
  readonly reason: string;
  readonly since: Date;
  readonly until: Date | null;
}
const toHold = ({ actor, reason, since, until }: HoldRow) => ({
  actor,
  reason,
  sinceMs: since.getTime(),
  ...(until === null ? {} : { untilMs: until.getTime() }),
});
const time = (ms: number | undefined): Date | null => (ms === undefined ? null : new Date(ms));

export async function freezeOf(pool: ControlPool, fleet: string): Promise<Freeze | undefined> {
  const [row] = await ask<HoldRow>(pool, `select * from "freeze" where fleet = $1 and (until is null or until > now())`, [fleet]);
  return row && toHold(row);
}

/** A later freeze replaces the one before. */
export async function setFreeze(pool: ControlPool, fleet: string, { actor, reason, sinceMs, untilMs }: Freeze): Promise<void> {
  await ask(
    pool,
    `insert into "freeze" (fleet, actor, reason, since, until) values ($1, $2, $3, $4, $5)
     on conflict (fleet) do update set actor = excluded.actor, reason = excluded.reason, since = excluded.since, until = excluded.until`,
    [fleet, actor, reason, time(sinceMs), time(untilMs)],
  );
}

/** Answers whether the fleet was frozen. */
export async function liftFreeze(pool: ControlPool, fleet: string): Promise<boolean> {
  return (await ask(pool, `delete from "freeze" where fleet = $1 returning fleet`, [fleet])).length > 0;
}

export async function pinsOf(pool: ControlPool, fleet: string): Promise<readonly Pin[]> {
  const rows = await ask<HoldRow & { tenant_id: string }>(
    pool,
    `select * from pin where fleet = $1 and (until is null or until > now()) order by tenant_id`,
    [fleet],
  );
  return rows.map((row) => ({ tenant: row.tenant_id, ...toHold(row) }));
}

/** Pins of tenants that the plan would move. */
export async function pinsWithin(pool: ControlPool, fleet: string, planId: string): Promise<readonly Pick<Pin, 'tenant' | 'untilMs'>[]> {
  const rows = await ask<{ tenant_id: string; until: Date | null }>(
    pool,
    `select tenant_id, pin.until from pin join plan_tenant using (tenant_id)
     where fleet = $1 and plan_id = $2 and state = 'pending' and (pin.until is null or pin.until > now()) order by 1`,
    [fleet, planId],
  );
  return rows.map(({ tenant_id: tenant, until }) => ({ tenant, ...(until === null ? {} : { untilMs: until.getTime() }) }));
}

export async function setPins(
  pool: ControlPool,
  fleet: string,
  tenants: readonly string[],
  { actor, reason, untilMs }: Pick<Pin, 'actor' | 'reason' | 'untilMs'>,
): Promise<void> {
  await ask(
    pool,
    `insert into pin (fleet, tenant_id, actor, reason, until) select $1, id, $3, $4, $5 from unnest($2::text[]) id
     on conflict (fleet, tenant_id) do update set actor = excluded.actor, reason = excluded.reason, since = now(), until = excluded.until`,
    [fleet, tenants, actor, reason, time(untilMs)],
  );
}

/** Answers those that were pinned. */
export async function dropPins(pool: ControlPool, fleet: string, tenants: readonly string[]): Promise<readonly string[]> {
  const rows = await ask<{ id: string }>(pool, `delete from pin where fleet = $1 and tenant_id = any ($2) returning tenant_id id`, [
    fleet,
    tenants,
  ]);
  return rows.map((row) => row.id).sort();
}

/** Those of the ids whom no plan and no rollout of the fleet has ever held. */
export async function strangers(pool: ControlPool, fleet: string, ids: readonly string[]): Promise<readonly string[]> {
  const rows = await ask<{ id: string }>(
    pool,
    `select named.id from unnest($2::text[]) named (id)
     where not exists (select from plan_tenant t join plan p on p.id = t.plan_id where p.fleet = $1 and t.tenant_id = named.id)
       and not exists (select from rollout_tenant t join rollout r on r.id = t.rollout_id where r.fleet = $1 and t.tenant_id = named.id) order by 1`,
    [fleet, ids],
  );
  return rows.map((row) => row.id);
}
