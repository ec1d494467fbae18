/**
 * Promise 2, never the wrong tenant, from the other side: what a migration may do all the same (`support/harmless-migrations.ts`), what a
 * refusal says, what an older Postgres makes of it, and what a session keeps of the tenant that has used it.
 */

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { PlannedMigration } from '../../src/domain/plan.js';
import { type DebianServer, debianPostgres, startDebianPostgres } from '../support/debian-postgres.js';
import { createFixture, query, type RunnerFixture, type TestDatabase } from '../support/postgres.js';
import { createGround, type Ground } from './support/ground.js';
import { HARMLESS, type HarmlessMigration } from './support/harmless-migrations.js';
import { byId, createStage, goesThroughWhenShared, isCaught, named, SETTINGS, type Stage, sharedIn } from './support/stage.js';
import { CLUSTER } from './support/victims.js';

let stage: Stage;
beforeAll(async () => {
  stage = await createStage();
});
afterAll(() => stage?.close());

const harmless = (fits: (migration: HarmlessMigration) => boolean) => HARMLESS.filter(fits).map((it) => [it.id, it.title, it] as const);
async function isNotHeldUp(ground: Ground, migration: HarmlessMigration): Promise<void> {
  const { result, client } = await ground.runOnly(migration, migration.options);
  const { outcome, message } = result;
  expect({ outcome, message }).toEqual({ outcome: 'applied', message: undefined });
  if (migration.proof) expect(Object.values((await client.query(migration.proof)).rows[0]!)).toEqual([true]);
}

describe.each(['schema', 'database'] as const)('a tenant in a %s of its own is not held up when its migration', (kind) => {
  it.each(harmless(({ kinds }) => kinds.includes(kind)))('%s: %s', (_, __, migration) => isNotHeldUp(stage[kind], migration));
});

/** Whose traces differ from version to version. */
const OF_VERSIONS = [
  ...['grant-table', 'grant-table-sibling', 'grant-sequence', 'grant-function', 'grant-type', 'create-role', 'revoke-role'],
  ...['role-setting-reset', 'move-in-table', 'move-in-type', 'drop-function-hidden', 'create-range', 'search-mapping-drop'],
  ...['outside-index', 'subscription'],
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
  it.each(named(byId('create-function', 'create-role', 'drop-table')))(
    'it goes through with the line of the refusal: %s, %s',
    (_, __, attempt) => goesThroughWhenShared(older.url, ground, attempt),
  );
  it.each(harmless(({ kinds, id }) => kinds.includes('schema') && /^(alters|grants|savepoint|shared-drop|comments)/.test(id)))(
    'a migration is not held up that %s: %s',
    (_, __, migration) => isNotHeldUp(ground, migration),
  );
});

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
    goesThroughWhenShared(stage.server, stage.schema, attempt),
  );

  it.each(named(byId('drop-table', 'drop-table-hidden', 'move-in-table', 'drop-index', 'update')))(
    'stands where the config allows a weaker lock only: %s, %s',
    async (_, __, attempt) => {
      const shared = sharedIn((await stage.schema.run(attempt)).result.message).map((it) => ({ ...it, maxLock: 'ROW SHARE' }));
      const again = await stage.schema.run({ ...attempt, id: `${attempt.id}-weaker` }, { shared });
      expect(again.result).toMatchObject({ outcome: 'failed', code: 'FLT_TENANT_ESCAPE' });
      expect(again.changed).toEqual([]);
    },
  );

  it('names twenty objects at most, and spells five of them out for the config', async () => {
    const [attempt] = byId('analyze-all');
    const { message } = (await stage.schema.run(attempt!)).result;
    expect(message).toMatch(/; and \d+ more outside its schema and was rolled back/);
    expect(message!.split('; ')).toHaveLength(21);
    expect(sharedIn(message)).toHaveLength(5);
    expect(message).toMatch(/, and so on\.$/);
  });

  it('names what was dropped together with what else was touched', async () => {
    const [attempt] = byId('drop-table-hidden');
    expect((await stage.schema.run(attempt!)).result.message).toMatch(/sibling\.notes \(dropped\); sibling\.people \(ACCESS EXCLUSIVE\)/);
  });

  it("does not repeat the statement, whose values are nobody else's business", async () => {
    for (const attempt of byId('commit-in-text', 'sequence-setval', 'outside-mixed-text', 'outside-vacuum', 'do-commit')) {
      const { message } = (
        await stage.schema.run({ ...attempt, source: attempt.source.replaceAll('sibling.people', 'sibling /* SECRET */ .people') })
      ).result;
      expect(message).not.toMatch(/SECRET|select|insert/i);
      expect(message).toMatch(/^acme: /);
    }
  });

  it('says that a role which may not read a catalog cannot be told what was written there', async () => {
    const { result } = await stage.schema.run({
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
    db = await stage.schema.database();
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
