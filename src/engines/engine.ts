/** What the runner needs of a migration tool: list its files, and run one of them on a handle that is already bound to one tenant. */

import type { Client } from 'pg';
import type { FlotillaMigration } from '../migration/declaration.js';
import type { Index, Name } from '../postgres/statement.js';

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
  /** What the file says of itself; undefined: it exports no `flotilla`. */
  readonly declares?: FlotillaMigration;
}

/** A problem with one file; planning reports all of them at once (FLT_MIGRATION_INVALID). */
export interface FileProblem {
  readonly file: string;
  readonly message: string;
}

export interface StatementInfo {
  readonly sql: string;
  readonly bindings: readonly unknown[];
  readonly index: number;
  /** Its rows go into a stream of the migration's. */
  readonly streams: boolean;
}

export interface RunOnTenant {
  readonly client: Client;
  readonly serverVersion: string;
  readonly schema: string;
  readonly tenantId: string;
  /** After so long without an answer to a statement the connection counts as lost. @defaultValue as long as it takes */
  readonly answerWithinMs?: number | undefined;
  /** Takes the place of sending one statement; `send` sends it and answers as the driver does. What it answers is what the migration gets; throwing refuses the statement. */
  readonly around: <Answer>(statement: StatementInfo, send: () => Promise<Answer>) => Promise<Answer>;
  /** Whether a statement without bindings, sent next, would not go to the server but be answered as an earlier attempt was. @defaultValue never */
  readonly isAnswered?: (sql: string) => boolean;
}

/** What one run of a file came to. */
export interface Ran {
  readonly statements: number;
  /** Rows that its INSERT, UPDATE, DELETE and MERGE wrote, as the server counts them: those that triggers and cascades wrote are not among them. */
  readonly rows: number;
}

export interface MigrationEngine {
  /** All migrations, oldest first, and what is wrong with files that could not be loaded. Cached; a file changed on disk since it was
   *  loaded is reported as a problem until the worker restarts. */
  list(): Promise<{ readonly files: readonly MigrationFile[]; readonly problems: readonly FileProblem[] }>;
  /** Tables that `up` may write any number of rows of in one statement, as far as the file's source shows; without a schema, the tenant's. The
   *  source is read, never run; one that cannot be read shows none. Cached. */
  bulkWrites(file: MigrationFile): Promise<readonly Name[]>;
  /** Tables that `up` builds an index on before it writes any number of their rows, read in the same way. Cached. */
  indexedBeforeLoad(file: MigrationFile): Promise<readonly Name[]>;
  /** Indexes that `up` builds, read in the same way: those that are not unique, and over all rows. Cached. */
  builtIndexes(file: MigrationFile): Promise<readonly Index[]>;
  /** Runs `up` or `down` on the pinned connection, inside whatever transaction the caller has opened. Answers what was sent.
   *  @throws FLT_MIGRATION_FAILED and the SQLSTATE-mapped codes */
  run(file: MigrationFile, direction: 'up' | 'down', on: RunOnTenant): Promise<Ran>;
}
