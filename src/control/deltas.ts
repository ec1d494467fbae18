/** What each migration changed in each canary: lines of the catalog fingerprint added and removed. */

import type { Delta } from '../postgres/contract.js';
import { ask, type ControlPool } from './control-pool.js';

/** Keeps the first delta recorded: a retry that finds nothing to do must not overwrite it. */
export async function recordDelta(pool: ControlPool, planId: string, migration: string, tenant: string, delta: Delta): Promise<void> {
  await ask(pool, `insert into delta (plan_id, migration, tenant_id, added, removed) values ($1, $2, $3, $4, $5) on conflict do nothing`, [
    planId,
    migration,
    tenant,
    delta.added,
    delta.removed,
  ]);
}

/** Every recorded delta of a plan: migration → tenant → delta. */
export async function deltasOf(pool: ControlPool, planId: string): Promise<ReadonlyMap<string, ReadonlyMap<string, Delta>>> {
  const rows = await ask<{ migration: string; tenant_id: string; added: string[]; removed: string[] }>(
    pool,
    `select migration, tenant_id, added, removed from delta where plan_id = $1 order by migration, tenant_id`,
    [planId],
  );
  const all = new Map<string, Map<string, Delta>>();
  for (const row of rows) {
    const of = all.get(row.migration) ?? new Map<string, Delta>();
    of.set(row.tenant_id, { added: row.added, removed: row.removed });
    all.set(row.migration, of);
  }
  return all;
}
