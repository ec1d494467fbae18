import { ERROR_CODES, isErrorCode } from '../domain/error-codes.js';
import { FlotillaError } from '../domain/errors.js';
import type { PlanSummary } from '../domain/plan.js';

/** Why a plan cannot be started: its error findings, under the code of the first one; undefined when it can. */
export function planRefusal(summary: PlanSummary): FlotillaError | undefined {
  const errors = summary.findings.filter((finding) => finding.severity === 'error');
  const [first] = errors;
  if (!first) return undefined;
  const code = isErrorCode(first.code) ? first.code : 'FLT_PLAN_STALE';
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  const details = { planId: summary.planId, findings: errors.map((finding) => ({ ...finding })) };
  return new FlotillaError(code, `${first.message || ERROR_CODES[code].meaning}${more}`, details, { remedy: first.remedy });
}
