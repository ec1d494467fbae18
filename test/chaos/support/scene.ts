/**
 * One tenant in a database of its own, a wire to it that faults are injected on, and processes that make attempts. After the fault the
 * attempt is made again, and what the tenant then holds is compared with what an undisturbed run gives.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client } from 'pg';
import type { PlannedMigration } from '../../../src/domain/plan.js';
import type { TenantRef } from '../../../src/domain/tenant.js';
import type { AttemptInput, AttemptResult, Delta } from '../../../src/postgres/contract.js';
import type { RunnerOptions } from '../../../src/postgres/runner.js';
import { createDatabase, createFixture, query, type TestDatabase } from '../../support/postgres.js';
import { until } from '../../support/until.js';
import { createWire, type Wire } from '../../support/wire.js';
import { leftovers } from './contents.js';

const PROCESS = fileURLToPath(new URL('./runner-process.mjs', import.meta.url));

export const NOTES = `exports.up = (knex) => knex.schema.createTable('notes', (t) => { t.increments('id'); t.text('body'); t.integer('n').defaultTo(0); }); exports.down = (knex) => knex.schema.dropTable('notes');`;

export interface RunnerProcess {
  /** Resolves with the result; rejects when the process ends before. */
  attempt(direction?: 'up' | 'down', more?: Partial<AttemptInput>): Promise<AttemptResult>;
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Of its migration files. */
  readonly directory: string;
  readonly child: ChildProcess;
}

export interface Scene {
  readonly db: TestDatabase;
  readonly tenant: TenantRef;
  readonly wire: Wire;
  /** A session beside everything. */
  readonly client: Client;
  /** Starts a process whose connections go through the wire (or directly). */
  process(options?: { readonly direct?: boolean; readonly files?: Record<string, string> }): Promise<RunnerProcess>;
  /** An attempt in this process, past the wire. Tries long enough to outlast what a fault leaves behind for a moment. */
  attempt(direction?: 'up' | 'down', more?: Partial<AttemptInput>, config?: Partial<RunnerOptions>): Promise<AttemptResult>;
  readonly deltas: Map<string, Delta>;
  readonly migrations: readonly PlannedMigration[];
  sql<T extends Record<string, unknown>>(sql: string, values?: unknown[]): Promise<T[]>;
  /** Resolves once a session of ours waits for a lock; answers its pid. */
  waiting(): Promise<number>;
  /** Everything that must be true after a fault and another attempt. */
  state(): Promise<TenantFacts>;
}

export interface TenantFacts {
  readonly history: readonly string[];
  /** migration → net effects (applied − reverted) in the ledger. */
  readonly effects: Readonly<Record<string, number>>;
  readonly left: Record<string, unknown>;
}

const cleanup: (() => Promise<unknown> | unknown)[] = [];
export async function closeScenes(): Promise<void> {
  for (const undo of cleanup.splice(0).reverse()) await undo();
}

const DEFAULTS = {
  fleet: 'shop',
  rolloutId: 'r-1',
  force: false,
  actor: 'ana',
  applicationName: 'flotilla r-1 acme',
  timeouts: { lockMs: 10_000, statementMs: 30_000, idleMs: 30_000 },
  quickTries: 1,
  outOfOrder: 'refuse',
} as const;

/**
 * @param kind schema: `acme` in the scene's database; database: `public` of it
 * @param server another server than the run's
 */
export async function createScene(files: Record<string, string>, kind: 'schema' | 'database' = 'schema', server?: string): Promise<Scene> {
  const db = await createDatabase('chaos', undefined, server);
  cleanup.push(() => db.drop());
  const tenant: TenantRef =
    kind === 'schema' ? { id: 'acme', host: 'h1', database: db.name, schema: 'acme' } : { id: 'acme', host: 'h1', database: db.name };
  if (kind === 'schema') await query(db.url, 'create schema acme');
  const schema = tenant.schema ?? 'public';
  const wire = await createWire(db.url);
  cleanup.push(() => wire.close());
  const fixture = createFixture(db.url, files);
  cleanup.push(() => fixture.close());
  const { deltas } = fixture;
  const migrations = await fixture.migrations();

  const start = async ({ direct = false, files: own = files }: { direct?: boolean; files?: Record<string, string> } = {}) => {
    const directory = mkdtempSync(join(tmpdir(), 'flotilla-chaos-'));
    for (const [file, source] of Object.entries(own)) writeFileSync(join(directory, file), source);
    const child = fork(PROCESS, [JSON.stringify({ url: direct ? db.url : wire.url, directory })], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const ended = once(child, 'exit');
    cleanup.push(async () => {
      child.kill('SIGKILL');
      await ended;
      rmSync(directory, { recursive: true, force: true });
    });
    await Promise.race([
      once(child, 'message'),
      ended.then(() => {
        throw new Error('the process ended before it was ready');
      }),
    ]);
    let serial = 0;
    return {
      child,
      directory,
      attempt(direction: 'up' | 'down' = 'up', more: Partial<AttemptInput> = {}) {
        const id = ++serial;
        const input = {
          ...DEFAULTS,
          tenant,
          direction,
          migrations,
          fenceFirst: direction === 'down',
          canary: direction === 'up',
          ...more,
          deltas: [...deltas],
        };
        const answer = new Promise<AttemptResult>((resolve, reject) => {
          const onMessage = (message: { id?: number; result?: AttemptResult; error?: string }) => {
            if (message.id !== id) return;
            child.off('message', onMessage);
            if (!message.result) return reject(new Error(message.error));
            for (const run of message.result.runs)
              if (run.delta && direction === 'up' && !deltas.has(run.name)) deltas.set(run.name, run.delta);
            resolve(message.result);
          };
          child.on('message', onMessage);
          void ended.then(() => reject(new Error('the process ended')));
        });
        answer.catch(() => undefined); // a process that is killed may end before anybody asks
        child.send({ id, input });
        return answer;
      },
      async kill(signal: NodeJS.Signals = 'SIGKILL') {
        child.kill(signal);
        if (signal === 'SIGKILL' || signal === 'SIGTERM') await ended;
      },
    };
  };

  return {
    db,
    tenant,
    wire,
    client: await db.client(),
    process: start,
    attempt: async (direction = 'up', more = {}, config) => {
      const own = config ? createFixture(db.url, {}, { ...config, engine: fixture.engine }) : fixture;
      for (const [name, delta] of deltas) own.deltas.set(name, delta);
      if (config) cleanup.push(() => own.close());
      const result = await own.attempt(tenant, direction, {
        ...DEFAULTS,
        quickTries: 60,
        fenceFirst: true,
        takeOver: true,
        canary: direction === 'up',
        ...more,
      });
      for (const [name, delta] of own.deltas) deltas.set(name, delta);
      return result;
    },
    deltas,
    migrations,
    sql: (sql, values) => query(db.url, sql, values),
    waiting: () =>
      until(async () => {
        const [row] = await query<{ pid: number }>(
          db.url,
          `select pid from pg_stat_activity where datname = current_database() and application_name like 'flotilla%' and wait_event_type = 'Lock'`,
        );
        return row?.pid;
      }, 'a session of ours waits for a lock'),
    async state() {
      const exists = async (table: string) =>
        (await query<{ there: boolean }>(db.url, `select to_regclass($1) is not null as there`, [`${schema}.${table}`]))[0]!.there;
      const history = (await exists('knex_migrations'))
        ? await query<{ name: string }>(db.url, `select name from ${schema}.knex_migrations order by id`)
        : [];
      const effects = (await exists('flotilla_ledger'))
        ? await query<{ migration: string; n: number }>(
            db.url,
            `select migration, (count(*) filter (where kind = 'applied') - count(*) filter (where kind = 'reverted'))::int n from ${schema}.flotilla_ledger where kind in ('applied', 'reverted') group by 1`,
          )
        : [];
      return {
        history: history.map((row) => row.name),
        effects: Object.fromEntries(effects.map((row) => [row.migration, row.n])),
        left: await leftovers(db.url, schema),
      };
    },
  };
}

export type Victim = 'worker' | 'backend' | 'network';
export const VICTIMS: readonly Victim[] = ['worker', 'backend', 'network'];

/** A gate in the database: whoever takes it waits until it is opened. */
export async function closedGate(scene: Scene, key = 4242): Promise<() => Promise<void>> {
  await scene.client.query(`select pg_advisory_lock(${key})`);
  return async () => void (await scene.client.query(`select pg_advisory_unlock(${key})`));
}
