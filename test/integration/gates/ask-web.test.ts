import { expect, it } from 'vitest';
import type { Sample } from '../../../src/domain/gates.js';
import type { PlannedGate } from '../../../src/domain/plan.js';
import { askWeb } from '../../../src/gates/ask-web.js';
import { createResolver } from '../../../src/spec/references.js';
import { startWeb, type Web } from '../../support/web.js';

const limits = { when: 'above', abort: 5, failureLimit: 0, errorLimit: 0, holdLimitMs: 1_000, settleMs: 1_000 } as const;
const gate = (more: Partial<PlannedGate>): PlannedGate => ({
  name: 'g',
  type: 'http',
  scope: 'fleet',
  phases: ['bake'],
  intervalMs: 100,
  limits,
  dryRun: false,
  off: [],
  ...more,
});
const resolve = createResolver('/');
const ask = (more: Partial<PlannedGate>, withinMs = 5_000): Promise<Sample> => askWeb(gate(more), resolve, withinMs);
const value = (n: number): Sample => ({ kind: 'value', value: n });

const vector = (...values: string[]) => ({
  status: 'success',
  data: { resultType: 'vector', result: values.map((it) => ({ metric: {}, value: [1, it] })) },
});
const prometheus = (web: Web, when: 'above' | 'below' = 'above') =>
  ask({ type: 'prometheus', url: web.url, query: 'sum(rate(errors[1m])) > 0', limits: { ...limits, when } });

it('takes the worst value that a Prometheus query finds: the greatest, or the smallest with a limit below', async () => {
  const web = await startWeb({ body: vector('0.5', '12.25', 'NaN', '3') });
  expect(await prometheus(web)).toEqual(value(12.25));
  expect(await prometheus(web, 'below')).toEqual(value(0.5));
  expect(web.asked[0]).toMatchObject({ method: 'GET', path: `/api/v1/query?query=${encodeURIComponent('sum(rate(errors[1m])) > 0')}` });
});

it('reads a Prometheus scalar too', async () => {
  const web = await startWeb({ body: { status: 'success', data: { resultType: 'scalar', result: [1, '0.25'] } } });
  expect(await prometheus(web)).toEqual(value(0.25));
});

it.each([
  ['no series', vector()],
  ['only NaN', vector('NaN', 'NaN')],
  ['an infinite value beside a good one', vector('+Inf', '0.1')],
  ['a range', { status: 'success', data: { resultType: 'matrix', result: [] } }],
])('says nothing of a Prometheus query that answers %s', async (_, body) => {
  expect(await prometheus(await startWeb({ body }))).toMatchObject({ kind: 'inconclusive' });
});

it.each([
  ['an error', { status: 400, body: { status: 'error', error: 'parse error near secret' } }, 'it answers 400'],
  ['no JSON', { body: '<html>' }, 'its answer is not one of Prometheus'],
  ['something else', { body: { hello: 'there' } }, 'its answer is not one of Prometheus'],
])('takes %s for no answer of Prometheus', async (_, reply, text) => {
  expect(await prometheus(await startWeb(reply))).toEqual({ kind: 'error', text });
});

it('passes an address that answers 2xx, and fails one that answers something else', async () => {
  const web = await startWeb({ status: 204 });
  expect(await ask({ url: web.url })).toEqual({ kind: 'pass' });
  web.answers({ status: 503, body: 'down since 9' });
  expect(await ask({ url: web.url })).toEqual({ kind: 'fail', text: 'it answers 503' });
});

it.each<[unknown, Sample]>([
  [{ data: { rate: 7.5 } }, value(7.5)],
  [{ data: { rate: '7.5' } }, value(7.5)],
  [{ data: { rate: true } }, { kind: 'pass' }],
  [{ data: { rate: false } }, { kind: 'fail', text: 'it answers false' }],
  [{ data: { rate: null } }, { kind: 'inconclusive', text: 'it answers null' }],
  [{ data: { rate: 'high' } }, { kind: 'inconclusive', text: 'it answers neither a number nor a boolean' }],
  [{ data: {} }, { kind: 'inconclusive', text: 'its answer has no "data.rate"' }],
  [{ data: null }, { kind: 'inconclusive', text: 'its answer has no "data.rate"' }],
  ['not json', { kind: 'error', text: 'its answer is not JSON' }],
])('reads a field of the answer: %j', async (body, sample) => {
  const web = await startWeb({ body });
  expect(await ask({ url: web.url, field: 'data.rate' })).toEqual(sample);
});

it('takes a bad status for no answer when a field is asked for', async () => {
  const web = await startWeb({ status: 500, body: { rate: 1 } });
  expect(await ask({ url: web.url, field: 'rate' })).toEqual({ kind: 'error', text: 'it answers 500' });
});

it('waits for no answer longer than it may, neither for its head nor for its body', async () => {
  const web = await startWeb({ hangs: true });
  expect(await ask({ url: web.url }, 50)).toEqual({ kind: 'error', text: 'no answer within 0.05 s' });
  web.answers({ headers: { 'content-length': '1000' }, body: '{' });
  expect(await ask({ url: web.url, field: 'rate' }, 50)).toEqual({ kind: 'error', text: 'no answer within 0.05 s' });
});

it('says when nobody is there', async () => {
  const web = await startWeb();
  await web.close();
  expect(await ask({ url: web.url })).toEqual({ kind: 'error', text: 'it does not answer (ECONNREFUSED)' });
});

it('resolves references in the address and the headers, and says nothing of what they hold', async () => {
  const web = await startWeb({ body: vector('1') });
  process.env.GATE_URL = `${web.url}/tenant-key-4711/`;
  process.env.GATE_TOKEN = 'Bearer s3cret';
  const headers = { authorization: 'env:GATE_TOKEN' };
  const asking = () => ask({ type: 'prometheus', url: 'env:GATE_URL', query: 'up', headers });
  expect(await asking()).toEqual(value(1));
  expect(web.asked[0]).toMatchObject({ path: '/tenant-key-4711/api/v1/query?query=up', headers: { authorization: 'Bearer s3cret' } });

  web.answers({ status: 401, body: 'Bearer s3cret is not welcome' });
  const texts = [JSON.stringify(await asking())];
  await web.close();
  texts.push(JSON.stringify(await asking()));
  process.env.GATE_URL = 'no address, s3cret';
  texts.push(JSON.stringify(await asking()));
  process.env.GATE_URL = web.url;
  process.env.GATE_TOKEN = 's3cret\nsecond line';
  texts.push(JSON.stringify(await asking()));
  delete process.env.GATE_TOKEN;
  texts.push(JSON.stringify(await asking()));
  delete process.env.GATE_URL;
  for (const text of texts) {
    expect(text).toContain('"error"');
    expect(text).not.toMatch(/s3cret|4711/);
  }
  expect(texts[4]).toContain('GATE_TOKEN is not set');
});

it('follows to no other address, to which it would show its headers', async () => {
  const other = await startWeb();
  const web = await startWeb({ status: 302, headers: { location: other.url } });
  process.env.GATE_KEY = 's3cret';
  const sample = await ask({ url: web.url, headers: { 'x-api-key': 'env:GATE_KEY' } });
  expect(sample).toEqual({ kind: 'error', text: 'it answers 302, another address: name that one' });
  expect(other.asked).toEqual([]);
});
