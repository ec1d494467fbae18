/** A plain TCP connection that can be cut off: what lies between a worker and Temporal. */

import { createServer, type Socket, connect as tcp } from 'node:net';

export interface Link {
  /** host:port */
  readonly address: string;
  /** Nothing comes through any more, and new connections find nobody. */
  cut(): void;
  mend(): void;
  close(): Promise<void>;
}

export async function createLink(target: string): Promise<Link> {
  const [host, port] = target.split(':');
  const open = new Set<Socket>();
  let isCut = false;
  const server = createServer((client) => {
    if (isCut) return client.destroy();
    const upstream = tcp(Number(port), host);
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        open.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const drop = () => {
    for (const socket of open) socket.destroy();
  };
  return {
    address: `127.0.0.1:${(server.address() as { port: number }).port}`,
    cut() {
      isCut = true;
      drop();
    },
    mend() {
      isCut = false;
    },
    close: () =>
      new Promise<void>((resolve) => {
        drop();
        server.close(() => resolve());
      }),
  };
}
