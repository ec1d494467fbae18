import { expect, it } from 'vitest';
import { ask } from '../../../src/control/control-pool.js';
import { recordValidations } from '../../../src/control/validations.js';
import { controlDatabase } from '../../support/control-database.js';

const db = controlDatabase('validations');

const rows = (fleet: string) =>
  ask(
    db.pool,
    `select tenant_id, migration, "check", passed, numbers, message, rollout_id from validation where fleet = $1 order by tenant_id, migration, "check"`,
    [fleet],
  );
const count = (found: number) => ({
  check: 'sameCount a → b',
  passed: found === 4,
  numbers: { expected: 4, found },
  ...(found === 4 ? {} : { message: `4 expected, ${found} found` }),
});

it('[V-gap] keeps the last result of each check in each tenant, with its numbers and who asked for it', async () => {
  await recordValidations(db.pool, 'shop', 'r-1', []);
  expect(await rows('shop')).toEqual([]);
  const nulls = { check: 'nullCount a.x', passed: true, numbers: { nulls: 0 } };
  await recordValidations(db.pool, 'shop', 'r-1', [
    { tenant: 't2', migration: 'm1', results: [count(3), nulls] },
    { tenant: 't1', migration: 'm1', results: [count(4)] },
  ]);
  await recordValidations(db.pool, 'other', 'r-9', [{ tenant: 't2', migration: 'm1', results: [count(4)] }]);
  await recordValidations(db.pool, 'shop', undefined, [{ tenant: 't1', migration: 'm1', results: [count(2)] }]);
  await recordValidations(db.pool, 'shop', 'r-2', [{ tenant: 't2', migration: 'm1', results: [count(4)] }]);
  const at = { tenant_id: 't2', migration: 'm1' };
  expect(await rows('shop')).toEqual([
    {
      tenant_id: 't1',
      migration: 'm1',
      check: 'sameCount a → b',
      passed: false,
      numbers: { expected: 4, found: 2 },
      message: '4 expected, 2 found',
      rollout_id: null,
    },
    { ...at, check: 'nullCount a.x', passed: true, numbers: { nulls: 0 }, message: null, rollout_id: 'r-1' },
    { ...at, check: 'sameCount a → b', passed: true, numbers: { expected: 4, found: 4 }, message: null, rollout_id: 'r-2' },
  ]);
});
