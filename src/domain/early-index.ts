/** What a plan says of an index that is built before its table is filled. It is a warning: it only takes longer. */

import type { Backfill } from '../migration/backfill.js';
import { findingOf } from './finding.js';
import type { Finding } from './plan.js';

/** Of a file that fills the table itself. @param table as the file names it */
export const earlyIndexFinding = (migration: string, table: string): Finding =>
  findingOf(
    'warning',
    'FLT_INDEX_BEFORE_LOAD',
    migration,
    `${migration} builds an index on "${table}" and writes its rows after that, each of them through the index.`,
  );

/** Of a file whose table a later migration of the plan fills. */
export const indexBeforeBackfillFinding = (migration: string, table: string, backfill: string): Finding =>
  findingOf(
    'warning',
    'FLT_INDEX_BEFORE_LOAD',
    migration,
    `${migration} builds an index on "${table}", and ${backfill} fills it after that, each row through the index.`,
  );

/**
 * Whether each row that a backfill writes gets a new place in an index: those of another table all do; in its own, where the index is over a
 * column that it sets. What `transform` answers is not known.
 */
export const writesThrough = (
  { table, into, set = {} }: Backfill,
  index: { readonly table: string; readonly columns: readonly string[] },
): boolean => (into ? into.table === index.table : table === index.table && index.columns.some((column) => Object.hasOwn(set, column)));
