/**
 * Tenants per second of a rollout, against the bare runner and against what a Knex user has. Machines change their speed within minutes: half
 * of the bare runner's work is done before the rollout and half after it.
 */

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createFleetOn } from '../test/support/fleet-project.js';
import { bareRunner } from './bare-runner.js';
import { type Bench, median, timed } from './measure.js';
import { schemaNames, startServers } from './servers.js';
import { seed, userPreferences } from './user-preferences.js';

const TENANTS = 1_000;
/** The Knex loop takes minutes for all of them, at a rate that does not change. */
const KNEX_TENANTS = 200;
const CONCURRENCY = 8;
const FILE = '20260105090000_user_preferences.cjs';

const run = promisify(execFile);
const KNEX_LOOP = fileURLToPath(new URL('./knex-loop.mjs', import.meta.url));
/** @returns milliseconds */
const knexLoop = async (input: object) => Number((await run(process.execPath, [KNEX_LOOP, JSON.stringify(input)])).stdout);

export const rollout: Bench = async ({ runs, say }) => {
  const servers = await startServers();
  const directory = mkdtempSync(join(tmpdir(), 'flotilla-bench-'));
  writeFileSync(join(directory, FILE), userPreferences);
  const schemas = schemaNames(TENANTS);
  const rates = { ours: [] as number[], bare: [] as number[], knex: [] as number[] };
  try {
    const template = await servers.databaseOf(schemas, seed);
    for (let round = 1; round <= runs; round++) {
      const knexAt = await servers.copyOf(template);
      const few = schemas.slice(0, KNEX_TENANTS);
      rates.knex.push((KNEX_TENANTS / (await knexLoop({ url: knexAt, schemas: few, directory, concurrency: CONCURRENCY }))) * 1_000);
      await servers.drop(knexAt);

      const bareAt = await servers.copyOf(template);
      const halves = [schemas.slice(0, TENANTS / 2), schemas.slice(TENANTS / 2)] as const;
      let bareMs = await timed(() => bareRunner(bareAt, halves[0], directory, CONCURRENCY));
      const oursAt = await servers.copyOf(template);
      const fleet = await createFleetOn(servers, {
        hosts: { h1: { schemas: [], url: oursAt, maxConcurrency: CONCURRENCY } },
        migrations: { [FILE]: userPreferences },
        config: `strategy: 'bench', strategies: { bench: { maxConcurrencyPerHost: ${CONCURRENCY}, bakeTime: '0s', canary: { count: 1, bakeTime: '0s' }, waves: [{ name: 'all' }] } },`,
      });
      try {
        await fleet.worker();
        const ended = await fleet.cli(['start', '--wait', '--yes', '--json']);
        if (ended.code !== 0 || ended.json.totals.applied !== TENANTS)
          throw new Error(`the rollout went wrong: ${ended.stdout}${ended.stderr}`);
        rates.ours.push((TENANTS / ended.json.durationMs) * 1_000);
      } finally {
        await fleet.close();
        await servers.drop(oursAt);
      }
      bareMs += await timed(() => bareRunner(bareAt, halves[1], directory, CONCURRENCY));
      rates.bare.push((TENANTS / bareMs) * 1_000);
      await servers.drop(bareAt);
      say(
        `run ${round}: bare ${rates.bare.at(-1)!.toFixed(0)}/s, knex ${rates.knex.at(-1)!.toFixed(0)}/s, rollout ${rates.ours.at(-1)!.toFixed(0)}/s`,
      );
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
    await servers.stop();
  }
  const [ours, bare, knex] = [median(rates.ours), median(rates.bare), median(rates.knex)];
  return [
    {
      bench: 'rollout',
      measure: 'rollout, floor: the bare runner',
      unit: 'tenants/s',
      ours,
      floor: bare,
      ratio: ours / bare,
      aim: 0.75,
      n: TENANTS,
      runs,
    },
    {
      bench: 'rollout',
      measure: 'rollout, floor: knex.migrate.latest in a loop',
      unit: 'tenants/s',
      ours,
      floor: knex,
      ratio: ours / knex,
      aim: 2,
      n: TENANTS,
      runs,
    },
  ];
};
