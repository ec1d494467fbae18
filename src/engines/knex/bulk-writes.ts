/** Tables that a migration file may write any number of rows of in one statement, read from its source. */

import { bulkWritesIn } from '../../postgres/large-tables.js';
import type { Name } from '../../postgres/statement.js';
import { known, readSource, type SourceFile, understood } from './sent-statements.js';
import { partsOfUp } from './source.js';

/** A file without any of these writes nothing that is looked for. */
const MAY_WRITE = /\b(insert|update|delete|del|merge|increment|decrement)\b/i;

/**
 * What `up` may write, as Knex would name it; a name without a schema is the tenant's. Whether a branch is taken is not judged. What only a run
 * would show is not among them, nor is anything of a file that cannot be read.
 */
export const bulkWritesOf = (file: SourceFile): Promise<readonly Name[]> =>
  readSource(file, MAY_WRITE, async ({ program, sentBy }) => {
    const found = new Map<string, Name>();
    for (const part of partsOfUp(program))
      for (const { ways } of sentBy(part))
        for (const forms of ways) {
          const sql = await understood(forms);
          for (const table of sql === undefined ? [] : known(await bulkWritesIn(sql)))
            found.set(JSON.stringify([table.schema, table.name]), table);
        }
    return [...found.values()];
  });
