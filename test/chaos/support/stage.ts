/** The server that migrations misbehave on, and what the two test files that use it have in common. */

import { expect } from 'vitest';
import { startPostgres } from '../../../src/dev/embedded-postgres.js';
import { fleetSpec } from '../../../src/spec/fleet.js';
import { query } from '../../support/postgres.js';
import { ATTEMPTS, type EscapeAttempt } from './escape-attempts.js';
import { createGround, type Ground, type Trial } from './ground.js';
import { CLUSTER, CLUSTER_AGAIN, CLUSTER_ROLES } from './victims.js';

export const SETTINGS = { autovacuum: 'off', max_prepared_transactions: '5' };

export interface Stage {
  readonly server: string;
  /** Where tenant `acme` lives in a schema beside others, and in a database of its own. */
  readonly schema: Ground;
  readonly database: Ground;
  close(): Promise<void>;
}

/** A server of its own, so that roles and settings can be compared too; `ESCAPES_SERVER` names another one. */
export async function createStage(): Promise<Stage> {
  const own = process.env.ESCAPES_SERVER ? undefined : await startPostgres({ settings: SETTINGS });
  const server = own?.url ?? process.env.ESCAPES_SERVER!;
  await query(server, CLUSTER);
  const schema = await createGround(server, 'schema');
  const database = await createGround(server, 'database');
  return {
    server,
    schema,
    database,
    async close() {
      await schema.close();
      await database.close();
      if (!own) await query(server, `drop role if exists ${CLUSTER_ROLES}`);
      await own?.stop();
    },
  };
}

/** For `it.each`. */
export const named = (attempts: readonly EscapeAttempt[]) => attempts.map((attempt) => [attempt.id, attempt.title, attempt] as const);
export const byId = (...ids: readonly string[]): readonly EscapeAttempt[] =>
  ids.map((id) => {
    const found = ATTEMPTS.find((attempt) => attempt.id === id);
    if (!found) throw new Error(`there is no attempt ${id}`);
    return found;
  });

/** A file outside a transaction keeps what it did to its own tenant before it was refused. */
const elsewhere = ({ id }: EscapeAttempt, { changed }: Trial): string[] =>
  changed.filter((what) => !(id.startsWith('outside-') && what.startsWith('acme.')));

export async function isCaught(ground: Ground, attempt: EscapeAttempt): Promise<void> {
  const trial = await ground.run(attempt);
  const { result } = trial;
  if (attempt.code === null) {
    expect(result).toMatchObject({ outcome: 'applied' });
    expect(trial.changed.filter((what) => !/^(pg_|acme\.)/.test(what))).toEqual([]);
    return;
  }
  const code = attempt.code ?? 'FLT_TENANT_ESCAPE';
  expect({ ...result, elsewhere: elsewhere(attempt, trial) }).toMatchObject({ outcome: 'failed', code, elsewhere: [] });
  if (attempt.names) expect(result.message).toContain(attempt.names);
}

/** The part of a refusal that is meant for the config. */
export function sharedIn(message: string | undefined) {
  const text = /add to the config: shared: (\[.*\])(?:, and so on)?\.$/.exec(message ?? '')?.[1];
  if (!text) throw new Error(`no line for the config in: ${message}`);
  return fleetSpec.shape.shared.parse(new Function(`return ${text}`)())!;
}
export async function goesThroughWhenShared(server: string, ground: Ground, attempt: EscapeAttempt): Promise<void> {
  const { result } = await ground.run(attempt);
  expect(result).toMatchObject({ outcome: 'failed', code: 'FLT_TENANT_ESCAPE' });
  const shared = sharedIn(result.message);
  const again = await ground.runOnly({ ...attempt, id: `${attempt.id}-shared` }, { shared });
  const { outcome, message } = again.result;
  await query(server, CLUSTER_AGAIN);
  expect({ outcome, message, shared }).toEqual({ outcome: 'applied', message: undefined, shared });
}
