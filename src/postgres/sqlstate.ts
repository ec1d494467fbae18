/** One table: SQLSTATE → what Postgres calls it → our code. https://www.postgresql.org/docs/current/errcodes-appendix.html */

import type { ErrorCode } from '../domain/error-codes.js';

/** Who has the trouble: `tenant` fails and counts, `lock` is tried again and then deferred, `connection` is tried again on a new one, `host`
 *  blocks every tenant of the host and counts nothing. */
export type Trouble = 'tenant' | 'lock' | 'connection' | 'host';

interface Row {
  readonly name: string;
  readonly code: ErrorCode;
  readonly trouble: Trouble;
}
const row = (name: string, code: ErrorCode, trouble: Trouble): Row => ({ name, code, trouble });

/** Exact codes go before classes (the first two characters). */
const TABLE: Readonly<Record<string, Row>> = {
  '55P03': row('lock_not_available', 'FLT_LOCK_TIMEOUT', 'lock'),
  '40P01': row('deadlock_detected', 'FLT_DEADLOCK', 'lock'),
  '40001': row('serialization_failure', 'FLT_DEADLOCK', 'lock'),
  '25006': row('read_only_sql_transaction', 'FLT_READ_ONLY', 'host'),
  '53100': row('disk_full', 'FLT_HOST_RESOURCES', 'host'),
  '53200': row('out_of_memory', 'FLT_HOST_RESOURCES', 'host'),
  '53300': row('too_many_connections', 'FLT_TOO_MANY_CONNECTIONS', 'host'),
  '53400': row('configuration_limit_exceeded', 'FLT_HOST_RESOURCES', 'host'),
  '57P01': row('admin_shutdown', 'FLT_CONNECTION_LOST', 'connection'),
  '57P02': row('crash_shutdown', 'FLT_CONNECTION_LOST', 'connection'),
  '57P03': row('cannot_connect_now', 'FLT_HOST_UNAVAILABLE', 'host'),
  '57P05': row('idle_session_timeout', 'FLT_CONNECTION_LOST', 'connection'),
  '25P03': row('idle_in_transaction_session_timeout', 'FLT_IDLE_IN_TRANSACTION', 'tenant'),
  '57014': row('query_canceled', 'FLT_STATEMENT_TIMEOUT', 'tenant'),
  '23502': row('not_null_violation', 'FLT_NOT_NULL_VIOLATION', 'tenant'),
  '23503': row('foreign_key_violation', 'FLT_FOREIGN_KEY_VIOLATION', 'tenant'),
  '23505': row('unique_violation', 'FLT_UNIQUE_VIOLATION', 'tenant'),
  '23514': row('check_violation', 'FLT_CHECK_VIOLATION', 'tenant'),
  '23P01': row('exclusion_violation', 'FLT_CHECK_VIOLATION', 'tenant'),
  '42501': row('insufficient_privilege', 'FLT_PERMISSION_DENIED', 'tenant'),
  '3D000': row('invalid_catalog_name', 'FLT_SCHEMA_MISSING', 'tenant'),
  '3F000': row('invalid_schema_name', 'FLT_SCHEMA_MISSING', 'tenant'),
  '25P02': row('in_failed_sql_transaction', 'FLT_STRAY_TRANSACTION', 'tenant'),
  '2D000': row('invalid_transaction_termination', 'FLT_STRAY_TRANSACTION', 'tenant'),
  FL001: row('fenced', 'FLT_FENCED', 'tenant'),
  FL002: row('tenant_escape', 'FLT_TENANT_ESCAPE', 'tenant'),
  FL003: row('stray_transaction', 'FLT_STRAY_TRANSACTION', 'tenant'),
  FL005: row('another_backend', 'FLT_SESSION_CHANGED', 'tenant'),
  FL008: row('unrecorded', 'FLT_SQL_ERROR', 'tenant'),
  FL006: row('knex_unlocked', 'FLT_KNEX_UNLOCKED', 'tenant'),
  '08': row('connection_exception', 'FLT_CONNECTION_LOST', 'connection'),
  '22': row('data_exception', 'FLT_DATA_ERROR', 'tenant'),
  '23': row('integrity_constraint_violation', 'FLT_CHECK_VIOLATION', 'tenant'),
  '28': row('invalid_authorization_specification', 'FLT_AUTH_FAILED', 'host'),
  '53': row('insufficient_resources', 'FLT_HOST_RESOURCES', 'host'),
};

/** Errors of the network and of the driver, which have no SQLSTATE. */
const NETWORK = /^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN)/;
const BROKEN =
  /Connection terminated|Connection ended|not queryable|timeout expired|Query read timeout|Client has encountered a connection error|Client was closed/i;

export interface PostgresError extends Error {
  readonly code?: string;
  readonly schema?: string;
  readonly table?: string;
  readonly column?: string;
  readonly constraint?: string;
  readonly severity?: string;
  /** The server's own text, where Knex has put the statement in front of `message`. */
  readonly serverMessage?: string;
}

export interface Classified {
  readonly code: ErrorCode;
  readonly trouble: Trouble;
  /** SQLSTATE and Postgres's name for it, or the network error's. */
  readonly name: string;
}

/** What an error of the driver or the server means. Undefined for errors that come from neither. */
export function classify(error: unknown): Classified | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, severity } = error as PostgresError;
  if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && severity !== undefined) {
    const found = TABLE[code] ?? TABLE[code.slice(0, 2)];
    if (found) return { code: found.code, trouble: found.trouble, name: `${code} ${found.name}` };
    return { code: 'FLT_SQL_ERROR', trouble: 'tenant', name: code };
  }
  if (typeof code === 'string' && NETWORK.test(code)) return { code: 'FLT_CONNECTION_LOST', trouble: 'connection', name: code };
  if (BROKEN.test(error.message)) return { code: 'FLT_CONNECTION_LOST', trouble: 'connection', name: 'connection lost' };
  return undefined;
}

/** Server messages that quote no row value: their text may be shown. Data and constraint errors (classes 22, 23, P0) quote rows. */
const SAFE_TEXT = /^(25|3D|3F|40|42|53|54|55|57|58|0A|2B|FL)/;

/** Cancelled by the server's own clock: it has one code for that and for a person who cancels. */
export const ranOutOfTime = (error: unknown): boolean =>
  (error as PostgresError | null)?.code === '57014' && !/user request/.test(describePostgresError(error as PostgresError));

/** One sentence about a server error that holds no row value, no binding and no connection string. */
export function describePostgresError(error: PostgresError): string {
  const code = error.code ?? '';
  if (SAFE_TEXT.test(code) && !/^4260|^42P18/.test(code)) return (error.serverMessage ?? error.message).split('\n')[0]!;
  const name = TABLE[code]?.name ?? TABLE[code.slice(0, 2)]?.name ?? 'error';
  const at = [
    error.constraint && `constraint "${error.constraint}"`,
    error.table && `table "${error.table}"`,
    error.column && `column "${error.column}"`,
  ].filter(Boolean);
  return `${name.replaceAll('_', ' ')} (${code})${at.length ? ` on ${at.join(', ')}` : ''}; the values stay in the database`;
}
