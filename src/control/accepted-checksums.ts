/** Files that somebody has accepted as they stand: what tenants applied from another source is then no drift, until the file changes again. */

import { ask, type ControlPool } from './control-pool.js';

export interface Acceptance {
  readonly migration: string;
  /** Of the file that was accepted. */
  readonly checksum: string;
  readonly at: Date;
  /** Self-reported. */
  readonly actor: string;
  readonly reason: string | null;
}

const COLUMNS = 'migration, checksum, at, actor, reason';

/** Safe to repeat: the first one stands, and is answered. */
export async function acceptChecksum(
  pool: ControlPool,
  fleet: string,
  { migration, checksum, actor, reason }: { migration: string; checksum: string; actor: string; reason?: string },
): Promise<Acceptance> {
  await ask(
    pool,
    `insert into accepted_checksum (fleet, migration, checksum, actor, reason) values ($1, $2, $3, $4, $5) on conflict do nothing`,
    [fleet, migration, checksum, actor, reason ?? null],
  );
  return (await acceptanceOf(pool, fleet, migration, checksum))!;
}

export async function acceptanceOf(pool: ControlPool, fleet: string, migration: string, checksum: string): Promise<Acceptance | undefined> {
  const [row] = await ask<Acceptance & Record<string, unknown>>(
    pool,
    `select ${COLUMNS} from accepted_checksum where fleet = $1 and migration = $2 and checksum = $3`,
    [fleet, migration, checksum],
  );
  return row;
}

export async function acceptancesOf(pool: ControlPool, fleet: string): Promise<readonly Acceptance[]> {
  return ask<Acceptance & Record<string, unknown>>(
    pool,
    `select ${COLUMNS} from accepted_checksum where fleet = $1 order by migration, at`,
    [fleet],
  );
}
