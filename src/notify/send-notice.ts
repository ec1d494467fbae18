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
export async function sendNotice(webhook: WebhookSpec, notice: Notice, resolve: ResolveReference): Promise<string | undefined> {
  for (let tries = 1; ; tries++) {
    const trouble = await post(webhook, notice, resolve);
    if (trouble === undefined || tries === TRIES) return trouble;
    await delay(FIRST_WAIT_MS * 2 ** (tries - 1));
  }
}

async function post(webhook: WebhookSpec, notice: Notice, resolve: ResolveReference): Promise<string | undefined> {
  const resolved = (text: string) => (/^(env|file):/.test(text) ? resolve(text) : Promise.resolve(text));
  try {
    const body = webhook.format === 'slack' ? JSON.stringify(slackMessage(notice)) : JSON.stringify(notice);
    const response = await fetch(await resolved(webhook.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(webhook.secret ? signature(await resolved(webhook.secret), notice, body) : {}) },
      body,
      redirect: 'error',
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    await response.body?.cancel();
    return response.ok ? undefined : `it answers ${response.status}`;
  } catch (error) {
    const { name, code, cause } = error as Error & { readonly code?: string; readonly cause?: { readonly code?: string } };
    return `it does not answer (${cause?.code ?? code ?? name})`;
  }
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
