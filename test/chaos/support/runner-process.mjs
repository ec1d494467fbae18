/** A process that makes attempts on tenants as a worker does, and nothing else: it can be killed at any moment. Told what to do by its parent. */

import { createKnexEngine } from '../../../dist/engines/knex/knex-engine.js';
import { createHosts } from '../../../dist/postgres/hosts.js';
import { createRunner } from '../../../dist/postgres/runner.js';

const { url, directory } = JSON.parse(process.argv[2]);
const engine = createKnexEngine({ directories: [directory], inputs: [], baseDir: directory });
const hosts = createHosts({ hosts: { h1: { connection: 'env:H1', maxConcurrency: 20 } }, resolve: async () => url });
const runner = createRunner({ engine, hosts, history: { tableName: 'knex_migrations' } });

process.on('message', async ({ id, input }) => {
  try {
    const result = await runner.attempt({ ...input, deltas: new Map(input.deltas), onStep: () => undefined });
    process.send({ id, result });
  } catch (error) {
    process.send({ id, error: String(error?.stack ?? error) });
  }
});
process.on('disconnect', () => process.exit());
await engine.list();
process.send({ ready: true });
