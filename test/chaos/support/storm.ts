/**
 * Rounds of random faults: several workers meet on the same tenants, going up or down, while workers and backends are killed and connections
 * cut at random moments. After each round everything must be exactly before or exactly after each migration.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import type { PlannedMigration } from '../../../src/domain/plan.js';
import type { TenantRef } from '../../../src/domain/tenant.js';
import { createKnexEngine } from '../../../src/engines/knex/knex-engine.js';
import type { AttemptInput, AttemptResult, Delta } from '../../../src/postgres/contract.js';
import { createHosts } from '../../../src/postgres/hosts.js';
import { createRunner } from '../../../src/postgres/runner.js';
import { createWire } from '../../support/wire.js';
import { everythingIn, leftovers, NOTHING_LEFT } from './contents.js';

export interface StormOptions {
  /** Superuser connection string of a server. */
  readonly server: string;
  readonly seed: number;
  /** Ends after the round that is on then. */
  readonly untilMs: number;
  readonly schemas?: number;
  readonly databases?: number;
  readonly workers?: number;
  readonly say: (line: string) => void;
}

export interface StormResult {
  readonly rounds: number;
  /** Workers and backends killed, and connections cut. */
  readonly kills: number;
  /** Tenants that had something left to do, or something half-done, when the storm of a round was over. */
  readonly repairs: number;
  readonly violations: readonly string[];
}

const PROCESS = fileURLToPath(new URL('./runner-process.mjs', import.meta.url));

/** Each statement that must take effect once counts itself in a table that no migration makes. */
const count = (what: string, by = '+ 1') => `await knex.raw("update tally set n = n ${by} where what = '${what}'");`;
const file = (up: string, down: string, outside = false) =>
  `${outside ? 'exports.config = { transaction: false };' : ''} exports.up = async (knex) => { ${up} }; exports.down = async (knex) => { ${down} };`;
const raw = (sql: string) => `await knex.raw(${JSON.stringify(sql)});`;

const FILES: Readonly<Record<string, string>> = {
  '01_table.js': file(
    raw('create table items (id serial primary key, name text, n int default 0)') + count('01'),
    count('01', '- 1') + raw('drop table items'),
  ),
  '02_rows.js': file(
    raw(`alter table items add column extra text`) +
      raw(`insert into items (id, name) select -i, 'row ' || i from generate_series(1, 50) i`) +
      count('02'),
    raw('delete from items where id < 0') + count('02', '- 1') + raw('alter table items drop column extra'),
  ),
  '03_index.js': file(raw('create index concurrently items_name on items (name)'), raw('drop index concurrently items_name'), true),
  '04_more.js': file(
    raw('create table more (item int references items)') + raw('create view names as select name from items') + count('04'),
    count('04', '- 1') + raw('drop view names') + raw('drop table more'),
  ),
  '05_mixed.js': file(
    count('05a') +
      raw('create unique index concurrently items_id_name on items (id, name)') +
      count('05b') +
      raw('alter table items add column late int') +
      count('05c') +
      raw('create index concurrently if not exists items_late on items (late)'),
    raw('drop index concurrently items_late') +
      count('05c', '- 1') +
      raw('alter table items drop column late') +
      count('05b', '- 1') +
      raw('drop index concurrently items_id_name') +
      count('05a', '- 1'),
    true,
  ),
  '06_last.js': file(
    raw('alter table more add column note text') + count('06'),
    count('06', '- 1') + raw('alter table more drop column note'),
  ),
};
const TALLIES = ['01', '02', '04', '05a', '05b', '05c', '06'];
const SEED = `create table tally (what text primary key, n int not null); insert into tally values ${TALLIES.map((what) => `('${what}', 0)`).join(', ')};`;

/** Small, seeded, and good enough to choose by. https://github.com/bryc/code/blob/master/jshash/PRNGs.md#mulberry32 */
function random(seed: number): () => number {
  let a = seed | 0;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

interface Place {
  readonly tenant: TenantRef;
  readonly url: string;
  readonly schema: string;
}

export async function storm(options: StormOptions): Promise<StormResult> {
  const { server, say } = options;
  const chance = random(options.seed);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(chance() * from.length)]!;
  const at = (database: string) => {
    const url = new URL(server);
    url.pathname = `/${database}`;
    return url.toString();
  };
  const sql = async (url: string, text: string): Promise<void> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(text);
    await client.end();
  };
  const stamp = `storm_${process.pid}_${Date.now()}`;
  const directory = mkdtempSync(join(tmpdir(), 'flotilla-storm-'));
  for (const [name, source] of Object.entries(FILES)) writeFileSync(join(directory, name), source);

  // Tenants: schemas of one database, and databases; one more as the reference
  const databases = [stamp, ...Array.from({ length: options.databases ?? 2 }, (_, i) => `${stamp}_${i}`)];
  for (const database of databases) await sql(server, `create database ${database}`);
  const places: Place[] = [
    ...Array.from({ length: options.schemas ?? 8 }, (_, i) => ({
      tenant: { id: `s${i}`, host: 'h1', database: stamp, schema: `s${i}` },
      url: at(stamp),
      schema: `s${i}`,
    })),
    ...databases.slice(1).map((database, i) => ({ tenant: { id: `d${i}`, host: 'h1', database }, url: at(database), schema: 'public' })),
  ];
  const reference: Place = {
    tenant: { id: 'reference', host: 'h1', database: stamp, schema: 'reference' },
    url: at(stamp),
    schema: 'reference',
  };
  for (const place of [...places, reference])
    await sql(
      place.url,
      `${place.schema === 'public' ? '' : `create schema ${place.schema}; set search_path to ${place.schema};`} ${SEED}`,
    );

  const engine = createKnexEngine({ directories: [directory], inputs: [], baseDir: directory });
  const hosts = createHosts({ hosts: { h1: { connection: 'env:H1', maxConcurrency: 20 } }, resolve: async () => server });
  const runner = createRunner({ engine, hosts, history: { tableName: 'knex_migrations' } });
  const migrations: readonly PlannedMigration[] = (await engine.list()).files.map(({ name, checksum, closure, transactional }) => ({
    name,
    checksum,
    closure,
    transactional,
    reversible: { verdict: 'expected' },
  }));
  const deltas = new Map<string, Delta>();
  const inputOf = (place: Place, rolloutId: string, direction: 'up' | 'down', upTo: number, more: Partial<AttemptInput>): AttemptInput => ({
    fleet: 'storm',
    tenant: place.tenant,
    direction,
    migrations: migrations.slice(0, upTo),
    rolloutId,
    fenceFirst: true,
    takeOver: true,
    canary: false,
    deltas,
    force: false,
    actor: 'storm',
    applicationName: `flotilla ${rolloutId} ${place.tenant.id}`,
    timeouts: { lockMs: 1_000, statementMs: 30_000, idleMs: 30_000 },
    quickTries: 3,
    outOfOrder: 'refuse',
    onStep: () => undefined,
    ...more,
  });

  // What a tenant holds after each number of migrations, undisturbed
  const expected: string[] = [];
  const look = async (place: Place) => JSON.stringify(await everythingIn(place.url, place.schema));
  expected.push(await look(reference));
  for (let n = 1; n <= migrations.length; n++) {
    const result = await runner.attempt(inputOf(reference, `reference-${n}`, 'up', n, { canary: true }));
    if (result.outcome !== 'applied') throw new Error(`the reference went wrong: ${result.message}`);
    for (const run of result.runs) if (run.delta) deltas.set(run.name, run.delta);
    expected.push(await look(reference));
  }

  const wire = await createWire(server);
  let kills = 0;
  let repairs = 0;
  let rounds = 0;
  const violations: string[] = [];
  /** Rollouts that stand, one on the other. */
  const climbs: { readonly rolloutId: string; readonly to: number }[] = [];
  const watcher = new pg.Client({ connectionString: server });
  watcher.on('error', () => undefined);
  await watcher.connect();

  const workers: { readonly child: ChildProcess }[] = [];
  const startWorker = async () => {
    const url = chance() < 0.5 ? wire.url : server;
    const child = fork(PROCESS, [JSON.stringify({ url, directory })], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    child.setMaxListeners(0);
    await Promise.race([once(child, 'message'), once(child, 'exit')]);
    const worker = { child };
    workers.push(worker);
    child.once('exit', () => workers.splice(workers.indexOf(worker), 1));
  };
  let serial = 0;
  const send = ({ child }: { child: ChildProcess }, input: AttemptInput): Promise<AttemptResult | undefined> => {
    const id = ++serial;
    return new Promise((resolve) => {
      const onMessage = (message: { id?: number; result?: AttemptResult; error?: string }) => {
        if (message.id !== id) return;
        child.off('message', onMessage);
        if (message.error) violations.push(`round ${rounds}: an attempt threw: ${message.error}`);
        resolve(message.result);
      };
      child.on('message', onMessage);
      child.once('exit', () => resolve(undefined));
      child.send({ id, input: { ...input, deltas: [...input.deltas] } }, (error) => error && resolve(undefined));
    });
  };

  try {
    while (Date.now() < options.untilMs || rounds === 0) {
      rounds++;
      // Up by some of the migrations, or back to where the last round found the tenants
      const level = climbs.at(-1)?.to ?? 0;
      const direction = level < migrations.length && (level === 0 || chance() < 0.6) ? 'up' : 'down';
      const climb =
        direction === 'up'
          ? { rolloutId: `r-${rounds}`, to: level + 1 + Math.floor(chance() * (migrations.length - level)) }
          : climbs.at(-1)!;
      const asks = places.map((place) => ({ place, rolloutId: climb.rolloutId, direction, upTo: climb.to }) as const);
      let over = false;
      while (workers.length < (options.workers ?? 4)) await startWorker();

      const killer = (async () => {
        const strikes = 3 + Math.floor(chance() * 10);
        for (let i = 0; i < strikes && !over; i++) {
          await delay(chance() * 250);
          const what = chance();
          kills++;
          if (what < 0.4 && workers.length) pick(workers).child.kill('SIGKILL');
          else if (what < 0.8)
            await watcher.query(
              `select pg_terminate_backend(pid) from (select pid from pg_stat_activity where application_name like 'flotilla r-%' and datname like '${stamp}%' order by random() limit 1) v`,
            );
          else wire.cut();
          while (workers.length < 2) await startWorker();
        }
      })();
      // Each tenant is handed out one to three times, as lost answers make it happen
      const queue = asks.flatMap((ask) => Array.from({ length: 1 + Math.floor(chance() * 3) }, (_, turn) => ({ ...ask, turn })));
      queue.sort(() => chance() - 0.5);
      const seen = new Set<string>();
      await Promise.all(
        Array.from({ length: 6 }, async () => {
          for (let ask = queue.shift(); ask; ask = queue.shift()) {
            if (!workers.length) await startWorker();
            const again = seen.has(ask.place.tenant.id) || ask.direction === 'down';
            seen.add(ask.place.tenant.id);
            await send(
              pick(workers),
              inputOf(ask.place, ask.rolloutId, ask.direction, ask.upTo, { fenceFirst: again, takeOver: again && chance() < 0.5 }),
            );
          }
        }),
      );
      over = true;
      await killer;

      // The storm is over: every tenant is brought to where it was to go, and looked at
      for (const { place, rolloutId, direction, upTo } of asks) {
        const before = await leftovers(place.url, place.schema);
        if (Number(before.journal) > 0 || Number(before.invalidIndexes) > 0) repairs++;
        const result = await runner.attempt(inputOf(place, rolloutId, direction, upTo, { quickTries: 100 }));
        if (result.runs.length > 0) repairs++;
        if (result.outcome !== (direction === 'up' ? 'applied' : 'rolledBack') && !(direction === 'down' && result.outcome === 'upToDate'))
          violations.push(`round ${rounds}: ${place.tenant.id} ${direction}: ${result.outcome} ${result.message ?? ''}`);
      }
      if (direction === 'up') climbs.push(climb);
      else climbs.pop();
      const now = climbs.at(-1)?.to ?? 0;
      for (const place of places) {
        if ((await look(place)) !== expected[now])
          violations.push(`round ${rounds}: ${place.tenant.id} is not what ${now} migrations make`);
        const left = { ...(await leftovers(place.url, place.schema)), advisoryLocks: 0 };
        if (JSON.stringify(left) !== JSON.stringify(NOTHING_LEFT))
          violations.push(`round ${rounds}: ${place.tenant.id} left behind ${JSON.stringify(left)}`);
      }
      const locks = await watcher.query(
        `select count(*)::int n from pg_locks l join pg_stat_activity a using (pid) where l.locktype = 'advisory' and a.datname like '${stamp}%'`,
      );
      if (locks.rows[0].n > 0) violations.push(`round ${rounds}: ${locks.rows[0].n} advisory locks are held`);
      say(`round ${rounds}: ${direction} to ${now}, ${kills} kills so far, ${repairs} repairs, ${violations.length} violations`);
    }
  } finally {
    for (const { child } of workers) child.kill('SIGKILL');
    await hosts.close();
    await wire.close();
    for (const database of databases) await watcher.query(`drop database ${database} with (force)`).catch(() => undefined);
    await watcher.end();
    rmSync(directory, { recursive: true, force: true });
  }
  return { rounds, kills, repairs, violations };
}
