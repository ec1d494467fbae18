/** 10,000 tenants that a rollout has brought up to date, and what the worker's memory did meanwhile. */

import { readFileSync } from 'node:fs';
import { createFleetOn, type FleetFixture } from '../test/support/fleet-project.js';
import { until } from '../test/support/until.js';
import { type Servers, schemaNames, startServers } from './servers.js';

export const LARGE = 10_000;
const SMALL = 1_000;

export interface LargeFleet {
  readonly fleet: FleetFixture;
  readonly servers: Servers;
  readonly hostUrl: string;
  readonly schemas: readonly string[];
  /** Rolls one more migration out with a fresh worker; its resident size in MB after 1,000 and after 10,000 tenants. */
  next(): Promise<{ readonly small: number; readonly large: number }>;
  close(): Promise<void>;
}

const table = (n: number) => `
exports.up = (knex) => knex.schema.createTable('extra_${n}', (table) => { table.increments('id'); });
exports.down = (knex) => knex.schema.dropTable('extra_${n}');
`;

export async function createLargeFleet(say: (line: string) => void): Promise<LargeFleet> {
  const servers = await startServers();
  const schemas = schemaNames(LARGE);
  say(`${LARGE} schemas are created`);
  const hostUrl = await servers.databaseOf(schemas, '');
  const fleet = await createFleetOn(servers, {
    hosts: { h1: { schemas: [], url: hostUrl, maxConcurrency: 8 } },
    migrations: {},
    config: `strategy: 'bench', strategies: { bench: { maxConcurrencyPerHost: 8, bakeTime: '0s', canary: { count: 1, bakeTime: '0s' }, waves: [{ name: 'all' }] } },`,
  });
  let migrations = 0;
  return {
    fleet,
    servers,
    hostUrl,
    schemas,
    async next() {
      const n = ++migrations;
      fleet.migration(`20260101${String(n).padStart(6, '0')}_extra.cjs`, table(n));
      const worker = await fleet.worker();
      const residentMb = () => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${worker.pid}/status`, 'utf8'))![1]) / 1024;
      const started = await fleet.cli(['start', '--yes', '--json']);
      if (started.code !== 0) throw new Error(started.stdout + started.stderr);
      const applied = async () => {
        const status = await fleet.cli(['status', '--json']);
        return status.json.state === 'succeeded' ? LARGE : Number(status.json.totals.applied);
      };
      await until(async () => (await applied()) >= SMALL, `${SMALL} tenants applied`, 300_000);
      const small = residentMb();
      const ended = await fleet.cli(['wait', '--json']);
      if (ended.code !== 0) throw new Error(ended.stdout + ended.stderr);
      const large = residentMb();
      await worker.stop();
      say(`migration ${n}: ${ended.json.tenantsPerSecond} tenants/s, worker ${small.toFixed(0)} MB → ${large.toFixed(0)} MB`);
      return { small, large };
    },
    async close() {
      await fleet.close();
      await servers.stop();
    },
  };
}
