import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  type ContractFacts,
  changesOf,
  contractsAfter,
  type FleetStanding,
  judgeContract,
  judgeFlags,
  lastBefore,
  PHASES,
  type Phased,
  partsBeforeContract,
  partsBeforeOf,
  phaseMistakes,
  phasesEndedBy,
} from '../../../src/domain/phases.js';

const file = (name: string, declares?: Phased['declares']): Phased => ({ name, ...(declares ? { declares } : {}) });
const change = [
  file('01_users'),
  file('02_add_email', { phase: 'expand', after: ['01_users'] }),
  file('03_fill_email', { phase: 'backfill', after: ['02_add_email'] }),
  file('04_email_not_null', { phase: 'constrain', after: ['03_fill_email'] }),
  file('05_drop_mail', { phase: 'contract', after: ['04_email_not_null'] }),
];
const contract = change.at(-1)!;
const parents = ['02_add_email', '03_fill_email', '04_email_not_null'];

const standing = (migration: string, more: Partial<FleetStanding> = {}): FleetStanding => ({
  migration,
  has: 10,
  lacks: 0,
  left: 0,
  inUse: 0,
  sample: [],
  rolledOut: true,
  succeeded: true,
  endedAtMs: 1_000,
  ...more,
});
const missing = (migration: string, more: Partial<FleetStanding> = {}) =>
  standing(migration, { has: 0, lacks: 10, inUse: 10, rolledOut: false, succeeded: false, ...more });
const facts = (more: Partial<ContractFacts> = {}): ContractFacts => ({
  nowMs: 2_000,
  fleetKnown: true,
  contract: missing('05_drop_mail'),
  parents: parents.map((name) => standing(name)),
  ...more,
});
const codes = (found: readonly { readonly severity: string; readonly code: string }[]) =>
  found.map(({ severity, code }) => `${severity} ${code}`);
const with_ = (more: Phased['declares']) => ({ ...contract, declares: { ...contract.declares, ...more } });

it('[Z5] a phase ends with the last of its migrations; taken back, it is left with the first', () => {
  const files = [...change, file('03_fill_more', { phase: 'backfill', after: ['02_add_email'] }), file('06_plain')];
  const ended = (names: readonly string[], direction: 'up' | 'down' = 'up') =>
    phasesEndedBy(files, names, direction).map((it) => `${it.change} ${it.phase} ${it.migration}`);
  expect(ended(['01_users', '06_plain'])).toEqual([]);
  expect(ended(['02_add_email', '03_fill_email'])).toEqual(['02_add_email expand 02_add_email']);
  expect(ended(['03_fill_more', '04_email_not_null'])).toEqual([
    '02_add_email backfill 03_fill_more',
    '02_add_email constrain 04_email_not_null',
  ]);
  expect(ended(['03_fill_more'], 'down')).toEqual([]);
  expect(ended(['03_fill_more', '03_fill_email'], 'down')).toEqual(['02_add_email backfill 03_fill_email']);
});

it('[Z5] says all at once how files are tied together wrongly: nothing there, newer, a cycle, itself, with an extension, a phase too early', () => {
  const files = [
    file('01', { after: ['03', '01', 'nothing'] }),
    file('02', { phase: 'contract', after: ['01.ts'] }),
    file('03', { phase: 'expand', after: ['02', '01'] }),
    file('04', { phase: 'constrain', after: ['05', '06_broken'] }),
    file('05', { phase: 'backfill' }),
  ];
  expect(phaseMistakes(files, ['06_broken']).map(({ name, message }) => `${name} ${message}`)).toEqual([
    '01 flotilla.after: "03" is newer; what comes first has to be older, and this is a cycle',
    '01 flotilla.after: names the file itself',
    '01 flotilla.after: there is no migration "nothing"',
    '02 flotilla.after: expected the name without its extension, "01"',
    '03 flotilla.phase: expand comes before contract, and not after it ("02")',
    '04 flotilla.after: "05" is newer; what comes first has to be older',
  ]);
  expect(phaseMistakes(change)).toEqual([]);
});

it('[Z5] files that are tied to older ones only, in the order of their phases, have no mistakes, and every one is in one change at most', () => {
  const files = fc
    .array(fc.tuple(fc.constantFrom(...PHASES, undefined), fc.array(fc.nat(20), { maxLength: 3 })), { maxLength: 20 })
    .map((drawn) =>
      drawn.map(([phase, ties], n): Phased => {
        const rank = (of: number) => PHASES.indexOf(drawn[of]![0] ?? 'expand');
        const after = ties
          .filter((tie) => tie < n && (phase === undefined || rank(tie) <= rank(n)))
          .map((tie) => `m${String(tie).padStart(2, '0')}`);
        return file(`m${String(n).padStart(2, '0')}`, { ...(phase ? { phase } : {}), after });
      }),
    );
  fc.assert(
    fc.property(files, (drawn) => {
      expect(phaseMistakes(drawn)).toEqual([]);
      const grouped = changesOf(drawn).flatMap(({ migrations }) => migrations.map(({ name }) => name));
      expect(new Set(grouped).size).toBe(grouped.length);
      for (const { name, declares } of drawn) {
        if (declares?.phase) expect(grouped).toContain(name);
        const group = changesOf(drawn).find(({ migrations }) => migrations.some((it) => it.name === name));
        for (const part of partsBeforeOf(drawn, name)) expect(group?.migrations.map((it) => it.name)).toContain(part);
      }
    }),
  );
});

it('[Z5] a change is what its phases tie together, without what its expand builds on', () => {
  const other = [file('06_add_phone', { phase: 'expand', after: ['01_users'] }), file('07_plain')];
  expect(changesOf([...change, ...other]).map(({ name, migrations }) => [name, migrations.length])).toEqual([
    ['02_add_email', 4],
    ['06_add_phone', 1],
  ]);
  expect(partsBeforeOf(change, '05_drop_mail')).toEqual(parents);
  const plainExpand = [file('02_add_email'), file('05_drop_mail', { phase: 'contract', after: ['02_add_email'] })];
  expect(partsBeforeOf(plainExpand, '05_drop_mail'), 'a plain file may be the expand').toEqual(['02_add_email']);
});

it('[Z4] a contract may go out when every tenant has what it comes after', () => {
  expect(judgeContract(contract, facts())).toEqual([]);
});

it('[Z-gap] a contract never goes out in the rollout of its expand', () => {
  const found = judgeContract(contract, facts({ parents: parents.map((name) => missing(name, { sample: ['t1'] })) }));
  expect(codes(found)).toEqual(['error FLT_CONTRACT_TOO_SOON']);
  expect(found[0]).toMatchObject({ tenants: 10, sample: ['t1'] });
  expect(found[0]?.message).toContain('02_add_email, 03_fill_email, 04_email_not_null');
});

it('[Z-gap] nor while the rollout that applies the expand is open, nor when nobody has looked at the whole fleet', () => {
  const open = parents.map((name) => standing(name, { open: 'r-1' }));
  expect(judgeContract(contract, facts({ parents: open }))[0]).toMatchObject({
    code: 'FLT_CONTRACT_TOO_SOON',
    message: expect.stringContaining('r-1'),
  });
  expect(codes(judgeContract(contract, facts({ fleetKnown: false })))).toEqual(['error FLT_CONTRACT_TOO_SOON']);
});

it('[Z-gap] a tenant that was left behind holds the contract back; one that is born later runs expand and contract in one rollout', () => {
  const lacking = (left: number) => parents.map((name) => standing(name, { lacks: 1, left, inUse: left, sample: ['t9'] }));
  expect(judgeContract(contract, facts({ parents: lacking(1) }))[0]).toMatchObject({
    code: 'FLT_CONTRACT_TOO_SOON',
    tenants: 1,
    sample: ['t9'],
  });
  expect(judgeContract(contract, facts({ parents: lacking(0) }))).toEqual([]);
});

it('[Z-gap] a contract that the fleet has gone through is asked nothing any more', () => {
  const strict = with_({ bake: '7d' });
  const behind = { parents: parents.map((name) => missing(name)) };
  expect(judgeContract(strict, facts({ ...behind, contract: standing('05_drop_mail', { lacks: 1, inUse: 1 }) }))).toEqual([]);
  const knexDid = standing('05_drop_mail', { lacks: 1, inUse: 0, rolledOut: false, succeeded: false });
  expect(judgeContract(strict, facts({ ...behind, contract: knexDid }))).toEqual([]);
  const nobody = missing('05_drop_mail', { inUse: 0 });
  expect(
    codes(judgeContract(strict, facts({ ...behind, contract: nobody }))),
    'a fleet of empty tenants has gone through nothing',
  ).toContain('error FLT_CONTRACT_TOO_SOON');
});

it('[Z-gap] bakes from the end of the last rollout of what it comes after, and says until when', () => {
  const ended = [100_000, 300_000, 200_000];
  const at = (nowMs: number) => facts({ nowMs, parents: parents.map((name, n) => standing(name, { endedAtMs: ended[n]! })) });
  const baked = with_({ bake: '1m' });
  expect(judgeContract(baked, at(359_999))[0]).toMatchObject({
    code: 'FLT_BAKING',
    severity: 'error',
    message: expect.stringContaining('1970-01-01T00:06:00.000Z'),
  });
  expect(judgeContract(baked, at(360_000))).toEqual([]);
  const { endedAtMs: _, ...unknown } = standing('02_add_email');
  expect(codes(judgeContract(baked, facts({ parents: [unknown] }))), 'applied by Knex itself').toEqual(['warning FLT_BAKING']);
});

it('[Z-gap] names every flag that is not confirmed', () => {
  const found = judgeFlags('05_drop_mail', [
    { flag: 'a', why: 'off' },
    { flag: 'b', why: 'no answer' },
  ]);
  expect(codes(found)).toEqual(['error FLT_FLAG_NOT_CONFIRMED']);
  expect(found[0]?.message).toMatch(/"a" \(off\), "b" \(no answer\)/);
  expect(judgeFlags('05_drop_mail', [])).toEqual([]);
});

it('[Z5] what may go out instead is all before the first contract that may not', () => {
  expect(lastBefore(change, ['05_drop_mail'])).toBe('04_email_not_null');
  expect(lastBefore([...change, file('06'), file('07')], ['07', '05_drop_mail'])).toBe('04_email_not_null');
  expect(lastBefore(change, [])).toBeUndefined();
});

it('[Z5] knows what comes before a contract, and by which contracts a migration ends', () => {
  expect(partsBeforeContract(change, '05_drop_mail').map(({ name }) => name)).toEqual(partsBeforeOf(change, '05_drop_mail'));
  expect(partsBeforeContract(change, '04_email_not_null')).toEqual([]);
  expect(contractsAfter(change, '02_add_email')).toEqual(['05_drop_mail']);
  expect(contractsAfter(change, '05_drop_mail')).toEqual([]);
});
