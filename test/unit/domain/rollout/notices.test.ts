import { expect, it } from 'vitest';
import type { Reason, RolloutProgress } from '../../../../src/domain/rollout/contract.js';
import { type Notice, Notices } from '../../../../src/domain/rollout/notices.js';
import { sampleProgress, totals } from '../../client/samples.js';

const person = (kind: Reason['kind'], text: string): Reason => ({ kind, text, clears: 'person' });

/** What is told while the rollout goes through these. */
function told(...steps: (Partial<RolloutProgress> & { parkedWave?: number })[]): Notice[] {
  const notices = new Notices();
  return steps.flatMap(({ parkedWave, ...progress }, n) => notices.take(sampleProgress(progress), parkedWave, 1_000 + n));
}
const kinds = (notices: readonly Notice[]) => notices.map(({ kind }) => kind);

it('tells nothing while a rollout runs, bakes and drains', () => {
  expect(told({}, { state: 'baking' }, { state: 'draining' }, {})).toEqual([]);
});

it('tells each event once, however often the books are looked at', () => {
  const halted = { state: 'halted', reasons: [person('gate', 'gate lag on h1: 400 is above 300')] } as const;
  const awaiting = { state: 'awaitingApproval', approval: { wave: 'rest', digest: 'd', expiresAtMs: 1 } } as const;
  const notices = told({}, awaiting, awaiting, {}, halted, halted, {}, halted, { state: 'succeeded' }, { state: 'succeeded' });
  expect(kinds(notices)).toEqual(['awaitingApproval', 'halted', 'halted', 'finished']);
  expect(new Set(notices.map(({ id }) => id)).size).toBe(4);
  expect(notices[1]).toEqual({
    id: 'r-01k9q7:2',
    kind: 'halted',
    fleet: 'shop',
    rolloutId: 'r-01k9q7',
    state: 'halted',
    text: 'The rollout is halted: gate lag on h1: 400 is above 300.',
    commands: ['flotilla status', 'flotilla resume', 'flotilla rollback', 'flotilla abort'],
    atMs: 1_004,
  });
});

it('tells of parked tenants once per wave, never once per tenant', () => {
  const many = (n: number) => ({ totals: totals({ parked: n }), parkedWave: 1 });
  const notices = told(many(1), many(2), many(400), { parkedWave: 2 }, many(401));
  expect(notices.map(({ kind, text }) => [kind, text])).toEqual([
    ['parked', 'Tenants of wave "25%" failed and are parked; the others go on.'],
    ['parked', 'Tenants of wave "rest" failed and are parked; the others go on.'],
  ]);
});

it('names the wave and the commands that approve and reject it', () => {
  const [notice] = told({ state: 'awaitingApproval', approval: { wave: 'rest', digest: 'd', expiresAtMs: 1 } });
  expect(notice).toMatchObject({
    text: 'Wave "rest" waits for approval.',
    commands: ['flotilla approve --wave rest', 'flotilla reject --wave rest'],
  });
});

it('tells of a pause by a gate also when tenants in hand had to finish first, and again only for another reason', () => {
  const gate = person('gate', 'no usable answer from gate lag on h1: it fails');
  const canary = person('canary', 'every canary was up to date already');
  const notices = told(
    { state: 'draining', reasons: [gate] },
    { state: 'paused', reasons: [gate] },
    { state: 'paused', reasons: [gate, canary] },
    { state: 'paused', reasons: [gate] },
    {},
    { state: 'paused', reasons: [gate] },
  );
  expect(kinds(notices)).toEqual(['paused', 'paused', 'paused']);
  expect(notices[0]!.text).toBe('The rollout is paused: no usable answer from gate lag on h1: it fails.');
});

it('tells nobody of a pause that an operator ordered, or that ends by itself, but of files that no worker has', () => {
  const itself = (kind: Reason['kind']): Reason => ({ kind, text: kind, clears: 'itself' });
  expect(
    told(
      { state: 'paused', reasons: [person('operator', 'ana paused it')] },
      { state: 'paused', reasons: [itself('host')] },
      { state: 'paused', reasons: [itself('window')] },
    ),
  ).toEqual([]);
  expect(kinds(told({ state: 'paused', reasons: [itself('files')] }))).toEqual(['paused']);
});

it('tells once that nobody has settled for too long, and again after it went on meanwhile', () => {
  const stalled = { reasons: [person('progress', 'no tenant has settled')] };
  expect(kinds(told(stalled, stalled, {}, stalled))).toEqual(['stalled', 'stalled']);
});

it.each([
  ['succeeded', 'finished', 'The rollout ended succeeded: 3 migrated, 0 failed, 0 rolled back.'],
  ['completedWithFailures', 'finished', 'The rollout ended completedWithFailures: 3 migrated, 2 failed, 0 rolled back.'],
  ['aborted', 'finished', 'The rollout ended aborted: 3 migrated, 0 failed, 0 rolled back.'],
  ['rolledBack', 'rolledBack', 'Every tenant that rollout r-01k9q7 moved is back (0 migrated, 0 failed, 3 rolled back).'],
] as const)('tells how it ended: %s', (state, kind, text) => {
  const counts = state === 'rolledBack' ? { rolledBack: 3 } : { applied: 3, parked: state === 'completedWithFailures' ? 2 : 0 };
  expect(told({ state, totals: totals(counts) })).toMatchObject([{ kind, text }]);
});
