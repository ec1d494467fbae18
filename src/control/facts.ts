/** What `doctor` wants to know of the control database. */

import { ask, type ControlPool } from './control-pool.js';

/** @throws FLT_CONTROL_UNAVAILABLE */
export async function controlFacts(pool: ControlPool): Promise<{ readonly version: string; readonly clockOffMs: number }> {
  const before = Date.now();
  const [row] = await ask<{ version: string; now: number }>(
    pool,
    `select current_setting('server_version') "version", extract(epoch from clock_timestamp())::float8 * 1000 as now`,
  );
  return { version: row!.version, clockOffMs: Math.round(row!.now - (before + Date.now()) / 2) };
}
