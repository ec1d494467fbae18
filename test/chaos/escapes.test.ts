/**
 * Promise 2, never the wrong tenant: what a migration of tenant `acme` may try (`support/escape-attempts.ts`), what it may do, and what a
 * connection keeps of it. On a server of its own, so that roles and settings can be compared too; `ESCAPES_SERVER` names another one.
 */

import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PostgresServer, startPostgres } from '../../src/dev/embedded-postgres.js';
import type { TenantRef } from '../../src/domain/tenant.js';
import type { AttemptResult } from '../../src/postgres/contract.js';
import type { RunnerOptions } from '../../src/postgres/runner.js';
import { createDatabase, createFixture, query, type TestDatabase } from '../support/postgres.js';
import { ATTEMPTS, type EscapeAttempt } from './support/escape-attempts.js';
import { BASE, BESIDES, CLUSTER, CLUSTER_ROLES, everythingIn } from './support/victims.js';

const FILES = {
  '20260101_base.js': BASE,
  '20260102_outside.js': `exports.config = { transaction: false }; exports.up = () => {}; exports.down = () => {};`,
};

let own: PostgresServer | undefined;
let server: string;
let template: TestDatabase;
/** Asks for everything that is in a copy of the template. */
let everything: string;

beforeAll(async () => {
  own = process.env.ESCAPES_SERVER ? undefined : await startPostgres({ settings: { autovacuum: 'off', max_prepared_transactions: '5' } });
  server = own?.url ?? process.env.ESCAPES_SERVER!;
  await query(server, CLUSTER);
  template = await createDatabase('template', undefined, server);
  const fixture = createFixture(template.url, FILES);
  for (const schema of ['acme', 'sibling', 'Vic"tim.x']) {
    await query(template.url, `create schema ${pg.escapeIdentifier(schema)}`);
    expect(await fixture.attempt({ id: schema, host: 'h1', schema })).toMatchObject({ outcome: 'applied' });
  }
  await fixture.close();
  await query(template.url, BESIDES);
  everything = await everythingIn(template.url);
});
afterAll(async () => {
  await ground?.db.drop();
  await template?.drop();
  if (!own) await query(server, `drop role ${CLUSTER_ROLES}`);
  await own?.stop();
});

/** Where the next migration runs: a copy of the template that nothing has touched. */
interface Ground {
  readonly db: TestDatabase;
  readonly client: pg.Client;
  readonly before: ReadonlyMap<string, string>;
}
let ground: Ground | undefined;

async function untouched(): Promise<Ground> {
  if (ground) return ground;
  const db = await createDatabase('ground', template.name, server);
  const client = await db.client();
  ground = { db, client, before: await contents(client) };
  return ground;
}
async function leave(): Promise<void> {
  await ground?.db.drop();
  ground = undefined;
}
async function contents(client: pg.Client): Promise<ReadonlyMap<string, string>> {
  const { rows } = await client.query<{ what: string; hash: string }>(everything);
  return new Map(rows.map(({ what, hash }) => [what, hash]));
}
const changed = (before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string[] =>
  [...before].filter(([what, hash]) => after.get(what) !== hash).map(([what]) => what);

/** Files that Flotilla has applied to the tenant, and the one that misbehaves. */
const filesOf = (id: string, source: string) => ({ ...FILES, [`20260202_${id}.js`]: source });
const ACME = { id: 'acme', host: 'h1', schema: 'acme' } as const;

/** What stands in for it in a source: how the server itself reaches this database. */
const filled = (text: string, { db }: Ground): string => {
  const url = new URL(db.url);
  const dsn = `host=127.0.0.1 port=${url.port} dbname=${db.name} user=${url.username} password=${url.password}`;
  const parts: Record<string, string> = { url: db.url, dsn, port: url.port, database: db.name, user: url.username, password: url.password };
  return text.replace(/\{\{(\w+)\}\}/g, (_, name: string) => parts[name]!);
};

interface Trial {
  readonly result: AttemptResult;
  /** Catalogs, tables and sequences that are not as they were. */
  readonly changed: readonly string[];
}
async function attempted(attempt: EscapeAttempt, options: Partial<RunnerOptions> = {}, tenant: TenantRef = ACME): Promise<Trial> {
  const here = await untouched();
  if (attempt.given) await query(here.db.url, filled(attempt.given, here));
  const before = attempt.given ? await contents(here.client) : here.before;
  const fixture = createFixture(here.db.url, filesOf(attempt.id, filled(attempt.source, here)), options);
  try {
    const result = await fixture.attempt(attempt.role ? { ...tenant, role: attempt.role } : tenant, 'up', {
      canary: false,
      rolloutId: `r-${attempt.id}`,
    });
    return { result, changed: changed(before, await contents(here.client)) };
  } finally {
    await fixture.close();
  }
}

/** Not the tenant's own doing: a file outside a transaction keeps what it did to the tenant before it was refused. */
const elsewhere = ({ id }: EscapeAttempt, { changed }: Trial): string[] =>
  changed.filter((what) => !(id.startsWith('outside-') && what.startsWith('acme.')));

const caught = ATTEMPTS.filter((it) => it.caught).map((attempt) => [attempt.id, attempt.title, attempt] as const);
const notSeen = ATTEMPTS.filter((it) => !it.caught).map((attempt) => [attempt.id, attempt.title, attempt] as const);

describe('a migration is refused, and everything else is as it was, that', () => {
  it.each(caught)('%s: %s', async (id, _, attempt) => {
    const trial = await attempted(attempt);
    const { result } = trial;
    const code = attempt.code === undefined ? 'FLT_TENANT_ESCAPE' : attempt.code;
    const left = elsewhere(attempt, trial);
    if (attempt.given || result.outcome !== 'failed' || trial.changed.length) await leave();
    console.log('@@', id, result.outcome, result.code, result.message, left.join(','));
    if (code === null) {
      expect(result).toMatchObject({ outcome: 'applied' });
      expect(left.filter((what) => !/^(pg_|acme\.)/.test(what))).toEqual([]);
      return;
    }
    expect({ ...result, left }).toMatchObject({ outcome: 'failed', code, left: [] });
    if (attempt.names) expect(result.message).toContain(attempt.names);
  });
});

describe('it is not seen, or not undone, that a migration', () => {
  it.each(notSeen)('%s: %s', async (id, _, attempt) => {
    const { result } = await attempted(attempt);
    const { client } = await untouched();
    console.log('@@', id, result.outcome, result.code, result.message);
    try {
      expect(result).toMatchObject(attempt.refused ? { outcome: 'failed', code: 'FLT_TENANT_ESCAPE' } : { outcome: 'applied' });
      if (attempt.proof) expect(Object.values((await client.query(attempt.proof)).rows[0]!)).toEqual([true]);
    } finally {
      await leave();
    }
  });
});
