/** A backfill on a plain Knex handle: no runner, no cursor; run again it starts from the first row, and leaves alone what has its value. */

import { setTimeout as delay } from 'node:timers/promises';
import type { Knex } from 'knex';
import { FlotillaError } from '../../domain/errors.js';
import type { Backfill } from '../../migration/backfill.js';
import { classify } from '../sqlstate.js';
import { answerOf } from './answers.js';
import { type ChunkRow, chunkSql } from './chunk.js';
import type { Send } from './door.js';
import { heldBackBy } from './guards.js';
import { runBackfill } from './run.js';

const TRIES = 20;
const AGAIN_MS = 250;

/** @throws FLT_IN_TRANSACTION: every chunk would be a savepoint of one giant transaction */
export async function backfillOnKnex(knex: Knex, backfill: Backfill): Promise<void> {
  if (knex.isTransaction)
    throw new FlotillaError('FLT_IN_TRANSACTION', 'A backfill does not run inside a transaction: each of its chunks is one.', {
      helper: 'backfill',
    });
  // Past Knex, which would read a question mark as the place of a value, and take the backslashes before it away
  const sending =
    (on: Knex): Send =>
    async (sql) => {
      const connection = await on.client.acquireConnection();
      try {
        return answerOf([await connection.query(sql)].flat());
      } finally {
        await on.client.releaseConnection(connection);
      }
    };
  await runBackfill(
    {
      who: `backfill of ${backfill.table}`,
      cursor: undefined,
      read: sending(knex),
      vet: async () => undefined,
      async chunk({ writes }) {
        for (let tries = 1; ; tries++) {
          try {
            return await knex.transaction(async (trx) => {
              const { rows } = await sending(trx)<ChunkRow>(chunkSql(writes));
              return rows[0]!;
            });
          } catch (error) {
            if (heldBackBy(error) === undefined && (classify(error)?.trouble !== 'lock' || tries >= TRIES)) throw error;
            await delay(AGAIN_MS);
          }
        }
      },
      stop: () => false,
      onProgress: () => undefined,
    },
    backfill,
  );
}
