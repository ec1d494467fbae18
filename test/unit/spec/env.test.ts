import { userInfo } from 'node:os';
import { afterEach, expect, it, vi } from 'vitest';
import { childEnvironment, provideVariables, readEnvironment, readVariable } from '../../../src/spec/env.js';

afterEach(() => vi.unstubAllEnvs());

it('has a value for everything that must have one, and leaves the rest out', () => {
  expect(readEnvironment({})).toEqual({ actor: userInfo().username, logLevel: 'info', path: '', noColor: false, ci: false });
});

it('reads each variable under its name, and takes an empty one for none', () => {
  expect(
    readEnvironment({
      FLOTILLA_CONFIG: 'c.ts',
      FLOTILLA_ACTOR: 'ana',
      USER: 'root',
      FLOTILLA_TEMPORAL_BIN: '/bin/temporal',
      FLOTILLA_LOG_LEVEL: 'debug',
      FLOTILLA_BUILD: 'abc',
      PATH: '/bin',
      XDG_CACHE_HOME: '/cache',
      NO_COLOR: '1',
      CI: 'true',
    }),
  ).toEqual({
    config: 'c.ts',
    actor: 'ana',
    temporalBin: '/bin/temporal',
    logLevel: 'debug',
    build: 'abc',
    path: '/bin',
    cacheHome: '/cache',
    noColor: true,
    ci: true,
  });
  expect(readEnvironment({ FLOTILLA_CONFIG: '', FLOTILLA_ACTOR: '', LOGNAME: 'ben', NO_COLOR: '', CI: '' })).toEqual({
    actor: 'ben',
    logLevel: 'info',
    path: '',
    noColor: false,
    ci: false,
  });
});

it('provides variables without replacing those that are set', () => {
  vi.stubEnv('FLOTILLA_TEST_SET', 'mine');
  vi.stubEnv('FLOTILLA_TEST_UNSET', undefined);
  provideVariables({ FLOTILLA_TEST_SET: 'theirs', FLOTILLA_TEST_UNSET: 'theirs' });
  expect([readVariable('FLOTILLA_TEST_SET'), readVariable('FLOTILLA_TEST_UNSET')]).toEqual(['mine', 'theirs']);
});

it("gives a child this process's variables without its Temporal settings", () => {
  expect(childEnvironment({ TEMPORAL_ADDRESS: 'local' }, { PATH: '/bin', TEMPORAL_API_KEY: 'k', TEMPORAL_ADDRESS: 'prod' })).toEqual({
    PATH: '/bin',
    TEMPORAL_ADDRESS: 'local',
  });
});
