/** Indexes that a migration file builds, read from its source. */

import { type Index, statementsOf } from '../../postgres/statement.js';
import { known, readSource, type SourceFile, understood } from './sent-statements.js';
import { partsOfUp } from './source.js';

/** A file without any of these builds no index that is looked for. */
export const MAKES_INDEX = /\b(index|createIndexConcurrently)\b/i;

/** Those of `up` that are not unique, and over all rows of a table whose name the source says. Whether a branch is taken is not judged. */
export const builtIndexesOf = (file: SourceFile): Promise<readonly Index[]> =>
  readSource(file, MAKES_INDEX, async ({ program, sentBy }) => {
    const found: Index[] = [];
    for (const part of partsOfUp(program))
      for (const { ways } of sentBy(part)) {
        const sql = ways.length === 1 ? await understood(ways[0]!) : undefined;
        for (const { indexes } of (sql === undefined ? undefined : await statementsOf(sql)) ?? [])
          for (const { table, columns } of indexes) found.push(...known([table]).map((name) => ({ table: name, columns })));
      }
    return found;
  });
