/** From kill -9 of the only worker, which runs the wave and holds all lists, to the next tenant migrated by a worker started right after. */

import { createFleetOn, query } from '../test/support/fleet-project.js';
import { slow } from '../test/support/migration-sources.js';
import { until } from '../test/support/until.js';
import { type Bench, median } from './measure.js';
import { schemaNames, startServers } from './servers.js';

const TENANTS = 200;
const AIM_MS = 10_000;

export const resume: Bench = async ({ runs, say }) => {
  const servers = await startServers();
  const times: number[] = [];
  try {
    for (let run = 1; run <= runs; run++) {
      const fleet = await createFleetOn(servers, {
        hosts: { h1: { schemas: schemaNames(TENANTS) } },
        migrations: { '20260101000000_slow.js': slow(0.2) },
      });
      try {
        const applied = async () =>
          Number(
            (
              await query<{ n: string }>(
                fleet.hostUrls.h1!,
                `select count(*) n from pg_class where relname = 'slow_table' and relkind = 'r'`,
              )
            )[0]!.n,
          );
        const sessions = () =>
          query<{ pid: number }>(
            fleet.hostUrls.h1!,
            `select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
          );
        const victim = await fleet.worker();
        await fleet.cli(['start', '--yes', '--json']);
        await until(async () => (await applied()) >= 20, '20 tenants migrated');
        const old = new Set((await sessions()).map(({ pid }) => pid));
        victim.process.kill('SIGKILL');
        const killed = performance.now();
        const next = fleet.start(['worker']);
        // The server notices that the client is gone, and ends what was under way
        await until(async () => (await sessions()).every(({ pid }) => !old.has(pid)), 'the old sessions ended');
        const before = await applied();
        await until(async () => (await applied()) > before, 'the next tenant migrated');
        times.push(performance.now() - killed);
        await next.stop('SIGKILL');
        say(`run ${run}: ${times.at(-1)!.toFixed(0)} ms`);
      } finally {
        await fleet.close();
      }
    }
  } finally {
    await servers.stop();
  }
  const ours = median(times);
  return [
    {
      bench: 'resume',
      measure: '10 s / from kill -9 to the next tenant',
      unit: 'ms',
      ours,
      floor: AIM_MS,
      ratio: AIM_MS / ours,
      aim: 1,
      n: TENANTS,
      runs,
    },
  ];
};
