/** What fence, walls and ledger cost: the same runner with its own messages and with messages that leave them out, turn by turn in one run. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBareRunner } from './bare-runner.js';
import { type Bench, median, timed } from './measure.js';
import { AS_SHIPPED, schemaNames, startServers } from './servers.js';
import { UNGUARDED } from './unguarded.js';
import { seed, userPreferences } from './user-preferences.js';

const TENANTS = 1_000;
/** Each recipe takes its turn over so many tenants, so that both meet the same machine. */
const TURN = 100;
const CONCURRENCY = 8;
const FIRST = `exports.up = (knex) => knex.raw('create table flotilla_was_here (id int)');`;

export const guard: Bench = async ({ runs, say }) => {
  const servers = await startServers(AS_SHIPPED);
  const directory = mkdtempSync(join(tmpdir(), 'flotilla-bench-'));
  writeFileSync(join(directory, '20260101000000_first.cjs'), FIRST);
  writeFileSync(join(directory, '20260105090000_user_preferences.cjs'), userPreferences);
  const schemas = schemaNames(TENANTS);
  const rates = { guarded: [] as number[], unguarded: [] as number[] };
  const costs: number[] = [];
  try {
    const template = await servers.databaseOf(schemas, seed);
    // A tenant's first contact creates its tables, and is counted apart
    const first = await createBareRunner({ url: template, directory, concurrency: CONCURRENCY });
    await first.run(schemas, 1);
    await first.close();
    for (let round = 1; round <= runs; round++) {
      const places = { guarded: await servers.copyOf(template), unguarded: await servers.copyOf(template) };
      const runners = {
        guarded: await createBareRunner({ url: places.guarded, directory, concurrency: CONCURRENCY }),
        unguarded: await createBareRunner({ url: places.unguarded, directory, concurrency: CONCURRENCY, recipe: UNGUARDED }),
      };
      const spent = { guarded: { ms: 0, cpuMs: 0 }, unguarded: { ms: 0, cpuMs: 0 } };
      const turn = async (which: keyof typeof runners, some: readonly string[]) => {
        const before = servers.cpuMs();
        spent[which].ms += await timed(() => runners[which].run(some));
        spent[which].cpuMs += servers.cpuMs() - before;
      };
      // The first tenant of each reads the catalog for its delta: not measured
      for (const which of ['guarded', 'unguarded'] as const) await runners[which].run(schemas.slice(0, 1));
      for (let from = 1; from < TENANTS; from += TURN) {
        const some = schemas.slice(from, from + TURN);
        const order = (from / TURN) % 2 < 1 ? (['guarded', 'unguarded'] as const) : (['unguarded', 'guarded'] as const);
        for (const which of order) await turn(which, some);
      }
      for (const which of ['guarded', 'unguarded'] as const) {
        await runners[which].close();
        await servers.drop(places[which]);
        rates[which].push(((TENANTS - 1) / spent[which].ms) * 1_000);
      }
      costs.push((spent.guarded.cpuMs - spent.unguarded.cpuMs) / (TENANTS - 1));
      say(
        `run ${round}: guarded ${rates.guarded.at(-1)!.toFixed(0)}/s, unguarded ${rates.unguarded.at(-1)!.toFixed(0)}/s, the guard ${costs.at(-1)!.toFixed(2)} ms of server CPU a tenant (${(spent.guarded.cpuMs / TENANTS).toFixed(2)} with, ${(spent.unguarded.cpuMs / TENANTS).toFixed(2)} without)`,
      );
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
    await servers.stop();
  }
  const [ours, floor, cost] = [median(rates.guarded), median(rates.unguarded), median(costs)];
  return [
    {
      bench: 'guard',
      measure: 'guarded, floor: without fence, walls and ledger',
      unit: 'tenants/s',
      ours,
      floor,
      ratio: ours / floor,
      aim: 0.8,
      n: TENANTS,
      runs,
    },
    {
      bench: 'guard',
      measure: '2.5 ms / server CPU that the guard takes',
      unit: 'ms/tenant',
      ours: cost,
      floor: 2.5,
      ratio: 2.5 / cost,
      aim: 1,
      n: TENANTS,
      runs,
    },
  ];
};
