/** Faults that need a fleet: real workers, a real Temporal server, rollouts. 14, 15, 19, 28, 53, 57 to 66. */

import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Knex from 'knex';
import { afterEach, describe, expect, it } from 'vitest';
import { startPostgres } from '../../src/dev/embedded-postgres.js';
import { FlotillaClient, type StartOptions } from '../../src/index.js';
import { debianPostgres, smallFileSystem, startDebianPostgres } from '../support/debian-postgres.js';
import { createFleet, type FleetFixture, type FleetOptions, loseControl, query } from '../support/fleet.js';
import { addTitle, createNotes, waitsAtGate } from '../support/migration-sources.js';
import { createDatabase } from '../support/postgres.js';
import { until } from '../support/until.js';
import { createWire } from '../support/wire.js';
import { leftovers, NOTHING_LEFT } from './support/contents.js';
import { createLink } from './support/link.js';
import { startPgBouncer } from './support/pgbouncer.js';

const cleanup: (() => unknown)[] = [];
afterEach(async () => {
  for (const undo of cleanup.splice(0).reverse()) await undo();
});

const names = (n: number, prefix = 't') => Array.from({ length: n }, (_, i) => `${prefix}${String(i).padStart(3, '0')}`);
const NOTES = '20260101000000_notes';
const files = { [`${NOTES}.js`]: createNotes };

async function setup(options: Partial<FleetOptions> & { readonly schemas?: readonly string[] } = {}): Promise<FleetFixture> {
  const { schemas = names(12), ...more } = options;
  const fleet = await createFleet({ migrations: files, hosts: { h1: { schemas } }, ...more });
  cleanup.push(() => fleet.close());
  return fleet;
}
/** A host of its own database, reached through a wire by those who are given its address. */
async function wired(schemas: readonly string[]) {
  const db = await createDatabase('wired');
  cleanup.push(() => db.drop());
  await query(db.url, schemas.map((schema) => `create schema ${schema}`).join(';'));
  const wire = await createWire(db.url);
  cleanup.push(() => wire.close());
  return { db, wire };
}
async function connected(fleet: FleetFixture): Promise<FlotillaClient> {
  const client = await FlotillaClient.connect({ fleet: fleet.name, taskQueue: fleet.name, address: fleet.temporalAddress });
  cleanup.push(() => client.close());
  return client;
}
const started = async (client: FlotillaClient, options: StartOptions = {}) => {
  const result = await client.start(options);
  if (result.outcome !== 'started') throw new Error(`not started: ${result.outcome}`);
  return result.rollout;
};
/** Every tenant has each migration once: in the ledger, in Knex's history, and nothing is left. */
async function onceEach(url: string, schemas: readonly string[], migrations: readonly string[]) {
  for (const schema of schemas) {
    const effects = await query<{ migration: string; n: number }>(
      url,
      `select migration, (count(*) filter (where kind = 'applied') - count(*) filter (where kind = 'reverted'))::int n from ${schema}.flotilla_ledger where kind in ('applied', 'reverted') group by 1 order by 1`,
    );
    expect({ schema, effects }).toEqual({ schema, effects: migrations.map((migration) => ({ migration, n: 1 })) });
    const history = await query<{ name: string }>(url, `select name from ${schema}.knex_migrations order by id`);
    expect(history.map((row) => row.name)).toEqual(migrations.map((migration) => `${migration}.js`));
    expect({ ...(await leftovers(url, schema)), advisoryLocks: 0 }).toEqual(NOTHING_LEFT);
  }
}
const CLOSING = /^set constraints all immediate/;

describe('a worker that Temporal has lost', () => {
  it('[F14] [S21] has its result lost after COMMIT: another worker asks the ledger and counts the tenant as applied', async () => {
    const schemas = names(6);
    const { db, wire } = await wired(schemas);
    const fleet = await setup({ hosts: { h1: { schemas: [], url: db.url } } });
    const link = await createLink(fleet.temporalAddress);
    cleanup.push(() => link.close());
    const lost = await fleet.worker([], { PG_H1: wire.url, TEMPORAL_ADDRESS: link.address });
    const commits: string[] = [];
    wire.onAnswered = ({ sql }) => {
      if (!CLOSING.test(sql)) return;
      commits.push(sql);
      link.cut();
    };
    expect((await fleet.cli(['start', '--yes', '--json'])).code).toBe(0);
    await until(async () => commits.length > 0, 'the first COMMIT');
    await fleet.worker();
    const end = await fleet.cli(['wait', '--json']);
    expect(end.code, end.stdout).toBe(0);
    expect(end.json.totals).toMatchObject({ applied: 6, upToDate: 0, failed: 0 });
    expect(lost.process.exitCode).toBeNull();
    await onceEach(db.url, schemas, [NOTES]);
  });

  it('[F15] still runs when its activity has timed out: its backend is ended, the later attempt applies, the first commits nothing', async () => {
    const schemas = names(3);
    const { db, wire } = await wired(schemas);
    await query(db.url, 'create table public.gate (open boolean); insert into public.gate values (false)');
    const fleet = await setup({ hosts: { h1: { schemas: [], url: db.url } }, migrations: { '20260101000000_gated.js': waitsAtGate } });
    const link = await createLink(fleet.temporalAddress);
    cleanup.push(() => link.close());
    const first = await fleet.worker([], { PG_H1: wire.url, TEMPORAL_ADDRESS: link.address });
    expect((await fleet.cli(['start', '--yes', '--json'])).code).toBe(0);
    await until(async () => wire.sent.some(({ sql }) => sql.includes('from public.gate')), 'the migration waits at its gate');
    const holder = async () =>
      (
        await query<{ pid: number; start: string }>(
          db.url,
          `select a.pid, a.backend_start::text as start from pg_locks l join pg_stat_activity a using (pid) where l.locktype = 'advisory' and a.datname = current_database()`,
        )
      )[0];
    const before = (await holder())!;
    link.cut();
    await fleet.worker();
    await until(async () => {
      const now = await holder();
      return now && now.pid !== before.pid;
    }, 'the lock is held by a later attempt');
    expect(
      await query(db.url, 'select from pg_stat_activity where pid = $1 and backend_start::text = $2', [before.pid, before.start]),
    ).toEqual([]);
    await query(db.url, 'update public.gate set open = true');
    const end = await fleet.cli(['wait', '--json']);
    expect(end.code, end.stdout).toBe(0);
    expect(end.json.totals).toMatchObject({ applied: 3, failed: 0 });
    expect(first.process.exitCode).toBeNull();
    await onceEach(db.url, schemas, ['20260101000000_gated']);
  });
});

it.skipIf(!debianPostgres)(
  '[F19] a failover in the middle of a transaction: the replica that is read-only is waited for, and once promoted it goes on, each tenant once',
  async () => {
    const primary = await startDebianPostgres();
    cleanup.push(() => primary.close());
    const schemas = names(8);
    await query(primary.url, schemas.map((schema) => `create schema ${schema}`).join(';'));
    await query(primary.url, 'create table public.gate (open boolean); insert into public.gate values (true)');
    const standby = await primary.standby();
    cleanup.push(() => standby.close());
    const wire = await createWire(primary.url);
    cleanup.push(() => wire.close());
    const fleet = await setup({ hosts: { h1: { schemas: [], url: wire.url } }, migrations: { '20260101000000_gated.js': waitsAtGate } });
    await fleet.worker();
    let commits = 0;
    const third = new Promise<void>((resolve) => {
      wire.onAnswered = ({ sql }) => {
        if (CLOSING.test(sql) && ++commits === 3) resolve();
      };
    });
    expect((await fleet.cli(['start', '--yes', '--json'])).code).toBe(0);
    await third;
    await query(primary.url, 'update public.gate set open = false');
    await until(
      async () =>
        (
          await query(
            primary.url,
            `select from pg_stat_activity where state = 'idle in transaction' and application_name like 'flotilla r%'`,
          )
        ).length,
      'a tenant in the middle of its transaction',
    );
    await until(
      async () =>
        (await query<{ same: boolean }>(primary.url, `select bool_and(replay_lsn = pg_current_wal_lsn()) same from pg_stat_replication`))[0]
          ?.same,
      'the standby has caught up',
    );
    primary.stop('immediate');
    wire.retarget(standby.url);
    const waiting = await until(async () => {
      const { json } = await fleet.cli(['status', '--json']);
      return json.totals.blocked > 0 && json;
    }, 'the tenants of the host wait');
    expect(waiting.totals).toMatchObject({ failed: 0, parked: 0 });
    standby.promote();
    await query(standby.url, 'update public.gate set open = true');
    const end = await fleet.cli(['wait', '--json']);
    expect(end.code, end.stdout).toBe(0);
    expect(end.json.totals).toMatchObject({ applied: 8, failed: 0, parked: 0, unknown: 0 });
    await onceEach(standby.url, schemas, ['20260101000000_gated']);
  },
);

it('[F28] a tenant whose lock is never granted is deferred again and again, then failed and parked; the others are applied', async () => {
  const schemas = names(6);
  const fleet = await setup({
    schemas,
    seed: 'create table notes (id int)',
    migrations: { '20260101000000_title.js': addTitle },
    config: `strategy: 'patient', strategies: { patient: { canary: false, waves: [{ name: 'all', maxFailures: 1 }], bakeTime: '0s', timeouts: { lock: '100ms' }, retry: { quickTries: 2, maxAttempts: 3, minBackoff: '50ms', maxBackoff: '100ms' } } },`,
  });
  await fleet.worker();
  const app = await createHolder(fleet.hostUrls.h1!, `lock table t003.notes in access share mode`);
  const end = await fleet.cli(['start', '--wait', '--yes', '--json']);
  expect(end.code, end.stdout).toBe(9);
  expect(end.json.totals).toMatchObject({ applied: 5, parked: 1 });
  expect(end.json.failures).toMatchObject([{ code: 'FLT_LOCK_TIMEOUT', count: 1 }]);
  await app.end();
  expect(await leftovers(fleet.hostUrls.h1!, 't003')).toMatchObject({ knexLock: [0], journal: 0 });
});

it('[F53] a tenant whose down fails is parked with its code; its siblings come back', async () => {
  const schemas = names(6);
  const fleet = await setup({
    schemas,
    migrations: {
      ...files,
      '20260102000000_title.js': addTitle
        .replace(
          `exports.down = `,
          `exports.down = async (knex) => { if (await knex.schema.hasTable('poison')) await knex.raw('drop table nowhere'); }; const down = `,
        )
        .replace('const down = (knex)', 'const down = (knex)')
        .replace(`{ if (await`, `{ await down(knex); if (await`),
    },
    config: `strategy: 'kept', strategies: { kept: { canary: { count: 1 }, waves: [{ name: 'all' }], bakeTime: '0s', finalBakeTime: '1h' } },`,
  });
  await query(fleet.hostUrls.h1!, 'create table t002.poison (id int)');
  await fleet.worker();
  expect((await fleet.cli(['start', '--yes', '--json'])).code).toBe(0);
  await until(async () => (await fleet.cli(['status', '--json'])).json.totals.applied === 6, 'six applied');
  const back = await fleet.cli(['rollback', '--reason', 'no', '--json']);
  expect(back.code, back.stdout).toBe(0);
  const end = await fleet.cli(['wait', '--json']);
  expect(end.code, end.stdout).toBe(4);
  expect(end.json).toMatchObject({ state: 'rollbackFailed', totals: { rolledBack: 5, rollbackFailed: 1 } });
  expect(end.json.failures).toMatchObject([{ code: 'FLT_SQL_ERROR', count: 1 }]);
  expect((await query(fleet.hostUrls.h1!, `select from t002.knex_migrations`)).length).toBe(2);
  expect((await query(fleet.hostUrls.h1!, `select from t001.knex_migrations`)).length).toBe(0);
});

describe('files', () => {
  const QUICK = { filesRetryMs: 100, filesPauseAfterMs: 600 };

  it('[F57] edited between two waves are not run: the rollout pauses and says why, and goes on with the planned file', async () => {
    const schemas = names(5);
    const fleet = await setup({
      schemas,
      config: `strategy: 'two', strategies: { two: { canary: { count: 1, bakeTime: '0s' }, waves: [{ name: 'all' }], bakeTime: '0s', approval: { when: 'afterCanary' } } },`,
    });
    const worker = await fleet.worker();
    const client = await connected(fleet);
    const { rolloutId } = await started(client, { tuning: QUICK });
    const asked = await until(async () => {
      const at = await client.status();
      return at?.state === 'awaitingApproval' && at;
    }, 'approval is asked after the canary');
    fleet.migration(`${NOTES}.js`, createNotes.replace('body', 'text'));
    await worker.stop();
    const edited = await fleet.worker();
    await client.approve({ wave: asked.waves[1]!.name, digest: asked.digest!, reason: 'canary looks well' } as never);
    await until(async () => {
      const { json } = await fleet.cli(['status', '--json']);
      return json.state === 'paused' && json.reasons.some((it: { kind: string }) => it.kind === 'files');
    }, 'the rollout pauses for its files');
    expect(await query(fleet.hostUrls.h1!, `select from pg_tables where tablename = 'notes'`)).toHaveLength(1);
    fleet.migration(`${NOTES}.js`, createNotes);
    await edited.stop();
    await fleet.worker();
    const end = await fleet.cli(['wait', rolloutId, '--json']);
    expect(end.code, end.stdout).toBe(0);
    expect(end.json.totals).toMatchObject({ applied: 5, failed: 0 });
    await onceEach(fleet.hostUrls.h1!, schemas, [NOTES]);
  });

  it('[F58] that an old worker lacks are not guessed: alone with a newer plan it runs nothing, and a newer worker goes on', async () => {
    const fleet = await setup({ schemas: names(4) });
    const before = mkdtempSync(join(tmpdir(), 'flotilla-old-'));
    cleanup.push(() => rmSync(before, { recursive: true, force: true }));
    cpSync(fleet.dir, before, { recursive: true });
    fleet.migration('20260102000000_title.js', addTitle);
    const newer = await fleet.worker();
    const client = await connected(fleet);
    const { planId, migrations } = await client.plan({ expect: '20260102000000_title' });
    expect(migrations).toHaveLength(2);
    await newer.stop();
    const old = await fleet.worker([], {}, before);
    const { rolloutId } = await started(client, { planId, tuning: QUICK });
    const paused = await until(async () => {
      const { json } = await fleet.cli(['status', '--json']);
      return json.state === 'paused' && json.reasons.some((it: { kind: string }) => it.kind === 'files') && json;
    }, 'the old worker is alone with the newer plan');
    expect(JSON.stringify(paused.reasons)).toContain('20260102000000_title');
    expect(await query(fleet.hostUrls.h1!, `select from pg_tables where tablename = 'notes'`)).toEqual([]);
    await old.stop();
    await fleet.worker();
    const end = await fleet.cli(['wait', rolloutId, '--json']);
    expect(end.code, end.stdout).toBe(0);
    await onceEach(fleet.hostUrls.h1!, names(4), [NOTES, '20260102000000_title']);
  });

  it('[F64] that are older than what is applied are one finding of the plan; allowed by the strategy, they are applied', async () => {
    const schemas = names(4);
    const fleet = await setup({
      schemas,
      config: `strategies: { any: { canary: false, waves: [{ name: 'all' }], bakeTime: '0s', outOfOrder: 'allow' } }, strategy: 'fast',`,
    });
    const worker = await fleet.worker();
    expect((await fleet.cli(['start', '--wait', '--yes', '--json'])).code).toBe(0);
    fleet.migration(
      '20251231000000_older.js',
      `exports.up = (knex) => knex.raw('create table older (id int)'); exports.down = (knex) => knex.raw('drop table older');`,
    );
    await worker.stop();
    await fleet.worker();
    const plan = await fleet.cli(['plan', '--json']);
    expect(plan.code).toBe(3);
    expect(plan.json.findings.filter((it: { severity: string }) => it.severity === 'error')).toMatchObject([
      { code: 'FLT_OUT_OF_ORDER', tenants: 4 },
    ]);
    const end = await fleet.cli(['start', '--strategy', 'any', '--wait', '--yes', '--json']);
    expect(end.code, end.stdout).toBe(0);
    expect(end.json.totals.applied).toBe(4);
  });
});

it('[F59] a tenant created while a rollout runs follows at its end, or with the next start where the strategy says so; one that is dropped counts as gone', async () => {
  const schemas = names(5);
  const fleet = await setup({
    schemas,
    migrations: { '20260101000000_gated.js': waitsAtGate },
    config: `strategy: 'snapshot', strategies: { snapshot: { membership: 'snapshot', bakeTime: '0s', waves: [{ name: 'all' }] } },`,
  });
  const url = fleet.hostUrls.h1!;
  await query(url, 'create table public.gate (open boolean); insert into public.gate values (false)');
  await fleet.worker();
  const begun = await fleet.cli(['start', '--yes', '--json']);
  const canary = begun.json.waves[0].canaries[0].tenant;
  const dropped = schemas.find((schema) => schema !== canary)!;
  await query(url, `create schema t900; drop schema ${dropped} cascade; update public.gate set open = true`);
  const end = await fleet.cli(['wait', '--json']);
  expect(end.json.totals).toMatchObject({ applied: 4, gone: 1, failed: 0 });
  expect(await query(url, `select from pg_tables where schemaname = 't900'`)).toEqual([]);
  await query(url, 'update public.gate set open = false');
  await fleet.cli(['start', '--strategy', 'fast', '--yes', '--json']);
  await query(url, 'create schema t901; update public.gate set open = true');
  const next = await fleet.cli(['wait', '--json']);
  expect(next.json.totals, next.stdout).toMatchObject({ applied: 2 });
  await onceEach(url, [...schemas.filter((schema) => schema !== dropped), 't900', 't901'], ['20260101000000_gated']);
});

it('[F60] people who run migrate:latest and migrate:unlock at the same moment corrupt no tenant', async () => {
  const schemas = names(6);
  const migrations = {
    '20260101000000_notes.js': createNotes,
    '20260102000000_title.js': addTitle,
    '20260103000000_more.js': `exports.up = (knex) => knex.raw('alter table notes add column more int'); exports.down = (knex) => knex.raw('alter table notes drop column more');`,
  };
  const fleet = await setup({ schemas, migrations });
  const url = fleet.hostUrls.h1!;
  await fleet.worker();
  let over = false;
  const outcomes = new Map<string, number>();
  /** Knex as its command line is configured, over and over on one tenant. */
  const person = async (schema: string, verbs: readonly ('latest' | 'forceFreeMigrationsLock')[]) => {
    const knex = Knex({
      client: 'pg',
      connection: url,
      searchPath: [schema],
      pool: { min: 0, max: 2 },
      log: { warn() {}, error() {} },
      migrations: { directory: join(fleet.dir, 'migrations'), schemaName: schema },
    });
    try {
      for (let turn = 0; !over; turn++) {
        const verb = verbs[turn % verbs.length]!;
        const said = await knex.migrate[verb]().then(
          () => 'did it',
          (error: Error) => (/already locked/.test(error.message) ? 'found it locked' : error.message.split(' - ').at(-1)!),
        );
        outcomes.set(said, (outcomes.get(said) ?? 0) + 1);
      }
    } finally {
      await knex.destroy();
    }
  };
  const people = [
    person('t000', ['latest']),
    person('t001', ['latest', 'latest', 'forceFreeMigrationsLock']),
    person('t002', ['forceFreeMigrationsLock', 'latest']),
  ];
  for (let round = 0; round < 3; round++) {
    const end = await fleet.cli(['start', '--wait', '--yes', '--json']);
    expect([0, 9], end.stdout).toContain(end.code);
  }
  over = true;
  await Promise.all(people);
  for (const schema of schemas) {
    // Whatever they did, history and schema agree, and Knex goes on by itself
    const knex = Knex({
      client: 'pg',
      connection: url,
      searchPath: [schema],
      pool: { min: 0, max: 2 },
      migrations: { directory: join(fleet.dir, 'migrations'), schemaName: schema },
    });
    try {
      await knex.migrate.latest();
      const columns = await query<{ c: string }>(
        url,
        `select column_name c from information_schema.columns where table_schema = $1 and table_name = 'notes' order by ordinal_position`,
        [schema],
      );
      expect({ schema, columns: columns.map((row) => row.c).sort() }).toEqual({ schema, columns: ['body', 'id', 'more', 'title'] });
    } finally {
      await knex.destroy();
    }
    expect({ schema, ...(await leftovers(url, schema)) }).toMatchObject({ schema, knexLock: [0], doubledHistory: 0, journal: 0 });
  }
  expect(outcomes.get('did it')).toBeGreaterThan(0);
});

describe.skipIf(!existsSync('/usr/sbin/pgbouncer'))('a pooler before the host', () => {
  it.each(['transaction', 'statement'] as const)(
    '[F61] in %s mode is recognised when planning and refused with the reason',
    async (mode) => {
      const db = await createDatabase('pooled');
      cleanup.push(() => db.drop());
      await query(db.url, 'create schema t000');
      const pooler = await startPgBouncer(db.url, mode, spawn);
      cleanup.push(() => pooler.stop());
      const fleet = await setup({ hosts: { h1: { schemas: [], url: pooler.url } } });
      await fleet.worker();
      const plan = await fleet.cli(['plan', '--json']);
      expect(plan.code, plan.stdout).toBe(3);
      expect(plan.json.findings).toContainEqual(
        expect.objectContaining({ severity: 'error', code: 'FLT_TRANSACTION_POOLER', message: expect.stringContaining('h1') }),
      );
      expect(await query(db.url, `select from pg_tables where schemaname = 't000'`)).toEqual([]);
    },
  );

  it('[F61] in session mode is worked through', async () => {
    const db = await createDatabase('pooled');
    cleanup.push(() => db.drop());
    await query(
      db.url,
      names(3)
        .map((schema) => `create schema ${schema}`)
        .join(';'),
    );
    const pooler = await startPgBouncer(db.url, 'session', spawn);
    cleanup.push(() => pooler.stop());
    const fleet = await setup({ hosts: { h1: { schemas: [], url: pooler.url } } });
    const worker = await fleet.worker();
    const end = await fleet.cli(['start', '--wait', '--yes', '--json']);
    expect(end.code, end.stdout).toBe(0);
    await worker.stop();
    await onceEach(db.url, names(3), [NOTES]);
  });
});

it('[F62] a server that has no connection left is asked again later: no tenant fails, and the rollout ends when there is room', async () => {
  const server = await startPostgres({
    settings: { max_connections: '14', superuser_reserved_connections: '3', reserved_connections: '0' },
  });
  cleanup.push(() => server.stop());
  await query(server.url, `create role app login password 'app'; grant all on database postgres to app; alter role app createdb`);
  const schemas = names(20);
  await query(server.url, schemas.map((schema) => `create schema ${schema} authorization app`).join(';'));
  const own = new URL(server.url);
  own.username = 'app';
  own.password = 'app';
  const fleet = await setup({
    hosts: { h1: { schemas: [], url: own.toString(), maxConcurrency: 8 } },
    migrations: { '20260101000000_gated.js': waitsAtGate },
  });
  await query(
    server.url,
    'create table public.gate (open boolean); insert into public.gate values (false); grant select on public.gate to app',
  );
  const worker = await fleet.worker();
  expect((await fleet.cli(['start', '--strategy', 'fast', '--yes', '--json'])).code).toBe(0);
  // The application takes every connection that ordinary roles may have, those of the worker's sessions too, and keeps them for a while
  const app: Awaited<ReturnType<typeof createHolder>>[] = [];
  const takeAll = async () => {
    for (;;) {
      try {
        app.push(await createHolder(own.toString(), 'select 1'));
      } catch (error) {
        expect((error as { code: string }).code).toBe('53300');
        return;
      }
    }
  };
  const refill = await createHolder(server.url, 'select 1'); // one of the reserved ones, to look with
  await until(async () => {
    await takeAll();
    const [{ n }] = (await query<{ n: number }>(
      server.url,
      `select count(pg_terminate_backend(pid))::int n from pg_stat_activity where application_name like 'flotilla%'`,
    )) as [{ n: number }];
    return n === 0;
  }, 'no session of the worker is left');
  await until(async () => {
    const { json } = await fleet.cli(['status', '--json']);
    return json.totals.blocked > 0 && json.totals.failed === 0;
  }, 'the tenants of the host wait, and none has failed');
  await query(server.url, 'update public.gate set open = true');
  await Promise.all(app.map((client) => client.end()));
  await refill.end();
  const end = await fleet.cli(['wait', '--json']);
  expect(end.code, end.stdout).toBe(0);
  expect(end.json.totals).toMatchObject({ applied: 20, failed: 0, parked: 0 });
  await worker.stop();
  await onceEach(server.url, schemas, ['20260101000000_gated']);
});

const small = process.getuid?.() === 0 ? smallFileSystem(24) : undefined;
it.skipIf(!small || !debianPostgres)(
  '[F63] a full disk stops its host, not its tenants: nothing fails, and it goes on when there is room',
  async () => {
    cleanup.push(() => small!.close());
    const server = await startDebianPostgres();
    cleanup.push(() => server.close());
    const schemas = names(6);
    await query(server.url, `create tablespace small location '${small!.path}'`);
    await query(server.url, 'create database little tablespace small');
    const url = new URL(server.url);
    url.pathname = '/little';
    await query(url.toString(), schemas.map((schema) => `create schema ${schema}`).join(';'));
    const fleet = await setup({
      hosts: { h1: { schemas: [], url: url.toString(), maxConcurrency: 2 } },
      migrations: {
        '20260101000000_big.js': `exports.up = async (knex) => { await knex.raw('create table big (t text)'); await knex.raw("insert into big select repeat(md5(i::text), 100) from generate_series(1, 800) i"); };`,
      },
    });
    const worker = await fleet.worker();
    // What is left is enough for some of them
    await query(
      url.toString(),
      `create table public.ballast as select repeat(md5(i::text), 100) t from generate_series(1, 3000) i; alter table public.ballast alter t set storage plain`,
    );
    await query(url.toString(), `create table public.more_ballast (t text); alter table public.more_ballast alter t set storage plain`);
    await query(url.toString(), `insert into public.more_ballast select repeat('x', 1900) from generate_series(1, 20000)`).catch(
      (error: { code: string }) => expect(error.code).toBe('53100'),
    );
    expect((await fleet.cli(['start', '--yes', '--json'])).code).toBe(0);
    const waiting = await until(async () => {
      const { json } = await fleet.cli(['status', '--json']);
      return json.reasons.some((it: { kind: string }) => it.kind === 'host') && json;
    }, 'the host is said to be in trouble');
    expect(waiting.totals).toMatchObject({ failed: 0, parked: 0 });
    await query(url.toString(), 'drop table public.ballast, public.more_ballast');
    await query(url.toString(), 'checkpoint');
    const end = await fleet.cli(['wait', '--json']);
    expect(end.code, end.stdout).toBe(0);
    expect(end.json.totals).toMatchObject({ applied: 6, failed: 0, parked: 0 });
    await worker.stop();
    await onceEach(url.toString(), schemas, ['20260101000000_big']);
  },
);

it('[F65] paused and resumed all the while, continuing as new in between, with a worker killed: each tenant once, and the counts add up', async () => {
  const schemas = names(60);
  const fleet = await setup({
    schemas,
    // The last tenant waits at the gate, so that there is a rollout to steer as long as the test wants one
    migrations: {
      '20260101000000_slow.js': `exports.up = async (knex) => {
        await knex.raw('select pg_sleep(0.05)');
        while ((await knex.raw("select current_schema() = '${schemas.at(-1)}' and not open as shut from public.gate")).rows[0].shut)
          await new Promise((done) => setTimeout(done, 20));
        await knex.raw('create table slow_table (id int)');
      };`,
    },
    config: `strategy: 'one', strategies: { one: { canary: false, waves: [{ name: 'all' }], bakeTime: '0s' } },`,
  });
  const url = fleet.hostUrls.h1!;
  await query(url, 'create table public.gate (open boolean); insert into public.gate values (false)');
  const victim = await fleet.worker();
  await fleet.worker();
  const client = await connected(fleet);
  const { rolloutId } = await started(client, { tuning: { continueAsNewAfterEvents: 60, smallWave: 1, listSize: 3, timeBoxMs: 300 } });
  const applied = async () =>
    Number((await query<{ n: number }>(url, `select count(*)::int n from pg_tables where tablename = 'slow_table'`))[0]!.n);
  for (let round = 1; round <= 3 || (await applied()) < 45; round++) {
    await client.pause({ reason: `round ${round}` });
    await client.resume({ reason: `round ${round}` });
    if (round === 3) victim.process.kill('SIGKILL');
  }
  await query(url, 'update public.gate set open = true');
  const end = await fleet.cli(['wait', rolloutId, '--json']);
  expect(end.code, end.stdout).toBe(0);
  expect(end.json.totals).toMatchObject({ applied: 60, failed: 0, unknown: 0, pending: 0 });
  await onceEach(url, schemas, ['20260101000000_slow']);
});

it('[F66] whose control database is lost in the middle of a rollout: aborted, rebuilt from the ledgers, and finished by the next start', async () => {
  const schemas = names(6);
  const fleet = await setup({
    schemas,
    config: `strategy: 'kept', strategies: { kept: { canary: { count: 2, bakeTime: '1h' }, bakeTime: '0s', finalBakeTime: '0s', waves: [{ name: 'all' }] } },`,
  });
  const lost = await fleet.worker();
  const begun = await fleet.cli(['start', '--yes', '--actor', 'ana', '--json']);
  await until(async () => (await fleet.cli(['status', '--json'])).json.state === 'baking', 'the canaries bake');
  await loseControl(fleet);
  await lost.stop('SIGKILL');
  await fleet.worker();
  expect((await fleet.cli(['ready', '--all', NOTES, '--json'])).code).toBe(7);

  expect((await fleet.cli(['abort', '--reason', 'the control database is gone', '--yes', '--json'])).code).toBe(0);
  const end = await fleet.cli(['wait', '--json']);
  expect(end.json, end.stdout).toMatchObject({ state: 'aborted', totals: { applied: 2 } });
  const refreshed = await fleet.cli(['refresh', '--json']);
  expect(refreshed.json, refreshed.stdout).toMatchObject({ totals: { tenants: 6, upToDate: 2, pending: 4 }, rebuilt: { rollouts: 1 } });
  const { rollouts } = (await fleet.cli(['history', '--json'])).json;
  expect(rollouts).toMatchObject([{ rolloutId: begun.json.rolloutId, actor: 'ana', totals: { applied: 2 } }]);

  const next = await fleet.cli(['start', '--strategy', 'fast', '--wait', '--yes', '--json']);
  expect(next.json, next.stdout).toMatchObject({ state: 'succeeded', totals: { applied: 4, failed: 0 } });
  expect((await fleet.cli(['ready', '--all', NOTES, '--json'])).code).toBe(0);
  await onceEach(fleet.hostUrls.h1!, schemas, [NOTES]);
});

async function createHolder(url: string, sql: string) {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  await client.query(`begin; ${sql}`);
  return client;
}
