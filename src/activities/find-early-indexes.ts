/** Looks for pending files that build an index before they fill its table. Files are read, and no server is asked. */

import { earlyIndexFinding } from '../domain/early-index.js';
import type { Finding } from '../domain/plan.js';
import type { MigrationFile } from '../engines/engine.js';
import type { Name } from '../postgres/statement.js';
import type { ActivityDeps } from './deps.js';

/** One finding for each migration and table. */
export async function findEarlyIndexes(
  { engine }: Pick<ActivityDeps, 'engine'>,
  files: readonly MigrationFile[],
  planned: ReadonlySet<string>,
): Promise<readonly Finding[]> {
  const found = await Promise.all(
    files
      .filter(({ name, declares }) => planned.has(name) && runsUp(declares) && declares?.waive?.FLT_INDEX_BEFORE_LOAD === undefined)
      .map(async (file) => (await engine.indexedBeforeLoad(file)).map((table) => earlyIndexFinding(file.name, asNamed(table)))),
  );
  return found.flat();
}

/** A backfill that is declared runs in the place of `up`. */
const runsUp = (declares: MigrationFile['declares']): boolean => declares?.backfill === undefined;

const asNamed = ({ schema, name }: Name): string => (schema === undefined ? name : `${schema}.${name}`);
