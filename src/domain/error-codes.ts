/**
 * The catalogue of error codes: one row each, never reused. `docs/errors.md` shows it and a test compares both ways.
 *
 * - `retried`: `activity` = tried again by Temporal or by the runner; `wave` = the tenant is deferred or waits and the wave comes back;
 *   `no` = never without a person.
 * - `effect`: what it does to the wave: `fails` counts against the budget; `waits` blocks or defers without counting; `stops` ends the
 *   verb or halts the rollout; `none`.
 * - `exit`: the CLI's exit code when the error ends a command.
 */

export type Family =
  | 'SpecError'
  | 'PreflightError'
  | 'TransientError'
  | 'MigrationError'
  | 'VerificationError'
  | 'DriftError'
  | 'RollbackError'
  | 'OutcomeUnknownError';

export interface ErrorCodeRow {
  readonly family: Family;
  readonly meaning: string;
  readonly retried: 'activity' | 'wave' | 'no';
  readonly effect: 'fails' | 'waits' | 'stops' | 'none';
  readonly remedy: string;
  readonly exit: 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;
}

const row = (
  family: Family,
  retried: ErrorCodeRow['retried'],
  effect: ErrorCodeRow['effect'],
  exit: ErrorCodeRow['exit'],
  meaning: string,
  remedy: string,
): ErrorCodeRow => ({ family, meaning, retried, effect, remedy, exit });

export const ERROR_CODES = {
  // Config, arguments
  FLT_CONFIG_INVALID: row(
    'SpecError',
    'no',
    'stops',
    2,
    'The config file has mistakes; each is listed with its path.',
    'Correct the listed paths in flotilla.config.ts.',
  ),
  FLT_CONFIG_NOT_FOUND: row(
    'SpecError',
    'no',
    'stops',
    2,
    'No flotilla.config file was found.',
    'Run "flotilla init", or name the file with --config.',
  ),
  FLT_USAGE: row('SpecError', 'no', 'stops', 2, 'The command line is not understood.', 'See "flotilla <verb> --help".'),
  FLT_REFERENCE_UNRESOLVED: row(
    'SpecError',
    'no',
    'stops',
    2,
    'A connection reference (env:NAME, file:PATH) has no value where the worker runs.',
    'Set the variable or the file for the worker.',
  ),
  // Before it runs
  FLT_DUPLICATE_TENANT: row(
    'PreflightError',
    'no',
    'stops',
    3,
    'Two tenants have the same id, or the same host, database and schema.',
    'Make the ids unique in the tenant sources.',
  ),
  FLT_UNKNOWN_HOST: row(
    'PreflightError',
    'no',
    'stops',
    3,
    'A tenant names a host that the config does not have.',
    'Add the host to the config, or correct the tenant source.',
  ),
  FLT_UNKNOWN_TENANT: row('PreflightError', 'no', 'stops', 3, 'A named tenant is not in the fleet.', 'See "flotilla tenants".'),
  FLT_SCHEMA_MISSING: row(
    'MigrationError',
    'no',
    'fails',
    3,
    "The tenant's schema or database does not exist.",
    'Create it, mark the tenant deleted at its source, or exclude it.',
  ),
  FLT_HOST_UNAVAILABLE: row(
    'TransientError',
    'wave',
    'waits',
    8,
    'A host does not answer.',
    'Bring the host back; its tenants go on by themselves.',
  ),
  FLT_AUTH_FAILED: row(
    'PreflightError',
    'wave',
    'waits',
    3,
    'A host refused the credential.',
    'Correct the credential behind the reference; it is read again for each new connection.',
  ),
  FLT_NO_WORKFLOW_WORKER: row(
    'TransientError',
    'no',
    'stops',
    8,
    'No workflow worker took the task within 5 s.',
    'Start one with "flotilla worker"; then repeat the command.',
  ),
  FLT_NO_CELL_WORKER: row(
    'TransientError',
    'no',
    'stops',
    8,
    'No worker serves one of the cells.',
    'Start one with "flotilla worker --cell NAME"; then repeat the command.',
  ),
  FLT_TEMPORAL_UNAVAILABLE: row(
    'TransientError',
    'no',
    'stops',
    8,
    'The Temporal server does not answer.',
    'Check the address (TEMPORAL_ADDRESS or temporal.toml) and the server; then repeat the command.',
  ),
  FLT_CONTROL_UNAVAILABLE: row(
    'TransientError',
    'activity',
    'waits',
    8,
    'The control database does not answer.',
    'Bring it back; work goes on by itself.',
  ),
  FLT_MIGRATION_MISMATCH: row(
    'TransientError',
    'wave',
    'waits',
    8,
    'No worker has the migration files that are expected.',
    'Deploy the workers with the new files, then repeat the command (it is safe to).',
  ),
  FLT_MIGRATION_INVALID: row('PreflightError', 'no', 'stops', 3, 'A migration file does not load, or has no up.', 'Correct the file.'),
  FLT_UNKNOWN_MIGRATION: row(
    'PreflightError',
    'no',
    'stops',
    3,
    'The named migration does not exist.',
    'Name a file of the migrations directory.',
  ),
  FLT_CHECKSUM_DRIFT: row(
    'DriftError',
    'no',
    'stops',
    3,
    'A migration file was edited after it was applied.',
    'Restore the file and put the change into a new migration.',
  ),
  FLT_HISTORY_MISSING_FILE: row(
    'DriftError',
    'no',
    'stops',
    3,
    'A tenant has a migration in its history that no file has.',
    'Restore the file.',
  ),
  FLT_OUT_OF_ORDER: row(
    'DriftError',
    'no',
    'stops',
    3,
    'A pending migration is older than one already applied.',
    'Rename the file with a newer time stamp, or set outOfOrder: "allow".',
  ),
  FLT_NO_DOWN: row('RollbackError', 'no', 'none', 3, 'The migration has no down.', 'Write one, or declare why it is irreversible.'),
  FLT_PLAN_NOT_FOUND: row('PreflightError', 'no', 'stops', 3, 'There is no such plan.', 'Make a new one with "flotilla plan".'),
  FLT_PLAN_STALE: row(
    'PreflightError',
    'no',
    'stops',
    3,
    'The plan no longer fits the files or the fleet.',
    'Make a new one with "flotilla plan".',
  ),
  FLT_ROLLOUT_OPEN: row(
    'PreflightError',
    'no',
    'stops',
    3,
    'Another rollout of this fleet is open.',
    'Wait for it ("flotilla wait"), or abort it.',
  ),
  FLT_NO_OPEN_ROLLOUT: row('PreflightError', 'no', 'stops', 3, 'No rollout of this fleet is open.', 'See "flotilla history".'),
  FLT_ROLLOUT_NOT_FOUND: row('PreflightError', 'no', 'stops', 3, 'There is no such rollout.', 'See "flotilla history".'),
  FLT_REFUSED: row(
    'PreflightError',
    'no',
    'stops',
    3,
    'The verb does not fit the present state.',
    'See "flotilla status" for the commands that do.',
  ),
  FLT_APPROVAL_MISMATCH: row(
    'PreflightError',
    'no',
    'stops',
    3,
    'The approval names another wave or another plan digest.',
    'Approve what "flotilla status" shows.',
  ),
  // Migrating a tenant
  FLT_LOCK_TIMEOUT: row(
    'TransientError',
    'wave',
    'waits',
    4,
    'A lock was not granted in time.',
    'See the blockers with "flotilla status --tenant T".',
  ),
  FLT_TENANT_BUSY: row('TransientError', 'wave', 'waits', 4, 'Another session is migrating this tenant.', 'It is tried again by itself.'),
  FLT_DEADLOCK: row(
    'TransientError',
    'wave',
    'waits',
    4,
    'Postgres broke a deadlock or a serialization conflict by stopping the migration.',
    'It is tried again by itself.',
  ),
  FLT_CONNECTION_LOST: row('TransientError', 'activity', 'waits', 8, 'The connection to the host broke.', 'It is tried again by itself.'),
  FLT_TOO_MANY_CONNECTIONS: row(
    'TransientError',
    'wave',
    'waits',
    8,
    'The host has no connection left.',
    'Lower maxConcurrency of the host, or raise max_connections.',
  ),
  FLT_READ_ONLY: row(
    'TransientError',
    'wave',
    'waits',
    8,
    'The host is read-only: a replica, or in failover.',
    'Point the connection at the primary.',
  ),
  FLT_HOST_RESOURCES: row(
    'TransientError',
    'wave',
    'waits',
    8,
    'The host is out of disk, memory or lock space.',
    'Make room on the host; its tenants go on by themselves.',
  ),
  FLT_KNEX_LOCKED: row(
    'TransientError',
    'wave',
    'fails',
    4,
    "Knex's own migration lock is held.",
    'When no Knex process runs: "knex migrate:unlock" for this tenant, then retry.',
  ),
  FLT_STATEMENT_TIMEOUT: row(
    'MigrationError',
    'no',
    'fails',
    4,
    'A statement ran longer than the statement timeout.',
    'Make the statement cheaper, or raise timeouts.statement.',
  ),
  FLT_MIGRATION_FAILED: row(
    'MigrationError',
    'no',
    'fails',
    4,
    'The migration threw an error.',
    'Correct the migration or the data, then retry.',
  ),
  FLT_SQL_ERROR: row('MigrationError', 'no', 'fails', 4, 'Postgres rejected a statement.', 'Correct the migration, then retry.'),
  FLT_UNIQUE_VIOLATION: row('MigrationError', 'no', 'fails', 4, 'Existing rows break a unique constraint.', 'Mend the rows, then retry.'),
  FLT_NOT_NULL_VIOLATION: row(
    'MigrationError',
    'no',
    'fails',
    4,
    'Existing rows break a not-null constraint.',
    'Mend the rows, then retry.',
  ),
  FLT_FOREIGN_KEY_VIOLATION: row('MigrationError', 'no', 'fails', 4, 'Existing rows break a foreign key.', 'Mend the rows, then retry.'),
  FLT_CHECK_VIOLATION: row(
    'MigrationError',
    'no',
    'fails',
    4,
    'Existing rows break a check or exclusion constraint.',
    'Mend the rows, then retry.',
  ),
  FLT_DATA_ERROR: row(
    'MigrationError',
    'no',
    'fails',
    4,
    'Existing values do not fit the statement (cast, range, format).',
    'Mend the rows, then retry.',
  ),
  FLT_PERMISSION_DENIED: row(
    'MigrationError',
    'no',
    'fails',
    4,
    'The role may not do this.',
    'Grant the right; "flotilla doctor" prints the missing GRANTs.',
  ),
  FLT_STRAY_TRANSACTION: row(
    'MigrationError',
    'no',
    'fails',
    4,
    'The migration ended or broke its own transaction.',
    'Remove COMMIT and ROLLBACK from the migration, and let its errors through.',
  ),
  FLT_HANDLE_BUSY: row(
    'MigrationError',
    'no',
    'fails',
    4,
    'The migration used its Knex handle while a transaction of its own was open.',
    'Use the transaction handle inside the transaction.',
  ),
  FLT_CONNECTION_ESCAPE: row(
    'MigrationError',
    'no',
    'fails',
    4,
    'The migration tried to open another connection.',
    'Use the Knex handle that up and down are given.',
  ),
  FLT_PARTIAL: row(
    'MigrationError',
    'no',
    'fails',
    4,
    'A non-transactional migration stopped half-way; what it did stays.',
    'Correct the cause, then retry: it goes on where it stopped.',
  ),
  FLT_TENANT_ESCAPE: row(
    'MigrationError',
    'no',
    'fails',
    4,
    "The migration changed or locked something outside the tenant's schema; it was rolled back.",
    'Name the tenant objects without a schema, or move the statement out of the tenant migrations.',
  ),
  FLT_IDENTITY_MISMATCH: row(
    'MigrationError',
    'no',
    'fails',
    4,
    'The schema carries the ledger of another tenant: cloned, restored or swapped.',
    'Find out which tenant this is before anything else.',
  ),
  FLT_FENCED: row(
    'TransientError',
    'no',
    'none',
    4,
    'A later attempt has taken this tenant over; this one commits nothing.',
    'Nothing to do.',
  ),
  FLT_OUTCOME_UNKNOWN: row(
    'OutcomeUnknownError',
    'wave',
    'fails',
    4,
    'The connection broke at COMMIT and the ledger could not be read.',
    'Retry: the ledger is read before anything else.',
  ),
  FLT_TENANT_GONE: row('PreflightError', 'no', 'none', 3, 'The tenant was deleted at its source.', 'Nothing to do.'),
  FLT_WORKER_LOST: row(
    'OutcomeUnknownError',
    'wave',
    'fails',
    4,
    'Three workers in a row were lost while they held this tenant.',
    'See the worker logs, then retry.',
  ),
  // Verification and rollback
  FLT_DIVERGED: row(
    'VerificationError',
    'no',
    'fails',
    4,
    'The tenant does not have what the canaries got.',
    'Compare the tenant with a canary ("flotilla status --tenant T"), mend it, then retry.',
  ),
  FLT_CANARIES_DISAGREE: row(
    'VerificationError',
    'no',
    'stops',
    4,
    'The canaries came out different from each other.',
    'Make the migration independent of what other schemas hold.',
  ),
  FLT_IRREVERSIBLE: row(
    'RollbackError',
    'no',
    'stops',
    3,
    'A migration cannot be taken back without loss.',
    'Roll forward, or force the rollback with a reason.',
  ),
  FLT_REVERT_REMOVES_DATA: row(
    'RollbackError',
    'no',
    'fails',
    4,
    'Rows or values were written since into what the migration added.',
    'Save the data, then force the rollback with a reason.',
  ),
  FLT_REVERT_INEXACT: row(
    'RollbackError',
    'no',
    'fails',
    4,
    "The migration's down is not the inverse of its up; it was rolled back.",
    'Correct the down, or force the rollback with a reason.',
  ),
  FLT_REVERT_FAILED: row(
    'RollbackError',
    'no',
    'fails',
    4,
    'The down of a migration failed.',
    'Correct the down or the data, then roll back again.',
  ),
  FLT_BUDGET_EXCEEDED: row(
    'VerificationError',
    'no',
    'stops',
    4,
    'More tenants failed than the failure budget allows.',
    'See "flotilla status" for the groups and the commands.',
  ),
  FLT_INTERNAL: row('PreflightError', 'no', 'stops', 1, 'A bug in Flotilla.', 'Please report it with the message and the worker log.'),
} as const satisfies Record<string, ErrorCodeRow>;

export type ErrorCode = keyof typeof ERROR_CODES;
export const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(ERROR_CODES, code);
