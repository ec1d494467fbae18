/** Flotilla's own runner in a loop in this process, without Temporal, workflows or a control database: the floor of a rollout. */

import type { PlannedMigration } from '../src/domain/plan.js';
import { createKnexEngine } from '../src/engines/knex/knex-engine.js';
import type { Recipe } from '../src/postgres/attempt.js';
import type { Delta } from '../src/postgres/contract.js';
import { createHosts } from '../src/postgres/hosts.js';
import { createRunner, createRunnerWith } from '../src/postgres/runner.js';

export interface BareRunner {
  /** Brings the schemas up by the first `upTo` migrations, so many at a time. */
  run(schemas: readonly string[], upTo?: number): Promise<void>;
  close(): Promise<void>;
}

export interface BareRunnerOptions {
  readonly url: string;
  readonly directory: string;
  readonly concurrency: number;
  /** Other messages around a migration. @defaultValue Flotilla's own */
  readonly recipe?: Recipe;
}

export async function createBareRunner({ url, directory, concurrency, recipe }: BareRunnerOptions): Promise<BareRunner> {
  const engine = createKnexEngine({ directories: [directory], inputs: [], baseDir: directory });
  const hosts = createHosts({ hosts: { h1: { connection: 'env:H1', maxConcurrency: concurrency } }, resolve: async () => url });
  const options = { engine, hosts, history: { tableName: 'knex_migrations' } };
  const runner = recipe ? createRunnerWith(recipe, options) : createRunner(options);
  const { files } = await engine.list();
  const all = files.map(
    ({ name, checksum, closure, transactional }): PlannedMigration => ({
      name,
      checksum,
      closure,
      transactional,
      reversible: { verdict: 'expected' },
    }),
  );
  const deltas = new Map<string, Delta>();
  const attempt = async (schema: string, migrations: readonly PlannedMigration[]) => {
    const result = await runner.attempt({
      fleet: 'bench',
      tenant: { id: schema, host: 'h1', schema },
      direction: 'up',
      migrations,
      rolloutId: `bare-${migrations.length}`,
      fenceFirst: false,
      canary: false,
      deltas,
      force: false,
      actor: 'bench',
      applicationName: 'flotilla bench',
      timeouts: { lockMs: 5_000, statementMs: 60_000, idleMs: 60_000 },
      quickTries: 3,
      outOfOrder: 'refuse',
      onStep: () => undefined,
    });
    if (result.outcome !== 'applied') throw new Error(`${schema}: ${result.outcome} ${result.message ?? ''}`);
    for (const run of result.runs) if (run.delta) deltas.set(run.name, run.delta);
  };
  return {
    async run(schemas, upTo = all.length) {
      const migrations = all.slice(0, upTo);
      const queue = [...schemas];
      // The first one records what each migration changes
      const first = queue.shift();
      if (first !== undefined) await attempt(first, migrations);
      await Promise.all(
        Array.from({ length: concurrency }, async () => {
          for (let schema = queue.shift(); schema !== undefined; schema = queue.shift()) await attempt(schema, migrations);
        }),
      );
    },
    close: () => hosts.close(),
  };
}

/** One run over the schemas. */
export async function bareRunner(url: string, schemas: readonly string[], directory: string, concurrency: number): Promise<void> {
  const runner = await createBareRunner({ url, directory, concurrency });
  try {
    await runner.run(schemas);
  } finally {
    await runner.close();
  }
}
