import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import type { Hosts } from '../../../src/postgres/contract.js';
import { createHostSlots, type HostSlots } from '../../../src/postgres/host-slots.js';
import { createHosts } from '../../../src/postgres/hosts.js';
import { createDatabase, query, type TestDatabase } from '../../support/postgres.js';

let db: TestDatabase;
let workers: { readonly slots: HostSlots; readonly hosts: Hosts }[] = [];

beforeEach(async () => {
  db = await createDatabase('slots');
});
afterEach(async () => {
  for (const { slots, hosts } of workers) {
    await slots.close();
    await hosts.close();
  }
  workers = [];
  await expect.poll(keepers).toEqual([]);
  await db.drop();
});

/** A worker of some fleet; the host has a name in each. */
function worker(url = db.url, name = 'h1'): HostSlots {
  const hosts = createHosts({ hosts: { [name]: { connection: 'env:H', maxConcurrency: 8 } }, resolve: async () => url });
  const slots = createHostSlots(hosts);
  workers.push({ slots, hosts });
  return slots;
}

const HELD = `select a.pid, a.datname from pg_stat_activity a where application_name = 'flotilla' and a.datname in ('postgres', $1)`;
const keepers = () => query<{ pid: number; datname: string }>(inject('postgres').url, HELD, [db.name]);
const heldSlots = async () => {
  const sql = `select objid::int as slot from pg_locks where locktype = 'advisory' and classid = x'666c6f74'::int::oid and granted order by 1`;
  return (await query<{ slot: number }>(inject('postgres').url, sql)).map(({ slot }) => slot);
};

/** Holds a slot until it is told to let go. */
function holding(slots: HostSlots, many: number, { withinMs = 60_000, stop = (): boolean => false, host = 'h1' } = {}) {
  let letGo = () => {};
  let began = false;
  const freed = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const done = slots.hold(host, many, { withinMs, stop }, async () => {
    began = true;
    await freed;
    return 'worked';
  });
  return { done, letGo: () => letGo(), began: () => began };
}

it('lets as many in as there are slots, and the next when one is freed', async () => {
  const slots = worker();
  const [one, two, three] = [holding(slots, 2), holding(slots, 2), holding(slots, 2)];
  await expect.poll(() => one.began() && two.began()).toBe(true);
  expect(await heldSlots()).toEqual([1, 2]);
  expect(three.began()).toBe(false);
  expect(await keepers()).toHaveLength(1);
  two.letGo();
  expect(await two.done).toEqual({ answer: 'worked' });
  await expect.poll(three.began).toBe(true);
  one.letGo();
  three.letGo();
  await Promise.all([one.done, three.done]);
  expect(await heldSlots()).toEqual([]);
});

it('holds all slots of a worker on one session, however many ask at the same moment', async () => {
  const slots = worker();
  const all = Array.from({ length: 8 }, () => holding(slots, 8));
  await expect.poll(() => all.every((it) => it.began())).toBe(true);
  expect(await heldSlots()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(await keepers()).toEqual([{ pid: expect.any(Number), datname: 'postgres' }]);
  for (const it of all) it.letGo();
  await Promise.all(all.map((it) => it.done));
});

it('answers nothing when no slot came free in time, and when it is told to stop', async () => {
  const slots = worker();
  const one = holding(slots, 1);
  await expect.poll(one.began).toBe(true);
  expect(await holding(slots, 1, { withinMs: 50 }).done).toBeUndefined();
  let stopped = false;
  const waiting = holding(slots, 1, { stop: () => stopped });
  stopped = true;
  expect(await waiting.done).toBeUndefined();
  expect(waiting.began()).toBe(false);
  one.letGo();
  await one.done;
});

it('shares the slots between workers and fleets, whatever each calls the host', async () => {
  const [ours, theirs] = [worker(), worker(db.url, 'pg-main')];
  const one = holding(ours, 2);
  const two = holding(theirs, 2, { host: 'pg-main' });
  await expect.poll(() => one.began() && two.began()).toBe(true);
  const three = holding(ours, 2);
  const four = holding(theirs, 2, { host: 'pg-main', withinMs: 100 });
  expect(await four.done).toBeUndefined();
  expect(three.began()).toBe(false);
  two.letGo();
  await two.done;
  await expect.poll(three.began).toBe(true);
  one.letGo();
  three.letGo();
  await Promise.all([one.done, three.done]);
});

it('goes on with the work when its session is killed, whose slots are free then, and takes the next ones on a new session', async () => {
  const [ours, theirs] = [worker(), worker()];
  const one = holding(ours, 1);
  await expect.poll(one.began).toBe(true);
  const waiting = holding(theirs, 1);
  const [keeper] = await query<{ pid: number }>(inject('postgres').url, `select pid from pg_locks where classid = x'666c6f74'::int::oid`);
  await query(inject('postgres').url, 'select pg_terminate_backend($1)', [keeper!.pid]);
  await expect.poll(waiting.began).toBe(true);
  one.letGo();
  expect(await one.done).toEqual({ answer: 'worked' });
  waiting.letGo();
  await waiting.done;
  expect(await ours.hold('h1', 1, { withinMs: 5_000, stop: () => false }, heldSlots)).toEqual({ answer: [1] });
});

it('frees its slot when the work fails, and says what failed', async () => {
  const slots = worker();
  const failing = slots.hold('h1', 1, { withinMs: 0, stop: () => false }, () => Promise.reject(new Error('no luck')));
  await expect(failing).rejects.toThrow('no luck');
  expect(await heldSlots()).toEqual([]);
  expect(await slots.hold('h1', 1, { withinMs: 0, stop: () => false }, async () => 1)).toEqual({ answer: 1 });
});

it('says that the host does not answer, and asks it afresh the next time', async () => {
  let url = 'postgres://nobody@127.0.0.1:1/nowhere';
  const hosts = createHosts({ hosts: { h1: { connection: 'env:H' } }, resolve: async () => url });
  const slots = createHostSlots(hosts);
  workers.push({ slots, hosts });
  const hold = () => slots.hold('h1', 1, { withinMs: 0, stop: () => false }, async () => 'worked');
  await expect(hold()).rejects.toMatchObject({ code: 'FLT_HOST_UNAVAILABLE' });
  url = db.url;
  expect(await hold()).toEqual({ answer: 'worked' });
});

it("holds the slots in the host's own database where that of all may not be connected to", async () => {
  const { url } = inject('postgres');
  const role = `slots_${process.pid}`;
  await query(url, `create role ${role} login password 'x'`);
  await query(url, 'revoke connect on database postgres from public');
  try {
    const own = new URL(db.url);
    own.username = role;
    own.password = 'x';
    const slots = worker(own.toString());
    const one = holding(slots, 1);
    await expect.poll(one.began).toBe(true);
    expect(await keepers()).toEqual([{ pid: expect.any(Number), datname: db.name }]);
    expect(await holding(slots, 1, { withinMs: 50 }).done).toBeUndefined();
    one.letGo();
    await one.done;
  } finally {
    for (const { slots, hosts } of workers.splice(0)) {
      await slots.close();
      await hosts.close();
    }
    await expect.poll(keepers).toEqual([]);
    await query(url, `grant connect on database postgres to public; drop role ${role}`);
  }
});
