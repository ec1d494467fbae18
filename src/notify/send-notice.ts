/** Tells one webhook of one event. Signed as Standard Webhooks has it (https://www.standardwebhooks.com), or in the shape that Slack takes. */

import { setTimeout as delay } from 'node:timers/promises';
import { Webhook } from 'standardwebhooks';
import type { Notice } from '../domain/rollout/notices.js';
import type { WebhookSpec } from '../spec/notify.js';
import type { ResolveReference } from '../spec/references.js';

const TRIES = 4;
const FIRST_WAIT_MS = 500;
const ANSWER_WITHIN_MS = 5_000;

/** Answers why it was not taken, after a few tries; undefined: it was. Says nothing of the address, which may hold a credential. */
export async function sendNotice(
  webhook: WebhookSpec,
  notice: Notice,
  resolve: ResolveReference,
  firstWaitMs = FIRST_WAIT_MS,
): Promise<string | undefined> {
  for (let tries = 1; ; tries++) {
    const trouble = await post(webhook, notice, resolve);
    if (trouble === undefined || tries === TRIES) return trouble;
    await delay(firstWaitMs * 2 ** (tries - 1));
  }
}

async function post(webhook: WebhookSpec, notice: Notice, resolve: ResolveReference): Promise<string | undefined> {
  let request: Request;
  try {
    request = await requestFor(webhook, notice, resolve);
  } catch (error) {
    return `its address or its secret cannot be used (${codeOf(error)})`;
  }
  try {
    const response = await fetch(request, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
    await response.body?.cancel();
    return response.ok ? undefined : `it answers ${response.status}`;
  } catch (error) {
    return `it does not answer (${codeOf(error)})`;
  }
}

/** Messages may quote the address. */
function codeOf(error: unknown): string {
  const { name, code, cause } = error as Error & { readonly code?: string; readonly cause?: { readonly code?: string } };
  return cause?.code ?? code ?? name;
}

/** Signed afresh for each try: receivers take no old signature. No redirect is followed: the notice is for this address alone. */
async function requestFor({ url, format, secret }: WebhookSpec, notice: Notice, resolve: ResolveReference): Promise<Request> {
  const resolved = (text: string) => (/^(env|file):/.test(text) ? resolve(text) : text);
  const body = JSON.stringify(format === 'slack' ? slackMessage(notice) : notice);
  return new Request(await resolved(url), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(secret ? signature(await resolved(secret), notice, body) : {}) },
    body,
    redirect: 'manual',
  });
}

function signature(secret: string, { id }: Notice, body: string): Record<string, string> {
  const at = new Date();
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': new Webhook(secret).sign(id, at, body),
  };
}

/** https://api.slack.com/messaging/webhooks; names may hold what Slack takes for markup. */
function slackMessage({ fleet, text, commands }: Notice): { readonly text: string } {
  const plain = (it: string) => it.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return {
    text: [`*${plain(fleet)}*: ${plain(text)}`, ...commands.map((command) => `\`${plain(command.replaceAll('`', "'"))}\``)].join('\n'),
  };
}
