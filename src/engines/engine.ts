/** What the runner needs of a migration tool: list its files, and run one of them on a handle that is already bound to one tenant. */

import type { Client } from 'pg';

/** One migration file as this worker has it, loaded once per process. */
export interface MigrationFile {
  /** File name without extension. */
  readonly name: string;
  /** File name as Knex writes it into its history. */
  readonly fileName: string;
  readonly path: string;
  /** SHA-256 over the LF-normalised source. */
  readonly checksum: string;
  /** SHA-256 over the closure of local imports and declared inputs. */
  readonly closure: string;
  readonly transactional: boolean;
  readonly hasDown: boolean;
  /** Set when the file declares that it cannot be taken back. */
  readonly irreversible?: string;
}

/** A problem with one file; planning reports all of them at once (FLT_MIGRATION_INVALID). */
export interface FileProblem {
  readonly file: string;
  readonly message: string;
}

export interface StatementInfo {
  readonly sql: string;
  readonly index: number;
}

export interface RunOnTenant {
  readonly client: Client;
  readonly serverVersion: string;
  readonly schema: string;
  readonly tenantId: string;
  /** Called before each statement is sent; awaiting it delays the statement, throwing vetoes it. */
  readonly onStatement?: (statement: StatementInfo) => Promise<void> | void;
}

export interface MigrationEngine {
  /** All migrations, oldest first, and what is wrong with files that could not be loaded. Cached; a file changed on disk since it was
   *  loaded is reported as a problem until the worker restarts. */
  list(): Promise<{ readonly files: readonly MigrationFile[]; readonly problems: readonly FileProblem[] }>;
  /** Runs `up` or `down` on the pinned connection, inside whatever transaction the caller has opened. Answers the statements sent.
   *  @throws FLT_MIGRATION_FAILED and the SQLSTATE-mapped codes */
  run(file: MigrationFile, direction: 'up' | 'down', on: RunOnTenant): Promise<{ readonly statements: number }>;
}
