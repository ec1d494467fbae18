/** Tenants of one test file, each with one migration that declares a backfill. */

import type { BackfillProgress } from '../../src/domain/backfill/progress.js';
import type { TenantRef } from '../../src/domain/tenant.js';
import type { AttemptInput, AttemptResult } from '../../src/postgres/contract.js';
import { createFixture, query, type RunnerFixture, type TestDatabase } from './postgres.js';

export interface BackfillTenant {
  readonly schema: string;
  readonly tenant: TenantRef;
  readonly fixture: RunnerFixture;
  /** All that was told, over all attempts. */
  readonly progress: readonly BackfillProgress[];
  attempt(input?: Partial<AttemptInput>): Promise<AttemptResult>;
  /** In its schema. */
  sql(text: string): Promise<Record<string, unknown>[]>;
  /** Stops at the edge of the n-th chunk from now. */
  chunks(n: number): Promise<void>;
}

const fixtures: RunnerFixture[] = [];
let serial = 0;
export async function closeBackfills(): Promise<void> {
  for (const fixture of fixtures.splice(0)) await fixture.close();
}

/** For a session in a tenant's schema. */
export const urlOf = (db: Pick<TestDatabase, 'url'>, schema: string): string => `${db.url}?options=-csearch_path%3D${schema}%2Cpublic`;

/** A migration file that declares the backfill which `source` describes. */
export const backfillFile = (source: string): string => `import { backfill } from 'flotilla/migration';
  const fill = backfill(${source});
  export const config = { transaction: false };
  export const flotilla = { backfill: fill };
  export const up = fill.up; export const down = async () => {};`;

/**
 * @param sql creates what the tenant holds
 * @param more files beside the backfill's, `02_fill.mjs`
 */
export async function createBackfillTenant(
  db: TestDatabase,
  sql: string,
  source: string,
  more: Readonly<Record<string, string>> = {},
  own: Partial<TenantRef> = {},
): Promise<BackfillTenant> {
  const id = `t${++serial}`;
  const tenant: TenantRef = { id, host: 'h1', schema: id, ...own };
  const schema = tenant.schema ?? 'public';
  await query(db.url, `create schema if not exists ${schema}; set search_path to ${schema}, public; ${sql}`);
  const fixture = createFixture(db.url, { '02_fill.mjs': backfillFile(source), ...more }, { extensionSchemas: ['public'] });
  fixtures.push(fixture);
  const progress: BackfillProgress[] = [];
  const attempt = (input: Partial<AttemptInput> = {}) =>
    fixture.attempt(tenant, 'up', { fenceFirst: true, onBackfill: (it) => progress.push(it), ...input });
  return {
    schema,
    tenant,
    fixture,
    progress,
    attempt,
    sql: (text) => query<Record<string, unknown>>(urlOf(db, schema), text),
    async chunks(n) {
      const from = progress.length;
      const began = () => progress.slice(from).findIndex(({ visited, pass }) => visited > 0 || pass > 1);
      const result = await attempt({ cut: () => began() >= 0 && progress.length - from - began() >= n });
      if (result.code !== 'FLT_BACKFILL_CUT') throw new Error(`expected to stop after ${n} chunks: ${JSON.stringify(result)}`);
    },
  };
}

/** Until a statement of the database has waited for a lock for so long. */
export async function waiting(db: Pick<TestDatabase, 'url'>, ms = 0): Promise<void> {
  for (;;) {
    const rows = await query(
      db.url,
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and clock_timestamp() - query_start > ${ms} * interval '1 ms'`,
    );
    if (rows.length > 0) return;
  }
}
