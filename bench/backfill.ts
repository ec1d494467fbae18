/**
 * Backfills: a million rows of one tenant against a bare loop of boundary select + range UPDATE on one connection; what the application
 * waits for meanwhile; and the worker's memory.
 */

import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import pg from 'pg';
import { createFixture } from '../test/support/postgres.js';
import { type Bench, median, timed } from './measure.js';
import { AS_SHIPPED, startServers } from './servers.js';

const ROWS = 1_000_000;
const CHUNK = 5_000;
const APP_PER_SECOND = 50;
const QUIET_MS = 10_000;

const SEED = `create table users (id bigint primary key, first text not null, last text not null, settings jsonb not null, full_name text);
insert into users select n, 'first ' || n, 'last ' || n, '{"theme": "dark"}' from generate_series(1, ${ROWS}) n;`;
const SET = `set: { full_name: "first || ' ' || last" }, where: 'full_name is null'`;
const TRANSFORM = `columns: ['first', 'last'], where: 'full_name is null', transform: ({ first, last }) => ({ full_name: first + ' ' + last })`;
const UNPACED = `chunk: { rows: ${CHUNK}, maxRows: ${CHUNK}, targetMs: 60000 }, pace: { rest: 0 }`;

export const backfill: Bench = async ({ runs, say }) => {
  const servers = await startServers(AS_SHIPPED);
  const rates = { floor: [] as number[], set: [] as number[], transform: [] as number[] };
  const waits = { without: [] as number[], with: [] as number[] };
  const grown: number[] = [];
  try {
    const template = await servers.databaseOf(['t1'], SEED);
    await vacuum(template);
    for (let run = 1; run <= runs; run++) {
      for (const which of ['floor', 'set', 'transform'] as const) {
        const url = await servers.copyOf(template);
        await warm(url);
        const unpaced = async (what: string) => {
          const { ms, grownMb } = await fill(url, `${what}, ${UNPACED}`);
          grown.push(grownMb);
          return ms;
        };
        const ms = which === 'floor' ? await timed(() => bareLoop(url)) : await unpaced(which === 'set' ? SET : TRANSFORM);
        rates[which].push((ROWS / ms) * 1_000);
        await servers.drop(url);
      }
      const url = await servers.copyOf(template);
      await warm(url);
      const latency = await applicationBeside(url);
      waits.without.push(latency.without);
      waits.with.push(latency.with);
      await servers.drop(url);
      const last = (list: readonly number[]) => list.at(-1)!;
      say(
        `run ${run}: floor ${last(rates.floor).toFixed(0)}, set ${last(rates.set).toFixed(0)}, transform ${last(rates.transform).toFixed(0)} rows/s; application p99 ${last(waits.without).toFixed(1)} ms without, ${last(waits.with).toFixed(1)} ms with; memory grew ${grown
          .slice(-2)
          .map((mb) => mb.toFixed(0))
          .join(' and ')} MB`,
      );
    }
  } finally {
    await servers.stop();
  }
  const floor = median(rates.floor);
  const ratios = (which: 'set' | 'transform') => median(rates[which].map((rate, i) => rate / rates.floor[i]!));
  const rows = { bench: 'backfill', unit: 'rows/s', floor, n: ROWS, runs };
  const [without, withIt] = [median(waits.without), median(waits.with)];
  return [
    {
      ...rows,
      measure: `set, chunks of ${CHUNK}, floor: boundary select + range UPDATE`,
      ours: median(rates.set),
      ratio: ratios('set'),
      aim: 0.9,
    },
    { ...rows, measure: `transform, same floor`, ours: median(rates.transform), ratio: ratios('transform'), aim: 0.7 },
    {
      bench: 'backfill',
      measure: '1.5 × application p99 without / with, default pace',
      unit: 'ms',
      ours: withIt,
      floor: without,
      ratio: median(waits.with.map((ms, i) => (1.5 * waits.without[i]!) / ms)),
      aim: 1,
      n: APP_PER_SECOND,
      runs,
    },
    {
      bench: 'backfill',
      measure: '50 MB / process at its largest in the second half − in the first',
      unit: 'MB',
      ours: Math.max(...grown),
      floor: 50,
      ratio: 50 / Math.max(1, ...grown),
      aim: 1,
      n: ROWS,
      runs,
    },
  ];
};

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

const vacuum = (url: string) => withClient(url, (client) => client.query('vacuum (analyze, freeze) t1.users'));
/** Nobody pays for what the copy has left to do. */
const warm = (url: string) => withClient(url, (client) => client.query('checkpoint; select sum(length(first)) from t1.users'));

/** What somebody writes by hand who knows how; one transaction each, no cursor kept. */
const bareLoop = (url: string) =>
  withClient(url, async (client) => {
    let after = 0;
    for (;;) {
      const { rows } = await client.query<{ id: string }>(`select id from t1.users where id > $1 order by id offset ${CHUNK - 1} limit 1`, [
        after,
      ]);
      const upTo = rows[0]?.id;
      await client.query(
        `update t1.users set full_name = first || ' ' || last where id > ${after} ${upTo === undefined ? '' : `and id <= ${upTo}`}`,
      );
      if (upTo === undefined) return;
      after = Number(upTo);
    }
  });

interface Filled {
  readonly ms: number;
  /** By how much the process is larger at its largest in the second half of the rows than in the first: between two collections it rises and falls. */
  readonly grownMb: number;
}

/** One tenant's backfill by the runner. */
async function fill(url: string, options: string, begin: () => Promise<unknown> = async () => undefined): Promise<Filled> {
  const fixture = createFixture(url, {
    '01_fill.mjs': `import { backfill } from 'flotilla/migration';
      const fill = backfill({ table: 'users', ${options} });
      export const config = { transaction: false };
      export const flotilla = { backfill: fill };
      export const up = fill.up;
      export const down = async () => {};`,
  });
  const peaks = { first: 0, second: 0 };
  try {
    // A worker loads a file once, whatever it does with it
    await fixture.migrations();
    await begin();
    const ms = await timed(async () => {
      const result = await fixture.attempt({ id: 't1', host: 'h1', schema: 't1' }, 'up', {
        canary: false,
        onBackfill: ({ visited }) => {
          const half = visited < ROWS / 2 ? 'first' : 'second';
          peaks[half] = Math.max(peaks[half], process.memoryUsage.rss());
        },
      });
      if (result.outcome !== 'applied' || result.runs[0]?.rows !== ROWS) throw new Error(JSON.stringify(result));
    });
    return { ms, grownMb: (peaks.second - peaks.first) / 1e6 };
  } finally {
    await fixture.close();
  }
}

/** p99 of the application's statements: alone, and while the backfill runs at its default pace. */
async function applicationBeside(url: string): Promise<{ readonly without: number; readonly with: number }> {
  const alone = await application(url);
  await delay(QUIET_MS);
  const without = await alone.stop();
  let beside: Awaited<ReturnType<typeof application>> | undefined;
  await fill(url, SET, async () => {
    beside = await application(url);
  });
  return { without, with: await beside!.stop() };
}

async function application(url: string): Promise<{ stop(): Promise<number> }> {
  const worker = new Worker(new URL('application.mjs', import.meta.url), { workerData: { url, rows: ROWS, perSecond: APP_PER_SECOND } });
  await once(worker, 'message');
  return {
    async stop() {
      worker.postMessage('stop');
      const [p99] = (await once(worker, 'message')) as [number];
      await worker.terminate();
      return p99;
    },
  };
}
