import { expect, it } from 'vitest';
import { unconfirmedFlags } from '../../../src/gates/ask-flags.js';
import type { FlagsSpec } from '../../../src/spec/flags.js';
import { createResolver } from '../../../src/spec/references.js';
import { controlDatabase } from '../../support/control-database.js';
import { startWeb } from '../../support/web.js';

const db = controlDatabase('flags');
const ask = (source: FlagsSpec | undefined, flags: readonly string[], tenants?: readonly string[]) =>
  unconfirmedFlags(source, flags, tenants, { control: db.pool, resolve: createResolver('/'), answerWithinMs: 200 });
const whys = async (...args: Parameters<typeof ask>) => (await ask(...args)).map(({ flag, why }) => `${flag}: ${why}`);

it('[Z-gap] flags are confirmed by the rows of a statement on the control connection, which can change nothing', async () => {
  await db.pool.query('create table public.flags (name text, enabled boolean)');
  await db.pool.query(`insert into public.flags values ('new-email', true), ('old-phone', false)`);
  const sql = 'select name from public.flags where enabled';
  expect(await whys({ sql }, ['new-email', 'old-phone', `it's "odd"`])).toEqual(['old-phone: off', `it's "odd": off`]);
  expect((await whys({ sql: `insert into public.flags values ('x', true) returning name` }, ['x']))[0]).toContain('the query fails');
  expect((await whys({ sql: 'select name from nowhere' }, ['x']))[0]).toContain('the query fails');
  expect((await whys({ sql: 'select pg_sleep(5)' }, ['x']))[0]).toContain('the query fails');
  expect((await db.pool.query('select 1 from public.flags')).rowCount).toBe(2);
});

it('[Z-gap] or by an address that answers 2xx, or true at a place of its answer, for the fleet or each tenant', async () => {
  const web = await startWeb({ body: { data: { on: true } } });
  expect(await ask({ url: `${web.url}/flags?env=prod`, field: 'data.on' }, ['a b'])).toEqual([]);
  expect(await ask({ url: `${web.url}/flags` }, ['a'], ['t1', 't&2'])).toEqual([]);
  expect(web.asked.map(({ path }) => path)).toEqual(['/flags?env=prod&flag=a+b', '/flags?flag=a&tenant=t1', '/flags?flag=a&tenant=t%262']);
  expect(await whys({ url: (await startWeb({ status: 404 })).url }, ['a'])).toEqual(['a: it answers 404']);
  expect(await whys({ url: (await startWeb({ body: { on: false } })).url, field: 'on' }, ['a'])).toEqual(['a: it answers false']);
  expect(await whys({ url: (await startWeb({ body: { on: 1 } })).url, field: 'on' }, ['a'])).toEqual(['a: it answers a number']);
});

it('[Z-gap] or by a function; whatever does not say true says no, and its words stay where they are', async () => {
  const on = async (flag: string, tenant: string | undefined) => flag === 'a' && tenant !== 't2';
  expect(await ask(on, ['a'])).toEqual([]);
  expect(await whys(on, ['a', 'b'], ['t1', 't2'])).toEqual(['a: t2: off', 'b: t1: off']);
  const fails = () => {
    throw new TypeError('secret');
  };
  expect(await whys(fails, ['a'])).toEqual(['a: it throws TypeError']);
  expect(await whys((() => 'yes') as never, ['a'])).toEqual(['a: it answers neither true nor false']);
  expect(await whys(() => new Promise<boolean>(() => undefined), ['a'])).toEqual(['a: no answer within 0.2 s']);
  expect(await whys(undefined, ['a'])).toEqual(['a: the config has no "flags" to ask']);
});
