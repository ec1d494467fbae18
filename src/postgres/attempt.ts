/** What every step of one attempt on one tenant shares. */

import { FlotillaError } from '../domain/errors.js';
import type { PlannedMigration } from '../domain/plan.js';
import type { MigrationEngine, MigrationFile } from '../engines/engine.js';
import type { AttemptInput, Delta, HistoryNames, Hosts, TenantSession } from './contract.js';
import { diffLines, readFingerprint } from './fingerprint.js';
import { createBookkeeping, type TenantState, tenantSchema } from './ledger.js';
import type { ClosingFacts, SessionSettings } from './messages.js';

export interface RunnerOptions {
  readonly engine: MigrationEngine;
  readonly hosts: Hosts;
  readonly history: HistoryNames;
  /** Schemas with extensions, behind the tenant's in the search_path. */
  readonly extensionSchemas?: readonly string[];
  /** What migrations may lock outside their tenant. */
  readonly shared?: readonly { readonly object: string; readonly maxLock: string }[];
}

/** One tenant, one attempt: what was asked, and what this attempt has found out so far. */
export interface Attempt {
  readonly options: RunnerOptions;
  readonly input: AttemptInput;
  readonly files: ReadonlyMap<string, MigrationFile>;
  /** The fence that this attempt has committed, if it had to. */
  committedFence: number | undefined;
  /** A migration of this attempt has committed: rows of this rollout are then our own. */
  progressed: boolean;
  /** Look dropped relations up on a second connection before closing. */
  checkDrops: boolean;
}

export const sessionSettings = (attempt: Attempt): SessionSettings => ({
  tenant: attempt.input.tenant,
  names: attempt.options.history,
  extensionSchemas: attempt.options.extensionSchemas ?? [],
  applicationName: attempt.input.applicationName,
  timeouts: attempt.input.timeouts,
});

/** A condition that another moment may change: the tenant's lock is held, or Knex's. */
export class NotNow extends Error {
  constructor(readonly code: 'FLT_TENANT_BUSY' | 'FLT_KNEX_LOCKED') {
    super(code);
  }
}

/** What an opening message answers last. */
export interface OpenRow {
  /** JSON */
  readonly state: string;
  readonly pid: number;
  readonly xid: string;
}

/** Answers the state that an opening message read, or says why nothing can be done now. */
export function checkState(attempt: Attempt, row: OpenRow): TenantState {
  const { tenant, rolloutId, fenceFirst } = attempt.input;
  const raw = JSON.parse(row.state) as Partial<TenantState>;
  if (raw.missing)
    throw new FlotillaError('FLT_SCHEMA_MISSING', `${tenant.id}: there is no schema "${tenantSchema(tenant)}" on host "${tenant.host}".`, {
      tenant: tenant.id,
      host: tenant.host,
    });
  if (raw.busy) throw new NotNow('FLT_TENANT_BUSY');
  if (raw.knexLocked) throw new NotNow('FLT_KNEX_LOCKED');
  const state: TenantState = {
    pid: row.pid,
    xid: row.xid,
    hasLedger: raw.hasLedger ?? false,
    hasHistory: raw.hasHistory ?? false,
    tenant: raw.tenant ?? null,
    fleet: raw.fleet ?? null,
    fence: raw.fence ?? 0,
    history: raw.history ?? [],
    rows: raw.rows ?? [],
  };
  if (state.hasLedger && state.tenant !== tenant.id)
    throw new FlotillaError(
      'FLT_IDENTITY_MISMATCH',
      `${tenant.id}: the ledger in schema "${tenantSchema(tenant)}" on host "${tenant.host}" says that this is tenant "${state.tenant}".`,
      { tenant: tenant.id, host: tenant.host, found: state.tenant },
    );
  if (attempt.committedFence !== undefined) {
    if (state.fence !== attempt.committedFence) throw fenced(tenant.id);
  } else if (!fenceFirst && !attempt.progressed && state.rows.some((it) => it.rollout === rolloutId)) {
    // We were the rollout's first to come here, and yet it has rows: a later dispatch has overtaken us while we slept.
    if (attempt.input.direction === 'up' && attempt.input.migrations.every((m) => state.history.some(([name]) => name.startsWith(m.name))))
      return state;
    throw fenced(tenant.id);
  }
  return state;
}

export const fenced = (tenant: string): FlotillaError =>
  new FlotillaError('FLT_FENCED', `${tenant}: a later attempt has taken this tenant over; this one commits nothing.`, { tenant });

/** Creates Knex's tables and the ledger where they are missing: one more round trip, on a tenant's first contact only. */
export async function ensureBookkeeping(attempt: Attempt, session: TenantSession, state: TenantState): Promise<void> {
  if (state.hasLedger && state.hasHistory) return;
  await session.client.query(createBookkeeping(attempt.input.tenant, attempt.input.fleet, attempt.options.history));
}

/** One Knex batch per rollout and tenant, so that Knex's own view of "the last batch" is this rollout. */
export function batchOf(attempt: Attempt, state: TenantState): number {
  const own = state.rows.find((row) => row.rollout === attempt.input.rolloutId && row.kind === 'applied');
  return own?.batch ?? Math.max(0, ...state.history.map(([, batch]) => batch ?? 0)) + 1;
}

export function closingFacts(
  attempt: Attempt,
  state: TenantState,
  migration: PlannedMigration,
  ran: { readonly statements: number; readonly durationMs: number; readonly xid: string | undefined; readonly dropsChecked: boolean },
): ClosingFacts {
  const { input, options } = attempt;
  const file = attempt.files.get(migration.name)!;
  const own = attempt.committedFence;
  return {
    fleet: input.fleet,
    rollout: input.rolloutId,
    direction: input.direction,
    migration: migration.name,
    fileName: file.fileName,
    checksum: migration.checksum,
    batch: batchOf(attempt, state),
    fenceSeen: own ?? state.fence,
    fence: own ?? state.fence + 1,
    xid: ran.xid,
    actor: input.actor,
    statements: ran.statements,
    durationMs: ran.durationMs,
    ownSchemas:
      input.tenant.schema === undefined
        ? undefined
        : [input.tenant.schema, ...(options.extensionSchemas ?? []), ...(options.history.schemaName ? [options.history.schemaName] : [])],
    shared: options.shared ?? [],
    dropsChecked: ran.dropsChecked,
  };
}

/** Lines of the tenant's catalog now. */
export async function lines(attempt: Attempt, session: TenantSession): Promise<readonly string[]> {
  return (await readFingerprint(session.client, tenantSchema(attempt.input.tenant), attempt.options.history)).lines;
}

export async function deltaSince(attempt: Attempt, session: TenantSession, before: readonly string[]): Promise<Delta> {
  return diffLines(before, await lines(attempt, session));
}
