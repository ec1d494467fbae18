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
/** Each recipe takes its turn over so many tenants, so that both meet the same machine; a divisor of TENANTS - 1. */
const TURN = 111;
const CONCURRENCY = 8;
const FIRST = `exports.up = (knex) => knex.raw('create table flotilla_was_here (id int)');`;

export const guard: Bench = async ({ runs, say }) => {
  const servers = await startServers(AS_SHIPPED);
  const directory = mkdtempSync(join(tmpdir(), 'flotilla-bench-'));
  writeFileSync(join(directory, '20260101000000_first.cjs'), FIRST);
  writeFileSync(join(directory, '20260105090000_user_preferences.cjs'), userPreferences);
  const schemas = schemaNames(2 * TENANTS);
  const rates = { guarded: [] as number[], unguarded: [] as number[] };
  const costs: number[] = [];
  try {
    const template = await servers.databaseOf(schemas, seed);
    // A tenant's first contact creates its tables, and is counted apart
    const first = await createBareRunner({ url: template, directory, concurrency: CONCURRENCY });
    await first.run(schemas, 1);
    await first.close();
    for (let round = 1; round <= runs; round++) {
      // In one database, for the file system creates files in one folder faster than in another; and it stays, for files that were just
      // deleted make the next ones slow to create
      const url = await servers.copyOf(template);
      const runners = {
        guarded: await createBareRunner({ url, directory, concurrency: CONCURRENCY }),
        unguarded: await createBareRunner({ url, directory, concurrency: CONCURRENCY, recipe: UNGUARDED }),
      };
      const spent = { guarded: { ms: 0, cpuMs: 0 }, unguarded: { ms: 0, cpuMs: 0 } };
      const turn = async (which: keyof typeof runners, some: readonly string[]) => {
        const before = servers.cpuMs();
        spent[which].ms += await timed(() => runners[which].run(some));
        spent[which].cpuMs += servers.cpuMs() - before;
      };
      // The first tenant of each reads the catalog for its delta: not measured
      await runners.guarded.run(schemas.slice(0, 1));
      await runners.unguarded.run(schemas.slice(1, 2));
      for (let from = 2; from < schemas.length; from += 2 * TURN) {
        const half = from + TURN;
        const order = ((from - 2) / (2 * TURN)) % 2 < 1 ? (['guarded', 'unguarded'] as const) : (['unguarded', 'guarded'] as const);
        await turn(order[0], schemas.slice(from, half));
        await turn(order[1], schemas.slice(half, half + TURN));
      }
      for (const which of ['guarded', 'unguarded'] as const) {
        await runners[which].close();
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
  // Of each run by itself: its two recipes met the same machine, two runs did not
  const ratio = median(rates.guarded.map((rate, i) => rate / rates.unguarded[i]!));
  return [
    {
      bench: 'guard',
      measure: 'guarded, floor: without fence, walls and ledger',
      unit: 'tenants/s',
      ours,
      floor,
      ratio,
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
