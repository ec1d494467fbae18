import { CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Activities, GateMemory, WatchGatesInput } from '../../../src/activities/contract.js';
import type { ActivityDeps } from '../../../src/activities/deps.js';
import { createWatchGates } from '../../../src/activities/watch-gates.js';
import type { PlannedGate } from '../../../src/domain/plan.js';
import { contractGates, planGates } from '../../../src/domain/planned-gates.js';
import type { Hosts } from '../../../src/postgres/contract.js';
import { createHosts } from '../../../src/postgres/hosts.js';
import type { FlagFunction } from '../../../src/spec/flags.js';
import type { GateSpec } from '../../../src/spec/gates.js';
import { createDatabase, query, type TestDatabase } from '../../support/postgres.js';
import { startWeb, type Web } from '../../support/web.js';

type Answer = Awaited<ReturnType<Activities['watchGates']>>;

let db: TestDatabase;
let hosts: Hosts;
let stopping = false;

beforeEach(async () => {
  db = await createDatabase('watch');
  stopping = false;
  hosts = createHosts({
    hosts: { h1: { connection: 'env:UP' }, dead: { connection: 'env:DOWN' } },
    resolve: async (reference) => (reference === 'env:UP' ? db.url : 'postgres://nobody@127.0.0.1:1/nowhere'),
  });
});
afterEach(async () => {
  await hosts.close();
  await db.drop();
});

const nothing: GateMemory = { states: {}, baselines: {} };

/** One run of the activity, as a cell's watcher does it. */
function watch(gates: readonly PlannedGate[], more: Partial<WatchGatesInput> = {}, flags?: FlagFunction) {
  const deps = {
    fleet: { flags },
    plans: { summary: async () => ({ policy: { gates } }) },
    hosts,
    resolve: async (reference: string) => reference,
    stopping: () => stopping,
  } as unknown as ActivityDeps;
  const environment = new MockActivityEnvironment();
  let answered = false;
  const input: WatchGatesInput = {
    fleet: 'f',
    planId: 'p',
    cell: 'eu',
    phase: 'during',
    hosts: ['h1'],
    fleetWide: true,
    fresh: true,
    memory: nothing,
    ...more,
  };
  const answer: Promise<Answer> = environment.run(createWatchGates(deps), input);
  answer.then(
    () => {
      answered = true;
    },
    () => undefined,
  );
  return { answer, answered: () => answered, cancel: () => environment.cancel() };
}

/** Flotilla's own are off: what other tests do on this server is not this one's matter. */
const only = (...specs: GateSpec[]): PlannedGate[] => planGates(specs).filter(({ type }) => type !== 'builtin');
const http = (web: Web, more: Partial<Extract<GateSpec, { type: 'http' }>> = {}): PlannedGate =>
  only({ type: 'http', name: 'load', url: web.url, field: 'load', throttle: 5, abort: 50, interval: '50ms', ...more })[0]!;
const load = (n: number | null) => ({ body: { load: n } });
const looks = async (web: Web, n: number) => expect.poll(() => web.asked.length, { timeout: 10_000 }).toBeGreaterThanOrEqual(n);

it('answers as soon as everything was looked at when nothing is known yet, and remembers nothing of what passes', async () => {
  const web = await startWeb(load(1));
  const { readings, memory } = await watch([...only({ type: 'sql', name: 'one', query: 'select true' }), http(web)]).answer;
  expect(readings).toEqual({ readings: [], complete: true, passing: 2 });
  expect(memory).toEqual(nothing);
});

it('answers again only when a verdict changes, with the value and the reason', async () => {
  const web = await startWeb(load(1));
  const watching = watch([http(web)], { fresh: false });
  await looks(web, 4);
  expect(watching.answered()).toBe(false);
  web.answers(load(7));
  const { readings, memory } = await watching.answer;
  expect(readings).toMatchObject({
    complete: true,
    passing: 0,
    readings: [{ gate: 'load', verdict: 'throttle', value: 7, text: '7 is above 5' }],
  });
  expect(Object.keys(memory.states)).toEqual(['load']);
});

it('goes on where the watcher before it stopped, looking neither sooner nor counting anew', async () => {
  const web = await startWeb(load(7));
  const gates = [http(web)];
  const first = await watch(gates).answer;
  expect(first.memory.states.load).toMatchObject({ verdict: 'throttle', throttled: 1 });
  const before = web.asked.length;
  const second = await watch(gates, { fresh: false, memory: first.memory }).answer;
  expect(second.readings.readings).toMatchObject([{ verdict: 'hold' }]);
  expect(web.asked.length - before).toBe(2);

  web.answers(load(1));
  const third = await watch(gates, { fresh: false, memory: second.memory }).answer;
  expect(third.readings).toMatchObject({ readings: [], passing: 1, complete: true });
  expect(web.asked.length - before).toBe(5);
  expect(third.memory.states.load).toMatchObject({ verdict: 'pass', troubledSinceMs: first.memory.states.load!.troubledSinceMs });
});

it('does not look at a slow gate sooner because another one has changed', async () => {
  const [quick, slow] = [await startWeb(load(1)), await startWeb(load(1))];
  const gates = [http(quick), { ...http(slow), name: 'slow', intervalMs: 3_600_000 }];
  await watch(gates).answer;
  quick.answers(load(7));
  const { readings } = await watch(gates, { fresh: false }).answer;
  expect(readings).toMatchObject({ complete: true, passing: 1, readings: [{ gate: 'load' }] });
  expect(slow.asked).toHaveLength(1);
});

it('says a gate is in error only after the looks in a row that are borne, and nothing is complete before', async () => {
  const web = await startWeb({ status: 500 });
  const { readings } = await watch([http(web, { errorLimit: 2 })]).answer;
  expect(readings).toMatchObject({ complete: true, readings: [{ verdict: 'error', text: 'it answers 500' }] });
  expect(web.asked).toHaveLength(3);
});

it('takes a host that does not answer for no trouble of its gates, and knows all there is to know', async () => {
  const gates = only({ type: 'sql', name: 'one', query: 'select 1', abort: 5, interval: '100ms', errorLimit: 0 });
  const { readings, memory } = await watch(gates, { hosts: ['h1', 'dead'] }).answer;
  expect(readings).toEqual({ readings: [], complete: true, passing: 1 });
  const next = watch(gates, { hosts: ['h1', 'dead'], fresh: false, memory });
  stopping = true;
  expect((await next.answer).readings).toEqual({ readings: [], complete: true, passing: 1 });
});

it('counts only invalid indexes that came since its first look, over all watchers', async () => {
  await query(db.url, 'create table t (id int); insert into t values (1), (1)');
  const spoil = (name: string) => query(db.url, `create unique index concurrently ${name} on t (id)`).catch(() => undefined);
  await spoil('before');
  const gates = planGates([{ type: 'builtin', check: 'invalidIndexes', interval: '100ms' }]).filter(
    ({ check }) => check === 'invalidIndexes',
  );
  const { readings, memory } = await watch(gates).answer;
  expect(readings).toMatchObject({ readings: [], passing: 1 });
  expect(memory.baselines).toEqual({ 'invalidIndexes on h1': 1 });
  const watching = watch(gates, { fresh: false, memory });
  await spoil('since');
  expect((await watching.answer).readings.readings).toMatchObject([{ verdict: 'throttle', value: 1 }]);
  await query(db.url, 'drop index before');
  expect((await watch(gates, { memory: (await watching.answer).memory }).answer).memory.baselines).toEqual({ 'invalidIndexes on h1': 1 });
});

it('judges a gate that has failed afresh in the next phase: the rollout has halted for it and goes on', async () => {
  const web = await startWeb(load(99));
  const gates = [http(web, { failureLimit: 1 })];
  const first = await watch(gates).answer;
  const failed = first.readings.readings[0]?.verdict === 'fail' ? first : await watch(gates, { fresh: false, memory: first.memory }).answer;
  expect(failed.readings.readings).toMatchObject([{ verdict: 'fail' }]);
  web.answers(load(1));
  expect((await watch(gates, { phase: 'bake', memory: failed.memory }).answer).readings).toMatchObject({ readings: [], passing: 1 });
});

it('asks only the gates of the phase, on the hosts that it was given, and none that is off there', async () => {
  const web = await startWeb(load(1));
  const why = 'the role is no member of pg_monitor';
  const sql = only({ type: 'sql', name: 'one', query: 'select true' })[0]!;
  const gates = [http(web, { phase: ['bake'] }), { ...sql, off: [{ host: 'dead', why }] }, { ...http(web), name: 'gone', off: [{ why }] }];
  expect((await watch(gates, { hosts: ['h1', 'dead'] }).answer).readings).toMatchObject({ complete: true, passing: 1 });
  expect((await watch(gates, { phase: 'bake', hosts: ['dead'], fleetWide: false }).answer).readings).toMatchObject({ passing: 0 });
  expect(web.asked).toEqual([]);
  expect((await watch(gates, { phase: 'bake', hosts: ['dead'] }).answer).readings).toMatchObject({ passing: 1 });
});

it('waits for the flags that a contract names, tells anew when it waits for others, and passes once all are on', async () => {
  const on = new Set<string>();
  let asked = 0;
  const ask = async (flag: string) => {
    asked++;
    return on.has(flag);
  };
  const [planned] = contractGates([{ name: 'drop_body', declares: { phase: 'contract', flags: ['a', 'b'] } }]);
  const gates = [{ ...planned!, intervalMs: 50 }];
  const first = await watch(gates, { phase: 'pre' }, ask).answer;
  const why = (off: string) => `drop_body needs flags that are not confirmed: ${off}`;
  expect(first.readings).toMatchObject({
    complete: true,
    readings: [{ gate: 'contract:drop_body', verdict: 'throttle', text: why('"a" (off), "b" (off)') }],
  });
  const holding = await watch(gates, { phase: 'pre', fresh: false, memory: first.memory }, ask).answer;
  expect(holding.readings.readings).toMatchObject([{ verdict: 'hold' }]);
  on.add('a');
  const second = await watch(gates, { phase: 'pre', fresh: false, memory: holding.memory }, ask).answer;
  expect(second.readings.readings).toMatchObject([{ verdict: 'hold', text: why('"b" (off)') }]);
  on.add('b');
  let last = second;
  while (last.readings.passing === 0) last = await watch(gates, { phase: 'pre', fresh: false, memory: last.memory }, ask).answer;
  expect(last.readings).toEqual({ readings: [], complete: true, passing: 1 });

  const before = asked;
  expect((await watch(gates, { phase: 'during' }, ask).answer).readings.passing).toBe(0);
  expect((await watch(gates, { phase: 'pre', fleetWide: false }, ask).answer).readings.passing).toBe(0);
  expect(asked).toBe(before);
});

it('fails a contract that waits for longer than gates may hold', async () => {
  const [planned] = contractGates([{ name: 'drop_body', declares: { phase: 'contract', flags: ['a'] } }]);
  const gates = [{ ...planned!, intervalMs: 20, limits: { ...planned!.limits, holdLimitMs: 100 } }];
  let at = await watch(gates, { phase: 'pre' }, async () => false).answer;
  while (at.readings.readings[0]?.verdict !== 'fail')
    at = await watch(gates, { phase: 'pre', fresh: false, memory: at.memory }, async () => false).answer;
  expect(at.readings.readings[0]?.text).toContain('"a" (off), now and again for');
});

it('ends at once when it is cancelled, and hands over when its worker stops', async () => {
  const web = await startWeb(load(1));
  const gates = [http(web, { interval: '1h' })];
  const cancelled = watch(gates, { fresh: false });
  cancelled.cancel();
  await expect(cancelled.answer).rejects.toThrow(CancelledFailure);
  const handing = watch(gates, { fresh: false });
  stopping = true;
  expect((await handing.answer).readings).toMatchObject({ complete: true, passing: 1 });
});
