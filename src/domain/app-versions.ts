/** What the application says of the version it runs, held against the floor of a contract. */

import semver from 'semver';
import type { ErrorCode } from './error-codes.js';
import { findingOf } from './finding.js';
import type { Finding } from './plan.js';

/** A report counts for so long; an app that has said nothing since may run anything. */
export const REPORT_COUNTS_MS = 15 * 60_000;
/** An app that has said nothing for so long is gone. */
export const REPORT_KEPT_MS = 24 * 60 * 60_000;

/** Reports that concern the tenants of a plan. */
export interface AppReports {
  /** Versions that count, of every app. */
  readonly running: readonly { readonly app: string; readonly version: string; readonly tenant?: string }[];
  /** Apps whose last report is too old. */
  readonly silent: readonly { readonly app: string; readonly sinceMs: number; readonly tenant?: string }[];
  /** Tenants that no report that counts speaks for. */
  readonly unheard: number;
}

export const isVersion = (text: string): boolean => semver.valid(text) !== null;

/** Whether the application is new enough for a contract: unknown is not. */
export function judgeAppVersions(contract: string, floor: string, { running, silent, unheard }: AppReports): readonly Finding[] {
  const old = running.filter(({ version }) => semver.lt(version, floor)).sort((a, b) => semver.compare(a.version, b.version));
  const [lowest] = old;
  const [quiet] = silent;
  return [
    ...(lowest
      ? [
          finding(
            'FLT_APP_VERSION_TOO_OLD',
            contract,
            `${contract} needs the application at ${floor}, and ${who(lowest)} runs ${lowest.version}`,
          ),
        ]
      : []),
    ...(quiet
      ? [
          finding(
            'FLT_APP_VERSION_UNKNOWN',
            contract,
            `${contract} needs the application at ${floor}, and ${who(quiet)} has said nothing since ${new Date(quiet.sinceMs).toISOString()}`,
          ),
        ]
      : unheard > 0
        ? [
            finding(
              'FLT_APP_VERSION_UNKNOWN',
              contract,
              `${contract} needs the application at ${floor}, and no report of the last 15 minutes says what it runs`,
              unheard,
            ),
          ]
        : []),
  ];
}

const who = ({ app, tenant }: { readonly app: string; readonly tenant?: string }): string =>
  `${app}${tenant === undefined ? '' : ` of ${tenant}`}`;

const finding = (code: ErrorCode, migration: string, what: string, tenants?: number): Finding => ({
  ...findingOf('error', code, migration, `${what}.`),
  ...(tenants === undefined ? {} : { tenants }),
});
