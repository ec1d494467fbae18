import { expect, it } from 'vitest';
import { acceptedSources } from '../../../src/activities/edited-sources.js';
import { createSettler } from '../../../src/activities/settle-position.js';
import type { Position } from '../../../src/postgres/contract.js';

const files = ['01_a', '02_b'].map((name) => ({ name, fileName: `${name}.js`, checksum: `now ${name}` }));
const position = (id: string, more: Partial<Position> = {}): Position => ({
  id,
  applied: ['01_a'],
  written: ['01_a.js'],
  checksums: {},
  halfWay: [],
  ...more,
});
const settler = (acceptances: readonly { migration: string; checksum: string }[] = []) =>
  createSettler({ files, acceptances, table: 'knex_migrations' });
const codes = (it: ReturnType<typeof settler>) => it.findings().map(({ code, severity }) => [code, severity]);

it('holds back a tenant whose ledger is another tenant’s, and says nothing else of it', () => {
  const it = settler();
  const stranger = position('t', {
    identity: { tenant: 'u', copied: true },
    checksums: { '01_a': 'older' },
    halfWay: [{ migration: '02_b', direction: 'up', n: 1 }],
  });
  expect(it.settle(stranger)).toMatchObject({ state: 'blocked', reason: 'FLT_IDENTITY_MISMATCH', pending: [] });
  expect(codes(it)).toEqual([['FLT_IDENTITY_MISMATCH', 'error']]);
  expect(it.edited()).toEqual([]);
});

it('migrates a restored tenant, with a warning', () => {
  const it = settler();
  expect(it.settle(position('t', { identity: { tenant: 't', copied: true } }))).toMatchObject({ state: 'pending', pending: ['02_b'] });
  expect(codes(it)).toEqual([['FLT_RESTORED', 'warning']]);
});

it('warns of what stopped half-way, and of rows that stand twice; renamed files are for information', () => {
  const it = settler();
  it.settle(position('t', { written: ['01_a.ts', '01_a.ts'], halfWay: [{ migration: '02_b', direction: 'down', n: 3 }] }));
  expect(codes(it)).toEqual([
    ['FLT_HISTORY_DUPLICATE', 'warning'],
    ['FLT_PARTIAL', 'warning'],
    ['FLT_HISTORY_RENAMED', 'info'],
  ]);
});

it('takes an edited file that was accepted as it stands for no drift, and hands on what tenants had it from', () => {
  const it = settler([{ migration: '01_a', checksum: 'now 01_a' }]);
  for (const [id, source] of Object.entries({ t: 'older', u: 'oldest', v: 'now 01_a', w: 'older' }))
    it.settle(position(id, { checksums: { '01_a': source } }));
  expect(it.findings()).toEqual([]);
  expect(it.edited()).toEqual([{ migration: '01_a', checksum: 'now 01_a', others: ['older', 'oldest'], accepted: true }]);
  expect(acceptedSources(it.edited(), '01_a', 'now 01_a')).toEqual(['older', 'oldest']);
});

it('takes an acceptance of what the file was before for none', () => {
  const it = settler([{ migration: '01_a', checksum: 'before' }]);
  it.settle(position('t', { checksums: { '01_a': 'older' } }));
  expect(codes(it)).toEqual([['FLT_CHECKSUM_DRIFT', 'error']]);
  expect(it.edited()).toMatchObject([{ accepted: false }]);
});

it('lets a plan take no other sources than were accepted for its own file, over all cells', () => {
  const of = (more: object) => ({ migration: '01_a', checksum: 'now', others: ['x'], accepted: true, ...more });
  expect(acceptedSources([of({}), of({ others: ['y', 'x'] })], '01_a', 'now')).toEqual(['x', 'y']);
  expect(
    acceptedSources([of({ accepted: false }), of({ checksum: 'a worker’s other file' }), of({ migration: '02_b' })], '01_a', 'now'),
  ).toEqual([]);
});

it('takes whoever has the migration into a backfill alone, and leaves out whoever lacks it; what else is pending is no matter', () => {
  const it = createSettler({ files, to: '01_a', backfill: '01_a', acceptances: [], table: 'knex_migrations' });
  expect(it.settle(position('t', { halfWay: [{ migration: '01_a', direction: 'backfill', n: 3 }] }))).toEqual({
    id: 't',
    state: 'pending',
    position: '01_a',
    applied: 1,
    pending: ['01_a'],
  });
  expect(it.settle(position('u', { applied: ['02_b'], written: ['02_b.js'] }))).toMatchObject({
    state: 'skipped',
    reason: 'FLT_NOT_APPLIED',
    position: '02_b',
    pending: [],
  });
  expect(codes(it)).toEqual([
    ['FLT_PARTIAL', 'warning'],
    ['FLT_NOT_APPLIED', 'warning'],
  ]);
});
