import { storeReport } from '../../control/app-versions.js';
import { isVersion } from '../../domain/app-versions.js';
import { FlotillaError } from '../../domain/errors.js';
import type { AdminAnswers, AdminArgs } from '../../workflows/admin-messages.js';
import type { ActivityDeps } from '../deps.js';
import type { AdminContext } from './answer-admin.js';

/** Keeps what an application says of its version, with the time. Safe to repeat. @throws FLT_USAGE */
export async function reportAppVersion(
  deps: ActivityDeps,
  { fleet }: AdminContext,
  report: AdminArgs['reportAppVersion'],
): Promise<AdminAnswers['reportAppVersion']> {
  if (typeof report.version !== 'string' || !isVersion(report.version))
    throw new FlotillaError('FLT_USAGE', `Expected a version such as "4.2.0", got "${String(report.version).slice(0, 60)}".`);
  await storeReport(deps.control, fleet, report);
  return {};
}
