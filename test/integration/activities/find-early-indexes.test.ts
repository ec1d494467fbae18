/** Indexes that pending files build before their table is filled, as a plan tells of them. */

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
  const fill = backfill({ table: 'items', set: { n: '1' } }); export const config = { transaction: false };`;

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

const builds = (
  index: string,
) => `import { createIndexConcurrently } from 'flotilla/migration'; export const config = { transaction: false };
  export const up = async (knex) => { ${index} };`;
const fills = (backfill: string) => `import { backfill } from 'flotilla/migration';
  const fill = backfill(${backfill}); export const config = { transaction: false };
  export const flotilla = { backfill: fill }; export const up = fill.up;`;
const SETS = `{ table: 'orders', set: { total: 'n * 2' } }`;
const COPIES = `{ table: 'old', into: { table: 'orders' }, transform: (row) => row }`;

it.each([
  ['a column that is set', `await knex.raw('create index on orders (n, total)');`, SETS],
  ['a column that is set, by the builder', `await knex.schema.alterTable('orders', (t) => { t.index(['n', 'total']); });`, SETS],
  ['a column that is made and set', `await knex.schema.createTable('orders', (t) => { t.integer('total').index(); });`, SETS],
  ['a column that is set, outside', `await createIndexConcurrently(knex, { table: 'orders', name: 'i', columns: ['total'] });`, SETS],
  ['a table that is filled from another', `await knex.raw('create index on orders (n)');`, COPIES],
])('[K-gap] warns of an index in an earlier file than the backfill that writes through it: %s', async (_, index, backfill) => {
  const fixture = setup({ '01_index.mjs': builds(index), '02_fill.mjs': fills(backfill) });
  const message = '01_index builds an index on "orders", and 02_fill fills it after that, each row through the index.';
  expect(await find(fixture)).toMatchObject([{ code: 'FLT_INDEX_BEFORE_LOAD', migration: '01_index', message }]);
  expect(await find(fixture, ['01_index']), 'nothing fills it in this plan').toEqual([]);
  expect(await find(fixture, ['02_fill']), 'it is there already').toEqual([]);
});

it.each([
  ['columns that are not set', `await knex.raw('create index on orders (n)');`, SETS],
  ['an expression', `await knex.raw('create index on orders ((total + 1))');`, SETS],
  ['another table', `await knex.raw('create index on other (total)');`, SETS],
  ['the table that is read', `await knex.raw('create index on old (total)');`, COPIES],
  ['a table of another schema', `await knex.raw('create index on app.orders (total)');`, SETS],
  ['columns that must be unique', `await knex.raw('create unique index on orders (total)');`, SETS],
  ['rows that are left to fill', `await knex.raw('create index on orders (total) where total is null');`, SETS],
  [
    'what transform may set',
    `await knex.raw('create index on orders (total)');`,
    `{ table: 'orders', where: 'true', transform: (row) => row }`,
  ],
])('says nothing of an index before a backfill over %s', async (_, index, backfill) => {
  expect(await find(setup({ '01_index.mjs': builds(index), '02_fill.mjs': fills(backfill) }))).toEqual([]);
});

it('says nothing of an index that comes after the backfill, or gives its reason', async () => {
  const index = builds(`await knex.raw('create index on orders (total)');`);
  const says = `export const flotilla = { waive: { FLT_INDEX_BEFORE_LOAD: 'rows are found by it' } }; ${index}`;
  expect(await find(setup({ '01_index.mjs': says, '02_fill.mjs': fills(SETS), '03_index.mjs': index }))).toEqual([]);
});

it('says nothing of a file that is another on disk than the one that was loaded', async () => {
  const fixture = setup({ '01_it.mjs': UP });
  await fixture.engine.list();
  fixture.write('01_it.mjs', UP.replaceAll('orders', 'other'));
  const [file] = (await fixture.engine.list()).files;
  expect(await fixture.engine.indexedBeforeLoad(file!)).toEqual([]);
});
