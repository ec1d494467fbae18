import { expect, it } from 'vitest';
import { createFindings, mergeFindings } from '../../../src/activities/scan-findings.js';
import { bulkWriteFinding } from '../../../src/domain/bulk-write.js';

it('makes one finding of the same trouble in ten thousand tenants, with a count and the first few', () => {
  const findings = createFindings();
  for (let n = 0; n < 10_000; n++) findings.add('FLT_CHECKSUM_DRIFT', { migration: '01_a' }, `t${n}`);
  findings.add('FLT_CHECKSUM_DRIFT', { migration: '02_b' }, 't7');
  expect(findings.list()).toMatchObject([
    { severity: 'error', code: 'FLT_CHECKSUM_DRIFT', migration: '01_a', tenants: 10_000, sample: ['t0', 't1', 't2', 't3', 't4'] },
    { migration: '02_b', tenants: 1, sample: ['t7'] },
  ]);
});

it('adds up what several cells have found, errors first', () => {
  const [one, two] = [createFindings(), createFindings()];
  const renaming = { from: '.ts', to: '.js', table: 'knex_migrations' };
  one.add('FLT_HISTORY_RENAMED', renaming, 'a');
  one.add('FLT_IDENTITY_MISMATCH', {}, 'b');
  two.add('FLT_HISTORY_RENAMED', renaming, 'c');
  two.add('FLT_RESTORED', {}, 'd');
  expect(
    mergeFindings([...one.list(), ...two.list()]).map(({ severity, code, tenants, sample }) => [severity, code, tenants, sample]),
  ).toEqual([
    ['error', 'FLT_IDENTITY_MISMATCH', 1, ['b']],
    ['warning', 'FLT_RESTORED', 1, ['d']],
    ['info', 'FLT_HISTORY_RENAMED', 2, ['a', 'c']],
  ]);
});

it('says of a table that cells find large how many tenants hold how much at most, for each migration and table', () => {
  const of = (tenants: number, rows: number, sample: readonly string[], more = {}) =>
    bulkWriteFinding({ migration: '01_a', table: 'orders', tenants, rows, ...more }, sample);
  const merged = mergeFindings([of(2, 120_000, ['a', 'b']), of(1, 90_000, ['c']), of(1, 11_000, ['c'], { table: 'items' })]);
  expect(merged).toMatchObject([
    { severity: 'warning', code: 'FLT_BULK_WRITE', migration: '01_a', table: 'orders', tenants: 3, rows: 120_000, sample: ['a', 'b', 'c'] },
    { table: 'items', tenants: 1, rows: 11_000 },
  ]);
  expect(merged.map(({ message }) => message)).toEqual([
    '01_a writes to "orders" in one statement: some 120000 rows in the largest of 3 tenants.',
    '01_a writes to "items" in one statement: some 11000 rows in 1 tenant.',
  ]);
});

it('says with each finding what to do, naming the migration, the table and the extension', () => {
  const findings = createFindings();
  findings.add('FLT_CHECKSUM_DRIFT', { migration: '01_a' }, 't');
  findings.add('FLT_HISTORY_RENAMED', { from: '.ts', to: '.js', table: 'my_history' }, 't');
  findings.add('FLT_PARTIAL', { migration: '01_a', direction: 'down' }, 't');
  findings.add('FLT_PARTIAL', { migration: '01_a', direction: 'up' }, 't');
  const of = (code: string) => findings.list().filter((it) => it.code === code);
  expect(of('FLT_CHECKSUM_DRIFT')[0]!.remedy).toContain('flotilla repair --checksum 01_a');
  expect(of('FLT_HISTORY_RENAMED')[0]!.remedy).toContain(`update my_history set name = regexp_replace(name, '\\.ts$', '.js');`);
  expect(of('FLT_PARTIAL')).toHaveLength(2);
  for (const finding of findings.list()) expect(finding.remedy!.length, finding.code).toBeGreaterThan(10);
});
