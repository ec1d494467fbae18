import { expect, it } from 'vitest';
import { type AppReports, judgeAppVersions } from '../../../src/domain/app-versions.js';

const judge = (more: Partial<AppReports>) =>
  judgeAppVersions('m9', '2.10.0', { running: [], silent: [], unheard: 0, ...more }).map(({ code, message }) => `${code} ${message}`);
const runs = (version: string, app = 'shop') => ({ app, version });

it('[Z-gap] the lowest version of those that run counts, as versions are ordered', () => {
  expect(judge({ running: [runs('2.10.0'), runs('3.0.0')] })).toEqual([]);
  expect(judge({ running: [runs('2.10.0'), runs('2.9.0'), runs('2.9.5')] })).toEqual([
    'FLT_APP_VERSION_TOO_OLD m9 needs the application at 2.10.0, and shop runs 2.9.0.',
  ]);
  expect(judge({ running: [runs('2.10.0-rc.1')] })[0]).toContain('FLT_APP_VERSION_TOO_OLD');
});

it('[Z-gap] an app that has said nothing for a while, or tenants that nobody speaks for, are unknown', () => {
  const quiet = { app: 'worker', sinceMs: 0, tenant: 't1' };
  expect(judge({ running: [runs('3.0.0')], silent: [quiet] })).toEqual([
    'FLT_APP_VERSION_UNKNOWN m9 needs the application at 2.10.0, and worker of t1 has said nothing since 1970-01-01T00:00:00.000Z.',
  ]);
  expect(judge({ unheard: 3 })[0]).toContain('FLT_APP_VERSION_UNKNOWN');
  expect(judge({ running: [runs('1.0.0')], silent: [quiet] }), 'both at once').toHaveLength(2);
});
