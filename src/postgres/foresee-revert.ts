/** What taking a rollout back would do to one tenant, by rules 1 and 2. Reads without any lock of ours; writes nothing, and runs no migration. */

import type { PlannedMigration } from '../domain/plan.js';
import { takenBack } from '../domain/rollback-plan.js';
import type { PreviewAnswer } from '../domain/rollback-preview.js';
import type { TenantRef } from '../domain/tenant.js';
import type { Delta, HistoryNames, TenantSession } from './contract.js';
import { bookkeeping, effectOf, type HalfWay, type LedgerRow, tenantSchema } from './ledger.js';
import { CLEAN } from './messages.js';
import { ident, literal } from './quote.js';
import { refusal } from './revert.js';
import { writtenSince } from './rows-written.js';
import { classify } from './sqlstate.js';

export interface ForeseeInput {
  readonly tenant: TenantRef;
  readonly names: HistoryNames;
  readonly migrations: readonly PlannedMigration[];
  readonly deltas: ReadonlyMap<string, Delta>;
  /** Whose work would be taken back. */
  readonly rolloutId: string;
  readonly to?: string;
}

/** A big table without a young row is read to its end: no longer than this. */
const STATEMENT_MS = 5_000;

/** @throws what Postgres throws where the tenant cannot be read */
export async function foreseeRevert({ client }: TenantSession, input: ForeseeInput): Promise<PreviewAnswer> {
  const { role } = input.tenant;
  await client.query(
    `${CLEAN} begin isolation level repeatable read; set local statement_timeout to ${STATEMENT_MS}; set local lock_timeout to 1000; ${role === undefined ? '' : `set local role ${ident(role)};`}`,
  );
  try {
    // Ages are counted from this transaction's own id. Nothing else is written
    await client.query('select pg_current_xact_id()');
    return await answer(client, input);
  } finally {
    await client.query('rollback').catch(() => undefined);
  }
}

async function answer(client: TenantSession['client'], input: ForeseeInput): Promise<PreviewAnswer> {
  const { tenant, deltas, rolloutId } = input;
  const migrations = takenBack(input.migrations, input.to);
  const books = await readBooks(client, input);
  const half = books.steps.find((step) => step.direction === 'up' && migrations.some(({ name }) => name === step.migration));
  if (half)
    return {
      reverts: [],
      refused: { migration: half.migration, code: 'FLT_PARTIAL', why: 'it stopped half-way; retry it to its end first' },
    };
  const ours = books.rows.flatMap((row) => row.ours);
  const reverts: string[] = [];
  for (const migration of migrations.toReversed()) {
    const effect = effectOf(books, migration.name);
    if (effect?.rollout !== rolloutId) continue;
    const delta = deltas.get(migration.name);
    const stop = (code: string, why: string): PreviewAnswer => ({ reverts, refused: { migration: migration.name, code, why } });
    const refused = refusal(migration, delta);
    if (refused) return stop(refused.code, refused.why);
    if (effect.foreign) return stop('FLT_IRREVERSIBLE', 'the tenant was restored from a dump or copied since');
    try {
      const written = await writtenSince(client, tenantSchema(tenant), delta!, { ...effect, ours });
      if (written.length > 0) return stop('FLT_REVERT_REMOVES_DATA', `rows were written since into ${written.join(', ')}`);
    } catch (error) {
      const what = classify(error);
      if (!what || what.trouble === 'connection') throw error;
      return stop(what.code, 'whether rows were written since could not be read');
    }
    reverts.push(migration.name);
  }
  return { reverts };
}

type Books = Parameters<typeof effectOf>[0] & { readonly steps: readonly HalfWay[] };

async function readBooks(client: TenantSession['client'], { tenant, names }: ForeseeInput): Promise<Books> {
  const { ledger, history, step } = bookkeeping(tenant, names);
  const nothing = { rows: [], history: [], steps: [], copied: false };
  const { rows: found } = await client.query<{ l: boolean; h: boolean; s: boolean }>(
    `select to_regclass(${literal(ledger)}) is not null l, to_regclass(${literal(history)}) is not null h, to_regclass(${literal(step)}) is not null s`,
  );
  const { l, h, s } = found[0]!;
  if (!l || !h) return nothing;
  const { rows } = await client.query<LedgerRow & { copied: boolean | null }>(
    `select kind, migration, checksum, rollout, batch, fence::float8, counter::text, ours::text[], running::text[],
       case kind when 'identity' then xmin::text::bigint <> xid::text::bigint % 4294967296 end copied
     from ${ledger} where kind in ('identity', 'baseline', 'applied', 'reverted', 'filled', 'failed') order by id`,
  );
  const done = await client.query<{ name: string; batch: number }>(`select name, batch from ${history} order by id`);
  const steps = s
    ? await client.query<HalfWay>(`select migration, direction, count(*)::int n from ${step} where key <> 'before' group by 1, 2`)
    : undefined;
  return {
    rows,
    history: done.rows.map(({ name, batch }) => [name, batch] as const),
    steps: steps?.rows ?? [],
    copied: rows.findLast((row) => row.kind === 'identity')?.copied ?? false,
  };
}
