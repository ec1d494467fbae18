/** Looks for indexes that pending files build before their table is filled. Files are read, and no server is asked. */

import { earlyIndexFinding, indexBeforeBackfillFinding, writesThrough } from '../domain/early-index.js';
import type { Finding } from '../domain/plan.js';
import type { MigrationEngine, MigrationFile } from '../engines/engine.js';
import type { Name } from '../postgres/statement.js';
import type { ActivityDeps } from './deps.js';

/** One finding for each migration and table, and for each backfill that comes after it. */
export async function findEarlyIndexes(
  { engine }: Pick<ActivityDeps, 'engine'>,
  files: readonly MigrationFile[],
  planned: ReadonlySet<string>,
): Promise<readonly Finding[]> {
  const pending = files.filter(({ name }) => planned.has(name));
  const builds = pending.filter(({ declares }) => runsUp(declares) && declares?.waive?.FLT_INDEX_BEFORE_LOAD === undefined);
  const found = await Promise.all(
    builds.map(async (file) => [
      ...(await engine.indexedBeforeLoad(file)).map((table) => earlyIndexFinding(file.name, asNamed(table))),
      ...(await beforeBackfills(engine, file, pending)),
    ]),
  );
  return found.flat();
}

async function beforeBackfills(
  engine: Pick<MigrationEngine, 'builtIndexes'>,
  file: MigrationFile,
  pending: readonly MigrationFile[],
): Promise<readonly Finding[]> {
  const fills = pending.filter(({ name, declares }) => name > file.name && declares?.backfill !== undefined);
  if (fills.length === 0) return [];
  const indexes = (await engine.builtIndexes(file)).map(({ table, columns }) => ({ table: asNamed(table), columns }));
  return fills.flatMap(({ name, declares }) => {
    const index = indexes.find((it) => writesThrough(declares!.backfill!, it));
    return index ? [indexBeforeBackfillFinding(file.name, index.table, name)] : [];
  });
}

/** A backfill that is declared runs in the place of `up`. */
const runsUp = (declares: MigrationFile['declares']): boolean => declares?.backfill === undefined;

const asNamed = ({ schema, name }: Name): string => (schema === undefined ? name : `${schema}.${name}`);
