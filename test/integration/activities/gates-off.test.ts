import { afterEach, beforeEach, expect, it } from 'vitest';
import { gatesOff } from '../../../src/activities/gates-off.js';
import { planGates } from '../../../src/domain/planned-gates.js';
import { createHosts } from '../../../src/postgres/hosts.js';
import { createDatabase, query, type TestDatabase } from '../../support/postgres.js';
import { startWeb } from '../../support/web.js';

let db: TestDatabase;
beforeEach(async () => {
  db = await createDatabase('off');
});
afterEach(() => db.drop());

it('names the gates that say nothing, host by host, and no gate of a host that is silent itself', async () => {
  const role = `off_${process.pid}`;
  await query(db.url, `create role ${role} login password 'x'`);
  const plain = new URL(db.url);
  plain.username = role;
  plain.password = 'x';
  const urls: Record<string, string> = { full: db.url, plain: plain.toString(), dead: 'postgres://nobody@127.0.0.1:1/nowhere' };
  const hosts = createHosts({
    hosts: Object.fromEntries(Object.keys(urls).map((name) => [name, { connection: `env:${name}` }])),
    resolve: async (reference) => urls[reference.slice(4)]!,
  });
  const web = await startWeb({ status: 503, body: {} });
  const gates = planGates([
    { type: 'sql', name: 'fine', query: 'select 1' },
    { type: 'sql', name: 'empty', query: 'select 1 where false' },
    { type: 'http', name: 'closed', url: web.url },
    { type: 'http', name: 'broken', url: web.url, field: 'load' },
  ]);
  const asking = { hosts, resolve: async (reference: string) => reference };
  const off = await gatesOff(asking, gates, { hosts: ['full', 'plain', 'dead'], fleetWide: true });
  const monitor = 'the role is no member of pg_monitor';
  const expected = [
    { gate: 'broken', why: 'it answers 503' },
    { gate: 'empty', host: 'full', why: 'it answers nothing' },
    ...['replicationLag', 'oldestTransaction', 'walQueue'].map((gate) => ({ gate, host: 'plain', why: monitor })),
    { gate: 'empty', host: 'plain', why: 'it answers nothing' },
  ];
  expect(off).toEqual(expected);
  expect(await gatesOff(asking, gates, { hosts: ['full'], fleetWide: false })).toEqual([expected[1]]);
  await hosts.close();
  await query(db.url, `drop role ${role}`);
});
