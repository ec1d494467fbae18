/** What a plan says of a plain file that would write a large table in one statement. It is a warning: such files run as they always did. */

import type { Finding } from './plan.js';

export interface BulkWrite {
  readonly migration: string;
  /** As the file names it. */
  readonly table: string;
  /** Tenants in which it is large. */
  readonly tenants: number;
  /** About how many it holds, in the tenant where it holds most. */
  readonly rows: number;
}

export const bulkWriteFinding = ({ migration, table, tenants, rows }: BulkWrite, sample: readonly string[]): Finding => ({
  severity: 'warning',
  code: 'FLT_BULK_WRITE',
  message: bulkWriteMessage({ migration, table, tenants, rows }),
  remedy:
    "Write the rows in chunks, with a backfill; or, where one statement is right, let the file say why: export const flotilla = { waive: { FLT_BULK_WRITE: 'reason' } }.",
  migration,
  tenants,
  sample,
  table,
  rows,
});

export const bulkWriteMessage = ({ migration, table, tenants, rows }: BulkWrite): string =>
  `${migration} writes to "${table}" in one statement: some ${rows} rows in ${tenants === 1 ? '1 tenant' : `the largest of ${tenants} tenants`}.`;
