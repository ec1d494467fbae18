/** A real HTTP server for one test: it answers what the test says, and keeps what it was asked. */

import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Reply {
  readonly status?: number;
  /** Sent as it is when a text, otherwise as JSON. `hangs`: never. */
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly hangs?: boolean;
}

export interface Web {
  readonly url: string;
  /** Oldest first. */
  readonly asked: Asked[];
  answers(reply: Reply | ((asked: Asked) => Reply)): void;
  close(): Promise<void>;
}

/** Ends with the test, at the latest. */
export async function startWeb(first: Reply = {}): Promise<Web> {
  let reply: (asked: Asked) => Reply = () => first;
  const asked: Asked[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const it = { method: request.method!, path: request.url!, headers: request.headers, body };
    asked.push(it);
    const { status = 200, body: answer = '', headers = {}, hangs = false } = reply(it);
    if (hangs) return;
    response.writeHead(status, headers).end(typeof answer === 'string' ? answer : JSON.stringify(answer));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async () => {
    server.closeAllConnections();
    if (server.listening) await new Promise((closed) => server.close(closed));
  };
  onTestFinished(close);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    answers: (next) => {
      reply = typeof next === 'function' ? next : () => next;
    },
    close,
  };
}
