import { expect, it } from 'vitest';
import { ERROR_CODES } from '../../../src/domain/error-codes.js';
import { partsAfter } from '../../../src/domain/phases.js';
import { type Declaring, notValidated, uncheckedContracts } from '../../../src/domain/unchecked-data.js';
import { backfill, nullCount } from '../../../src/migration/index.js';

const fill = backfill({ table: 'users', set: { email_new: 'lower(email)' } });
const validate = [nullCount({ table: 'users', column: 'email_new' })];
const file = (name: string, declares?: Declaring['declares']): Declaring => ({ name, ...(declares ? { declares } : {}) });

/** A change in four parts, with more of what its parts declare. */
const change = (more: Partial<Record<'expand' | 'backfill' | 'constrain' | 'contract', Declaring['declares']>> = {}) => [
  file('01_users'),
  file('02_expand', { phase: 'expand', ...more.expand }),
  file('03_fill', { phase: 'backfill', after: ['02_expand'], backfill: fill, ...more.backfill }),
  file('04_constrain', { phase: 'constrain', after: ['03_fill'], ...more.constrain }),
  file('05_contract', { phase: 'contract', after: ['04_constrain'], ...more.contract }),
];
const all = (files: readonly Declaring[]) => new Set(files.map(({ name }) => name));
const unvalidated = (files: readonly Declaring[]) => notValidated(files, all(files)).map(({ migration }) => migration);
const unchecked = (files: readonly Declaring[]) =>
  uncheckedContracts(
    files,
    files.filter(({ declares }) => declares?.phase === 'contract'),
  ).map(({ migration }) => migration);

it('[V-gap] warns of a backfill that nothing checks, with what to do', () => {
  expect(notValidated(change(), all(change()))).toEqual([
    {
      severity: 'warning',
      code: 'FLT_NOT_VALIDATED',
      message: '03_fill changes data, and neither it nor what comes after it declares a check of that.',
      remedy: ERROR_CODES.FLT_NOT_VALIDATED.remedy,
      migration: '03_fill',
    },
  ]);
});

it.each<[string, readonly Declaring[], readonly string[]]>([
  ['its own check', change({ backfill: { validate } }), []],
  ['a check of a later part', change({ constrain: { validate } }), []],
  ['a check of an earlier part alone', change({ expand: { validate } }), ['03_fill']],
  ['a check of the contract alone: what it looks at is what is left', change({ contract: { validate } }), ['03_fill']],
  ['a reason', change({ backfill: { waive: { FLT_NOT_VALIDATED: 'a cache' } } }), []],
  ['a reason of another file', change({ expand: { waive: { FLT_NOT_VALIDATED: 'a cache' } } }), ['03_fill']],
  ['a check of another change', [...change(), file('06_other', { phase: 'expand', validate })], ['03_fill']],
  [
    'a check of a part on another branch of its change',
    [...change(), file('04_more', { phase: 'constrain', after: ['02_expand'], validate })],
    [],
  ],
  ['a backfill without a phase', [file('01_fill', { backfill: fill }), file('02', { validate })], ['01_fill']],
  [
    'a file without a phase that comes after a backfill without one',
    [file('01_fill', { backfill: fill }), file('02', { after: ['01_fill'] }), file('03', { after: ['02'], validate })],
    [],
  ],
  ['the phase alone: an up that was written by hand', [file('01', { phase: 'backfill' })], ['01']],
  ['no data', [file('01'), file('02', { phase: 'expand' }), file('03', { owner: 'billing' })], []],
])('tells backfills that are checked from those that are not: %s', (_, files, expected) => {
  expect(unvalidated(files)).toEqual(expected);
});

it('warns of what the plan would run, and looks for checks in all files', () => {
  const files = change();
  expect(notValidated(files, new Set(['04_constrain']))).toEqual([]);
  expect(notValidated(change({ constrain: { validate } }), new Set(['03_fill']))).toEqual([]);
});

it('[V-gap] warns of a contract before which nothing is checked, with what to do', () => {
  const files = change();
  expect(uncheckedContracts(files, [files.at(-1)!])).toEqual([
    {
      severity: 'warning',
      code: 'FLT_CONTRACT_UNCHECKED',
      message:
        '05_contract is a contract, and nothing is checked before it: what it comes after declares no check, not even that old and new agree.',
      remedy: ERROR_CODES.FLT_CONTRACT_UNCHECKED.remedy,
      migration: '05_contract',
    },
  ]);
});

it.each<[string, readonly Declaring[], readonly string[]]>([
  ['the expand', change({ expand: { validate } }), []],
  ['the backfill', change({ backfill: { validate } }), []],
  ['the constrain', change({ constrain: { validate } }), []],
  ['the contract itself alone, which checks what is left', change({ contract: { validate } }), ['05_contract']],
  ['a file outside the change', [...change(), file('00', { validate }), file('04_plain', { validate })], ['05_contract']],
  ['nobody, for a reason', change({ contract: { waive: { FLT_CONTRACT_UNCHECKED: 'an empty column' } } }), []],
])('tells contracts that are checked from those that are not: by %s', (_, files, expected) => {
  expect(unchecked(files)).toEqual(expected);
});

it('tells what comes after a migration: newer parts of its change, and what names it, oldest first', () => {
  const files = [...change(), file('07_later', { after: ['06_plain'] }), file('06_plain', { after: ['02_expand'] }), file('08_apart')];
  const after = (name: string) => partsAfter(files, name).map((it) => it.name);
  expect(after('02_expand')).toEqual(['03_fill', '04_constrain', '05_contract', '06_plain', '07_later']);
  expect(after('06_plain')).toEqual(['07_later']);
  expect(after('01_users')).toEqual([]);
  expect(after('08_apart')).toEqual([]);
});
