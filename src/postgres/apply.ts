/** One migration up or down in one transaction: opening message, the migration, closing message. */

import { FlotillaError } from '../domain/errors.js';
import type { PlannedMigration } from '../domain/plan.js';
import { type Attempt, checkState, closingFacts, deltaSince, ensureBookkeeping, lines, type OpenRow, sessionSettings } from './attempt.js';
import type { MigrationRun, TenantSession } from './contract.js';
import type { TenantState } from './ledger.js';
import { type ClosingFacts, closeTransaction, droppedRelations, openTransaction } from './messages.js';
import { queryEach } from './query-each.js';
import { literal } from './quote.js';

/** Thrown when the connection broke after COMMIT was sent: only the ledger knows. */
export class CommitUnknown extends Error {
  constructor(
    readonly facts: ClosingFacts,
    readonly xid: string,
    override readonly cause: unknown,
  ) {
    super('the connection broke at COMMIT');
  }
}

/** Begins a transaction under the tenant's lock and answers its bookkeeping. The caller ends the transaction. */
export async function open(attempt: Attempt, session: TenantSession): Promise<TenantState> {
  const results = await queryEach<OpenRow>(session.client, openTransaction(sessionSettings(attempt)));
  return checkState(attempt, results.at(-1)!.rows[0]!);
}

/** Runs the file inside the open transaction and commits. `check` runs between the migration and the closing message. */
export async function runAndCommit(
  attempt: Attempt,
  session: TenantSession,
  state: TenantState,
  migration: PlannedMigration,
  options: { readonly fingerprint: boolean; readonly check?: (delta: MigrationRun['delta']) => void },
): Promise<MigrationRun> {
  const { input } = attempt;
  const started = performance.now();
  await ensureBookkeeping(attempt, session, state);
  const before = options.fingerprint ? await lines(attempt, session) : undefined;
  let drops = attempt.checkDrops;
  const { statements } = await attempt.options.engine.run(attempt.files.get(migration.name)!, input.direction, {
    client: session.client,
    serverVersion: session.serverVersion,
    schema: input.tenant.schema ?? 'public',
    tenantId: input.tenant.id,
    onStatement: ({ sql, index }) => {
      if (/\bdrop\b/i.test(sql)) drops = true;
      input.onStep(`${migration.name}, statement ${index + 1}`);
    },
  });
  const delta = before && (await deltaSince(attempt, session, before));
  options.check?.(delta);
  const durationMs = performance.now() - started;
  const facts = closingFacts(attempt, state, migration, { statements, durationMs, xid: state.xid, dropsChecked: drops });
  if (drops && facts.ownSchemas !== undefined) await checkDropped(attempt, session, facts);
  try {
    await session.client.query(closeTransaction(sessionSettings(attempt), facts));
  } catch (error) {
    // A server error comes before COMMIT took effect; anything else means that we were not told.
    if ((error as { severity?: string }).severity === undefined) throw new CommitUnknown(facts, state.xid, error);
    throw error;
  }
  attempt.progressed = true;
  if (attempt.committedFence === undefined) attempt.committedFence = facts.fence;
  return { name: migration.name, durationMs, statements, ...(delta ? { delta } : {}) };
}

/** A relation dropped by the migration no longer has a name here; a second connection still sees whose it was. */
async function checkDropped(attempt: Attempt, session: TenantSession, facts: ClosingFacts): Promise<void> {
  const { rows } = await session.client.query<{ relation: string }>(droppedRelations(facts));
  if (rows.length === 0) return;
  const own = ['pg_catalog', 'pg_toast', 'information_schema', ...facts.ownSchemas!];
  const outside = await attempt.options.hosts.withTenant(attempt.input.tenant, async ({ client }) => {
    const found = await client.query<{ name: string }>(
      `select format('%I.%I (dropped)', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where c.oid = any ('{${rows.map((row) => Number(row.relation)).join(',')}}'::oid[]) and n.nspname <> all (array[${own.map(literal).join(',')}]::name[])
         and n.nspname not like 'pg\\_temp\\_%' and n.nspname not like 'pg\\_toast\\_temp\\_%'`,
    );
    return found.rows.map((row) => row.name);
  });
  if (outside.length) throw escaped(attempt, facts.migration, outside.join(', '));
}

export const escaped = (attempt: Attempt, migration: string, objects: string): FlotillaError =>
  new FlotillaError(
    'FLT_TENANT_ESCAPE',
    `${attempt.input.tenant.id}: ${migration} touched ${objects} outside its schema and was rolled back. If migrations may touch it, add to the config: shared: [{ object: '${objects.split(' (')[0]}', maxLock: '…' }].`,
    { tenant: attempt.input.tenant.id, migration, objects },
  );
