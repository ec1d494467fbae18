import { expect, it } from 'vitest';
import { fileDifference } from '../../../src/activities/plan-files.js';
import { backfillOf, closurePin } from '../../../src/domain/plan.js';
import type { MigrationFile } from '../../../src/engines/engine.js';

const have = { files: [{ name: '02_fill', checksum: 'c', closure: 'd' } as MigrationFile], problems: [] };
const planned = { name: '02_fill', checksum: 'c', transactional: false, reversible: { verdict: 'no' } } as const;

it('lets a worker near a backfill alone only when it knows what that is: to an earlier build its file is another one', () => {
  const plan = [{ ...planned, closure: closurePin('d', 'backfill') }];
  expect(fileDifference(plan, have, 'backfill')).toBeUndefined();
  expect(fileDifference(plan, have)).toContain('differs');
  expect(fileDifference([{ ...planned, closure: closurePin('d', undefined) }], have)).toBeUndefined();
});

it('knows the migration that a plan fills from one that it brings tenants to', () => {
  expect(backfillOf({ operation: 'backfill', to: '02_fill' })).toBe('02_fill');
  expect(backfillOf({ to: '02_fill' })).toBeUndefined();
});
