/**
 * Backfills: a million rows of one tenant against a bare loop of boundary select + range UPDATE on one connection; what the application
 * waits for meanwhile; and the worker's memory.
 */

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { createFixture } from '../test/support/postgres.js';
import { type Bench, type Measure, median, timed } from './measure.js';
import { AS_SHIPPED, startServers } from './servers.js';

const ROWS = 1_000_000;
const CHUNK = 5_000;
const APP_PER_SECOND = 50;
/** For some three thousand statements: the hundredth part of a few is chance. */
const QUIET_MS = 60_000;

/** What is aimed at on a table that has the indexes of a table of users: a row that is written anew goes into all of them. */
const AIMS = { set: 0.9, transform: 0.7 };
/** Without them a row costs a third, and what a chunk costs beyond its rows shows most: less must not become of it. */
const BARE_AIMS = { set: 0.7, transform: 0.5 };
const TABLES = [
  { table: 'two indexes', indexes: 'create unique index on users (email); create index on users (created_at);', aims: AIMS },
  { table: 'no index but the key', indexes: '', aims: BARE_AIMS },
];
const SEED = `create table users (id bigint primary key, email text not null, first text not null, last text not null, settings jsonb not null, created_at timestamptz not null, full_name text);
insert into users select n, 'user.' || n || '@example.com', 'first ' || n, 'last ' || n, '{"theme": "dark"}', timestamptz '2026-01-01 00:00Z' + n * interval '1 second' from generate_series(1, ${ROWS}) n;`;
const SET = `set: { full_name: "first || ' ' || last" }, where: 'full_name is null'`;
const TRANSFORM = `columns: ['first', 'last'], where: 'full_name is null', transform: ({ first, last }) => ({ full_name: first + ' ' + last })`;
const UNPACED = `chunk: { rows: ${CHUNK}, maxRows: ${CHUNK}, targetMs: 60000 }, pace: { rest: 0 }`;

type Rates = Record<'floor' | 'set' | 'transform', number[]>;

export const backfill: Bench = async ({ runs, say }) => {
  const servers = await startServers(AS_SHIPPED);
  const tables = TABLES.map((it) => ({ ...it, rates: { floor: [], set: [], transform: [] } as Rates }));
  const waits = { without: [] as number[], with: [] as number[] };
  const grown = { set: [] as number[], transform: [] as number[] };
  try {
    for (const { table, indexes, rates } of tables) {
      const template = await servers.databaseOf(['t1'], `${SEED} ${indexes}`);
      await vacuum(template);
      const onCopy = async <T>(work: (url: string) => Promise<T>): Promise<T> => {
        const url = await servers.copyOf(template);
        await warm(url);
        const answer = await work(url);
        await servers.drop(url);
        return answer;
      };
      // A vacuum that begins in the middle of one of them slows it down, and ours waits for it
      const alone = <T>(work: (url: string) => Promise<T>) =>
        onCopy(async (url) => {
          await withClient(url, (client) => client.query('alter table t1.users set (autovacuum_enabled = off)'));
          return work(url);
        });
      for (let run = 1; run <= runs; run++) {
        rates.floor.push(perSecond(await alone((url) => timed(() => bareLoop(url)))));
        const said = [`${table}, run ${run}: floor ${rates.floor.at(-1)!.toFixed(0)} rows/s`];
        for (const [which, options] of [
          ['set', SET],
          ['transform', TRANSFORM],
        ] as const) {
          const { ms, grownMb } = await alone((url) => fill(url, `${options}, ${UNPACED}`));
          rates[which].push(perSecond(ms));
          grown[which].push(grownMb);
          said.push(`${which} ${perSecond(ms).toFixed(0)} (memory grew ${grownMb.toFixed(0)} MB)`);
        }
        if (indexes !== '') {
          const latency = await onCopy(applicationBeside);
          waits.without.push(...latency.without);
          waits.with.push(...latency.with);
          said.push(`application p99 ${p99(latency.without).toFixed(1)} ms without, ${p99(latency.with).toFixed(1)} ms with`);
        }
        say(said.join(', '));
      }
    }
  } finally {
    await servers.stop();
  }
  const [without, withIt] = [p99(waits.without), p99(waits.with)];
  const stays = Math.max(median(grown.set), median(grown.transform));
  return [
    ...tables.flatMap(({ table, rates, aims }) => [
      against(rates, 'set', `set, chunks of ${CHUNK}, ${table}; floor: boundary select + range UPDATE`, aims.set, runs),
      against(rates, 'transform', `transform, ${table}; same floor`, aims.transform, runs),
    ]),
    {
      bench: 'backfill',
      measure: '1.5 × application p99 without / with, default pace',
      unit: 'ms',
      ours: withIt,
      floor: without,
      ratio: (1.5 * without) / withIt,
      aim: 1,
      n: APP_PER_SECOND,
      runs,
    },
    {
      bench: 'backfill',
      measure: '50 MB / process at its smallest in the second half − in the first',
      unit: 'MB',
      ours: stays,
      floor: 50,
      ratio: 50 / Math.max(1, stays),
      aim: 1,
      n: ROWS,
      runs,
    },
  ];
};

const perSecond = (ms: number): number => (ROWS / ms) * 1_000;

function against(rates: Rates, which: 'set' | 'transform', measure: string, aim: number, runs: number): Measure {
  const ratio = median(rates[which].map((rate, i) => rate / rates.floor[i]!));
  return { bench: 'backfill', measure, unit: 'rows/s', ours: median(rates[which]), floor: median(rates.floor), ratio, aim, n: ROWS, runs };
}

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
  /** By how much the process is larger at its smallest in the second half of the rows than in the first: between two collections it rises and falls. */
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
  const least = { first: Number.POSITIVE_INFINITY, second: Number.POSITIVE_INFINITY };
  try {
    // A worker loads a file once, whatever it does with it
    await fixture.migrations();
    await begin();
    const ms = await timed(async () => {
      const result = await fixture.attempt({ id: 't1', host: 'h1', schema: 't1' }, 'up', {
        canary: false,
        onBackfill: ({ visited }) => {
          const half = visited < ROWS / 2 ? 'first' : 'second';
          least[half] = Math.min(least[half], process.memoryUsage.rss());
        },
      });
      if (result.outcome !== 'applied' || result.runs[0]?.rows !== ROWS) throw new Error(JSON.stringify(result));
    });
    return { ms, grownMb: (least.second - least.first) / 1e6 };
  } finally {
    await fixture.close();
  }
}

const p99 = (of: readonly number[]): number => [...of].sort((a, b) => a - b)[Math.floor(of.length * 0.99)]!;

/** How long the application's statements take, in milliseconds: alone, and while the backfill runs at its default pace. */
async function applicationBeside(url: string): Promise<{ readonly without: readonly number[]; readonly with: readonly number[] }> {
  const alone = await application(url);
  await delay(QUIET_MS);
  const without = await alone.stop();
  let beside: Awaited<ReturnType<typeof application>> | undefined;
  await fill(url, SET, async () => {
    beside = await application(url);
  });
  return { without, with: await beside!.stop() };
}

async function application(url: string): Promise<{ stop(): Promise<readonly number[]> }> {
  const options = JSON.stringify({ url, rows: ROWS, perSecond: APP_PER_SECOND });
  const child = fork(fileURLToPath(new URL('application.mjs', import.meta.url)), [options], { execArgv: [] });
  await once(child, 'message');
  return {
    async stop() {
      const gone = once(child, 'exit');
      child.send('stop');
      const [took] = (await once(child, 'message')) as [readonly number[]];
      await gone;
      return took;
    },
  };
}
