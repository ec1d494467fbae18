/** The floor of a rollout: Flotilla's own runner in a loop in this process, without Temporal, workflows or a control database. */

import type { PlannedMigration } from '../src/domain/plan.js';
import { createKnexEngine } from '../src/engines/knex/knex-engine.js';
import type { Delta } from '../src/postgres/contract.js';
import { createHosts } from '../src/postgres/hosts.js';
import { createRunner } from '../src/postgres/runner.js';

export async function bareRunner(url: string, schemas: readonly string[], directory: string, concurrency: number): Promise<void> {
  const engine = createKnexEngine({ directories: [directory], inputs: [], baseDir: directory });
  const hosts = createHosts({ hosts: { h1: { connection: 'env:H1', maxConcurrency: concurrency } }, resolve: async () => url });
  const runner = createRunner({ engine, hosts, history: { tableName: 'knex_migrations' } });
  const { files } = await engine.list();
  const migrations = files.map(
    ({ name, checksum, closure, transactional }): PlannedMigration => ({
      name,
      checksum,
      closure,
      transactional,
      reversible: { verdict: 'expected' },
    }),
  );
  const deltas = new Map<string, Delta>();
  const attempt = async (schema: string, canary: boolean) => {
    const result = await runner.attempt({
      fleet: 'bench',
      tenant: { id: schema, host: 'h1', schema },
      direction: 'up',
      migrations,
      rolloutId: 'bare',
      fenceFirst: false,
      canary,
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
  try {
    const [first, ...rest] = schemas;
    await attempt(first!, true);
    await Promise.all(
      Array.from({ length: concurrency }, async () => {
        for (let schema = rest.shift(); schema !== undefined; schema = rest.shift()) await attempt(schema, false);
      }),
    );
  } finally {
    await hosts.close();
  }
}
