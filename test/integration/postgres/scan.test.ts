import type { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { HistoryNames, Position } from '../../../src/postgres/contract.js';
import { createBookkeeping } from '../../../src/postgres/ledger.js';
import { discoverSchemas, scanPositions } from '../../../src/postgres/scan.js';
import { createDatabase, createFixture, ident, query, type TestDatabase } from '../../support/postgres.js';

const NAMES: HistoryNames = { tableName: 'knex_migrations' };

let db: TestDatabase;
let client: Client;
let serial = 0;

beforeAll(async () => {
  db = await createDatabase('scan');
  client = await db.client();
});
afterAll(() => db.drop());

/** What a scan answers, with what most tenants lack. */
const position = (id: string, more: Partial<Position>): Position => ({
  id,
  applied: [],
  written: [],
  checksums: {},
  halfWay: [],
  ...more,
});

/** A schema with the given history, as Knex would have left it, and with ledger rows of kind, migration and checksum. */
async function tenant(
  options: {
    schema?: string;
    history?: readonly string[];
    ledger?: readonly (readonly [string, string, string | null])[];
    names?: HistoryNames;
  } = {},
): Promise<{ id: string; schema: string }> {
  const schema = options.schema ?? `t${++serial}`;
  const names = options.names ?? NAMES;
  await query(db.url, `create schema ${ident(schema)}`);
  const it = { id: `id of ${schema}`, schema };
  const home = ident(names.schemaName ?? schema);
  if (options.ledger) await query(db.url, createBookkeeping({ ...it, host: 'h1' }, 'shop', names));
  else if (options.history)
    await query(
      db.url,
      `create table if not exists ${home}.${ident(names.tableName)} (id serial primary key, name varchar(255), batch integer, migration_time timestamptz)`,
    );
  for (const name of options.history ?? [])
    await query(db.url, `insert into ${home}.${ident(names.tableName)} (name, batch) values ($1, 1)`, [name]);
  for (const [kind, migration, checksum] of options.ledger ?? [])
    await query(
      db.url,
      `insert into ${ident(schema)}.flotilla_ledger (kind, tenant, fleet, migration, checksum) values ($1, $2, 'shop', $3, $4)`,
      [kind, it.id, migration, checksum],
    );
  return it;
}

/** The journal as the runner makes it. */
const createJournal = (schema: string): string =>
  `create table ${ident(schema)}.flotilla_step (id bigint generated always as identity primary key, at timestamptz not null default clock_timestamp(), migration text not null,
   direction text not null, key text not null, occurrence int not null, state text not null, statement text not null, result bytea, unique (migration, direction, key, occurrence))`;

describe('positions', () => {
  it('tells a tenant with a history from one without and from a schema that does not exist, in the order given', async () => {
    const moved = await tenant({ history: ['20260101_a.js', '20260102_b.js'] });
    const empty = await tenant({ history: [] });
    const fresh = await tenant();
    const lost = { id: 'lost', schema: 'no_such_schema' };
    expect(await scanPositions(client, [lost, moved, fresh, empty], NAMES)).toEqual([
      position('lost', { applied: undefined }),
      position(moved.id, { applied: ['20260101_a', '20260102_b'], written: ['20260101_a.js', '20260102_b.js'] }),
      position(fresh.id, {}),
      position(empty.id, {}),
    ]);
  });

  it('lists migrations in the order of their application, not of their names', async () => {
    const it = await tenant({ history: ['20260103_late.js', '20260101_early.js'] });
    expect((await scanPositions(client, [it], NAMES))[0]!.applied).toEqual(['20260103_late', '20260101_early']);
  });

  it('takes one migration that was recorded as .ts and as .js for one', async () => {
    const it = await tenant({ history: ['a.ts', 'a.js', 'b.cjs', 'c.mjs', 'd.mts', 'e.coffee', 'no.extension'] });
    expect((await scanPositions(client, [it], NAMES))[0]!.applied).toEqual(['a', 'b', 'c', 'd', 'e', 'no.extension']);
  });

  it('answers the checksums of the ledger, for the migrations that Flotilla applied', async () => {
    const it = await tenant({
      history: ['a.js', 'b.js', 'c.js'],
      ledger: [
        ['intent', 'b', 'of the intent'],
        ['applied', 'b', 'b1'],
        ['failed', 'c', 'of the failure'],
        ['applied', 'c', null],
      ],
    });
    expect((await scanPositions(client, [it], NAMES))[0]).toMatchObject({ applied: ['a', 'b', 'c'], checksums: { b: 'b1', c: '' } });
  });

  it('forgets the checksum of a reverted migration, and takes the newest of one that was applied again', async () => {
    const it = await tenant({
      history: ['b.js'],
      ledger: [
        ['applied', 'a', 'a1'],
        ['applied', 'b', 'b1'],
        ['reverted', 'b', 'b1'],
        ['reverted', 'a', 'a1'],
        ['applied', 'b', 'b2'],
      ],
    });
    expect((await scanPositions(client, [it], NAMES))[0]!.checksums).toEqual({ b: 'b2' });
  });

  it('reads what an attempt of ours and its revert left', async () => {
    const it = await tenant();
    const fixture = createFixture(db.url, {
      '20260101_a.js': `exports.up = (knex) => knex.schema.createTable('a', (t) => { t.increments(); }); exports.down = (knex) => knex.schema.dropTable('a');`,
    });
    try {
      const [planned] = await fixture.migrations();
      await fixture.attempt({ ...it, host: 'h1' });
      const identity = { tenant: it.id, copied: false };
      expect(await scanPositions(client, [it], NAMES)).toEqual([
        position(it.id, {
          applied: ['20260101_a'],
          written: ['20260101_a.js'],
          checksums: { '20260101_a': planned!.checksum },
          identity,
        }),
      ]);
      await fixture.attempt({ ...it, host: 'h1' }, 'down');
      expect(await scanPositions(client, [it], NAMES)).toEqual([position(it.id, { identity })]);
    } finally {
      await fixture.close();
    }
  });

  it('answers the checksums of migrations that were marked as applied, until they are applied anew', async () => {
    const marked = await tenant({ history: ['a.js'], ledger: [['baseline', 'a', 'a1']] });
    const anew = await tenant({
      history: ['a.js'],
      ledger: [
        ['baseline', 'a', 'a1'],
        ['applied', 'a', 'a2'],
      ],
    });
    expect((await scanPositions(client, [marked, anew], NAMES)).map(({ checksums }) => checksums)).toEqual([{ a: 'a1' }, { a: 'a2' }]);
  });

  it('answers the names of the history as they are written, doubles too', async () => {
    const it = await tenant({ history: ['a.ts', 'b.js', 'a.js'] });
    expect((await scanPositions(client, [it], NAMES))[0]).toMatchObject({ applied: ['a', 'b'], written: ['a.ts', 'b.js', 'a.js'] });
  });

  it.each(['acme', `o'hara "inc" \\ 50%`, 'pérez\u001e日本\u001f', '{}'])('answers that the ledger is that of tenant %j', async (name) => {
    const it = await tenant({ ledger: [] });
    await query(
      db.url,
      `insert into ${ident(it.schema)}.flotilla_ledger (kind, tenant, fleet, xid) values ('identity', $1, 'shop', pg_current_xact_id())`,
      [name],
    );
    expect((await scanPositions(client, [it], NAMES))[0]!.identity).toEqual({ tenant: name, copied: false });
  });

  it('tells a ledger that was copied from one that was written where it stands, by its newest identity', async () => {
    const from = await tenant({ history: ['a.js'], ledger: [['applied', 'a', 'a1']] });
    const to = await tenant();
    await query(
      db.url,
      `create table ${ident(to.schema)}.flotilla_ledger (like ${ident(from.schema)}.flotilla_ledger including all);
       insert into ${ident(to.schema)}.flotilla_ledger overriding system value select * from ${ident(from.schema)}.flotilla_ledger;`,
    );
    const identities = async () => (await scanPositions(client, [from, to], NAMES)).map(({ identity }) => identity);
    expect(await identities()).toEqual([
      { tenant: from.id, copied: false },
      { tenant: from.id, copied: true },
    ]);
    await query(
      db.url,
      `insert into ${ident(to.schema)}.flotilla_ledger (id, kind, tenant, fleet, xid) overriding system value select 99, 'identity', $1, 'shop', pg_current_xact_id()`,
      [to.id],
    );
    expect((await identities())[1]).toEqual({ tenant: to.id, copied: false });
  });

  it('reads an identity also where the history is not there any more', async () => {
    const it = await tenant({ ledger: [['applied', 'a', 'a1']] });
    await query(db.url, `drop table ${ident(it.schema)}.knex_migrations`);
    expect((await scanPositions(client, [it], NAMES))[0]).toMatchObject({ applied: [], identity: { tenant: it.id } });
  });

  it('counts what the journal holds of a half-way migration, and takes an empty one for nothing', async () => {
    const [half, empty, none] = await Promise.all(
      [1, 2, 3].map(() =>
        tenant({
          ledger: [
            ['intent', 'a', 'a1'],
            ['failed', 'a', null],
          ],
        }),
      ),
    );
    for (const { schema } of [half!, empty!]) await query(db.url, createJournal(schema));
    await query(
      db.url,
      `insert into ${ident(half!.schema)}.flotilla_step (migration, direction, key, occurrence, state, statement)
       values ('a', 'up', 'before', 0, 'done', ''), ('a', 'up', 'k1', 1, 'done', 's'), ('a', 'up', 'k2', 1, 'started', 's'), ('b', 'down', 'k1', 1, 'done', 's'), ('c', 'up', 'before', 0, 'done', '')`,
    );
    expect((await scanPositions(client, [half!, empty!, none!], NAMES)).map(({ halfWay }) => halfWay)).toEqual([
      [
        { direction: 'up', migration: 'a', n: 2 },
        { direction: 'down', migration: 'b', n: 1 },
      ],
      [],
      [],
    ]);
  });

  it.each([
    ['went on to its end', [['applied', 'a', 'a1']], false],
    ['was taken back', [['reverted', 'a', 'a1']], false],
    ['is behind another that was applied since', [['applied', 'b', 'b1']], true],
    [
      'has begun its way back',
      [
        ['applied', 'a', 'a1'],
        ['intent', 'a', 'a1'],
      ],
      true,
    ],
  ] as const)('reads the journal as long as the ledger knows of no end: a migration that %s', async (_, since, read) => {
    const it = await tenant({ ledger: [['intent', 'a', 'a1'], ['failed', 'a', null], ...since] });
    await query(db.url, createJournal(it.schema));
    await query(
      db.url,
      `insert into ${ident(it.schema)}.flotilla_step (migration, direction, key, occurrence, state, statement) values ('a', 'up', 'k1', 1, 'done', 's')`,
    );
    expect((await scanPositions(client, [it], NAMES))[0]!.halfWay).toEqual(read ? [{ direction: 'up', migration: 'a', n: 1 }] : []);
  });

  it('reads a history table of another name, and passes over one of the usual name', async () => {
    const names = { tableName: 'My "Migrations"' };
    const it = await tenant({ history: ['a.js'], names });
    const usual = await tenant({ history: ['a.js'] });
    expect((await scanPositions(client, [it, usual], names)).map((position) => position.applied)).toEqual([['a'], []]);
  });

  it("reads Knex's table in a schema of its own, and each ledger in its tenant's schema", async () => {
    await query(db.url, `create schema "Knex's home"`);
    const names = { tableName: 'knex_migrations', schemaName: `Knex's home` };
    const it = await tenant({ history: ['a.js'], ledger: [['applied', 'a', 'a1']], names });
    const other = await tenant();
    expect(await scanPositions(client, [it, other, { id: 'lost', schema: 'gone' }], names)).toEqual([
      position(it.id, { applied: ['a'], written: ['a.js'], checksums: { a: 'a1' }, identity: { tenant: it.id, copied: false } }),
      position(other.id, { applied: ['a'], written: ['a.js'] }),
      position('lost', { applied: undefined }),
    ]);
  });

  it('answers nothing applied while the schema for the history does not exist yet', async () => {
    const it = await tenant();
    expect(await scanPositions(client, [it], { tableName: 'knex_migrations', schemaName: 'not_yet' })).toEqual([position(it.id, {})]);
  });

  it.each([`a"b'; drop schema public cascade; --`, `a\\'b`, 'MiXeD Case.dot', '$1', '{"a",b}', 'pérez_日本', 'x'.repeat(63)])(
    'reads the schema %s like any other',
    async (schema) => {
      const it = await tenant({
        schema,
        history: ['a.js'],
        ledger: [
          ['applied', 'a', 'a1'],
          ['intent', 'b', 'b1'],
        ],
      });
      await query(db.url, createJournal(schema));
      await query(
        db.url,
        `insert into ${ident(schema)}.flotilla_step (migration, direction, key, occurrence, state, statement) values ('b', 'up', 'k', 1, 'done', 's')`,
      );
      expect(await scanPositions(client, [it], NAMES)).toEqual([
        position(it.id, {
          applied: ['a'],
          written: ['a.js'],
          checksums: { a: 'a1' },
          identity: { tenant: it.id, copied: false },
          halfWay: [{ direction: 'up', migration: 'b', n: 1 }],
        }),
      ]);
    },
  );

  it('does not take a name that is too long for the schema that Postgres would cut it to', async () => {
    await tenant({ schema: 'y'.repeat(63), history: ['a.js'] });
    expect((await scanPositions(client, [{ id: 'long', schema: 'y'.repeat(64) }], NAMES))[0]!.applied).toBeUndefined();
  });

  it('passes over views that are named like the history', async () => {
    const it = await tenant();
    await query(db.url, `create view ${ident(it.schema)}.knex_migrations as select 1 as id, 'a.js'::text as name`);
    expect((await scanPositions(client, [it], NAMES))[0]!.applied).toEqual([]);
  });

  it('answers a thousand tenants one by one in order, also where two share a schema', async () => {
    const moved = await tenant({ history: ['a.js'] });
    const fresh = await tenant();
    const asked = Array.from({ length: 1_000 }, (_, n) => ({ id: `n${n}`, schema: [moved.schema, fresh.schema, `gone${n}`][n % 3]! }));
    const positions = await scanPositions(client, asked, NAMES);
    expect(positions.map((position) => position.id)).toEqual(asked.map((one) => one.id));
    expect(positions.map((position) => position.applied)).toEqual(asked.map((_, n) => [['a'], [], undefined][n % 3]));
  });

  it('answers nothing when asked for nobody', async () => {
    expect(await scanPositions(client, [], NAMES)).toEqual([]);
  });
});

describe('schemas that fit a glob', () => {
  let own: TestDatabase;
  let inOwn: Client;
  beforeEach(async () => {
    own = await createDatabase('discover');
    inOwn = await own.client();
    for (const schema of [
      'tenant_b',
      'tenant_a',
      'tenantXa',
      'Tenant_a',
      'tenant_a_old',
      '100%',
      '100x',
      'a\\b',
      'axb',
      `it's`,
      'pgx',
      'pg',
    ])
      await query(own.url, `create schema ${ident(schema)}`);
  });
  afterEach(() => own.drop());

  it.each([
    ['tenant_*', ['tenant_a', 'tenant_a_old', 'tenant_b']],
    ['tenant_?', ['tenant_a', 'tenant_b']],
    ['tenant_a', ['tenant_a']],
    ['tenant?a', ['tenantXa', 'tenant_a']],
    ['100%', ['100%']],
    ['a\\b', ['a\\b']],
    [`it's`, [`it's`]],
    ['nobody_*', []],
    ['pg*', ['pg', 'pgx']],
    ['information_schema', []],
  ])('%s finds %j', async (glob, found) => {
    expect(await discoverSchemas(inOwn, glob)).toEqual(found);
  });

  it("leaves the system's own out of a star, and sorts by bytes", async () => {
    expect(await discoverSchemas(inOwn, '*')).toEqual([
      '100%',
      '100x',
      'Tenant_a',
      'a\\b',
      'axb',
      `it's`,
      'pg',
      'pgx',
      'public',
      'tenantXa',
      'tenant_a',
      'tenant_a_old',
      'tenant_b',
    ]);
  });

  it('means the same whatever the session says about backslashes in strings', async () => {
    await inOwn.query('set standard_conforming_strings to off; set escape_string_warning to off');
    expect(await discoverSchemas(inOwn, 'tenant_?')).toEqual(['tenant_a', 'tenant_b']);
    expect(await discoverSchemas(inOwn, 'a\\b')).toEqual(['a\\b']);
  });
});

it('writes nothing: it works in a read-only transaction and keeps no lock and no transaction open', async () => {
  const moved = await tenant({ history: ['a.js'], ledger: [['applied', 'a', 'a1']] });
  const fresh = await tenant();
  const own = await db.client();
  await own.query('set default_transaction_read_only to on');
  expect((await scanPositions(own, [moved, fresh], NAMES)).map((position) => position.applied)).toEqual([['a'], []]);
  expect(await discoverSchemas(own, moved.schema)).toEqual([moved.schema]);
  const { rows } = await client.query(
    `select state, locktype from pg_stat_activity a left join pg_locks l using (pid)
     where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid() and (state <> 'idle' or locktype is not null)`,
  );
  expect(rows).toEqual([]);
  const made = await query(db.url, `select relname from pg_class c join pg_namespace n on n.oid = c.relnamespace where nspname = $1`, [
    fresh.schema,
  ]);
  expect(made).toEqual([]);
});
