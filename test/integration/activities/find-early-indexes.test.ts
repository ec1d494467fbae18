/** Pending files that build an index before they fill its table, as a plan tells of them. */

import { afterEach, expect, it } from 'vitest';
import { findEarlyIndexes } from '../../../src/activities/find-early-indexes.js';
import { ERROR_CODES } from '../../../src/domain/error-codes.js';
import { createFixture, type RunnerFixture } from '../../support/postgres.js';

const fixtures: RunnerFixture[] = [];
afterEach(async () => {
  for (const fixture of fixtures.splice(0)) await fixture.close();
});

const UP = `export const up = async (knex) => { await knex.raw('create index on orders (n); create index on app.users (n)');
  await knex.raw('update orders set n = 1; update app.users set n = 1'); };`;
const FILL = `import { backfill } from 'flotilla/migration';
  const fill = backfill({ table: 'orders', set: { n: '1' } }); export const config = { transaction: false };`;

/** Files are only read: there is no server. */
function setup(files: Readonly<Record<string, string>>): RunnerFixture {
  const fixture = createFixture('postgres://nobody@127.0.0.1:1/none', files);
  fixtures.push(fixture);
  return fixture;
}
async function find(fixture: RunnerFixture, planned?: readonly string[]) {
  const { files, problems } = await fixture.engine.list();
  expect(problems).toEqual([]);
  return findEarlyIndexes(fixture, files, new Set(planned ?? files.map(({ name }) => name)));
}

it('[K-gap] warns once for each migration and table, with what to do', async () => {
  const found = await find(setup({ '01_it.mjs': UP }));
  expect(found).toEqual(
    ['orders', 'app.users'].map((table) => ({
      severity: 'warning',
      code: 'FLT_INDEX_BEFORE_LOAD',
      message: `01_it builds an index on "${table}" and writes its rows after that, each of them through the index.`,
      remedy: ERROR_CODES.FLT_INDEX_BEFORE_LOAD.remedy,
      migration: '01_it',
    })),
  );
});

it('says nothing of what the plan would not run, of a reason that a file gives, and of an up in whose place a backfill runs', async () => {
  const fixture = setup({
    '01_applied.mjs': UP,
    '02_says.mjs': `export const flotilla = { waive: { FLT_INDEX_BEFORE_LOAD: 'rows are found by it' } }; ${UP}`,
    '03_declares.mjs': `export const flotilla = { owner: 'billing' }; ${UP}`,
    '04_fills.mjs': `${FILL} export const flotilla = { backfill: fill }; ${UP}`,
  });
  const found = await find(fixture, ['02_says', '03_declares', '04_fills']);
  expect(found.map(({ migration }) => migration)).toEqual(['03_declares', '03_declares']);
});

it('says nothing of a file that is another on disk than the one that was loaded', async () => {
  const fixture = setup({ '01_it.mjs': UP });
  await fixture.engine.list();
  fixture.write('01_it.mjs', UP.replaceAll('orders', 'other'));
  const [file] = (await fixture.engine.list()).files;
  expect(await fixture.engine.indexedBeforeLoad(file!)).toEqual([]);
});
