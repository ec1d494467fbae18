import { expect, it } from 'vitest';
import { strategyMistakes } from '../../../src/domain/strategy-mistakes.js';
import { type StrategySpec, strategySpec } from '../../../src/spec/strategy.js';

const paths = (spec: StrategySpec) => {
  strategySpec.parse(spec); // each field is right by itself
  return strategyMistakes(spec).map(({ path }) => path);
};

it.each<[string, StrategySpec, string]>([
  ['a wave name twice', { waves: [{ name: 'a', size: 1 }, { name: 'a' }] }, 'waves.1.name'],
  ["a name of Flotilla's own", { waves: [{ name: 'sweep-2' }] }, 'waves.0.name'],
  ['a wave behind one that takes everybody', { waves: [{ name: 'a' }, { name: 'b' }] }, 'waves.1'],
  [
    'an operator without its values',
    { waves: [{ name: 'a', selector: { matchExpressions: [{ key: 'tier', operator: 'In' }] } }] },
    'waves.0.selector.matchExpressions.0.values',
  ],
  [
    'values that an operator does not take',
    { waves: [{ name: 'a', selector: { matchExpressions: [{ key: 'tier', operator: 'Exists', values: ['x'] }] } }] },
    'waves.0.selector.matchExpressions.0.values',
  ],
  ['unmatched without waves', { unmatched: 'ignore' }, 'unmatched'],
  ['everybody at once', { canary: false }, 'canary'],
  ['a canary that must and must not be one', { canary: { include: ['a'], exclude: ['a'] } }, 'canary.include'],
  ['a canary that is left out of the rollout', { canary: { include: ['a'] }, exclude: ['a'] }, 'canary.include'],
  ['fewer canaries than are named', { canary: { count: 1, include: ['a', 'b'] } }, 'canary.count'],
  ['more per host than in all', { maxConcurrency: 2, maxConcurrencyPerHost: 3 }, 'maxConcurrencyPerHost'],
  ['more in a wave than in all', { maxConcurrency: 5, waves: [{ name: 'a', maxConcurrency: 6 }] }, 'waves.0.maxConcurrency'],
  [
    'more per host than in the wave',
    { waves: [{ name: 'a', maxConcurrency: 2, maxConcurrencyPerHost: 3 }] },
    'waves.0.maxConcurrencyPerHost',
  ],
  ['a start above the ceiling', { ramp: { initial: 5 } }, 'ramp.initial'],
  ['a limit that nothing halts at', { onBreach: 'continue', maxFailures: 3 }, 'maxFailures'],
  ["a wave's limit that nothing halts at", { onBreach: 'continue', waves: [{ name: 'a', maxFailures: 1 }] }, 'waves.0.maxFailures'],
  ['a threshold that nothing halts at', { onBreach: 'continue', sameErrorThreshold: { count: 1, window: 2 } }, 'sameErrorThreshold'],
  ['a threshold that cannot be reached', { sameErrorThreshold: { count: 6, window: 5 } }, 'sameErrorThreshold.count'],
  ['more quick tries than tries', { retry: { quickTries: 11 } }, 'retry.quickTries'],
  ['a least wait above the longest', { retry: { minBackoff: '2m' } }, 'retry.minBackoff'],
  ['a wait for locks without end', { timeouts: { lock: '0s' } }, 'timeouts.lock'],
  ['a wait for locks that the statement time-out ends', { timeouts: { lock: '5s', statement: '5s' } }, 'timeouts.lock'],
  ['no time for a tenant', { timeouts: { tenant: '0s' } }, 'timeouts.tenant'],
  ['approval of a wave that there is not', { approval: { when: ['rest', 'nope'] } }, 'approval.when.1'],
  ['approval after no canary', { canary: false, waves: [{ name: 'a' }], approval: { when: 'afterCanary' } }, 'approval.when'],
  ['no time to approve in', { approval: { when: 'everyWave', timeout: '0s' } }, 'approval.timeout'],
  [
    'a time zone that there is not',
    { windows: [{ kind: 'allow', schedule: '0 1 * * *', duration: '1h', timeZone: 'X/Y' }] },
    'windows.0.schedule',
  ],
  ['a schedule that is none', { windows: [{ kind: 'allow', schedule: 'nightly', duration: '1h' }] }, 'windows.0.schedule'],
  ['a window of no time', { windows: [{ kind: 'deny', schedule: '0 1 * * *', duration: '0s' }] }, 'windows.0.duration'],
  ['a gate name twice', { gates: [1, 2].map(() => ({ type: 'sql' as const, name: 'a', query: 'select 1' })) }, 'gates.1.name'],
  ['a host check twice', { gates: [1, 2].map(() => ({ type: 'builtin' as const, check: 'walQueue' as const })) }, 'gates.1.name'],
  [
    'a first limit behind the second',
    { gates: [{ type: 'sql', name: 'a', query: 'select 1', throttle: 5, abort: 5 }] },
    'gates.0.throttle',
  ],
  [
    'a first limit behind the second, where low is bad',
    { gates: [{ type: 'sql', name: 'a', query: 'select 1', when: 'below', throttle: 1, abort: 5 }] },
    'gates.0.throttle',
  ],
  ['limits for a status', { gates: [{ type: 'http', name: 'a', url: 'https://example.com', abort: 1 }] }, 'gates.0.field'],
  ['a query without a limit', { gates: [{ type: 'prometheus', name: 'a', url: 'env:P', query: 'up' }] }, 'gates.0.abort'],
  ['a gate for bakes that there are not', { gates: [{ type: 'sql', name: 'a', query: 'select 1', phase: ['bake'] }] }, 'gates.0.phase'],
  ['looks without a pause', { gates: [{ type: 'sql', name: 'a', query: 'select 1', interval: '5ms' }] }, 'gates.0.interval'],
])('finds %s', (_, spec, path) => expect(paths(spec)).toEqual([path]));

it('tells every mistake at once, each with what to do', () => {
  const mistakes = strategyMistakes({
    maxConcurrency: 1,
    maxConcurrencyPerHost: 2,
    canary: { include: ['a'], exclude: ['a'] },
    timeouts: { lock: '0s' },
  });
  expect(mistakes).toHaveLength(3);
  for (const { message } of mistakes) expect(message).toMatch(/; (lower|take|give|raise)|; give|give a time/);
});

it('finds nothing wrong with strategies that make sense', () => {
  const sound: StrategySpec[] = [
    {},
    {
      waves: [{ name: 'eu', selector: { matchLabels: { region: 'eu' } } }, { name: 'some', size: '5%' }, { name: 'rest' }],
      unmatched: 'error',
    },
    { onBreach: 'continue', sameErrorThreshold: false },
    { canary: false, waves: [{ name: 'all' }] },
    { timeouts: { statement: '0s' } },
    { approval: { when: ['canary', 'rest'] } },
    {
      bakeTime: '1m',
      gates: [
        { type: 'sql', name: 'queue', query: 'select 1', throttle: 5, abort: 50, phase: ['bake'] },
        { type: 'sql', name: 'rate', query: 'select 1', when: 'below', throttle: 0.99, abort: 0.9 },
        { type: 'builtin', check: 'walQueue', off: true },
      ],
    },
    { windows: [{ kind: 'allow', schedule: '0 22 * * 1-5', duration: '4h', timeZone: 'America/New_York' }] },
  ];
  for (const spec of sound) expect(paths(spec)).toEqual([]);
});
