import type { Client } from 'pg';

/**
 * While `work` runs, the driver sends a query at once, and not only when the answer to the one before it has been read: the server goes on while
 * we read. Cursors and streams are refused meanwhile. https://node-postgres.com/features/pipelining
 */
export async function pipelined<T>(client: Client, work: () => Promise<T>): Promise<T> {
  const mode = client as { pipeline: boolean };
  mode.pipeline = true;
  try {
    return await work();
  } finally {
    mode.pipeline = false;
  }
}
