import { afterEach, beforeEach, expect, inject, it, onTestFinished } from 'vitest';
import { startPostgres } from '../../../src/dev/embedded-postgres.js';
import type { Sample } from '../../../src/domain/gates.js';
import type { HostCheck } from '../../../src/domain/host-checks.js';
import type { PlannedGate } from '../../../src/domain/plan.js';
import { planGates } from '../../../src/domain/planned-gates.js';
import { askHost } from '../../../src/gates/ask-host.js';
import type { Hosts } from '../../../src/postgres/contract.js';
import { createHosts } from '../../../src/postgres/hosts.js';
import { debianPostgres, startDebianPostgres } from '../../support/debian-postgres.js';
import { createDatabase, query, type TestDatabase } from '../../support/postgres.js';
import { createWire } from '../../support/wire.js';

let db: TestDatabase;
let opened: Hosts[] = [];

beforeEach(async () => {
  db = await createDatabase('gates');
});
afterEach(async () => {
  for (const hosts of opened.splice(0)) await hosts.close();
  opened = [];
  await db.drop();
});

function hostsAt(url: string): Hosts {
  const hosts = createHosts({ hosts: { h1: { connection: 'env:H1' } }, resolve: async () => url, connectTimeoutMs: 500 });
  opened.push(hosts);
  return hosts;
}
const own = (check: HostCheck): PlannedGate => planGates([]).find((gate) => gate.check === check)!;
const sql = (text: string): PlannedGate => planGates([{ type: 'sql', name: 'mine', query: text }]).at(-1)!;

/** Asks again and again on the same connection. */
function asker(url = db.url) {
  const hosts = hostsAt(url);
  return (gate: PlannedGate, withinMs = 5_000) => askHost(gate, 'h1', hosts, withinMs);
}
const numberOf = (sample: Sample | undefined): number => (sample?.kind === 'value' ? sample.value : Number.NaN);

it('counts sessions that have waited for a lock for more than a second, and no others', async () => {
  await query(db.url, 'create table t (id int)');
  const [holder, one, two] = [await db.client(), await db.client(), await db.client()];
  await holder.query('begin; lock table t');
  const waiting = [one, two].map((client) => client.query('select from t'));
  const ask = asker();
  const first = numberOf(await ask(own('lockWaits')));
  await expect.poll(async () => numberOf(await ask(own('lockWaits'))), { timeout: 10_000 }).toBeGreaterThanOrEqual(first + 2);
  await holder.query('rollback');
  await Promise.all(waiting);
  await expect.poll(async () => numberOf(await ask(own('lockWaits')))).toBeLessThan(2);
});

it("measures the oldest transaction, and leaves Flotilla's own out", async () => {
  const ask = asker();
  const age = async () => numberOf(await ask(own('oldestTransaction')));
  const ours = await db.client();
  await ours.query(`set application_name = 'flotilla r-1/t1'; begin; select 1`);
  const quiet = await age();
  const theirs = await db.client();
  await theirs.query('begin; select 1');
  await expect.poll(age).toBeGreaterThan(Math.max(0.3, quiet));
  await theirs.query('rollback');
  // Others of the server may have a transaction open, but none for as long
  const ourAge = async () =>
    (await ours.query<{ age: number }>('select extract(epoch from clock_timestamp() - now())::float8 as age')).rows[0]!.age;
  await expect.poll(async () => (await age()) < (await ourAge()), { timeout: 10_000 }).toBe(true);
  await ours.query('rollback');
});

it('says how many of the connections are taken', async () => {
  const ask = asker();
  const many = Array.from({ length: 30 }, () => db.client());
  await Promise.all(many);
  const [{ max }] = (await query<{ max: number }>(db.url, `select current_setting('max_connections')::int as max`)) as [{ max: number }];
  const taken = numberOf(await ask(own('connections')));
  expect(taken).toBeGreaterThanOrEqual((100 * 31) / max);
  expect(taken).toBeLessThan(100);
});

it('counts invalid indexes, but none that somebody is building', async () => {
  await query(db.url, 'create table t (id int); insert into t values (1), (1)');
  const ask = asker();
  const invalid = async () => numberOf(await ask(own('invalidIndexes')));
  expect(await invalid()).toBe(0);
  await expect(query(db.url, 'create unique index concurrently t_id on t (id)')).rejects.toThrow('could not create unique index');
  expect(await invalid()).toBe(1);

  const [holder, builder] = [await db.client(), await db.client()];
  await query(db.url, 'create table u (id int)');
  await holder.query('begin; insert into u values (1)');
  const building = builder.query('create index concurrently u_id on u (id)');
  const seen = `select count(*)::int as n from pg_index where not indisvalid`;
  await expect.poll(async () => (await query<{ n: number }>(db.url, seen))[0]!.n).toBe(2);
  expect(await invalid()).toBe(1);
  await holder.query('commit');
  await building;
});

it('counts WAL files that wait to be archived, none where nothing is archived', async () => {
  expect(await asker()(own('walQueue'))).toEqual({ kind: 'value', value: 0 });
  const server = await startPostgres({ settings: { archive_mode: 'on', archive_command: '/bin/false' } });
  onTestFinished(() => server.stop());
  const ask = asker(server.url);
  const first = numberOf(await ask(own('walQueue')));
  for (const n of [1, 2]) await query(server.url, `create table t${n} (id int); select pg_switch_wal()`);
  await expect.poll(async () => numberOf(await ask(own('walQueue')))).toBe(first + 2);
});

it.skipIf(!debianPostgres)('measures how far a standby is behind in replaying, and nothing where there is none', async () => {
  expect(await asker()(own('replicationLag'))).toEqual({ kind: 'value', value: 0 });
  const primary = await startDebianPostgres({ wal_receiver_status_interval: '1s' });
  onTestFinished(() => primary.close());
  const standby = await primary.standby();
  onTestFinished(() => standby.close());
  await query(standby.url, 'select pg_wal_replay_pause()');
  const ask = asker(primary.url);
  let n = 0;
  const lag = async () => {
    await query(primary.url, `create table t${++n} (id int)`);
    return numberOf(await ask(own('replicationLag')));
  };
  await expect.poll(lag, { timeout: 20_000 }).toBeGreaterThan(1);
  await query(standby.url, 'select pg_wal_replay_resume()');
  await expect.poll(lag, { timeout: 20_000 }).toBeLessThan(1);
});

it('says of a role without pg_monitor which checks it cannot read, instead of a number that is too good', async () => {
  const role = `plain_${process.pid}`;
  await query(db.url, `create role ${role} login password 'x'`);
  onTestFinished(() => void query(inject('postgres').url, `drop role ${role}`));
  const at = new URL(db.url);
  at.username = role;
  at.password = 'x';
  const ask = asker(at.toString());
  const found: Record<string, string | undefined> = {};
  for (const gate of planGates([])) found[gate.name] = (await ask(gate))?.kind;
  expect(found).toEqual({
    replicationLag: 'inconclusive',
    lockWaits: 'value',
    oldestTransaction: 'inconclusive',
    connections: 'value',
    walQueue: 'inconclusive',
    invalidIndexes: 'value',
  });
  expect(await ask(own('walQueue'))).toEqual({ kind: 'inconclusive', text: 'the role is no member of pg_monitor' });
  await query(db.url, `grant pg_monitor to ${role}`);
  expect(await ask(own('walQueue'))).toMatchObject({ kind: 'value' });
});

it.each<[string, Sample]>([
  ['select 7', { kind: 'value', value: 7 }],
  ['select count(*), 99 from generate_series(1, 12)', { kind: 'value', value: 12 }],
  ['select 1.50::numeric', { kind: 'value', value: 1.5 }],
  [`select '2.5'`, { kind: 'value', value: 2.5 }],
  ['select true', { kind: 'pass' }],
  ['select 1 = 2', { kind: 'fail', text: 'it answers false' }],
  ['select null', { kind: 'inconclusive', text: 'it answers null' }],
  ['select 1 where false', { kind: 'inconclusive', text: 'it answers nothing' }],
  [`select 'high'`, { kind: 'inconclusive', text: 'it answers neither a number nor a boolean' }],
  ['select 1 from no_such_table', { kind: 'error', text: 'it fails: relation "no_such_table" does not exist' }],
  ['selekt 1', { kind: 'error', text: 'it fails: error (42601); the values stay in the database' }],
  [`select 'tenant-secret'::int`, { kind: 'error', text: 'it fails: data exception (22P02); the values stay in the database' }],
])('understands the answer to "%s"', async (text, sample) => {
  expect(await asker()(sql(text))).toEqual(sample);
});

it('ends a query that takes longer than it may', async () => {
  expect(await asker()(sql('select pg_sleep(60)'), 50)).toMatchObject({
    kind: 'error',
    text: expect.stringContaining('statement timeout'),
  });
});

it('refuses every attempt to write, and leaves the connection as it was', async () => {
  await query(db.url, 'create table t (id int); create sequence s');
  const ask = asker();
  const attempts = [
    'insert into t values (1)',
    'with new as (insert into t values (1) returning 1) select * from new',
    'create table u (id int)',
    `select nextval('s')`,
    'select 1; commit; insert into t values (1)',
    'commit; insert into t values (1)',
    `select set_config('transaction_read_only', 'off', true)`,
  ];
  for (const text of attempts) expect(await ask(sql(text)), text).toMatchObject({ kind: 'error' });
  await ask(sql(`select set_config('search_path', 'nowhere', false)`));
  expect(await ask(sql('select count(*) from t'))).toEqual({ kind: 'value', value: 0 });
  const left = `select (select count(*)::int from pg_class where relname = 'u') tables, (select last_value from s)::int as drawn`;
  expect(await query(db.url, left)).toEqual([{ tables: 0, drawn: 1 }]);
});

it('tells a host that does not answer from a gate that does not: nobody there, cut off in the middle, and a credential that is refused', async () => {
  expect(await asker('postgres://nobody@127.0.0.1:1/nowhere')(sql('select 1'))).toBeUndefined();
  const wire = await createWire(db.url);
  onTestFinished(() => wire.close());
  const ask = asker(wire.url);
  expect(await ask(sql('select 1'))).toEqual({ kind: 'value', value: 1 });
  wire.decide = ({ sql: text }) => (text.includes('select 2') ? 'cutBefore' : 'pass');
  expect(await ask(sql('select 2'))).toBeUndefined();
  const at = new URL(db.url);
  at.username = 'nobody_here';
  at.password = 's3cret';
  const refused = await asker(at.toString())(sql('select 1'));
  expect(refused).toMatchObject({ kind: 'error' });
  expect(JSON.stringify(refused)).not.toContain('s3cret');
});
