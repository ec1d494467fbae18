/** One answer for a message of several statements. */

import type { Answer } from './door.js';

interface Result {
  readonly command: string;
  readonly rowCount: number | null;
  readonly rows: readonly unknown[];
}

const WRITES = ['INSERT', 'UPDATE', 'DELETE'];

export function answerOf<R>(results: readonly Result[]): Answer<R> {
  const selects = results.filter(({ command }) => command === 'SELECT').map(({ rows }) => rows as readonly R[]);
  const writes = results.findLast(({ command }) => WRITES.includes(command));
  return { selects, rows: selects.at(-1) ?? [], rowCount: writes?.rowCount ?? 0 };
}
