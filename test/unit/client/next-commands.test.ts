import { expect, it } from 'vitest';
import { needsPerson, nextCommands, shellWord } from '../../../src/client/next-commands.js';
import { ROLLOUT_STATES } from '../../../src/domain/rollout/contract.js';
import { fullProgram } from '../commands/full-program.js';
import { sampleProgress, totals } from './samples.js';

const approval = { wave: "50% it's", digest: '7f3a91c2d4e5f60718293a4b5c6d7e8f', expiresAtMs: 1 };
const commands = (more: Parameters<typeof sampleProgress>[0]) => nextCommands(sampleProgress(more)).map((it) => it.command);

it('only proposes commands that the command line takes', async () => {
  const program = await fullProgram();
  const rollback = { scope: 'wave', automatic: true, refused: [], failed: [{ tenant: "o'hara inc", code: 'FLT_REVERT_INEXACT' }] } as const;
  for (const state of ROLLOUT_STATES)
    for (const { command } of nextCommands(sampleProgress({ state, approval, rollback }))) {
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
