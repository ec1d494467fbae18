/** Where one migration after the other misbehaves: copies of a template, left behind as soon as anything in one is not as it was. */

import pg from 'pg';
import { expect } from 'vitest';
import type { TenantRef } from '../../../src/domain/tenant.js';
import type { AttemptInput, AttemptResult } from '../../../src/postgres/contract.js';
import type { RunnerOptions } from '../../../src/postgres/runner.js';
import { createDatabase, createFixture, query, type TestDatabase } from '../../support/postgres.js';
import type { EscapeAttempt } from './escape-attempts.js';
import { BASE, BESIDES, everythingIn } from './victims.js';

const FILES = {
  '20260101_base.js': BASE,
  '20260102_outside.js': `exports.config = { transaction: false }; exports.up = () => {}; exports.down = () => {};`,
};

export interface Trial {
  readonly result: AttemptResult;
  /** Catalogs, tables and sequences that are not as they were. */
  readonly changed: readonly string[];
  /** A session in the database, which stays as it is until the next trial. */
  readonly client: pg.Client;
}

export interface Ground {
  /** One attempt of the migration, on a tenant that nothing has touched. */
  run(
    attempt: Pick<EscapeAttempt, 'id' | 'source' | 'given' | 'role'>,
    options?: Partial<RunnerOptions>,
    input?: Partial<AttemptInput>,
  ): Promise<Trial>;
  /** A database for a test of its own. */
  database(): Promise<TestDatabase>;
  close(): Promise<void>;
}

/** Hashes by catalog, table and sequence. */
type Contents = ReadonlyMap<string, string>;

/** @param kind where tenant `acme` lives: in a schema beside others, or in a database of its own */
export async function createGround(server: string, kind: 'schema' | 'database'): Promise<Ground> {
  const template = await createDatabase('template', undefined, server);
  const tenantIn = (db: TestDatabase): TenantRef =>
    kind === 'schema' ? { id: 'acme', host: 'h1', schema: 'acme' } : { id: 'acme', host: 'h1', database: db.name };
  const prepare = createFixture(template.url, FILES);
  for (const schema of kind === 'schema' ? ['acme', 'sibling', 'Vic"tim.x'] : []) {
    await query(template.url, `create schema ${pg.escapeIdentifier(schema)}`);
    expect(await prepare.attempt({ id: schema, host: 'h1', schema })).toMatchObject({ outcome: 'applied' });
  }
  if (kind === 'database') expect(await prepare.attempt(tenantIn(template))).toMatchObject({ outcome: 'applied' });
  await prepare.close();
  if (kind === 'schema') await query(template.url, BESIDES);
  const everything = await everythingIn(template.url, kind === 'schema' ? 'acme' : 'public');

  let here: { readonly db: TestDatabase; readonly client: pg.Client; readonly contents: Contents } | undefined;
  const contentsOf = async (client: pg.Client): Promise<Contents> => {
    const { rows } = await client.query<{ what: string; hash: string }>(everything);
    return new Map(rows.map(({ what, hash }) => [what, hash]));
  };
  const copy = () => createDatabase('ground', template.name, server);
  async function untouched() {
    if (here) return here;
    const db = await copy();
    const client = await db.client();
    return { db, client, contents: await contentsOf(client) };
  }
  let last: TestDatabase | undefined;
  async function leave() {
    await last?.drop();
    last = undefined;
  }

  return {
    database: copy,
    async run(attempt, options = {}, input = {}) {
      if (!here) await leave();
      const { db, client, contents } = await untouched();
      here = undefined;
      last = db;
      const filled = filler(db);
      if (attempt.given) await client.query(filled(attempt.given));
      const before = attempt.given ? await contentsOf(client) : contents;
      const fixture = createFixture(db.url, { [`20260202_${attempt.id}.js`]: filled(attempt.source) }, options);
      try {
        const tenant = { ...tenantIn(db), ...(attempt.role ? { role: attempt.role } : {}) };
        const result = await fixture.attempt(tenant, 'up', { canary: false, rolloutId: `r-${attempt.id}`, ...input });
        const after = await contentsOf(client).catch((error: Error) => new Map([['error', error.message]]));
        const changed = [...before.keys()].filter((what) => before.get(what) !== after.get(what));
        if (!attempt.given && changed.length === 0) here = { db, client, contents };
        return { result, changed, client };
      } finally {
        await fixture.close();
      }
    },
    async close() {
      await leave();
      await template.drop();
    },
  };
}

/** Puts into a source how the server itself reaches this database. */
function filler(db: TestDatabase): (text: string) => string {
  const url = new URL(db.url);
  const dsn = `host=127.0.0.1 port=${url.port} dbname=${db.name} user=${url.username} password=${url.password}`;
  const parts: Record<string, string> = { url: db.url, dsn, port: url.port, database: db.name, user: url.username, password: url.password };
  return (text) => text.replace(/\{\{(\w+)\}\}/g, (_, name: string) => parts[name]!);
}
