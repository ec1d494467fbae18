/** What histories say, and the verbs that put it right: each promise of docs/history.md, through the command line. */

import pg from 'pg';
import { afterEach, expect, inject, it, onTestFinished } from 'vitest';
import { DOCUMENTS, type DocumentKind } from '../../src/client/documents.js';
import { withKnex } from '../support/backstage.js';
import { createFleet, type FleetFixture, type FleetOptions, loseControl, query, type WorkerProcess } from '../support/fleet.js';
import { addTitle, createNotes } from '../support/migration-sources.js';
import { until } from '../support/until.js';

const NOTES = '20260101000000_notes';
const TITLE = '20260102000000_title';
const INDEX = '20260103000000_index';
const addIndex = `
exports.up = (knex) => knex.schema.alterTable('notes', (t) => { t.index('body', 'notes_body'); });
exports.down = (knex) => knex.schema.alterTable('notes', (t) => { t.dropIndex('body', 'notes_body'); });
`;

const open: FleetFixture[] = [];
const setup = async (options: Partial<FleetOptions> = {}) => {
  const fleet = await createFleet({ migrations: { [`${NOTES}.js`]: createNotes }, ...options });
  open.push(fleet);
  return fleet;
};
afterEach(async () => {
  for (const fleet of open.splice(0)) await fleet.close();
});

/** A worker that is replaced by one with other files: a live one never sees an edit. */
async function deploy(
  fleet: FleetFixture,
  old: WorkerProcess | undefined,
  files: Readonly<Record<string, string>>,
): Promise<WorkerProcess> {
  await old?.stop();
  for (const [file, source] of Object.entries(files)) fleet.migration(file, source);
  return fleet.worker();
}

/** Runs with --json, and holds the document against its schema. */
async function json(fleet: FleetFixture, kind: DocumentKind, ...args: string[]) {
  const ran = await fleet.cli([...args, '--json']);
  expect(ran.json?.kind, `${args.join(' ')} printed ${ran.stdout}${ran.stderr}`).toBe(kind);
  if (!ran.json.error) expect(DOCUMENTS[kind].parse(ran.json), 'no field that the schema does not name').toEqual(ran.json);
  return { code: ran.code, ...ran.json };
}

const migrated = async (fleet: FleetFixture, ...more: string[]) => {
  const ended = await json(fleet, 'start', 'start', '--wait', '--yes', ...more);
  expect(ended, JSON.stringify(ended)).toMatchObject({ code: 0 });
  return ended;
};
const waitFor = (fleet: FleetFixture, state: string) =>
  until(async () => (await json(fleet, 'status', 'status')).state === state, `the rollout to be ${state}`);
/** The control database is gone, and an empty one is in its place. */
const findingsOf = (document: { findings: { code: string }[] }, code: string): any[] => document.findings.filter((it) => it.code === code);

it('finds an edited file once for all tenants, lets it pass once somebody has accepted it, and finds it again when it is edited again', async () => {
  const fleet = await setup();
  let worker = await fleet.worker();
  await migrated(fleet, '--tenant', 't01', '--tenant', 't02', '--tenant', 't03');

  worker = await deploy(fleet, worker, { [`${NOTES}.js`]: `${createNotes}\n// edited`, [`${TITLE}.js`]: addTitle });
  const drifted = await json(fleet, 'plan', 'plan');
  expect(drifted).toMatchObject({ code: 3, error: { code: 'FLT_CHECKSUM_DRIFT' } });
  expect(findingsOf(drifted, 'FLT_CHECKSUM_DRIFT')).toMatchObject([
    {
      severity: 'error',
      migration: NOTES,
      tenants: 3,
      sample: ['t01', 't02', 't03'],
      remedy: expect.stringContaining(`repair --checksum ${NOTES}`),
    },
  ]);

  expect(await json(fleet, 'repair', 'repair', '--checksum', TITLE)).toMatchObject({ code: 0, outcome: 'nothingDrifted', tenants: 0 });
  const why = ['--actor', 'ana', '--reason', 'a comment', '--request-id', 'ops-1'];
  const repaired = await json(fleet, 'repair', 'repair', '--checksum', `${NOTES}.js`, ...why);
  expect(repaired).toMatchObject({ code: 0, outcome: 'accepted', migration: NOTES, tenants: 3, sample: ['t01', 't02', 't03'] });
  const again = await json(fleet, 'repair', 'repair', '--checksum', NOTES, ...why);
  expect({ ...again, at: '' }).toEqual({ ...repaired, at: '' });
  expect(await json(fleet, 'repair', 'repair', '--checksum', NOTES)).toMatchObject({
    code: 0,
    outcome: 'acceptedBefore',
    before: { actor: 'ana', reason: 'a comment' },
  });
  const { events } = await json(fleet, 'audit', 'audit');
  expect(events.filter((it: { verb: string }) => it.verb === 'repair')).toMatchObject([
    { actor: 'ana', reason: 'a comment', requestId: 'ops-1', subject: expect.stringContaining(NOTES) },
  ]);

  // t01 to t03 have the first source in their ledgers, t04 to t06 get the second one now
  expect((await migrated(fleet)).totals).toMatchObject({ applied: 6 });
  expect(
    await fleet.rows('h1', `select 1 from information_schema.columns where table_name = 'notes' and column_name = 'title'`),
  ).toHaveLength(6);

  worker = await deploy(fleet, worker, { [`${NOTES}.js`]: `${createNotes}\n// edited again`, [`${INDEX}.js`]: addIndex });
  expect(findingsOf(await json(fleet, 'plan', 'plan'), 'FLT_CHECKSUM_DRIFT')).toMatchObject([{ migration: NOTES, tenants: 6 }]);
  expect(await json(fleet, 'repair', 'repair', '--checksum', NOTES)).toMatchObject({ code: 0, outcome: 'accepted', tenants: 6 });
  expect((await migrated(fleet)).totals).toMatchObject({ applied: 6 });
});

it('repairs nothing that has no file, and says what is missing on the command line', async () => {
  const fleet = await setup();
  await fleet.worker();
  expect(await json(fleet, 'repair', 'repair', '--checksum', 'nothing_like_it')).toMatchObject({
    code: 3,
    error: { code: 'FLT_UNKNOWN_MIGRATION' },
  });
  expect(await json(fleet, 'repair', 'repair')).toMatchObject({ code: 2, error: { code: 'FLT_USAGE' } });
});

/** Knex's own command line, on one tenant of the fleet, with the fleet's files. */
const knex = <T>(fleet: FleetFixture, schema: string, work: Parameters<typeof withKnex<T>>[3]): Promise<T> =>
  withKnex(fleet.hostUrls.h1!, `${fleet.dir}/migrations`, schema, work);
const historyOf = (fleet: FleetFixture, schema: string) =>
  fleet.rows<{ name: string; batch: number }>('h1', `select name, batch from "${schema}".knex_migrations order by id`);
const tablesOf = async (fleet: FleetFixture, schema: string) =>
  (await fleet.rows<{ tablename: string }>('h1', 'select tablename from pg_tables where schemaname = $1 order by 1', [schema])).map(
    (row) => row.tablename,
  );
/** A copy as people make it: table by table, with sequences of its own. */
const clone = (fleet: FleetFixture, from: string, to: string) =>
  fleet.rows(
    'h1',
    `do $$ declare t text; c record; begin
       create schema "${to}";
       for t in select tablename from pg_tables where schemaname = '${from}' loop
         execute format('create table %I.%I (like %I.%2$I including all); insert into %1$I.%2$I overriding system value select * from %3$I.%2$I', '${to}', t, '${from}');
         for c in select attname from pg_attrdef join pg_attribute on attrelid = adrelid and attnum = adnum
                  where adrelid = format('%I.%I', '${to}', t)::regclass and pg_get_expr(adbin, adrelid) like 'nextval%' loop
           execute format('create sequence %I.%I owned by %1$I.%3$I.%4$I; alter table %1$I.%3$I alter %4$I set default nextval(''%1$I.%2$I''); select setval(''%1$I.%2$I'', 1000)',
             '${to}', t || '_own', t, c.attname);
         end loop;
       end loop;
     end $$`,
  );

it('tells of histories that name other extensions or stand twice, and of what stopped half-way; none of it keeps tenants from migrating', async () => {
  const stops = `exports.config = { transaction: false };
    exports.up = async (knex) => { await knex.raw('create table half (id int)'); if (await knex.schema.hasTable('poison')) await knex.raw('select 1/0'); };
    exports.down = (knex) => knex.raw('drop table half');`;
  const fleet = await setup({ config: `strategy: 's', strategies: { s: { canary: false, waves: [{ name: 'all', maxFailures: 9 }] } },` });
  let worker = await fleet.worker();
  await migrated(fleet);
  await fleet.rows(
    'h1',
    `update t01.knex_migrations set name = replace(name, '.js', '.ts'); update t02.knex_migrations set name = replace(name, '.js', '.ts');
     insert into t03.knex_migrations (name, batch, migration_time) select name, batch, migration_time from t03.knex_migrations; create table t04.poison ()`,
  );
  worker = await deploy(fleet, worker, { '20260102000000_half.js': stops });
  expect(await json(fleet, 'start', 'start', '--wait', '--yes')).toMatchObject({ code: 9, totals: { applied: 5, parked: 1 } });
  await fleet.cli(['skip', '--tenant', 't04', '--reason', 'looked at']);
  worker = await deploy(fleet, worker, { '20260103000000_title.js': addTitle });

  const plan = await json(fleet, 'plan', 'plan');
  expect(plan, JSON.stringify(plan.findings)).toMatchObject({ code: 0, frozen: true });
  expect(findingsOf(plan, 'FLT_HISTORY_RENAMED')).toMatchObject([
    { severity: 'info', tenants: 2, sample: ['t01', 't02'], remedy: expect.stringMatching(/loadExtensions.*update knex_migrations/) },
  ]);
  expect(findingsOf(plan, 'FLT_HISTORY_DUPLICATE')).toMatchObject([{ severity: 'warning', migration: NOTES, tenants: 1, sample: ['t03'] }]);
  expect(findingsOf(plan, 'FLT_PARTIAL')).toMatchObject([{ severity: 'warning', tenants: 1, sample: ['t04'] }]);

  // The UPDATE that the finding prints makes Knex content again
  const update = /update .*$/.exec(findingsOf(plan, 'FLT_HISTORY_RENAMED')[0].remedy)![0];
  await expect(knex(fleet, 't01', (db) => db.migrate.list())).rejects.toThrow(/corrupt/);
  await fleet.rows('h1', `set search_path to t01; ${update}`);
  expect((await knex(fleet, 't01', (db) => db.migrate.list()))[1]).toHaveLength(1);
});

it('marks tenants that never had Knex, shows the odd ones out before, and refuses those with a history one by one', async () => {
  const fleet = await setup({
    migrations: { [`${NOTES}.js`]: createNotes, [`${TITLE}.js`]: addTitle },
    seed: `create table notes (id serial primary key, body text not null default '')`,
  });
  await fleet.rows('h1', 'alter table t05.notes add legacy int; drop table t06.notes');
  await knex(fleet, 't06', (db) => db.migrate.latest());
  await fleet.worker();

  const before = await fleet.rows(
    'h1',
    `select nspname, relname, c.xmin::text from pg_class c join pg_namespace n on n.oid = relnamespace where nspname like 't0_' order by 1, 2`,
  );
  const dry = await json(fleet, 'baseline', 'baseline', `${NOTES}.js`, '--all', '--dry-run');
  expect(dry).toMatchObject({
    code: 3,
    dryRun: true,
    migration: NOTES,
    counts: { tenants: 6, done: 5, refused: 1 },
    error: { code: 'FLT_TENANTS_REFUSED' },
  });
  expect(dry.groups).toMatchObject([
    { tenants: 4, sample: ['t01', 't02', 't03', 't04'] },
    { tenants: 1, sample: ['t05'] },
  ]);
  expect(dry.left).toMatchObject([{ outcome: 'refused', code: 'FLT_HAS_HISTORY', count: 1, tenants: ['t06'] }]);
  expect(
    await fleet.rows(
      'h1',
      `select nspname, relname, c.xmin::text from pg_class c join pg_namespace n on n.oid = relnamespace where nspname like 't0_' order by 1, 2`,
    ),
  ).toEqual(before);
  expect((await json(fleet, 'audit', 'audit')).events.map((it: { verb: string }) => it.verb)).not.toContain('baseline');
  const text = await fleet.cli(['baseline', NOTES, '--all', '--dry-run']);
  expect(text.stdout).toMatch(/5 of 6 tenants would be marked[\s\S]*STRUCTURE[\s\S]*t05/);
  expect(text.stderr).toContain('FLT_HAS_HISTORY');

  const ask = ['--selector', 'id!=t06', '--actor', 'ana', '--reason', 'moved from the old tool', '--request-id', 'ops-1'];
  const marked = await json(fleet, 'baseline', 'baseline', NOTES, ...ask);
  expect(marked).toMatchObject({ code: 0, dryRun: false, counts: { tenants: 5, done: 5 } });
  expect({ ...(await json(fleet, 'baseline', 'baseline', NOTES, ...ask)), at: '' }).toEqual({ ...marked, at: '' });
  expect(await json(fleet, 'baseline', 'baseline', NOTES, '--selector', 'id!=t06')).toMatchObject({
    code: 0,
    counts: { unchanged: 5, done: 0 },
  });
  expect(await fleet.cli(['repair', '--checksum', NOTES, '--request-id', 'ops-1', '--json'])).toMatchObject({
    code: 2,
    json: { error: { code: 'FLT_USAGE' } },
  });
  expect((await json(fleet, 'audit', 'audit')).events[1]).toMatchObject({
    verb: 'baseline',
    actor: 'ana',
    reason: 'moved from the old tool',
  });

  expect((await migrated(fleet)).totals).toMatchObject({ applied: 5, upToDate: 1 });
  expect(await historyOf(fleet, 't05')).toEqual([
    { name: `${NOTES}.js`, batch: 1 },
    { name: `${TITLE}.js`, batch: 2 },
  ]);
  expect((await knex(fleet, 't05', (db) => db.migrate.list()))[1]).toEqual([]);
});

it('finds an edit of what was marked, not only of what was applied', async () => {
  const fleet = await setup({ seed: `create table notes (id serial primary key)` });
  let worker = await fleet.worker();
  expect(await json(fleet, 'baseline', 'baseline', '--all')).toMatchObject({ code: 0, migration: NOTES, counts: { done: 6 } });
  worker = await deploy(fleet, worker, { [`${NOTES}.js`]: `${createNotes}// edited` });
  expect(findingsOf(await json(fleet, 'plan', 'plan'), 'FLT_CHECKSUM_DRIFT')).toMatchObject([{ migration: NOTES, tenants: 6 }]);
  expect(await json(fleet, 'repair', 'repair', '--checksum', NOTES)).toMatchObject({ outcome: 'accepted', tenants: 6 });
  expect(await json(fleet, 'plan', 'plan')).toMatchObject({ code: 0, totals: { upToDate: 6 } });
});

it('takes up tenants that Knex left at different migrations, each from where it stands and with its own next batch', async () => {
  const fleet = await setup({ hosts: { h1: { schemas: ['t01', 't02', 't03', 't04'] } } });
  await knex(fleet, 't01', (db) => db.migrate.latest());
  await knex(fleet, 't02', (db) => db.migrate.latest());
  fleet.migration(`${TITLE}.js`, addTitle);
  await knex(fleet, 't02', (db) => db.migrate.latest());
  fleet.migration(`${INDEX}.js`, addIndex);
  await knex(fleet, 't03', (db) => db.migrate.latest());
  await fleet.worker();
  expect((await migrated(fleet)).totals).toMatchObject({ applied: 3, upToDate: 1 });
  const batches = async (schema: string) => (await historyOf(fleet, schema)).map(({ name, batch }) => [name.replace('.js', ''), batch]);
  expect(await batches('t01')).toEqual([
    [NOTES, 1],
    [TITLE, 2],
    [INDEX, 2],
  ]);
  expect(await batches('t02')).toEqual([
    [NOTES, 1],
    [TITLE, 2],
    [INDEX, 3],
  ]);
  expect(await batches('t03')).toEqual([
    [NOTES, 1],
    [TITLE, 1],
    [INDEX, 1],
  ]);
  expect(await batches('t04')).toEqual([
    [NOTES, 1],
    [TITLE, 1],
    [INDEX, 1],
  ]);
  for (const schema of ['t01', 't02', 't03', 't04']) {
    expect((await knex(fleet, schema, (db) => db.migrate.list()))[1]).toEqual([]);
    expect(await fleet.rows('h1', `select 1 from pg_indexes where schemaname = $1 and indexname = 'notes_body'`, [schema])).toHaveLength(1);
  }
  expect(await tablesOf(fleet, 't03')).not.toContain('flotilla_ledger');
});

it('holds a clone back until it is adopted, takes a restored tenant up by itself, and rolls back neither further than it may', async () => {
  const fleet = await setup({
    hosts: { h1: { schemas: ['t01', 't02', 't03'] } },
    config: `strategy: 'kept', strategies: { kept: { bakeTime: '0s', finalBakeTime: '1h', canary: false, waves: [{ name: 'all' }] } },`,
  });
  let worker = await fleet.worker();
  const started = await json(fleet, 'start', 'start', '--yes');
  await waitFor(fleet, 'baking');
  await fleet.rows('h1', 'create table t03.saved as select * from t03.flotilla_ledger; delete from t03.flotilla_ledger');
  await fleet.rows('h1', 'insert into t03.flotilla_ledger overriding system value select * from t03.saved; drop table t03.saved');
  const back = await json(fleet, 'steer', 'rollback', '--tenant', 't03', '--reason', 'try');
  expect(back.code, JSON.stringify(back)).toBe(0);
  const outcome = async () => (await json(fleet, 'tenant', 'status', '--tenant', 't03')).tenant;
  await until(async () => (await outcome()).state === 'rollbackFailed', 't03 to be refused');
  expect(await outcome()).toMatchObject({ code: 'FLT_IRREVERSIBLE' });
  await fleet.cli(['skip', '--tenant', 't03', '--reason', 'leave it']);
  await until(async () => (await outcome()).state === 'skipped', 't03 to be left as it is');
  await fleet.cli(['abort', '--reason', 'done']);
  expect((await json(fleet, 'wait', 'wait', started.rolloutId)).open).toBe(false);

  await clone(fleet, 't01', 't04');
  worker = await deploy(fleet, worker, { [`${TITLE}.js`]: addTitle });
  const plan = await json(fleet, 'plan', 'plan');
  expect(plan).toMatchObject({ code: 3, frozen: false, totals: { tenants: 4, blocked: 1 }, error: { code: 'FLT_IDENTITY_MISMATCH' } });
  expect(findingsOf(plan, 'FLT_IDENTITY_MISMATCH')).toMatchObject([
    { severity: 'error', tenants: 1, sample: ['t04'], remedy: expect.stringContaining('flotilla adopt') },
  ]);
  expect(findingsOf(plan, 'FLT_RESTORED')).toMatchObject([{ severity: 'warning', tenants: 1, sample: ['t03'] }]);

  expect(await json(fleet, 'adopt', 'adopt')).toMatchObject({
    code: 2,
    error: { code: 'FLT_USAGE', message: expect.stringMatching(/2 mistakes/) },
  });
  expect(await json(fleet, 'adopt', 'adopt', 'nobody', '--reason', 'x')).toMatchObject({ code: 3, error: { code: 'FLT_UNKNOWN_TENANT' } });
  const adopted = await json(fleet, 'adopt', 'adopt', 't04', 't01', '--actor', 'ana', '--reason', 'copied for a new customer');
  expect(adopted).toMatchObject({ code: 0, counts: { tenants: 2, done: 1, unchanged: 1 } });
  expect(adopted.told).toEqual(expect.arrayContaining(['t04: was tenant "t01", copied.']));

  const again = await json(fleet, 'plan', 'plan');
  expect(again).toMatchObject({ code: 0, frozen: true, totals: { pending: 4, blocked: 0 } });
  await json(fleet, 'start', 'start', again.planId, '--yes');
  await waitFor(fleet, 'baking');
  expect((await json(fleet, 'steer', 'rollback', '--reason', 'wrong')).code).toBe(0);
  expect(await json(fleet, 'wait', 'wait')).toMatchObject({ code: 5, state: 'rolledBack', totals: { rolledBack: 4 } });
  for (const schema of ['t01', 't02', 't03', 't04']) expect(await tablesOf(fleet, schema)).toContain('notes');
  expect(findingsOf(await json(fleet, 'plan', 'plan'), 'FLT_RESTORED')).toEqual([]);
});

it('rebuilds a control database that was lost: readiness, past rollouts and tenants, from the ledgers', async () => {
  const fleet = await setup({
    config: `strategy: 'kept', strategies: { kept: { bakeTime: '0s', finalBakeTime: '1h', waves: [{ name: 'all' }] } },`,
  });
  let worker = await fleet.worker();
  const finish = async () => {
    await waitFor(fleet, 'baking');
    await fleet.cli(['skip', '--bake', '--reason', 'test']);
    return json(fleet, 'wait', 'wait');
  };
  await json(fleet, 'start', 'start', '--yes', '--actor', 'ana');
  const first = await finish();
  worker = await deploy(fleet, worker, { [`${TITLE}.js`]: addTitle });
  await json(fleet, 'start', 'start', '--yes', '--actor', 'bo');
  await waitFor(fleet, 'baking');
  expect(await json(fleet, 'refresh', 'refresh')).toMatchObject({ code: 3, error: { code: 'FLT_ROLLOUT_OPEN' } });
  expect(await json(fleet, 'eject', 'eject', '--all', '--yes')).toMatchObject({ code: 3, error: { code: 'FLT_ROLLOUT_OPEN' } });
  await fleet.cli(['rollback', '--reason', 'wrong']);
  const second = await json(fleet, 'wait', 'wait');
  expect([first.state, second.state]).toEqual(['succeeded', 'rolledBack']);

  await worker.stop();
  await loseControl(fleet);
  await fleet.worker();
  expect(await json(fleet, 'ready', 'ready', '--all', NOTES)).toMatchObject({ code: 7, ready: false });
  expect((await json(fleet, 'history', 'history')).rollouts).toEqual([]);

  const refreshed = await json(fleet, 'refresh', 'refresh', '--actor', 'cy', '--reason', 'the disk died');
  expect(refreshed).toMatchObject({ code: 0, totals: { tenants: 6, pending: 6 }, rebuilt: { rollouts: 2, tenants: 12 } });
  expect(await json(fleet, 'ready', 'ready', '--all', NOTES)).toMatchObject({ code: 0, ready: true, missing: 0 });
  expect(await json(fleet, 'ready', 'ready', 't03', TITLE)).toMatchObject({ code: 7, ready: false });
  const { rollouts } = await json(fleet, 'history', 'history');
  expect(rollouts).toMatchObject([
    { rolloutId: second.rolloutId, state: 'rolledBack', actor: 'bo', to: TITLE, totals: { rolledBack: 6 } },
    { rolloutId: first.rolloutId, state: 'succeeded', actor: 'ana', to: NOTES, totals: { applied: 6 } },
  ]);
  expect((await json(fleet, 'tenants', 'tenants')).tenants).toHaveLength(6);
  expect((await json(fleet, 'tenant', 'status', '--tenant', 't03')).tenant).toMatchObject({
    id: 't03',
    state: 'rolledBack',
    schema: 't03',
  });
  expect((await json(fleet, 'audit', 'audit')).events[0]).toMatchObject({ verb: 'refresh', actor: 'cy', reason: 'the disk died' });

  await json(fleet, 'start', 'start', '--yes');
  expect(await finish()).toMatchObject({ state: 'succeeded', totals: { applied: 6 } });
  expect(await json(fleet, 'refresh', 'refresh')).toMatchObject({ code: 0, rebuilt: { rollouts: 2, tenants: 12 } });
  expect((await json(fleet, 'history', 'history')).rollouts).toHaveLength(3);
  expect(await json(fleet, 'ready', 'ready', '--all', TITLE)).toMatchObject({ code: 0, ready: true });
});

it('takes its own tables out of tenants, and plain Knex goes on: forward, and back', async () => {
  const half = `exports.config = { transaction: false };
    exports.up = async (knex) => { await knex.raw('create table half (id int)'); if (await knex.schema.hasTable('poison')) await knex.raw('select 1/0'); };
    exports.down = (knex) => knex.raw('drop table half');`;
  const fleet = await setup({
    hosts: { h1: { schemas: ['t01', 't02', 't03'] } },
    migrations: { [`${NOTES}.js`]: createNotes, '20260102000000_half.js': half },
    config: `strategy: 's', strategies: { s: { canary: false, waves: [{ name: 'all', maxFailures: 9 }] } },`,
  });
  await fleet.rows('h1', 'create table t03.poison ()');
  await fleet.worker();
  await json(fleet, 'start', 'start', '--wait', '--yes');

  expect(await json(fleet, 'eject', 'eject')).toMatchObject({
    code: 2,
    error: { code: 'FLT_USAGE', message: expect.stringMatching(/2 mistakes.*\n.*--tenant.*\n.*--yes/) },
  });
  expect(await tablesOf(fleet, 't01')).toContain('flotilla_ledger');
  const ejected = await json(fleet, 'eject', 'eject', '--all', '--yes', '--actor', 'ana', '--reason', 'leaving');
  expect(ejected).toMatchObject({ code: 3, counts: { done: 2, refused: 1 }, left: [{ code: 'FLT_PARTIAL', tenants: ['t03'] }] });
  expect(await json(fleet, 'eject', 'eject', '--tenant', 't03', '--force', '--yes')).toMatchObject({ code: 0, counts: { done: 1 } });
  expect(await json(fleet, 'eject', 'eject', '--all', '--yes')).toMatchObject({ code: 0, counts: { done: 0, unchanged: 3 } });
  expect((await json(fleet, 'audit', 'audit')).events.map((it: { verb: string }) => it.verb)).toContain('eject');
  for (const schema of ['t01', 't02', 't03']) {
    expect((await tablesOf(fleet, schema)).filter((table) => table.startsWith('flotilla'))).toEqual([]);
    expect(await fleet.rows('h1', `select is_locked from ${schema}.knex_migrations_lock`)).toEqual([{ is_locked: 0 }]);
  }

  fleet.migration('20260103000000_title.js', addTitle);
  expect((await knex(fleet, 't01', (db) => db.migrate.latest()))[1]).toHaveLength(1);
  expect((await knex(fleet, 't01', (db) => db.migrate.rollback()))[1]).toHaveLength(1);
  expect((await knex(fleet, 't01', (db) => db.migrate.rollback()))[1]).toHaveLength(2);
  expect(await tablesOf(fleet, 't01')).toEqual(['knex_migrations', 'knex_migrations_lock']);
});

it('reaches tenants in several cells, in schemas and in a database of its own, and names those that it could not have now', async () => {
  const database = `own_${process.pid}`;
  await query(inject('postgres').url, `create database ${database}`);
  onTestFinished(() => query(inject('postgres').url, `drop database ${database} with (force)`).then(() => undefined));
  const fleet = await setup({
    hosts: { h1: { schemas: ['t01'], cell: 'eu' }, h2: { schemas: ['t03', 't we"ird.Name'], cell: 'us' } },
    tenants: `[fromSchemas({ host: 'h1', like: 't*', id: (s) => s }), fromSchemas({ host: 'h2', like: 't*', id: (s) => s }), fromList([{ id: 'own', host: 'h1', database: '${database}' }])]`,
  });
  await fleet.worker();
  expect(await json(fleet, 'baseline', 'baseline', '--all', '--dry-run')).toMatchObject({
    code: 0,
    counts: { tenants: 4, done: 4 },
    groups: [{ tenants: 4 }],
  });
  await fleet.rows(
    'h2',
    `create table "t we""ird.Name".knex_migrations_lock (index serial primary key, is_locked int); insert into "t we""ird.Name".knex_migrations_lock (is_locked) values (1)`,
  );
  const marked = await json(fleet, 'baseline', 'baseline', '--all');
  expect(marked).toMatchObject({
    code: 8,
    counts: { done: 3, unreached: 1 },
    left: [{ outcome: 'unreached', code: 'FLT_KNEX_LOCKED', tenants: ['t we"ird.Name'] }],
    error: { code: 'FLT_TENANTS_UNREACHED', retryable: true },
  });
  await fleet.rows('h2', `update "t we""ird.Name".knex_migrations_lock set is_locked = 0`);
  expect(await json(fleet, 'baseline', 'baseline', '--all')).toMatchObject({ code: 0, counts: { done: 1, unchanged: 3 } });
  const at = new URL(fleet.hostUrls.h1!);
  at.pathname = `/${database}`;
  expect(await query(at.toString(), 'select name from public.knex_migrations')).toEqual([{ name: `${NOTES}.js` }]);
  expect(await json(fleet, 'eject', 'eject', '--all', '--yes')).toMatchObject({ code: 0, counts: { done: 4 } });
  expect(await query(at.toString(), `select 1 from pg_tables where tablename = 'flotilla_ledger'`)).toEqual([]);
});

it('marks no tenant of production unasked', async () => {
  const fleet = await setup({ config: `environment: 'production',` });
  await fleet.worker();
  const unasked = await fleet.cli(['baseline', '--all']);
  expect([unasked.code, unasked.stderr]).toEqual([2, expect.stringContaining('--yes')]);
  expect(await tablesOf(fleet, 't01')).toEqual([]);
  expect(await json(fleet, 'baseline', 'baseline', '--all', '--yes')).toMatchObject({ code: 0, counts: { done: 6 } });
});

it('marks every tenant once although the worker is killed in the middle', async () => {
  const schemas = Array.from({ length: 120 }, (_, n) => `t${String(n).padStart(3, '0')}`);
  const fleet = await setup({ hosts: { h1: { schemas } } });
  const worker = await fleet.worker();
  await fleet.rows(
    'h1',
    'create table t007.knex_migrations (id serial primary key, name varchar(255), batch int, migration_time timestamptz)',
  );
  const holder = new pg.Client({ connectionString: fleet.hostUrls.h1! });
  await holder.connect();
  await holder.query('begin; lock table t007.knex_migrations in access exclusive mode');
  const marking = fleet.cli(['baseline', '--all', '--json']);
  const marked = () => fleet.rows('h1', `select 1 from pg_tables where tablename = 'flotilla_ledger'`);
  await until(async () => (await marked()).length > 60, 'half of the tenants to be marked');
  await worker.stop('SIGKILL');
  await holder.end();
  expect((await marked()).length).toBeLessThan(120);
  await fleet.worker();
  const ended = await marking;
  expect(ended.json, ended.stdout + ended.stderr).toMatchObject({
    counts: { tenants: 120, done: 120, unchanged: 0 },
    groups: [{ tenants: 120 }],
  });
  const rows = await Promise.all(
    schemas.map((schema) => fleet.rows('h1', `select count(*)::int n from ${schema}.flotilla_ledger where kind = 'baseline'`)),
  );
  expect(new Set(rows.map(([row]) => row!.n))).toEqual(new Set([1]));
});
