/** Where one migration after the other misbehaves: copies of a template, left behind as soon as anything in one is not as it was. */

import pg from 'pg';
import { expect } from 'vitest';
import type { TenantRef } from '../../../src/domain/tenant.js';
import type { AttemptResult } from '../../../src/postgres/contract.js';
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

type Migration = Pick<EscapeAttempt, 'id' | 'source' | 'given' | 'role'>;
export interface Ground {
  /** One attempt of the migration, on a tenant that nothing has touched. */
  run(migration: Migration, options?: Partial<RunnerOptions>): Promise<Trial>;
  /** The same, and what it changed is nobody's concern. */
  runOnly(migration: Migration, options?: Partial<RunnerOptions>): Promise<Omit<Trial, 'changed'>>;
  /** A database for a test of its own. */
  database(): Promise<TestDatabase>;
  close(): Promise<void>;
}

type Place = Pick<TestDatabase, 'name' | 'url'>;
async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
}

/** Hashes by catalog, table and sequence. */
type Contents = ReadonlyMap<string, string>;

/** @param kind where tenant `acme` lives: in a schema beside others, or in a database of its own */
export async function createGround(server: string, kind: 'schema' | 'database'): Promise<Ground> {
  const template = await createDatabase('template', undefined, server);
  const tenantIn = (db: Place): TenantRef =>
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

  const contentsOf = async (client: pg.Client): Promise<Contents> => {
    const { rows } = await client.query<{ what: string; hash: string }>(everything);
    return new Map(rows.map(({ what, hash }) => [what, hash]));
  };
  const admin = await connected(server);
  let serial = 0;
  let here: { readonly name: string; readonly url: string; readonly client: pg.Client } | undefined;
  /** What is there, as long as nothing in it has changed. */
  let contents: Contents | undefined;

  async function leave() {
    if (!here) return;
    await here.client.end();
    await admin.query(`drop database ${here.name} with (force)`);
    here = contents = undefined;
  }
  async function untouched(compared: boolean) {
    if (!contents) await leave();
    if (!here) {
      const name = `${template.name}_${++serial}`;
      await admin.query(`create database ${name} template ${template.name}`);
      const url = template.url.replace(template.name, name);
      here = { name, url, client: await connected(url) };
    }
    if (compared) contents ??= await contentsOf(here.client);
    return here;
  }
  async function attempt({ id, source, role }: Migration, db: Place, options: Partial<RunnerOptions>): Promise<AttemptResult> {
    const name = `20260202_${id}`;
    const fixture = createFixture(db.url, { [`${name}.js`]: filler(db)(source) }, options);
    fixture.deltas.set(name, { added: [], removed: [] }); // what it changes is compared in full
    try {
      return await fixture.attempt({ ...tenantIn(db), ...(role ? { role } : {}) }, 'up', { rolloutId: `r-${id}` });
    } finally {
      await fixture.close();
    }
  }

  return {
    database: () => createDatabase('ground', template.name, server),
    async run(migration, options = {}) {
      const db = await untouched(migration.given === undefined);
      const { client } = db;
      let before = contents;
      contents = undefined;
      if (migration.given !== undefined) {
        await client.query(filler(db)(migration.given));
        before = await contentsOf(client);
      }
      const result = await attempt(migration, db, options);
      const after = await contentsOf(client).catch((error: Error) => new Map([['error', error.message]]));
      const changed = [...before!.keys()].filter((what) => before!.get(what) !== after.get(what));
      if (migration.given === undefined && changed.length === 0) contents = before;
      return { result, changed, client };
    },
    async runOnly(migration, options = {}) {
      const db = await untouched(false);
      const { client } = db;
      contents = undefined;
      if (migration.given !== undefined) await client.query(filler(db)(migration.given));
      return { result: await attempt(migration, db, options), client };
    },
    async close() {
      await leave();
      await admin.end();
      await template.drop();
    },
  };
}

/** Puts into a source how the server itself reaches this database. */
function filler(db: Place): (text: string) => string {
  const url = new URL(db.url);
  const dsn = `host=127.0.0.1 port=${url.port} dbname=${db.name} user=${url.username} password=${url.password}`;
  const parts: Record<string, string> = { url: db.url, dsn, port: url.port, database: db.name, user: url.username, password: url.password };
  return (text) => text.replace(/\{\{(\w+)\}\}/g, (_, name: string) => parts[name]!);
}
