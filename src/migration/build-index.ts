/**
 * CREATE INDEX CONCURRENTLY on a plain Knex handle: no runner decides whether it was cut off, so the catalog is asked here, as the runner asks
 * it. Imported where it is needed: Postgres's grammar takes longer to load than a migration file.
 */

import type { Knex } from 'knex';
import type { Client } from 'pg';
import { FlotillaError } from '../domain/errors.js';
import { type Index, probeIndex, qualified } from '../postgres/outside/probes.js';
import { statementsOf } from '../postgres/statement.js';
import { run } from './run.js';

/** @throws FLT_INDEX_MISMATCH, FLT_CONCURRENTLY_BUSY */
export async function buildIndex(knex: Knex, sql: string): Promise<void> {
  const found = await standingIndex(knex, sql);
  if (found?.building)
    throw new FlotillaError(
      'FLT_CONCURRENTLY_BUSY',
      `Another session is building the index "${found.name}". Run the migration again when it has ended.`,
      { index: found.name },
    );
  if (found?.usable) return;
  if (found) await drop(knex, found);
  try {
    await run(knex, sql);
  } catch (error) {
    // What it leaves would go on refusing the application's writes. Where it cannot be taken away now, the next attempt does
    const left = await standingIndex(knex, sql).catch(() => undefined);
    if (left && !left.usable && !left.building) await drop(knex, left).catch(() => undefined);
    throw error;
  }
}

const drop = (knex: Knex, index: Index) => run(knex, `drop index concurrently if exists ${qualified(index)}`);

/** What stands under the index's name, if it is of the wanted definition. A text that our grammar does not know is the server's to judge. */
async function standingIndex(knex: Knex, sql: string): Promise<Index | undefined> {
  const bare = (await statementsOf(sql))?.[0]?.bare;
  if (bare?.what !== 'createIndex') return undefined;
  const connection: Client = await knex.client.acquireConnection();
  try {
    const { found, other } = await probeIndex(connection, bare, false);
    if (other)
      throw new FlotillaError(
        'FLT_INDEX_MISMATCH',
        `Another index stands under the name "${bare.index}". There: ${other.found}. Wanted: ${other.wanted}.`,
        { found: other.found, wanted: other.wanted },
      );
    return found;
  } finally {
    await knex.client.releaseConnection(connection);
  }
}
