/** What a plan says of one migration. */

import { ERROR_CODES, type ErrorCode } from './error-codes.js';
import type { Finding } from './plan.js';

/** With the remedy that its code has; the plan's other findings, of tenants or gates, are put together where they are found. */
export const findingOf = (severity: Finding['severity'], code: ErrorCode, migration: string, message: string): Finding => ({
  severity,
  code,
  message,
  remedy: ERROR_CODES[code].remedy,
  migration,
});
