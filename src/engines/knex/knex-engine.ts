/** Plain Knex migration files on a handle that is bound to one tenant's session. */

import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import type { Knex } from 'knex';
import { FlotillaError, ourError } from '../../domain/errors.js';
import { classify } from '../../postgres/sqlstate.js';
import type { MigrationEngine, MigrationFile, RunOnTenant } from '../engine.js';
import { builtIndexesOf } from './built-indexes.js';
import { bulkWritesOf } from './bulk-writes.js';
import { checksum } from './checksum.js';
import { indexedBeforeLoadOf } from './indexed-before-load.js';
import { createLoader, type LoaderOptions } from './loader.js';
import { type PinnedHooks, pinnedKnex } from './pinned-client.js';
import type { SourceFile } from './sent-statements.js';

export interface KnexEngineOptions extends LoaderOptions {
  /** Becomes `knex.userParams`. */
  readonly userParams?: (tenantId: string) => Record<string, unknown>;
  readonly wrapIdentifier?: Knex.Config['wrapIdentifier'];
  readonly postProcessResponse?: Knex.Config['postProcessResponse'];
  /** How long a statement may wait for the handle. @defaultValue 5000 */
  readonly acquireTimeoutMs?: number;
}

export function createKnexEngine(options: KnexEngineOptions): MigrationEngine {
  const loader = createLoader(options);
  /** Reads the source of a file once, as it was loaded: what stands there now may be another. */
  function reading<Found>(read: (file: SourceFile) => Promise<readonly Found[]>): (file: MigrationFile) => Promise<readonly Found[]> {
    const known = new Map<string, Promise<readonly Found[]>>();
    return ({ path, checksum: loaded }) => {
      const key = `${loaded} ${path}`;
      const before = known.get(key);
      if (before) return before;
      const found = (async () => {
        const source = await readFile(path, 'utf8').catch(() => '');
        if (checksum(source) !== loaded) return [];
        return read({ path, source, ...(options.wrapIdentifier ? { wrapIdentifier: options.wrapIdentifier } : {}) });
      })();
      known.set(key, found);
      return found;
    };
  }

  return {
    bulkWrites: reading(bulkWritesOf),
    indexedBeforeLoad: reading(indexedBeforeLoadOf),
    builtIndexes: reading(builtIndexesOf),

    async list() {
      const { migrations, problems } = await loader.load();
      return { files: [...migrations.values()].map((it) => it.file), problems };
    },

    async run(file, direction, on) {
      const { migrations } = await loader.load();
      const migration = migrations.get(file.name);
      const body = migration?.module[direction];
      if (!migration || !body)
        throw new FlotillaError('FLT_MIGRATION_MISMATCH', `This worker has no ${direction} of ${file.name}.`, { migration: file.name });
      const gate = statementGate(on, file.name);
      const knex = pinnedKnex(on.client, {
        serverVersion: on.serverVersion,
        hooks: {
          insideTransaction: file.transactional,
          answerWithinMs: on.answerWithinMs,
          isSending: gate.isSending,
          around: gate.around,
          isAnswered: on.isAnswered ?? (() => false),
        },
        knex: {
          ...(options.wrapIdentifier ? { wrapIdentifier: options.wrapIdentifier } : {}),
          ...(options.postProcessResponse ? { postProcessResponse: options.postProcessResponse } : {}),
          ...(options.userParams ? { userParams: options.userParams(on.tenantId) } : {}),
        },
        ...(options.acquireTimeoutMs === undefined ? {} : { acquireTimeoutMs: options.acquireTimeoutMs }),
      });
      try {
        if (file.transactional)
          await knex.transaction(async (trx) => void (await body(trx)), { userParams: knex.userParams } as Knex.TransactionConfig);
        else await body(knex);
        await gate.idle();
      } catch (error) {
        throw translate(error, file.path, options.baseDir);
      } finally {
        gate.seal();
      }
      return gate.ran();
    },
  };
}

/** Counts statements and the rows they write, knows when none is on the way, and lets none through once the migration is over. */
function statementGate(on: RunOnTenant, migration: string) {
  let statements = 0;
  let rows = 0;
  let inFlight = 0;
  let sealed = false;
  let wake: (() => void) | undefined;
  const around: PinnedHooks['around'] = async (query, streams, send) => {
    if (sealed)
      throw new FlotillaError('FLT_HANDLE_CLOSED', `${migration} used its Knex handle after it had returned; await every promise.`, {
        migration,
      });
    const index = statements++;
    inFlight++;
    try {
      const answer = await on.around({ sql: query.sql, bindings: query.bindings ?? [], index, streams }, send);
      rows += rowsWritten(answer);
      return answer;
    } catch (error) {
      // Knex puts the statement, values and all, in front of the message: keep it as it came
      if (error instanceof Error) Object.defineProperty(error, 'serverMessage', { value: error.message, configurable: true });
      throw error;
    } finally {
      if (--inFlight === 0) wake?.();
    }
  };
  return {
    around,
    ran: () => ({ statements, rows }),
    isSending: () => inFlight > 0,
    seal: () => {
      sealed = true;
    },
    idle: async () => {
      while (inFlight > 0)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    },
  };
}

const WRITES = ['INSERT', 'UPDATE', 'DELETE', 'MERGE'];

/** By the driver's answer: one result, or a list for a text of several statements. */
function rowsWritten(answer: unknown): number {
  const results = [answer].flat() as readonly ({ readonly command?: string; readonly rowCount?: number | null } | undefined)[];
  return results.reduce((sum, result) => sum + (WRITES.includes(result?.command ?? '') ? (result?.rowCount ?? 0) : 0), 0);
}

/** Errors of the server and of the connection go on as they are: the runner knows what each means. The text of any other error may quote rows, so it stays here. */
function translate(error: unknown, path: string, baseDir: string): unknown {
  const ours = ourError(error);
  if (ours) {
    ours.message = (error as { serverMessage?: string }).serverMessage ?? ours.message;
    return ours;
  }
  if (classify(error)) return error;
  const name = error instanceof Error ? error.name : typeof error;
  const place = error instanceof Error ? placeIn(error, path) : undefined;
  return new FlotillaError(
    'FLT_MIGRATION_FAILED',
    `${relative(baseDir, path)}${place ? `:${place}` : ''} threw ${/^[A-Za-z]+$/.test(name) ? name : 'an error'}; its text may quote rows and is not repeated.`,
    { file: relative(baseDir, path), ...(place ? { place } : {}) },
  );
}

/** line:column inside the migration file, from the stack. */
function placeIn(error: Error, path: string): string | undefined {
  const at = error.stack?.split('\n').find((line) => line.includes(path));
  return at ? /:(\d+:\d+)\)?$/.exec(at)?.[1] : undefined;
}
