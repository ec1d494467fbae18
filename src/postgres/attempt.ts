/** What every step of one attempt on one tenant shares. */

import { FlotillaError } from '../domain/errors.js';
import type { PlannedMigration } from '../domain/plan.js';
import type { TenantRef } from '../domain/tenant.js';
import type { ValidationResult } from '../domain/validation.js';
import type { MigrationEngine, MigrationFile } from '../engines/engine.js';
import type { AttemptInput, AttemptResult, Delta, HistoryNames, Hosts, TenantSession } from './contract.js';
import { diffLines, readFingerprint } from './fingerprint.js';
import type { Hints } from './hints.js';
import { type createBookkeeping, identityRow, type LedgerRow, type TenantState, tenantSchema, withoutExtension } from './ledger.js';
import type { ClosingFacts, SessionSettings } from './messages.js';
import type { Walls } from './walls.js';

export interface RunnerOptions {
  readonly engine: MigrationEngine;
  readonly hosts: Hosts;
  readonly history: HistoryNames;
  /** Schemas with extensions, behind the tenant's in the search_path. */
  readonly extensionSchemas?: readonly string[];
  /** What migrations may lock or change outside their tenant. */
  readonly shared?: readonly { readonly object: string; readonly maxLock: string }[];
}

/** The messages around a transactional migration. */
export interface Recipe {
  openTransaction(settings: SessionSettings): string;
  createBookkeeping: typeof createBookkeeping;
  closeTransaction(settings: SessionSettings, facts: ClosingFacts, xid: string, walls: Walls): string;
}

/** One tenant, one attempt: what was asked, and what this attempt has found out so far. */
export interface Attempt {
  readonly recipe: Recipe;
  readonly options: RunnerOptions;
  readonly input: AttemptInput;
  readonly files: ReadonlyMap<string, MigrationFile>;
  /** The greatest fence that this attempt has seen or written: when another stands there, a later attempt has taken over. */
  knownFence: number | undefined;
  /** The fence that this attempt has committed, if it had to. */
  committedFence: number | undefined;
  /** A migration of this attempt has committed: rows of this rollout are then our own. */
  progressed: boolean;
  /** Look up on a second connection, before closing, what is gone. */
  lookUp: boolean;
  /** A brief look was not enough. */
  lookCloser: boolean;
  /** The server has answered this attempt's opening message: when the connection breaks now, it is not because nobody is there. */
  answered: boolean;
  /** Connections lost after such an answer. */
  lostInside: number;
  /** Name of the migration that runs. */
  inHand: string;
  /** What it is at, as it last said: "20261120_orders_tax, statement 2". */
  at: string;
  /** Migrations and directions that have touched nothing suspicious in any tenant so far. Shared by all attempts of the runner. */
  readonly plain: Set<string>;
  /** What a person should know of a migration that went well. */
  readonly notes: string[];
  /** What the checks of each migration came to, the last time that they were made. */
  readonly validations: Map<string, readonly ValidationResult[]>;
}

/** Schemas whose objects the tenant's migrations may touch; undefined: the whole database is its own. */
export function ownSchemas({ input, options }: Pick<Attempt, 'input' | 'options'>): readonly string[] | undefined {
  const { schema } = input.tenant;
  if (schema === undefined) return undefined;
  return [schema, ...(options.extensionSchemas ?? []), ...(options.history.schemaName ? [options.history.schemaName] : [])];
}

export const sessionSettings = (attempt: Pick<Attempt, 'input' | 'options'>): SessionSettings => ({
  tenant: attempt.input.tenant,
  names: attempt.options.history,
  extensionSchemas: attempt.options.extensionSchemas ?? [],
  applicationName: attempt.input.applicationName,
  timeouts: attempt.input.timeouts,
  ownSchemas: ownSchemas(attempt),
});

/** How long the server may take over a statement, with what the network needs on top; undefined: as long as it takes. */
export function answerWithin({ input }: Attempt): number | undefined {
  const { statementMs } = input.timeouts;
  return statementMs === 0 ? undefined : statementMs + ON_THE_WAY_MS;
}
const ON_THE_WAY_MS = 15_000;

export const wallsOf = (attempt: Attempt, { grants, columnGrants, types }: Hints): Walls => ({
  ownSchemas: ownSchemas(attempt),
  historyTable: attempt.options.history.tableName,
  shared: attempt.options.shared ?? [],
  gone: undefined,
  grants,
  columnGrants,
  types,
  brief: !grants && !types && !attempt.lookCloser && attempt.plain.has(inHandKey(attempt)),
});

/** The migration in hand and its direction. */
export const inHandKey = ({ input, inHand }: Attempt): string => `${input.direction} ${inHand}`;

/** What an attempt has come to. */
export type Settled = Omit<AttemptResult, 'runs' | 'validations' | 'durationMs'>;

/** A condition that another moment may change. */
export class NotNow extends FlotillaError {
  constructor(
    code: 'FLT_TENANT_BUSY' | 'FLT_KNEX_LOCKED' | 'FLT_BACKFILL_CUT' | 'FLT_CONCURRENTLY_BUSY',
    readonly what: string,
  ) {
    super(code, what);
  }
}

/** What an opening message answers last. */
export interface OpenRow {
  /** JSON */
  readonly state: string;
  readonly pid: number;
  readonly xid: string;
}

/** What stands in the tables; null: there is no such table. */
interface RawState {
  readonly missing?: boolean;
  readonly busy?: boolean;
  readonly knexLocked?: boolean;
  readonly ledger?: readonly (Omit<LedgerRow, 'kind'> & RawIdentity & { readonly kind: string })[] | null;
  readonly steps?: TenantState['steps'] | null;
  readonly history?: TenantState['history'] | null;
}

interface RawIdentity {
  readonly tenant: string;
  readonly fleet: string;
  /** The transaction that wrote the row, and the one that it says wrote it. */
  readonly xmin: string;
  readonly xid: string | null;
}

/** Answers the state that an opening message read, or says why nothing can be done now. */
export function checkState(attempt: Attempt, row: OpenRow): TenantState {
  const { tenant } = attempt.input;
  attempt.answered = true;
  const state = openedState(tenant, attempt.options.history, row);
  checkIdentity(tenant, state);
  checkFence(attempt, state);
  return state;
}

/** The bookkeeping as it stands under the lock. @throws NotNow, FLT_SCHEMA_MISSING */
export function openedState(tenant: TenantRef, names: HistoryNames, row: OpenRow): TenantState {
  const raw = JSON.parse(row.state) as RawState;
  if (raw.missing)
    throw new FlotillaError('FLT_SCHEMA_MISSING', `${tenant.id}: there is no schema "${tenantSchema(tenant)}" on host "${tenant.host}".`, {
      tenant: tenant.id,
      host: tenant.host,
    });
  if (raw.busy) throw new NotNow('FLT_TENANT_BUSY', 'another session is migrating it');
  if (raw.knexLocked) throw new NotNow('FLT_KNEX_LOCKED', `Knex's migration lock is held ("${names.tableName}_lock" says is_locked = 1)`);
  const ledger = raw.ledger ?? [];
  const identity = ledger.findLast(({ kind }) => kind === 'identity');
  return {
    pid: row.pid,
    xid: row.xid,
    hasLedger: Boolean(raw.ledger),
    hasHistory: Boolean(raw.history),
    tenant: identity?.tenant ?? null,
    fleet: identity?.fleet ?? null,
    copied: identity !== undefined && wasCopied(identity),
    fence: ledger.reduce((most, { fence }) => Math.max(most, fence), 0),
    history: raw.history ?? [],
    rows: ledger.filter(tellsOfTheTenant),
    steps: raw.steps ?? [],
  };
}

/** `xmin` has 32 bits of a transaction id. */
const wasCopied = ({ xmin, xid }: RawIdentity): boolean => xid !== null && BigInt(xmin) !== BigInt(xid) % 2n ** 32n;

const TELLING: readonly string[] = [
  'identity',
  'baseline',
  'applied',
  'reverted',
  'filled',
  'intent',
  'failed',
] satisfies LedgerRow['kind'][];
const tellsOfTheTenant = <Row extends { readonly kind: string }>(row: Row): row is Row & Pick<LedgerRow, 'kind'> =>
  TELLING.includes(row.kind);

/** @throws FLT_IDENTITY_MISMATCH */
export function checkIdentity(tenant: TenantRef, state: TenantState): void {
  if (state.hasLedger && state.tenant !== tenant.id)
    throw new FlotillaError(
      'FLT_IDENTITY_MISMATCH',
      `${tenant.id}: the ledger in schema "${tenantSchema(tenant)}" on host "${tenant.host}" says that this is tenant "${state.tenant}".`,
      { tenant: tenant.id, host: tenant.host, found: state.tenant },
    );
}

/**
 * A later attempt has taken this tenant over when the fence is not the one we know, or when our rollout was here before its first dispatch.
 * Where nothing is left to do we may say so all the same: it commits nothing.
 */
function checkFence(attempt: Attempt, state: TenantState): void {
  const { tenant, rolloutId, fenceFirst, direction, migrations } = attempt.input;
  const overtaken =
    attempt.knownFence === undefined
      ? !fenceFirst && !attempt.progressed && state.rows.some((it) => it.rollout === rolloutId)
      : state.fence !== attempt.knownFence;
  if (overtaken) {
    const allThere = migrations.every((m) => state.history.some(([name]) => withoutExtension(name) === m.name));
    if (direction !== 'up' || !allThere) throw fenced(tenant.id);
  }
  attempt.knownFence = state.fence;
}

export const strayTransaction = ({ input, inHand }: Pick<Attempt, 'input' | 'inHand'>): FlotillaError =>
  new FlotillaError('FLT_STRAY_TRANSACTION', `${input.tenant.id}: ${inHand} ended or broke its own transaction.`, {
    tenant: input.tenant.id,
  });

export const fenced = (tenant: string): FlotillaError =>
  new FlotillaError('FLT_FENCED', `${tenant}: a later attempt has taken this tenant over; this one commits nothing.`, { tenant });

/** Two sessions that create the same table at the same moment: Knex's own first run takes no lock for it. */
export const CREATED_BY_ANOTHER = ['42P07', '42710', '23505'];

/**
 * Creates Knex's tables and the ledger where they are missing, and a new identity row where the ledger was restored from a dump: one more
 * round trip, on a tenant's first contact only.
 */
export async function ensureBookkeeping(attempt: Attempt, session: TenantSession, state: TenantState): Promise<void> {
  const { tenant, fleet } = attempt.input;
  try {
    if (!state.hasLedger || !state.hasHistory)
      await session.client.query(attempt.recipe.createBookkeeping(tenant, fleet, attempt.options.history));
    else if (state.copied) {
      await session.client.query(identityRow(tenant, fleet, attempt.options.history));
      attempt.notes.push(
        'it was restored from a dump or copied since Flotilla was last here; what was applied before can no longer be rolled back',
      );
    }
  } catch (error) {
    if (!CREATED_BY_ANOTHER.includes((error as { code?: string }).code ?? '')) throw error;
    throw new NotNow('FLT_KNEX_LOCKED', "another session was creating Knex's tables at the same moment");
  }
}

/** One Knex batch per rollout and tenant, so that Knex's own view of "the last batch" is this rollout. */
function batchOf(attempt: Attempt, state: TenantState): number {
  const own = state.rows.find((row) => row.rollout === attempt.input.rolloutId && row.kind === 'applied');
  return own?.batch ?? Math.max(0, ...state.history.map(([, batch]) => batch ?? 0)) + 1;
}

export function closingFacts(
  attempt: Attempt,
  state: TenantState,
  migration: PlannedMigration,
  ran: Pick<ClosingFacts, 'statements' | 'durationMs' | 'rows'>,
): ClosingFacts {
  const { input } = attempt;
  const own = attempt.committedFence;
  return {
    fleet: input.fleet,
    rollout: input.rolloutId,
    direction: input.direction,
    migration: migration.name,
    fileName: attempt.files.get(migration.name)!.fileName,
    checksum: migration.checksum,
    batch: batchOf(attempt, state),
    fenceSeen: own ?? state.fence,
    fence: own ?? state.fence + 1,
    actor: input.actor,
    ...ran,
  };
}

/** From here on the ledger holds a row with our fence. */
export function ownsFence(attempt: Attempt, fence: number): void {
  attempt.committedFence = fence;
  attempt.knownFence = fence;
}

/** Lines of the tenant's catalog now. */
export async function lines(attempt: Attempt, session: TenantSession): Promise<readonly string[]> {
  return (await readFingerprint(session.client, tenantSchema(attempt.input.tenant), attempt.options.history)).lines;
}

export async function deltaSince(attempt: Attempt, session: TenantSession, before: readonly string[]): Promise<Delta> {
  return diffLines(before, await lines(attempt, session));
}
