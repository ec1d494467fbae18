/**
 * A proxy that understands Postgres' wire protocol as far as faults need it: it sees each message of the client with its SQL, and may lose it,
 * lose its answer, cut the connection, or swallow everything from a point on.
 */

import { createServer, type Server, type Socket, connect as tcp } from 'node:net';

/** One message of a client that asks for an answer. */
export interface Sent {
  /** Of all connections, from 1, in order. */
  readonly n: number;
  /** SQL of a simple query or of a Parse. */
  readonly sql: string;
  /** Process id of the backend. */
  readonly pid: number;
  readonly applicationName: string;
}

export type Fault =
  /** The message never arrives; the connection is cut. */
  | 'cutBefore'
  /** The message is carried out; its answer is lost with the connection. */
  | 'cutAfter'
  /** The message is on its way when the connection is cut. */
  | 'cutDuring'
  /** The message is carried out; from its answer on nothing comes through, and nobody is told. */
  | 'hangAfter'
  | 'pass';

export interface Wire {
  /** Through the proxy to the same database. */
  readonly url: string;
  /** Where new connections go from now on: another server takes over. */
  retarget(url: string): void;
  /** Every message so far. */
  readonly sent: readonly Sent[];
  /** Decides about each message; may take its time, for the message waits. */
  decide: (sent: Sent) => Fault | Promise<Fault>;
  /** Cuts every connection that is open now. */
  cut(): void;
  /** Runs when the answer to a message is complete, before the client gets it. */
  onAnswered: (sent: Sent) => void | Promise<void>;
  close(): Promise<void>;
}

export async function createWire(target: string): Promise<Wire> {
  let to = new URL(target);
  const sent: Sent[] = [];
  const open = new Set<Socket>();
  const wire = {
    url: '',
    sent,
    decide: (): Fault => 'pass',
    onAnswered: () => undefined,
    retarget: (url: string) => {
      to = new URL(url);
    },
    cut: () => {
      for (const socket of open) socket.destroy();
    },
    close: () =>
      new Promise<void>((resolve) => {
        for (const socket of open) socket.destroy();
        server.close(() => resolve());
      }),
  } as unknown as Wire & { url: string };
  const server: Server = createServer((client) => relay(client, wire, sent, open, to));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const at = new URL(target);
  at.port = String((server.address() as { port: number }).port);
  wire.url = at.toString();
  return wire;
}

/** Cuts a stream into frames: the first of a client has no type. */
class Frames {
  #buffer = Buffer.alloc(0);
  constructor(private untyped: boolean) {}
  *take(chunk: Buffer): Generator<{ type: string; body: Buffer; raw: Buffer }> {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    for (;;) {
      const head = this.untyped ? 0 : 1;
      if (this.#buffer.length < head + 4) return;
      const size = head + this.#buffer.readInt32BE(head);
      if (this.#buffer.length < size) return;
      const raw = this.#buffer.subarray(0, size);
      yield { type: this.untyped ? '' : String.fromCharCode(raw[0]!), body: raw.subarray(head + 4), raw };
      this.untyped = false;
      this.#buffer = this.#buffer.subarray(size);
    }
  }
}

const textAt = (body: Buffer, from = 0): string => body.subarray(from, body.indexOf(0, from)).toString();

function relay(client: Socket, wire: Wire, sent: Sent[], open: Set<Socket>, to: URL): void {
  const server = tcp(Number(to.port), to.hostname);
  let pid = 0;
  let applicationName = '';
  /** Not answered yet, in the order in which the server answers them. */
  const asked: { readonly message: Sent; readonly fault: Fault }[] = [];
  let hung = false;
  const cut = () => {
    client.destroy();
    server.destroy();
  };
  for (const socket of [client, server]) {
    open.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => cut());
    socket.on('close', () => {
      open.delete(socket);
      if (!hung) cut();
    });
  }

  const fromClient = new Frames(true);
  let turn = Promise.resolve();
  let parsed = '';
  client.on('data', (chunk: Buffer) => {
    for (const { type, body, raw } of fromClient.take(chunk)) {
      turn = turn.then(async () => {
        if (hung) return;
        const own = Buffer.from(raw);
        if (type === '') applicationName = /application_name\0([^\0]*)\0/.exec(body.toString('latin1'))?.[1] ?? '';
        if (type === 'P') parsed = textAt(body, body.indexOf(0) + 1);
        let fault: Fault = 'pass';
        // An extended query ends with Sync: that is when it asks for its answer
        if (type === 'Q' || (type === 'S' && parsed !== '')) {
          const message = { n: sent.length + 1, sql: type === 'Q' ? textAt(body) : parsed, pid, applicationName };
          parsed = '';
          sent.push(message);
          fault = await wire.decide(message);
          if (fault === 'cutBefore') return cut();
          asked.push({ message, fault });
        }
        if (server.writable) server.write(own);
        if (fault === 'cutDuring') setImmediate(cut);
      });
    }
  });

  const fromServer = new Frames(false);
  let back = Promise.resolve();
  server.on('data', (chunk: Buffer) => {
    for (const { type, body, raw } of fromServer.take(chunk)) {
      const own = Buffer.from(raw);
      if (type === 'K') pid = body.readInt32BE(0);
      const held = asked[0]?.fault ?? 'pass';
      const answered = type === 'Z' ? asked.shift()?.message : undefined;
      back = back.then(async () => {
        if (answered) await wire.onAnswered(answered);
        if (answered && held === 'cutAfter') return cut();
        if (held === 'hangAfter') hung = true;
        if (hung || held === 'cutAfter') return;
        if (client.writable) client.write(own);
      });
    }
  });
}
