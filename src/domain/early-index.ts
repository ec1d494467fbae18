/** What a plan says of a file that builds an index before it fills the table. It is a warning: it only takes longer. */

import { ERROR_CODES } from './error-codes.js';
import type { Finding } from './plan.js';

/** @param table as the file names it */
export const earlyIndexFinding = (migration: string, table: string): Finding => ({
  severity: 'warning',
  code: 'FLT_INDEX_BEFORE_LOAD',
  message: `${migration} builds an index on "${table}" and writes its rows after that, each of them through the index.`,
  remedy: ERROR_CODES.FLT_INDEX_BEFORE_LOAD.remedy,
  migration,
});
