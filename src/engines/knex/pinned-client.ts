/**
 * A Knex handle that can use only one given connection, one statement at a time. Knex's own pool would open others: a lost backend would be
 * replaced by a fresh one without our settings and locks, and the migration would go on there and report success.
 */

import { createRequire } from 'node:module';
import type { Transform } from 'node:stream';
import Knex, { type Knex as KnexHandle } from 'knex';
import type { Client } from 'pg';
import { FlotillaError } from '../../domain/errors.js';
import { putRunner } from '../../migration/runner-of.js';

const require = createRequire(import.meta.url);

/** What we use of Knex's Postgres dialect and transaction; Knex has no types for them. */
interface DialectClient {
  config: Record<string, unknown> & { client?: unknown };
  transacting?: boolean;
}
type Query = { sql: string; bindings?: unknown[]; options?: object; response?: unknown };
interface Dialect extends DialectClient {
  _query(connection: unknown, query: Query): Promise<unknown>;
  _stream(connection: unknown, query: Query, stream: Transform, options: unknown): Promise<unknown>;
}
interface DialectTransaction {
  client: DialectClient;
  outerTx: unknown;
  _completed: boolean;
  _resolver(value: unknown): void;
  _rejecter(error: unknown): void;
  begin(connection: unknown): Promise<unknown>;
  commit(connection: unknown, value: unknown): Promise<unknown>;
  rollback(connection: unknown, error: unknown): Promise<unknown>;
}
type DialectClass = new (config: unknown) => Dialect;
type TransactionClass = new (client: DialectClient, container: unknown, config: unknown, outerTx: unknown) => DialectTransaction;

const PostgresDialect = require('knex/lib/dialects/postgres/index.js') as DialectClass;
const PostgresTransaction = require('knex/lib/dialects/postgres/execution/pg-transaction.js') as TransactionClass;

export interface PinnedHooks {
  /** The caller has begun the transaction and will end it: the handle's outermost transaction sends neither BEGIN nor COMMIT. */
  readonly insideTransaction: boolean;
  /** After so long without an answer the connection counts as lost. */
  readonly answerWithinMs: number | undefined;
  /** A statement is on its way: whoever waits for the handle waits for the server, not for the migration. */
  readonly isSending: () => boolean;
  /** Takes the place of sending one statement; what it answers is what Knex gets. `streams`: its rows go into a stream. */
  readonly around: <Answer>(query: Query, streams: boolean, send: () => Promise<Answer>) => Promise<Answer>;
  /** Whether a statement, sent next, would be answered as an earlier attempt was. */
  readonly isAnswered: (sql: string) => boolean;
}

interface Pinned extends PinnedHooks {
  /** The real connection. What Knex is handed for it can send nothing. */
  readonly connection: Client;
}

/** By the handle's config, which Knex hands on to each transaction's client; no migration comes upon the connection in it. */
const pinned = new WeakMap<object, Pinned>();

class PinnedTransaction extends PostgresTransaction {
  get #ours(): boolean {
    return Boolean(pinned.get(this.client.config)?.insideTransaction) && !this.outerTx;
  }
  override begin(connection: unknown): Promise<unknown> {
    return this.#ours ? Promise.resolve() : super.begin(connection);
  }
  override commit(connection: unknown, value: unknown): Promise<unknown> {
    if (!this.#ours) return super.commit(connection, value);
    this._completed = true;
    this._resolver(value);
    return Promise.resolve();
  }
  override rollback(connection: unknown, error: unknown): Promise<unknown> {
    if (!this.#ours) return super.rollback(connection, error);
    this._completed = true;
    this._rejecter(error ?? new FlotillaError('FLT_STRAY_TRANSACTION', 'The migration rolled its own transaction back.'));
    return Promise.resolve();
  }
}

// Hooked on the class: Knex makes a client object of its own for each transaction, from the class's prototype.
class PinnedClient extends PostgresDialect {
  transaction(container: unknown, config: unknown, outerTx: unknown): unknown {
    return new PinnedTransaction(this, container, config, outerTx);
  }
  override async _query(_: unknown, query: Query): Promise<unknown> {
    const { connection, around, answerWithinMs } = pinned.get(this.config)!;
    if (answerWithinMs !== undefined) query.options = { ...query.options, query_timeout: answerWithinMs };
    query.response = await around(query, false, async () => {
      await super._query(connection, query);
      return query.response;
    });
    return query;
  }
  override async _stream(_: unknown, query: Query, stream: Transform, options: unknown): Promise<unknown> {
    const { connection, around } = pinned.get(this.config)!;
    let told = false;
    const tell = () => {
      told = true;
    };
    stream.once('error', tell);
    try {
      return await around(query, true, () => super._stream(connection, query, stream, options));
    } catch (error) {
      // Knex takes it that whoever reads the stream knows; nobody does of what failed before the first row, and would wait for ever
      if (!told) stream.destroy(error as Error);
      throw error;
    } finally {
      stream.off('error', tell);
    }
  }
  acquireRawConnection(): Promise<never> {
    return Promise.reject(new FlotillaError('FLT_CONNECTION_ESCAPE', 'The migration tried to open another connection.'));
  }
  cancelQuery(): Promise<never> {
    return Promise.reject(
      new FlotillaError('FLT_CONNECTION_ESCAPE', 'Cancelling a query opens another connection; use a statement timeout.'),
    );
  }
}

/** Stands for the connection: `knex.client.acquireConnection()` hands it out, and a statement sent through it would pass every check by. */
const standIn = () => ({
  __knexUid: 'flotilla',
  query(): never {
    throw new FlotillaError(
      'FLT_CONNECTION_ESCAPE',
      'The migration took the raw connection out of its Knex handle; use the handle itself.',
    );
  },
});

/** Shaped like the pool that Knex expects, over one connection: first come, first served, and an end to waiting. */
function onlyConnection(acquireTimeoutMs: number, isSending: () => boolean) {
  let busy = false;
  const waiting: (() => void)[] = [];
  const client = standIn();
  return {
    acquire: () => ({
      promise: new Promise<typeof client>((resolve, reject) => {
        const grant = () => {
          busy = true;
          resolve(client);
        };
        if (!busy) return grant();
        const giveUp = () => {
          if (isSending()) {
            timer = setTimeout(giveUp, acquireTimeoutMs);
            return;
          }
          waiting.splice(waiting.indexOf(next), 1);
          reject(new FlotillaError('FLT_HANDLE_BUSY', 'The migration used its Knex handle while a transaction of its own was open.'));
        };
        let timer = setTimeout(giveUp, acquireTimeoutMs);
        const next = () => {
          clearTimeout(timer);
          grant();
        };
        waiting.push(next);
      }),
      abort: () => undefined,
    }),
    release(released: unknown) {
      if (released !== client) return false;
      const next = waiting.shift();
      if (next) next();
      else busy = false;
      return true;
    },
    destroy: () => Promise.resolve(),
    numFree: () => (busy ? 0 : 1),
    numUsed: () => (busy ? 1 : 0),
    numPendingAcquires: () => waiting.length,
    numPendingCreates: () => 0,
  };
}

export interface PinnedOptions {
  readonly serverVersion: string;
  readonly hooks: PinnedHooks;
  /** Options that change what a migration builds: wrapIdentifier, postProcessResponse, userParams. */
  readonly knex?: KnexHandle.Config;
  /** How long a statement may wait for the handle. @defaultValue 5000 */
  readonly acquireTimeoutMs?: number;
}

/** Knex would print statements with their values. Errors reach the runner as they are thrown. */
const silence = () => undefined;
const SILENT = { warn: silence, error: silence, deprecate: silence, debug: silence };

/** A handle on exactly this connection. */
export function pinnedKnex(client: Client, options: PinnedOptions): KnexHandle {
  const config = {
    ...options.knex,
    client: PinnedClient as unknown as typeof KnexHandle.Client,
    connectionPool: onlyConnection(options.acquireTimeoutMs ?? 5_000, options.hooks.isSending),
    version: options.serverVersion || '15.0',
    log: SILENT,
  };
  const knex = Knex(config as KnexHandle.Config);
  const dialect = knex.client as DialectClient;
  dialect.config.client = 'pg'; // migrations ask `knex.client.config.client === 'pg'`
  pinned.set(dialect.config, { ...options.hooks, connection: client });
  putRunner(dialect.config, { isAnswered: options.hooks.isAnswered });
  return knex;
}
