import { type AdminOptions, askAdmin } from './admin.js';
import type { ClientContext } from './context.js';

export interface ReportOptions extends AdminOptions {
  /** Which application, when several work on the same tenants. @defaultValue app */
  readonly app?: string;
  /** The one tenant that this deployment serves. @defaultValue it serves all of them */
  readonly tenant?: string;
}

/**
 * Says which version of the application runs. Every instance reports when it starts and every 5 minutes or so: of one app the lowest version of the
 * last 15 minutes counts; an app that was silent for longer counts as unknown, and after a day as gone. A contract with `appVersion` goes out only
 * when all are known and new enough. Safe to repeat. @throws FLT_USAGE when it is no semantic version
 */
export async function reportAppVersion(
  context: ClientContext,
  version: string,
  { app = 'app', tenant, ...options }: ReportOptions = {},
): Promise<void> {
  await askAdmin(context, 'reportAppVersion', { app, version, ...(tenant === undefined ? {} : { tenant }) }, options);
}
