import { expect, it } from 'vitest';
import { ROLLOUT_UPDATES, type RolloutVerb } from '../../../../src/domain/asks.js';
import { RolloutBook } from '../../../../src/domain/rollout/book.js';
import { isFinal, ROLLOUT_STATES, type RolloutState } from '../../../../src/domain/rollout/contract.js';
import { canMove } from '../../../../src/domain/rollout/machine.js';
import { emptyCarry } from '../../../../src/domain/rollout/record.js';
import { noTotals, type Totals } from '../../../../src/domain/tenant.js';
import { samplePlan } from '../../client/samples.js';

let n = 0;
const who = () => ({ actor: 'ada', reason: 'because', requestId: `q-${n++}` });

/** A rollout of two waves, the second of which needs approval. */
function setup() {
  const book = new RolloutBook({ ...who(), fleet: 'shop', rolloutId: 'r-1', planId: 'p-1' }, 0);
  const summary = samplePlan();
  const waves = summary.waves.slice(0, 2).map((wave, index) => ({ ...wave, tenants: 10, maxFailures: 0, approval: index === 1 }));
  book.adopt({ summary: { ...summary, waves }, outside: {} });
  const [first, second] = book.waves;
  const totals = (some: Partial<Totals>) => emptyCarry({ ...noTotals(), ...some });
  const run = () => book.began(first!, 'up', 'w0');
  const done = () => {
    run();
    book.ended(first!, { ended: 'done', carry: totals({ applied: 10 }) }, 1);
  };
  const breach = () => {
    run();
    const halt = { code: 'FLT_BUDGET_EXCEEDED', text: '1 failure is unresolved, 0 allowed' };
    const troubled = { t1: { state: 'parked' as const, code: 'FLT_UNIQUE_VIOLATION', host: 'eu-1' } };
    const carry = { ...totals({ applied: 5, parked: 1, pending: 4 }), troubled };
    book.ended(first!, { ended: 'halted', halt, carry }, 1);
  };
  return { book, first: first!, second: second!, totals, run, done, breach };
}
type Setup = ReturnType<typeof setup>;

const drained = { index: 0, silentHosts: [], busyHosts: [], parked: false, stuck: false, drained: true };
const silent = {
  index: 0,
  silentHosts: [{ host: 'eu-1', sinceMs: 0, code: 'FLT_HOST_UNAVAILABLE' }],
  busyHosts: [],
  parked: false,
  stuck: true,
  drained: false,
};

const situations: [string, RolloutState, (it: Setup) => void][] = [
  ['before its first wave', 'running', () => {}],
  ['in a wave', 'running', ({ run }) => run()],
  [
    'pausing, with tenants in hand',
    'draining',
    ({ book, run }) => {
      run();
      book.take('pause', who(), 1);
    },
  ],
  [
    'aborting, with tenants in hand',
    'draining',
    ({ book, run }) => {
      run();
      book.take('abort', who(), 1);
    },
  ],
  [
    'paused in a wave',
    'paused',
    ({ book, run }) => {
      run();
      book.take('pause', who(), 1);
      book.heard(drained);
    },
  ],
  [
    'held up by a silent host',
    'paused',
    ({ book, run }) => {
      run();
      book.heard(silent);
    },
  ],
  [
    'baking',
    'baking',
    ({ book, done }) => {
      done();
      book.phase = 'baking';
    },
  ],
  [
    'paused while baking',
    'paused',
    ({ book, done }) => {
      done();
      book.phase = 'baking';
      book.take('pause', who(), 1);
    },
  ],
  [
    'waiting for approval',
    'awaitingApproval',
    ({ book, done }) => {
      done();
      book.phase = 'awaitingApproval';
    },
  ],
  [
    'paused while waiting for approval',
    'paused',
    ({ book, done }) => {
      done();
      book.phase = 'awaitingApproval';
      book.take('pause', who(), 1);
    },
  ],
  ['halted by a breach', 'halted', ({ breach }) => breach()],
  [
    'rejected while baking',
    'halted',
    ({ book, done, second }) => {
      done();
      book.phase = 'baking';
      book.take('reject', { ...who(), wave: second.plan.name, digest: book.plan!.summary.digest } as never, 1);
    },
  ],
  [
    'rolling back',
    'rollingBack',
    ({ book, breach, first }) => {
      breach();
      book.halt = undefined;
      book.began(first, 'down', 'w0-down');
    },
  ],
  [
    'unable to return a tenant',
    'rollbackFailed',
    ({ book, breach, first, totals }) => {
      breach();
      book.halt = undefined;
      book.began(first, 'down', 'w0-down');
      const troubled = { t1: { state: 'rollbackFailed' as const, code: 'FLT_REVERT_INEXACT', host: 'eu-1' } };
      const carry = { ...totals({ rolledBack: 4, rollbackFailed: 1, failed: 1, pending: 4 }), troubled };
      book.endedDown(first, { ended: 'done', carry }, 2);
      book.rollback = { scope: 'rollout', automatic: true, refused: [], failed: [] };
      book.rolledBack(undefined, 2);
    },
  ],
  ['succeeded', 'succeeded', ({ book }) => book.finish('succeeded', 9)],
  ['completed with failures', 'completedWithFailures', ({ book }) => book.finish('completedWithFailures', 9)],
  ['aborted', 'aborted', ({ book }) => book.finish('aborted', 9)],
  ['rolled back', 'rolledBack', ({ book }) => book.finish('rolledBack', 9)],
];

/** What each verb can be asked with. */
const asks = ({ book, second }: Setup): Record<RolloutVerb, object[]> => {
  const approval = { wave: second.plan.name, digest: book.plan!.summary.digest };
  return {
    pause: [{}],
    resume: [{}, { acceptFailures: 99 }],
    approve: [approval],
    reject: [approval],
    skip: [{ tenants: ['t1'] }, { host: 'eu-1' }, { wave: second.plan.name }, { bake: true }],
    retry: [{ failed: true }],
    speed: [{ maxConcurrency: 3 }, { maxFailures: 2 }],
    abort: [{}, { confirm: true, inFlight: 'cancel' }],
    rollback: [{}, { wave: book.waves[0]!.plan.name }, { tenants: ['t1'] }, { continueSkipping: ['t1'] }],
  };
};

const accepts = (book: RolloutBook, verb: RolloutVerb, ask: ReturnType<typeof who>): boolean => {
  try {
    book.validate(verb, ask);
    return true;
  } catch (error) {
    expect((error as { code?: string }).code).toMatch(/^FLT_/);
    return false;
  }
};

it('knows a situation for every state', () => {
  expect([...new Set(situations.map(([, state]) => state))].sort()).toEqual([...ROLLOUT_STATES].sort());
});

it.each(situations)('%s: is %s', (_, state, arrange) => {
  const it = setup();
  arrange(it);
  expect(it.book.state()).toBe(state);
});

it.each(situations)('%s (%s): no verb moves it along a way that the table lacks', (_, from, arrange) => {
  for (const verb of ROLLOUT_UPDATES) {
    const variants = asks(setup())[verb].length;
    for (let variant = 0; variant < variants; variant++) {
      const at = setup();
      arrange(at);
      const ask = { ...who(), ...asks(at)[verb][variant] };
      if (!accepts(at.book, verb, ask)) continue;
      const answer = at.book.take(verb, ask, 5);
      expect(answer.state).toBe(at.book.state());
      expect(canMove(from, answer.state), `${verb}: ${from} to ${answer.state}`).toBe(true);
    }
  }
});

it.each(situations.filter(([, state]) => isFinal(state)))('4: %s: refuses every verb', (_, __, arrange) => {
  const at = setup();
  arrange(at);
  for (const verb of ROLLOUT_UPDATES)
    for (const ask of asks(at)[verb]) expect(accepts(at.book, verb, { ...who(), ...ask }), verb).toBe(false);
});

it.each(situations.filter(([, state]) => !isFinal(state)))(
  '3: %s (%s): takes an abort, and once aborting nothing but abort',
  (_, __, arrange) => {
    const at = setup();
    arrange(at);
    const abort = { ...who(), confirm: true };
    expect(accepts(at.book, 'abort', abort)).toBe(true);
    at.book.take('abort', abort, 5);
    for (const verb of ROLLOUT_UPDATES)
      for (const ask of asks(at)[verb]) expect(accepts(at.book, verb, { ...who(), ...ask }), verb).toBe(verb === 'abort');
  },
);

it('gives a repeated request its first answer, and does nothing again', () => {
  const { book, run } = setup();
  run();
  const ask = who();
  const first = book.take('pause', ask, 1);
  book.take('resume', who(), 2);
  expect(book.take('pause', ask, 3)).toBe(first);
  expect(book.desired).toBe('run');
  expect(book.events.map(({ verb }) => verb)).toEqual(['pause', 'resume']);
});

it('[S34] stays halted until unresolved failures are within the limit or accepted', () => {
  const { book, breach } = setup();
  breach();
  expect(accepts(book, 'resume', who())).toBe(false);
  expect(accepts(book, 'resume', { ...who(), acceptFailures: 0 } as never)).toBe(false);
  expect(accepts(book, 'resume', { ...who(), acceptFailures: 1 } as never)).toBe(true);
  book.resolved({ rolloutId: 'r-1', tenant: 't1', wave: 0, resolution: 'skipped' }, 5);
  expect(book.state()).toBe('halted');
  expect(accepts(book, 'resume', who())).toBe(true);
});

it('refuses to roll a backfill back that was run again, whatever it has done; what rows held before was kept nowhere', () => {
  const { book, breach } = setup();
  book.adopt({ ...book.plan!, summary: { ...book.plan!.summary, operation: 'backfill', to: '02_fill' } });
  breach();
  for (const ask of [{}, { wave: 'canary' }, { force: true }, { tenants: ['t1'] }])
    expect(() => book.validate('rollback', { ...who(), ...ask })).toThrow(expect.objectContaining({ code: 'FLT_BACKFILL_STAYS' }));
  expect(book.progress()).toMatchObject({ backfillOf: '02_fill' });
});
