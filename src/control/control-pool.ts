/** The pool of connections to the control database. Every store below takes one; its search_path is the control schema alone. */

import pg from 'pg';
import { parseIntoClientConfig } from 'pg-connection-string';
import { FlotillaError } from '../domain/errors.js';

export type ControlPool = pg.Pool;

export interface ControlPoolOptions {
  /** Answers the connection string. Address and user are read once, the password again for each new connection, so that it may rotate. */
  readonly resolve: () => Promise<string>;
  /** @defaultValue flotilla */
  readonly schema: string;
  /** @defaultValue 10 */
  readonly max?: number;
}

/** Lost and unreachable servers: worth another try by Temporal. */
const UNAVAILABLE = /^(08|57P0|53300|ECONN|ENOTFOUND|ETIMEDOUT|EPIPE|EHOSTUNREACH)/;

/** Makes no connection yet. @throws FLT_REFERENCE_UNRESOLVED */
export async function createControlPool(options: ControlPoolOptions): Promise<ControlPool> {
  const { password, ...config } = parseIntoClientConfig(await options.resolve());
  const path = options.schema.replaceAll('"', '""').replaceAll('\\', '\\\\').replaceAll(' ', '\\ ');
  const pool = new pg.Pool({
    ...config,
    ...(password === undefined ? {} : { password: async () => String(parseIntoClientConfig(await options.resolve()).password ?? '') }),
    max: options.max ?? 10,
    application_name: 'flotilla control',
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    options: `${config.options ?? ''} -c search_path="${path}"`,
  });
  pool.on('error', () => undefined); // an idle connection that breaks is replaced by the next query
  return pool;
}

/** Runs a query; a server that does not answer becomes FLT_CONTROL_UNAVAILABLE, which is tried again. */
export async function ask<Row extends pg.QueryResultRow>(pool: ControlPool, sql: string, values: readonly unknown[] = []): Promise<Row[]> {
  try {
    return (await pool.query<Row>(sql, values as unknown[])).rows;
  } catch (error) {
    const code = (error as { code?: string }).code ?? '';
    const message = error instanceof Error ? error.message : '';
    if (UNAVAILABLE.test(code) || /timeout|terminated|Connection ended/i.test(message))
      throw new FlotillaError(
        'FLT_CONTROL_UNAVAILABLE',
        `The control database does not answer (${code || 'connection lost'}).`,
        {},
        { cause: error },
      );
    throw error;
  }
}
