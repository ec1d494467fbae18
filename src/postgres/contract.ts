/** The narrow door between activities and Postgres: what a tenant attempt is given and what it answers. */

import type { Client } from 'pg';
import type { BackfillProgress } from '../domain/backfill/progress.js';
import type { Outcome } from '../domain/outcome.js';
import type { PlannedMigration } from '../domain/plan.js';
import type { TenantRef } from '../domain/tenant.js';
import type { MigrationValidation } from '../domain/validation.js';
import type { HalfWay } from './ledger.js';

/** Names of Knex's own tables, as configured. */
export interface HistoryNames {
  /** @defaultValue knex_migrations */
  readonly tableName: string;
  /** Schema holding Knex's tables; default: the tenant's schema. */
  readonly schemaName?: string;
}

/** Up or down by the plan's migrations; or the backfill of one that is applied, once more. */
export type Direction = 'up' | 'down' | 'backfill';

/** Lines of the catalog fingerprint that a migration added and removed (semantics §2.4). */
export interface Delta {
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

export interface AttemptInput {
  readonly fleet: string;
  readonly tenant: TenantRef;
  readonly direction: Direction;
  /** The plan's migrations, oldest first. up: those not in the history are applied; down: those that `takesBack` applied are reverted, newest first; backfill: the one that declares it. */
  readonly migrations: readonly PlannedMigration[];
  readonly rolloutId: string;
  /** down: the rollout whose work is taken back. @defaultValue rolloutId */
  readonly takesBack?: string;
  /** down: this migration stays, with all before it. @defaultValue none does */
  readonly to?: string;
  /** Commit the fence before anything else. */
  readonly fenceFirst: boolean;
  /** Fingerprint before and after each migration and answer its delta. */
  readonly canary: boolean;
  /** The canaries' delta per migration (down: rule 1, 2 and 3 use it); missing = not recorded. */
  readonly deltas: ReadonlyMap<string, Delta>;
  readonly force: boolean;
  readonly actor: string;
  /** application_name of the session, so that a stuck one can be told. */
  readonly applicationName: string;
  readonly timeouts: { readonly lockMs: number; readonly statementMs: number; readonly idleMs: number };
  readonly quickTries: number;
  readonly outOfOrder: 'refuse' | 'allow';
  /** An earlier attempt of the same activity is presumed dead: a backend of this tenant's that still holds its lock is ended. @defaultValue false */
  readonly takeOver?: boolean;
  /** Asked while the attempt only waits: true ends it, deferred. */
  readonly stop?: () => boolean;
  /** Asked at the edges of a backfill's chunks: true ends the attempt there, deferred; it goes on from there. */
  readonly cut?: () => boolean;
  /** How far a backfill has come; after every chunk. */
  readonly onBackfill?: (progress: BackfillProgress & { readonly migration: string }) => void;
  /** Said as the attempt goes on, for heartbeats: "20261120_orders_tax, statement 2". */
  readonly onStep: (step: string) => void;
}

export interface MigrationRun {
  readonly name: string;
  readonly durationMs: number;
  readonly statements: number;
  /** Rows that its statements, or its backfill in all attempts, wrote; undefined: the connection broke at COMMIT, and nobody counted. */
  readonly rows?: number;
  readonly delta?: Delta;
}

export interface AttemptResult {
  readonly outcome: Outcome;
  readonly code?: string;
  /** Scrubbed, one sentence, names the tenant and the migration. */
  readonly message?: string;
  /** The one that it stopped at; missing: it came to none. */
  readonly migration?: string;
  readonly partial?: boolean;
  /** Migrations committed by this attempt. */
  readonly runs: readonly MigrationRun[];
  /** Checks that this attempt has made: those that passed, and those that failed it. Missing: none. */
  readonly validations?: readonly MigrationValidation[];
  /** up, and all is well: the migrations that it has from this rollout, from this attempt or an earlier one. */
  readonly has?: readonly string[];
  readonly durationMs: number;
  /** The host is the trouble, not the tenant: nothing was counted, stop the list. */
  readonly hostDown?: { readonly code: string; readonly message: string };
}

/** Connections to tenants, pooled per host, database and credential. */
export interface Hosts {
  /** Runs `work` on a clean session of the tenant's database (DISCARD TEMP, RESET ALL are part of the attempt's opening message).
   *  A credential is resolved for each new connection and once more after an authentication failure.
   *  @throws FLT_HOST_UNAVAILABLE, FLT_AUTH_FAILED, FLT_SCHEMA_MISSING (no such database), FLT_TOO_MANY_CONNECTIONS */
  withTenant<T>(tenant: TenantRef, work: (session: TenantSession) => Promise<T>): Promise<T>;
  /** The same for the host's own connection (discovery, checks); `database` overrides the one in the connection. */
  withHost<T>(host: string, work: (client: Client) => Promise<T>, database?: string): Promise<T>;
  close(): Promise<void>;
}

export interface TenantSession {
  readonly client: Client;
  readonly serverVersion: string;
  /** Drops the connection instead of putting it back. */
  discard(): void;
  /** The connection has ended: nothing can be sent any more. */
  isBroken(): boolean;
  /** Why the server ended it, when it said so. */
  lastWords(): Error | undefined;
}

/** What one tenant's bookkeeping says, as the scan reads it. */
export interface Position {
  readonly id: string;
  /** Applied migration names (extensionless), in order of application; undefined: the schema does not exist. */
  readonly applied: readonly string[] | undefined;
  /** The history's rows as they are written: with extensions, and one that stands there twice is here twice. */
  readonly written: readonly string[];
  /** Checksums from the ledger by migration name, where Flotilla applied it or marked it as applied. */
  readonly checksums: Readonly<Record<string, string>>;
  /** Whose the newest identity row of the ledger says that this is; undefined: there is no ledger. */
  readonly identity?: {
    readonly tenant: string;
    /** The row was not written here: the ledger came by a dump or a copy. */
    readonly copied: boolean;
  };
  /** Migrations outside a transaction that the journal still holds statements of. */
  readonly halfWay: readonly HalfWay[];
}
