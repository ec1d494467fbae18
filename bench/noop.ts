/** `start` over a fleet that is up to date, from command to exit, against a bare scan of the histories. */

import pg from 'pg';
import { scanPositions } from '../src/postgres/scan.js';
import { createLargeFleet, LARGE } from './large-fleet.js';
import { type Bench, median, timed } from './measure.js';

export const noop: Bench = async ({ runs, say }) => {
  const { fleet, hostUrl, schemas, next, close } = await createLargeFleet(say);
  const times = { ours: [] as number[], scan: [] as number[] };
  try {
    await next();
    await fleet.worker();
    for (let run = 1; run <= runs; run++) {
      const client = new pg.Client({ connectionString: hostUrl });
      await client.connect();
      const tenants = schemas.map((schema) => ({ id: schema, schema }));
      times.scan.push(await timed(() => scanPositions(client, tenants, { tableName: 'knex_migrations' })));
      await client.end();
      times.ours.push(
        await timed(async () => {
          const ran = await fleet.cli(['start', '--wait', '--yes', '--json']);
          if (ran.code !== 0 || ran.json.outcome !== 'nothingToDo') throw new Error(ran.stdout + ran.stderr);
        }),
      );
      say(`run ${run}: bare scan ${times.scan.at(-1)!.toFixed(0)} ms, start ${times.ours.at(-1)!.toFixed(0)} ms`);
    }
  } finally {
    await close();
  }
  const [ours, floor] = [median(times.ours), median(times.scan)];
  return [
    {
      bench: 'noop',
      measure: '(3 × bare scan + 3 s) / start',
      unit: 'ms',
      ours,
      floor,
      ratio: (3 * floor + 3_000) / ours,
      aim: 1,
      n: LARGE,
      runs,
    },
  ];
};
