import { Webhook } from 'standardwebhooks';
import { expect, it } from 'vitest';
import type { Notice } from '../../../src/domain/rollout/notices.js';
import { sendNotice } from '../../../src/notify/send-notice.js';
import { createResolver } from '../../../src/spec/references.js';
import { startWeb } from '../../support/web.js';

const SECRET = `whsec_${Buffer.from('a shared secret of ours').toString('base64')}`;
const notice: Notice = {
  id: 'r-1:3',
  kind: 'halted',
  fleet: 'shop & co',
  rolloutId: 'r-1',
  state: 'halted',
  text: 'The rollout is halted: <lag> on h1.',
  commands: ['flotilla status', 'flotilla abort'],
  atMs: 1_000,
};
const resolve = createResolver('/');
const send = (webhook: Parameters<typeof sendNotice>[0]) => sendNotice(webhook, notice, resolve, 1);

it('sends the notice itself, signed so that a receiver of standard webhooks can trust it', async () => {
  const web = await startWeb({ status: 204 });
  process.env.OPS_WEBHOOK = `${web.url}/hook/4711`;
  process.env.OPS_SECRET = SECRET;
  expect(await send({ url: 'env:OPS_WEBHOOK', secret: 'env:OPS_SECRET' })).toBeUndefined();
  const [{ method, path, headers, body }] = web.asked as [(typeof web.asked)[number]];
  expect([method, path, headers['content-type'], headers['webhook-id']]).toEqual(['POST', '/hook/4711', 'application/json', 'r-1:3']);
  const receiver = new Webhook(SECRET);
  expect(receiver.verify(body, headers as Record<string, string>)).toEqual(notice);
  expect(() => receiver.verify(body.replace('halted', 'fine'), headers as Record<string, string>)).toThrow();
  expect(() => new Webhook(Buffer.from('another').toString('base64')).verify(body, headers as Record<string, string>)).toThrow();
});

it('sends Slack a message, with nothing in it that Slack would take for markup', async () => {
  const web = await startWeb({ body: 'ok' });
  expect(await send({ url: web.url, format: 'slack' })).toBeUndefined();
  expect(JSON.parse(web.asked[0]!.body)).toEqual({
    text: '*shop &amp; co*: The rollout is halted: &lt;lag&gt; on h1.\n`flotilla status`\n`flotilla abort`',
  });
  expect(Object.keys(web.asked[0]!.headers).filter((name) => name.startsWith('webhook-'))).toEqual([]);
});

it('tries again a few times, under the same id, until it is taken', async () => {
  const web = await startWeb();
  web.answers(() => ({ status: web.asked.length < 3 ? 503 : 200 }));
  process.env.OPS_SECRET = SECRET;
  expect(await send({ url: web.url, secret: 'env:OPS_SECRET' })).toBeUndefined();
  expect(web.asked.map(({ headers }) => headers['webhook-id'])).toEqual(['r-1:3', 'r-1:3', 'r-1:3']);
});

it('gives up after four tries, and says why without the address', async () => {
  const web = await startWeb({ status: 500, body: 'key 4711 is bad' });
  expect(await send({ url: `${web.url}/4711` })).toBe('it answers 500');
  expect(web.asked).toHaveLength(4);
  await web.close();
  expect(await send({ url: `${web.url}/4711` })).toBe('it does not answer (ECONNREFUSED)');
});

it('sends nothing to the address that a receiver points to', async () => {
  const other = await startWeb();
  const web = await startWeb({ status: 307, headers: { location: other.url } });
  expect(await send({ url: web.url })).toBe('it answers 307');
  expect(other.asked).toEqual([]);
});

it.each([
  ['an unset variable', { url: 'env:OPS_UNSET' }, 'FLT_REFERENCE_UNRESOLVED'],
  ['an address that is none', { url: 'env:OPS_MISTAKEN' }, 'ERR_INVALID_URL'],
  ['a secret that is no base64', { url: 'http://127.0.0.1:1', secret: 'env:OPS_MISTAKEN' }, 'Error'],
])('says that it is %s, not what it holds', async (_, webhook, code) => {
  process.env.OPS_MISTAKEN = 's3cret, not base64';
  expect(await send(webhook)).toBe(`its address or its secret cannot be used (${code})`);
});
