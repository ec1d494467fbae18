/**
 * An application that works in its tenants while they are migrated: it inserts, updates, deletes and gives rows other keys at a fixed rate, and
 * reads each row back. It keeps a log of every change that the server has confirmed; what the log says is what must be there in the end.
 */

import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { ident } from './postgres.js';
import { until } from './until.js';

/** One release of the application: how it stores what it knows of a row, beside the key `id`. Any number of them may run at once. */
export interface Release<R> {
  readonly name: string;
  readonly table: string;
  readonly columns: readonly string[];
  /** Values of the columns. */
  store(row: R): readonly unknown[];
  read(stored: Readonly<Record<string, unknown>>): R;
}

export interface LoadOptions<R> {
  readonly url: string;
  /** Schemas. */
  readonly tenants: readonly string[];
  readonly release: Release<R>;
  /** A row that no other resembles; the number is not given twice. */
  newRow(n: number): R;
  /** @defaultValue 200 */
  readonly perSecond?: number;
  /** @defaultValue 4 */
  readonly connections?: number;
}

const AT_WORK = 100;
const CHANGES = ['insert', 'update', 'delete', 'rekey'] as const;
type Change = (typeof CHANGES)[number];

/** What a change did to one key. */
interface Entry {
  readonly tenant: string;
  readonly key: number;
  readonly change: Change;
  readonly by: string;
  /** As it stands from then on; undefined: there is none. */
  readonly row: string | undefined;
}

export interface LoadReport extends Readonly<Record<Change, number>> {
  readonly statements: number;
  readonly errors: number;
  readonly longestMs: number;
}

export interface Comparison {
  readonly rows: number;
  readonly lost: number;
  readonly stale: number;
  /** Deleted by the application, or there twice. */
  readonly tooMany: number;
}

export interface Load<R> {
  /** Both run side by side until each has been at work; resolves once the last statement of the older one has ended. At no moment does none run. */
  replace(older: Release<R>, newer: Release<R>): Promise<void>;
  /** Waits until a release has made a hundred changes more, or something went wrong. */
  working(release: Release<R>): Promise<void>;
  /** What the application saw go wrong, or read that was not what it had written. */
  readonly errors: readonly string[];
  stop(): Promise<LoadReport>;
  /** Reads every row as a release does, and holds it against the log. Prints the log of the first keys that are wrong. */
  compare(release: Release<R>): Promise<Comparison>;
  close(): Promise<void>;
}

export async function startLoad<R>(options: LoadOptions<R>): Promise<Load<R>> {
  const { url, tenants, newRow, perSecond = 200, connections = 4 } = options;
  const pool = new pg.Pool({ connectionString: url, max: connections });
  let running: readonly Release<R>[] = [options.release];
  let stopped = false;
  let taken = 0;
  let statements = 0;
  let longestMs = 0;
  let serial = 0;
  const errors: string[] = [];
  const log: Entry[] = [];
  const underWay = new Map<Promise<void>, Release<R>>();

  const nameOf = (tenant: string, release: Release<R>) => `${ident(tenant)}.${ident(release.table)}`;
  const everything = async (tenant: string, release: Release<R>) =>
    (await pool.query(`select id, ${release.columns.map(ident)} from ${nameOf(tenant, release)}`)).rows.map(
      (stored) => [Number(stored.id), JSON.stringify(release.read(stored))] as const,
    );
  const before = new Map<string, ReadonlyMap<number, string>>();
  for (const tenant of tenants) before.set(tenant, new Map(await everything(tenant, options.release)));
  const now = new Map([...before].map(([tenant, rows]) => [tenant, new Map(rows)]));
  const held = new Map(tenants.map((tenant) => [tenant, new Set<number>()]));
  const began = performance.now();

  /** Slow answers are made up for: users do not wait for each other. */
  async function send(sql: string, values: readonly unknown[]): Promise<pg.QueryResult> {
    const wait = began + (taken++ * 1000) / perSecond - performance.now();
    if (wait > 0) await delay(wait);
    const sent = performance.now();
    statements++;
    try {
      return await pool.query(sql, [...values]);
    } finally {
      longestMs = Math.max(longestMs, performance.now() - sent);
    }
  }

  const oneOf = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)]!;

  /** A key that nobody else is at until it is let go: so the log has the changes of each key in the order in which they committed. */
  function hold(tenant: string, exists: boolean): number {
    const [rows, busy] = [now.get(tenant)!, held.get(tenant)!];
    for (;;) {
      const key = 1 + Math.floor(Math.random() * 2 * before.get(tenant)!.size);
      if (busy.has(key) || rows.has(key) !== exists) continue;
      busy.add(key);
      return key;
    }
  }

  async function change(release: Release<R>): Promise<void> {
    const tenant = oneOf(tenants);
    const rows = now.get(tenant)!;
    const kind = oneOf(CHANGES);
    const key = hold(tenant, kind !== 'insert');
    const to = kind === 'rekey' ? hold(tenant, false) : key;
    const written = kind === 'insert' || kind === 'update' ? newRow(++serial) : undefined;
    const row = kind === 'delete' ? undefined : kind === 'rekey' ? rows.get(key) : JSON.stringify(written);
    try {
      const { rowCount } = await write(tenant, release, kind, key, to, written);
      if (rowCount !== 1) throw new Error(`${rowCount} rows`);
      if (to !== key) note({ tenant, key, change: kind, by: release.name, row: undefined });
      note({ tenant, key: to, change: kind, by: release.name, row });
      await readBack(tenant, to, row);
    } catch (error) {
      errors.push(`${release.name}, ${kind} of ${tenant} ${key}: ${(error as Error).message}`);
    } finally {
      for (const it of [key, to]) held.get(tenant)!.delete(it);
    }
  }

  function write(tenant: string, release: Release<R>, kind: Change, key: number, to: number, row: R | undefined) {
    const table = nameOf(tenant, release);
    const columns = release.columns.map(ident);
    const places = columns.map((_, at) => `$${at + 2}`);
    const values = row === undefined ? [] : release.store(row);
    switch (kind) {
      case 'insert':
        return send(`insert into ${table} (id, ${columns}) values ($1, ${places})`, [key, ...values]);
      case 'update':
        return send(`update ${table} set ${columns.map((column, at) => `${column} = ${places[at]}`)} where id = $1`, [key, ...values]);
      case 'delete':
        return send(`delete from ${table} where id = $1`, [key]);
      case 'rekey':
        return send(`update ${table} set id = $2 where id = $1`, [key, to]);
    }
  }

  function note(entry: Entry): void {
    log.push(entry);
    if (entry.row === undefined) now.get(entry.tenant)!.delete(entry.key);
    else now.get(entry.tenant)!.set(entry.key, entry.row);
  }

  /** By whichever release: each must see at once what another has written. */
  async function readBack(tenant: string, key: number, row: string | undefined): Promise<void> {
    const release = oneOf(running);
    await track(release, async () => {
      const { rows } = await send(`select ${release.columns.map(ident)} from ${nameOf(tenant, release)} where id = $1`, [key]);
      const found = rows.map((stored) => JSON.stringify(release.read(stored)));
      if (found.length !== (row === undefined ? 0 : 1) || found[0] !== row) throw new Error(`${release.name} reads ${found}, not ${row}`);
    });
  }

  async function track(release: Release<R>, work: () => Promise<void>): Promise<void> {
    const done = work();
    underWay.set(done, release);
    try {
      await done;
    } finally {
      underWay.delete(done);
    }
  }

  async function user(): Promise<void> {
    while (!stopped) {
      const release = oneOf(running);
      await track(release, () => change(release));
    }
  }
  const users = Array.from({ length: connections }, user);

  const changes = (release: Release<R>) => log.filter(({ by }) => by === release.name).length;

  async function deploy(...releases: readonly Release<R>[]): Promise<void> {
    running = releases;
    await Promise.allSettled([...underWay].filter(([, release]) => !releases.includes(release)).map(([done]) => done));
  }

  async function working(release: Release<R>): Promise<void> {
    const enough = changes(release) + AT_WORK;
    await until(async () => changes(release) >= enough || errors.length > 0, `work of the ${release.name} release`);
  }

  return {
    errors,
    working,
    async replace(older, newer) {
      await deploy(older, newer);
      await Promise.all([working(older), working(newer)]);
      await deploy(newer);
    },
    async stop() {
      stopped = true;
      await Promise.all(users);
      const made = (kind: Change) => log.filter(({ change, row }) => change === kind && (kind !== 'rekey' || row !== undefined)).length;
      const counts = Object.fromEntries(CHANGES.map((kind) => [kind, made(kind)])) as Record<Change, number>;
      return { statements, errors: errors.length, longestMs: Math.round(longestMs), ...counts };
    },
    async compare(release) {
      const wrong: { readonly what: keyof Comparison; readonly tenant: string; readonly key: number; readonly found?: string }[] = [];
      let rows = 0;
      for (const tenant of tenants) {
        const expected = new Map(before.get(tenant)!);
        for (const { key, row } of log.filter((it) => it.tenant === tenant)) {
          if (row === undefined) expected.delete(key);
          else expected.set(key, row);
        }
        for (const [key, found] of await everything(tenant, release)) {
          rows++;
          const should = expected.get(key);
          if (should !== found) wrong.push({ what: should === undefined ? 'tooMany' : 'stale', tenant, key, found });
          expected.delete(key);
        }
        for (const key of expected.keys()) wrong.push({ what: 'lost', tenant, key });
      }
      for (const it of wrong.slice(0, 5))
        console.log(
          it,
          before.get(it.tenant)!.get(it.key),
          log.filter(({ tenant, key }) => tenant === it.tenant && key === it.key),
        );
      const count = (what: keyof Comparison) => wrong.filter((it) => it.what === what).length;
      return { rows, lost: count('lost'), stale: count('stale'), tooMany: count('tooMany') };
    },
    async close() {
      stopped = true;
      await Promise.allSettled(users);
      await pool.end();
    },
  };
}
