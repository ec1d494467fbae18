/** Compares many tenants with what the canaries got, in bulk: only the objects that the delta names are read, a hundred schemas a statement. */

import type { Client } from 'pg';
import type { Delta, HistoryNames } from './contract.js';
import { objectOf, readAgainWhenDropped, readCatalog } from './fingerprint.js';

export interface Divergence {
  readonly schema: string;
  /** Lines that the canaries gained and this tenant has not. */
  readonly missing: readonly string[];
  /** Lines that the canaries lost and this tenant still has. */
  readonly unexpected: readonly string[];
}

const SCHEMAS_PER_STATEMENT = 100;

/** Answers the schemas that diverge from the delta; all others have each added line and no removed one. */
export async function verifyDelta(
  client: Client,
  schemas: readonly string[],
  delta: Delta,
  names: HistoryNames,
): Promise<readonly Divergence[]> {
  const objects = [...new Set([...delta.added, ...delta.removed].map(objectOf))];
  if (objects.length === 0) return [];
  const diverging: Divergence[] = [];
  for (let from = 0; from < schemas.length; from += SCHEMAS_PER_STATEMENT) {
    const some = schemas.slice(from, from + SCHEMAS_PER_STATEMENT);
    const catalog = await readAgainWhenDropped(() => readCatalog(client, some, names, objects));
    for (const [schema, lines] of catalog) {
      const has = new Set(lines);
      const missing = delta.added.filter((line) => !has.has(line));
      const unexpected = delta.removed.filter((line) => has.has(line));
      if (missing.length || unexpected.length) diverging.push({ schema, missing, unexpected });
    }
  }
  return diverging;
}
