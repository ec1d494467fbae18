/**
 * What the runner tells the helpers of `flotilla/migration` through the handle that they get. It lies in the handle's config, which Knex hands
 * on to each transaction, under a registered symbol: a migration file loads a copy of this module of its own.
 */

import type { Knex } from 'knex';

export interface RunnerOfHandle {
  /** Whether an earlier attempt has sent this statement, as often as this one has and once more, so that it will be answered from the journal. */
  readonly isAnswered: (sql: string) => boolean;
}

const RUNNER = Symbol.for('flotilla.runner');

export const putRunner = (config: object, runner: RunnerOfHandle): void => {
  Object.defineProperty(config, RUNNER, { value: runner });
};

/** Undefined: plain Knex, where nobody keeps a journal and nobody decides by the catalog. */
export const runnerOf = (knex: Knex): RunnerOfHandle | undefined => knex.client.config[RUNNER];
