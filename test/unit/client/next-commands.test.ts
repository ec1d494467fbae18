import { expect, it } from 'vitest';
import { needsPerson, nextCommands, shellWord } from '../../../src/client/next-commands.js';
import { type Reason, ROLLOUT_STATES } from '../../../src/domain/rollout/contract.js';
import { fullProgram } from '../commands/full-program.js';
import { sampleProgress, totals } from './samples.js';

const approval = { wave: "50% it's", digest: '7f3a91c2d4e5f60718293a4b5c6d7e8f', expiresAtMs: 1 };
const commands = (more: Parameters<typeof sampleProgress>[0]) => nextCommands(sampleProgress(more)).map((it) => it.command);

const person = (kind: Reason['kind']): Reason => ({ kind, text: '', clears: 'person' });
const itself = (kind: Reason['kind'], host?: string): Reason => ({ kind, text: '', clears: 'itself', ...(host ? { host } : {}) });
const silentGate = { passing: 3, others: [{ gate: 'error rate', verdict: 'error', sinceMs: 1 }] } as const;

it('only proposes commands that the command line takes', async () => {
  const program = await fullProgram();
  const rollback = { scope: 'wave', automatic: true, refused: [], failed: [{ tenant: "o'hara inc", code: 'FLT_REVERT_INEXACT' }] } as const;
  const reasons = [person('gate'), person('progress'), person('canary'), person('worker'), itself('host', 'pg eu 1')];
  const situations = ROLLOUT_STATES.flatMap((state) => [
    { state, approval, rollback },
    { state, reasons, gates: silentGate },
    { state, rollbackOf: 'r-1' },
    { state, backfillOf: "it's filled" },
  ]);
  for (const situation of situations)
    for (const { command } of nextCommands(sampleProgress(situation))) {
      const [flotilla, verb, ...args] = shellSplit(command);
      expect(flotilla).toBe('flotilla');
      const target = program.commands.find((it) => it.name() === verb);
      expect(target, command).toBeDefined();
      const { unknown, operands } = target!.parseOptions(args);
      // Global flags are the program's.
      expect(program.parseOptions(unknown).unknown, command).toEqual([]);
      expect(operands.length, command).toBeLessThanOrEqual(target!.registeredArguments.length);
    }
});

/** Splits as a POSIX shell does, as far as single quotes go. */
function shellSplit(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (char === "'") {
      const end = text.indexOf("'", i + 1);
      word = (word ?? '') + text.slice(i + 1, end);
      i = end;
    } else if (char === '\\') word = (word ?? '') + text[++i];
    else if (char === ' ') {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + char;
  }
  return word === undefined ? words : [...words, word];
}

it('proposes to look, retry, go on, roll back or abort after a halt', () => {
  expect(commands({ state: 'halted' })).toEqual([
    'flotilla status --tenant acme-eu',
    'flotilla retry --error FLT_UNIQUE_VIOLATION',
    'flotilla resume --accept-failures 2',
    "flotilla rollback --reason '…'",
    'flotilla rollback --dry-run',
    "flotilla abort --reason '…'",
  ]);
});

it('proposes a forced rollback where the rules refused it', () => {
  const rollback = {
    scope: 'wave',
    automatic: true,
    failed: [],
    refused: [{ migration: 'm', code: 'FLT_NO_DOWN', why: 'it has no down' }],
  } as const;
  expect(commands({ state: 'halted', rollback })).toContain("flotilla rollback --force --reason '…'");
});

it('proposes no rollback when nothing was moved', () => {
  expect(commands({ state: 'halted', totals: totals({ failed: 1, pending: 9 }) }).join()).not.toContain('rollback');
});

it.each<[string, Parameters<typeof sampleProgress>[0], string[], RegExp | undefined]>([
  [
    'a gate that says nothing',
    { state: 'paused', reasons: [person('gate')], gates: silentGate },
    ['flotilla resume', "flotilla skip --gate 'error rate' --reason '…'"],
    undefined,
  ],
  ['canaries that are no evidence', { state: 'paused', reasons: [person('canary')] }, ['flotilla resume'], undefined],
  ['a closed window', { state: 'paused', reasons: [itself('window')] }, ['flotilla status --watch'], /resume/],
  ['a fleet that somebody froze', { state: 'paused', reasons: [person('freeze')] }, ["flotilla freeze --lift --reason '…'"], /resume/],
  ['a silent host', { state: 'paused', reasons: [itself('host', 'eu-2')] }, ["flotilla skip --host eu-2 --reason '…'"], /resume/],
  ['a gate that failed', { state: 'halted', reasons: [person('gate')] }, ['flotilla resume'], /accept-failures/],
  ['a deadline', { state: 'halted', reasons: [person('deadline')] }, ['flotilla resume'], /accept-failures/],
  ['an approval that expired', { state: 'halted', reasons: [person('approval')] }, ['flotilla resume'], /accept-failures/],
  [
    'the same error again and again',
    { state: 'halted', reasons: [person('sameError')] },
    ['flotilla resume', 'flotilla retry --error FLT_UNIQUE_VIOLATION'],
    /accept-failures/,
  ],
  [
    'nobody who settles',
    { state: 'running', reasons: [person('progress')] },
    ['flotilla status --tenants running', "flotilla abort --in-flight cancel --reason '…'"],
    undefined,
  ],
  [
    'a cell without a worker',
    { state: 'running', reasons: [{ ...person('worker'), cell: 'us east' }] },
    ["flotilla worker --cell 'us east'"],
    undefined,
  ],
  ['a rollback that runs', { state: 'rollingBack' }, ["flotilla abort --confirm --reason '…'"], /pause/],
  [
    'a rollback of a closed rollout that was refused',
    { state: 'halted', rollbackOf: 'r-1' },
    ["flotilla rollback --force --reason '…'"],
    /resume|retry/,
  ],
  ['a rollout that is over', { state: 'aborted' }, ["flotilla rollback r-01k9q7 --reason '…'", 'flotilla start'], undefined],
  ['a rollback that was stopped', { state: 'aborted', rollbackOf: 'r-1' }, ["flotilla rollback r-1 --reason '…'"], /start/],
])('proposes what fits %s', (_what, situation, wanted, unwanted) => {
  const proposed = commands(situation);
  for (const command of wanted) expect(proposed).toContain(command);
  if (unwanted) expect(proposed.join('\n')).not.toMatch(unwanted);
});

it('names the wave and the digest to approve, quoted for a shell', () => {
  expect(commands({ state: 'awaitingApproval', approval })[0]).toBe("flotilla approve '50% it'\\''s' --digest 7f3a91c2d4e5");
});

it.each([
  ['acme', 'acme'],
  ['-rf', "'-rf'"],
  ['a b', "'a b'"],
  ['$(rm)', "'$(rm)'"],
  ["o'hara", "'o'\\''hara'"],
  ['', "''"],
  ['a\u001b[31m', "$'a\\x1b[31m'"],
])('quotes %s for a shell', (word, quoted) => expect(shellWord(word)).toBe(quoted));

it.each([
  ['paused', 'operator', 'person', true],
  ['paused', 'host', 'itself', false],
  ['paused', 'files', 'itself', false],
  ['halted', 'budget', 'person', true],
  ['awaitingApproval', 'approval', 'person', true],
  ['rollbackFailed', 'rollback', 'person', true],
  ['running', 'host', 'itself', false],
  ['baking', 'bake', 'itself', false],
] as const)('%s because of %s, cleared by %s: needs a person = %s', (state, kind, clears, expected) => {
  expect(needsPerson({ state, reasons: [{ kind, text: '', clears }] })).toBe(expected);
});

it('takes a final rollout as one that needs nobody', () => {
  for (const state of ['succeeded', 'completedWithFailures', 'aborted', 'rolledBack'] as const)
    expect(needsPerson({ state, reasons: [] })).toBe(false);
});

it('proposes no rollback of a backfill that was run again, and after it to run it once more', () => {
  for (const state of ROLLOUT_STATES.filter((it) => it !== 'rollbackFailed'))
    expect(commands({ state, backfillOf: '02_fill' }).join(), state).not.toContain('rollback');
  expect(commands({ state: 'aborted', backfillOf: '02_fill' })).toContain('flotilla backfill 02_fill');
});
