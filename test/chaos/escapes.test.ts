/**
 * Promise 2, never the wrong tenant: what a migration of tenant `acme` may try (`support/escape-attempts.ts`), what it may do
 * (`support/harmless-migrations.ts`), what its refusal says, and what a connection keeps of it. On a server of its own, so that roles and
 * settings can be compared too; `ESCAPES_SERVER` names another one.
 */

import { rmSync } from 'node:fs';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type PostgresServer, startPostgres } from '../../src/dev/embedded-postgres.js';
import type { PlannedMigration } from '../../src/domain/plan.js';
import { fleetSpec } from '../../src/spec/fleet.js';
import { type DebianServer, debianPostgres, startDebianPostgres } from '../support/debian-postgres.js';
import { createFixture, query, type RunnerFixture, type TestDatabase } from '../support/postgres.js';
import { ATTEMPTS, type EscapeAttempt } from './support/escape-attempts.js';
import { createGround, type Ground, type Trial } from './support/ground.js';
import { HARMLESS } from './support/harmless-migrations.js';
import { CLUSTER, CLUSTER_AGAIN, CLUSTER_ROLES } from './support/victims.js';

const SETTINGS = { autovacuum: 'off', max_prepared_transactions: '5' };
let own: PostgresServer | undefined;
let server: string;
const grounds = {} as Record<'schema' | 'database', Ground>;

beforeAll(async () => {
  own = process.env.ESCAPES_SERVER ? undefined : await startPostgres({ settings: SETTINGS });
  server = own?.url ?? process.env.ESCAPES_SERVER!;
  await query(server, CLUSTER);
  grounds.schema = await createGround(server, 'schema');
  grounds.database = await createGround(server, 'database');
});
afterAll(async () => {
  await grounds.schema?.close();
  await grounds.database?.close();
  if (!own) await query(server, `drop role if exists ${CLUSTER_ROLES}`);
  await own?.stop();
});

const named = (attempts: readonly EscapeAttempt[]) => attempts.map((attempt) => [attempt.id, attempt.title, attempt] as const);
const byId = (...ids: readonly string[]): readonly EscapeAttempt[] =>
  ids.map((id) => {
    const found = ATTEMPTS.find((attempt) => attempt.id === id);
    if (!found) throw new Error(`there is no attempt ${id}`);
    return found;
  });

/** A file outside a transaction keeps what it did to its own tenant before it was refused. */
const elsewhere = ({ id }: EscapeAttempt, { changed }: Trial): string[] =>
  changed.filter((what) => !(id.startsWith('outside-') && what.startsWith('acme.')));

async function isCaught(ground: Ground, attempt: EscapeAttempt): Promise<void> {
  const trial = await ground.run(attempt);
  const { result } = trial;
  if (attempt.code === null) {
    expect(result).toMatchObject({ outcome: 'applied' });
    expect(trial.changed.filter((what) => !/^(pg_|acme\.)/.test(what))).toEqual([]);
    return;
  }
  const code = attempt.code ?? 'FLT_TENANT_ESCAPE';
  expect({ ...result, elsewhere: elsewhere(attempt, trial) }).toMatchObject({ outcome: 'failed', code, elsewhere: [] });
  if (attempt.names) expect(result.message).toContain(attempt.names);
}

describe('a migration is refused, and everything else is as it was, that', () => {
  it.each(named(ATTEMPTS.filter((it) => it.caught)))('%s: %s', async (_, __, attempt) =>
    isCaught(grounds[attempt.kind ?? 'schema'], attempt),
  );

  it('reaches elsewhere on its way down', async () => {
    const db = await grounds.schema.database();
    const fixture = createFixture(db.url, {
      '01_down.js': `exports.up = () => {}; exports.down = (knex) => knex.raw('delete from sibling.notes');`,
    });
    try {
      const tenant = { id: 'unmanaged', host: 'h1', schema: 'unmanaged' };
      expect(await fixture.attempt(tenant)).toMatchObject({ outcome: 'applied' });
      expect(await fixture.attempt(tenant, 'down')).toMatchObject({ outcome: 'rollbackFailed', code: 'FLT_TENANT_ESCAPE' });
      expect(await query(db.url, 'select count(*)::int n from sibling.notes')).toEqual([{ n: 5 }]);
    } finally {
      await fixture.close();
      await db.drop();
    }
  });
});

/** Whose traces differ from version to version. */
const OF_VERSIONS = [
  ...[
    'grant-table',
    'grant-table-sibling',
    'grant-sequence',
    'grant-function',
    'grant-type',
    'create-role',
    'revoke-role',
    'role-setting-reset',
  ],
  ...['move-in-table', 'move-in-type', 'drop-function-hidden', 'create-range', 'search-mapping-drop', 'outside-index', 'subscription'],
];
describe.runIf(debianPostgres && !process.env.ESCAPES_SERVER)('on an older Postgres', () => {
  let older: DebianServer;
  let ground: Ground;
  beforeAll(async () => {
    older = await startDebianPostgres(SETTINGS);
    await query(older.url, CLUSTER);
    ground = await createGround(older.url, 'schema');
  });
  afterAll(async () => {
    await ground?.close();
    older?.close();
  });

  it.each(named(byId(...OF_VERSIONS)))('a migration is refused that %s: %s', (_, __, attempt) => isCaught(ground, attempt));
  it.each(named(byId('create-function', 'create-role', 'drop-table', 'update')))(
    'and goes through with the line of the refusal: %s, %s',
    (_, __, attempt) => goesThroughWhenShared(ground, attempt, older.url),
  );
  it.each(
    HARMLESS.filter(({ kinds, id }) => kinds.includes('schema') && /^(alters|grants|savepoint|shared-drop|comments)/.test(id)).map(
      (it) => [it.id, it.title, it] as const,
    ),
  )('a migration is not held up that %s: %s', async (_, __, migration) => {
    expect((await ground.run(migration, migration.options)).result).toMatchObject({ outcome: 'applied' });
  });
});

describe('it is not seen, or not undone, that a migration', () => {
  const notSeen = ATTEMPTS.filter((it) => !it.caught);
  const LEAVES_BEHIND: Readonly<Record<string, (client: pg.Client) => unknown>> = {
    'copy-program': () => rmSync('/tmp/flotilla-escape-program', { force: true }),
    'copy-file': () => rmSync('/tmp/flotilla-escape-file', { force: true }),
    'replication-slot': (client) => client.query(`select pg_drop_replication_slot('escapes')`),
  };

  it.each(named(notSeen.filter(({ id }) => id !== 'notify')))('%s: %s', async (id, _, attempt) => {
    const bystander = await createBystander();
    const { result, client } = await grounds.schema.run(attempt);
    try {
      expect(result).toMatchObject(attempt.refused ? { outcome: 'failed', code: 'FLT_TENANT_ESCAPE' } : { outcome: 'applied' });
      expect(Object.values((await client.query(attempt.proof!)).rows[0]!)).toEqual([true]);
    } finally {
      await LEAVES_BEHIND[id]?.(client);
      await bystander.end();
    }
  });

  it.each(named(byId('notify')))('%s: %s', async (_, __, { source }) => {
    const db = await grounds.schema.database();
    const listener = await db.client();
    await listener.query('listen escapes');
    const heard = new Promise((resolve) => listener.once('notification', resolve));
    const fixture = createFixture(db.url, { '20260202_notify.js': source });
    try {
      expect(await fixture.attempt({ id: 'acme', host: 'h1', schema: 'acme' }, 'up', { rolloutId: 'r-2' })).toMatchObject({
        outcome: 'applied',
      });
      expect(await heard).toMatchObject({ channel: 'escapes', payload: 'x' });
    } finally {
      await fixture.close();
      await db.drop();
    }
  });

  /** Somebody else's session. */
  async function createBystander(): Promise<{ end(): Promise<void> }> {
    const client = new pg.Client({ connectionString: server, application_name: 'escapes bystander' });
    const gone = new Promise<void>((resolve) => client.once('end', resolve));
    client.on('error', () => undefined);
    await client.connect();
    return {
      async end() {
        await client.end();
        await gone;
      },
    };
  }
});

describe.each(['schema', 'database'] as const)('a tenant in a %s of its own is not held up when its migration', (kind) => {
  it.each(HARMLESS.filter(({ kinds }) => kinds.includes(kind)).map((it) => [it.id, it.title, it] as const))(
    '%s: %s',
    async (_, __, migration) => {
      const { result, client } = await grounds[kind].run(migration, migration.options);
      const { outcome, message } = result;
      expect({ outcome, message }).toEqual({ outcome: 'applied', message: undefined });
      if (migration.proof) expect(Object.values((await client.query(migration.proof)).rows[0]!)).toEqual([true]);
    },
  );
});

describe('what a server does not count', () => {
  const blind = `alter database "{{database}}" set track_counts = off`;
  it.each(named(byId('create-function', 'create-enum', 'alter-role', 'revoke-role', 'rename-type', 'move-in-type')))(
    'is looked for all the same: %s, %s',
    (_, __, attempt) => isCaught(grounds.schema, { ...attempt, given: blind }),
  );
});

/** The part of a refusal that is meant for the config. */
function sharedIn(message: string | undefined) {
  const text = /add to the config: shared: (\[.*\])(?:, and so on)?\.$/.exec(message ?? '')?.[1];
  if (!text) throw new Error(`no line for the config in: ${message}`);
  return fleetSpec.shape.shared.parse(new Function(`return ${text}`)())!;
}
async function goesThroughWhenShared(ground: Ground, attempt: EscapeAttempt, at = server): Promise<void> {
  const { result } = await ground.run(attempt);
  expect(result).toMatchObject({ outcome: 'failed', code: 'FLT_TENANT_ESCAPE' });
  const shared = sharedIn(result.message);
  const again = await ground.run({ ...attempt, id: `${attempt.id}-shared` }, { shared });
  const { outcome, message } = again.result;
  await query(at, CLUSTER_AGAIN);
  expect({ outcome, message, shared }).toEqual({ outcome: 'applied', message: undefined, shared });
}

describe('the refusal', () => {
  const LINES = [
    ...[
      'update',
      'insert-hostile',
      'alter-table',
      'refresh',
      'create-table-public',
      'foreign-key',
      'read',
      'trigger-history',
      'sequence-setval',
    ],
    ...['drop-table', 'drop-index', 'drop-cascade-key', 'drop-function', 'drop-schema', 'move-in-table', 'move-in-type', 'move-out'],
    ...['create-function', 'create-enum', 'create-range', 'create-domain', 'create-role', 'alter-domain', 'comment-domain-constraint'],
    ...[
      'grant-table',
      'grant-table-sibling',
      'default-privileges',
      'role-setting-reset',
      'revoke-role',
      'publication-add',
      'catalog-update',
    ],
    ...['outside-insert', 'outside-drop', 'outside-block', 'outside-setval'],
  ];
  it.each(named(byId(...LINES)))('prints a line for the config with which the migration goes through: %s, %s', (_, __, attempt) =>
    goesThroughWhenShared(grounds.schema, attempt),
  );

  it('names twenty objects at most, and spells five of them out for the config', async () => {
    const [attempt] = byId('analyze-all');
    const { message } = (await grounds.schema.run(attempt!)).result;
    expect(message).toMatch(/; and \d+ more outside its schema and was rolled back/);
    expect(message!.split('; ')).toHaveLength(21);
    expect(sharedIn(message)).toHaveLength(5);
    expect(message).toMatch(/, and so on\.$/);
  });

  it('names what was dropped together with what else was touched', async () => {
    const [attempt] = byId('drop-table-hidden');
    expect((await grounds.schema.run(attempt!)).result.message).toMatch(/sibling\.notes \(dropped\); sibling\.people \(ACCESS EXCLUSIVE\)/);
  });

  it("does not repeat the statement, whose values are nobody else's business", async () => {
    for (const attempt of byId('commit-in-text', 'sequence-setval', 'outside-mixed-text', 'outside-vacuum', 'do-commit')) {
      const { message } = (
        await grounds.schema.run({ ...attempt, source: attempt.source.replaceAll('sibling.people', 'sibling /* SECRET */ .people') })
      ).result;
      expect(message).not.toMatch(/SECRET|select|insert/i);
      expect(message).toMatch(/^acme: /);
    }
  });

  it('says that a role which may not read a catalog cannot be told what was written there', async () => {
    const { result } = await grounds.schema.run({
      id: 'blindfold',
      source: `exports.up = (knex) => knex.raw('create role junk'); exports.down = () => {};`,
      given: `create role maker createrole; grant all on all tables in schema acme to maker; grant all on all sequences in schema acme to maker; grant all on schema acme to maker;`,
      role: 'maker',
    });
    expect(result.message).toContain('rows of pg_authid');
    expect(result).toMatchObject({ outcome: 'failed', code: 'FLT_TENANT_ESCAPE' });
  });
});

describe('a session that a tenant has used', () => {
  let db: TestDatabase;
  let fixture: RunnerFixture | undefined;
  beforeAll(async () => {
    db = await grounds.schema.database();
    await query(db.url, 'create schema one; create schema two');
  });
  afterAll(() => db.drop());
  beforeEach(() => query(db.url, 'drop schema one cascade; drop schema two cascade; create schema one; create schema two'));
  afterEach(() => fixture?.close());

  /** What the first tenant's migration leaves in its session. */
  interface Kind {
    readonly what: string;
    readonly leave: readonly string[];
    /** SQL by which the next tenant would notice. */
    readonly look: string;
    /** Undefined: what a connection shows that nobody has used. */
    readonly finds?: string;
    readonly outside?: true;
  }
  const KINDS: readonly Kind[] = [
    {
      what: 'temporary tables',
      leave: ['create temp table left_over as select 1 as a'],
      look: `coalesce(to_regclass('left_over')::text, 'none')`,
      finds: 'none',
    },
    {
      what: 'temporary functions',
      leave: [`create function pg_temp.left_over() returns int language sql as 'select 1'`],
      look: `(select count(*) from pg_proc where proname = 'left_over')`,
      finds: '0',
    },
    {
      what: 'settings',
      leave: [`set timezone to 'Asia/Kathmandu'`, `set work_mem to '7MB'`],
      look: `current_setting('timezone') || current_setting('work_mem')`,
    },
    {
      what: 'settings of an application',
      leave: [`set app.tenant to 'one'`],
      look: `coalesce(current_setting('app.tenant', true), '')`,
      finds: '',
    },
    {
      what: 'timeouts',
      leave: ['set statement_timeout to 12345; set lock_timeout to 12345'],
      look: `current_setting('statement_timeout') || current_setting('lock_timeout')`,
      finds: '30s300ms',
    },
    {
      what: 'isolation level',
      leave: ['set session characteristics as transaction isolation level serializable'],
      look: `current_setting('transaction_isolation')`,
    },
    { what: 'role', leave: ['set role keeper'], look: 'current_user' },
    { what: 'session authorization', leave: ['set session authorization keeper'], look: 'session_user' },
    {
      what: 'advisory locks',
      leave: ['select pg_advisory_lock(4711)'],
      look: `(select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid() and objid = 4711)`,
      finds: '0',
    },
    {
      what: 'prepared statements',
      leave: ['prepare left_over as select 1'],
      look: '(select count(*) from pg_prepared_statements)',
      finds: '0',
    },
    {
      what: 'channels that it listens to',
      leave: ['listen left_over'],
      look: '(select count(*) from pg_listening_channels())',
      finds: '0',
    },
    {
      what: 'cursors WITH HOLD',
      leave: ['declare left_over cursor with hold for select 1'],
      look: '(select count(*) from pg_cursors)',
      finds: '0',
      outside: true,
    },
    { what: 'search_path', leave: ['set search_path to public'], look: 'current_schema()', finds: 'two' },
    { what: 'numbers drawn from a sequence', leave: [`select nextval('public.counter')`], look: 'drawn()', finds: 'never' },
  ];

  const ONE = { id: 'one', host: 'h1', schema: 'one' };
  const TWO = { id: 'two', host: 'h1', schema: 'two' };
  const DRAWN = `create function drawn() returns text language plpgsql as $$ begin return currval('public.counter'); exception when object_not_in_prerequisite_state then return 'never'; end $$`;

  it.each(KINDS.map((kind) => [kind.what, kind] as const))(
    'shows the next tenant nothing of its %s',
    async (_, { leave, look, finds, outside }) => {
      const raw = (...statements: readonly string[]) => statements.map((text) => `await knex.raw(${JSON.stringify(text)});`).join(' ');
      const lookFile = `exports.up = async (knex) => { ${raw(DRAWN, `create table marks as select pg_backend_pid() as pid, (${look})::text as found`)} };`;
      const leaveFile = `${outside ? 'exports.config = { transaction: false };' : ''} exports.up = async (knex) => { ${raw('create table marks as select pg_backend_pid() as pid', ...leave)} };`;
      const found = async () => (await query<{ found: string }>(db.url, 'select found from two.marks'))[0]!.found;

      const shared = [{ object: 'public.counter', maxLock: 'ROW EXCLUSIVE' }];
      const fresh = createFixture(db.url, { '02_look.js': lookFile }, { shared });
      expect(await fresh.attempt(TWO)).toMatchObject({ outcome: 'applied' });
      await fresh.close();
      const expected = await found();
      expect(expected).toBe(finds ?? expected);
      await query(db.url, 'drop schema two cascade; create schema two');

      fixture = createFixture(
        db.url,
        { '01_leave.js': leaveFile, '02_look.js': lookFile },
        { shared: [{ object: 'public.counter', maxLock: 'ROW EXCLUSIVE' }] },
      );
      const [first, second] = (await fixture.migrations()) as [PlannedMigration, PlannedMigration];
      expect(await fixture.attempt(ONE, 'up', { migrations: [first] })).toMatchObject({ outcome: 'applied' });
      expect(await fixture.attempt(TWO, 'up', { migrations: [second] })).toMatchObject({ outcome: 'applied' });
      expect(await query(db.url, 'select from one.marks, two.marks where one.marks.pid = two.marks.pid')).toHaveLength(1);
      expect(await found()).toBe(expected);
    },
  );
});
