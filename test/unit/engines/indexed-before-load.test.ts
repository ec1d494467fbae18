/** Sources of migration files, read and never run, and the tables on which they build an index before they fill them. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { migrationSources, namesOf, TEMPLATES, type TemplateName } from '../../../src/dev/scaffold/migration-templates.js';
import { indexedBeforeLoadOf } from '../../../src/engines/knex/indexed-before-load.js';

async function early(
  source: string,
  path = '01_it.mjs',
  more: Partial<Parameters<typeof indexedBeforeLoadOf>[0]> = {},
): Promise<readonly string[]> {
  const found = await indexedBeforeLoadOf({ path, source, ...more });
  return found.map(({ schema, name }) => (schema === undefined ? name : `${schema}.${name}`)).sort();
}
/** Of an `up` with this body. */
const inUp = (body: string) => early(`export async function up(knex) { ${body} }`);

const INDEX = `await knex.raw('create index on orders (n)');`;
const LOAD = `await knex.raw('insert into orders (n) select n from old');`;

describe('an index before the load', () => {
  it.each([
    ['in two statements', `${INDEX} ${LOAD}`],
    ['in one text', `await knex.raw('create index if not exists i on orders (n); insert into orders select * from old')`],
    ['outside a transaction', `await knex.raw('create index concurrently i on orders (n)'); ${LOAD}`],
    ['by createIndexConcurrently', `await createIndexConcurrently(knex, { table: 'orders', name: 'i', columns: ['n'] }); ${LOAD}`],
    [
      'by createIndexConcurrently, of a constant',
      `const index = { table: 'orders', name: 'i', columns: ['n'] }; await migration.createIndexConcurrently(knex, index); ${LOAD}`,
    ],
    ['as the table is made', `await knex.schema.createTable('orders', (t) => { t.increments('id'); t.index(['n'], 'i'); }); ${LOAD}`],
    ['as a column is added', `await knex.schema.alterTable('orders', (table) => { table.integer('n').index(); }); ${LOAD}`],
    ['in a function of its table', `await knex.schema.table('orders', function (t) { t.index('n'); }); ${LOAD}`],
    ['in a schema that is not known', `await knex.schema.withSchema(schema).alterTable('orders', (t) => { t.index('n'); }); ${LOAD}`],
    ['in one chain', `await knex.schema.alterTable('orders', (t) => { t.index('n'); }).raw('update orders set n = 1')`],
    ['in what follows', `await knex.schema.alterTable('orders', (t) => { t.index('n'); }).then(() => knex('orders').update({ n: 1 }))`],
    ['with the builder', `${INDEX} await knex('orders').insert(knex('old').select('n'))`],
    ['by UPDATE', `${INDEX} await knex('orders').where('n', 1).update({ n: 2 })`],
    ['by increment', `${INDEX} await knex('orders').increment('n', 1)`],
    ['by MERGE', `${INDEX} await knex.raw('merge into orders o using src s on s.id = o.id when matched then update set n = 1')`],
    ['inside WITH', `${INDEX} await knex.raw('with moved as (delete from old returning n) insert into orders select n from moved')`],
    ['in chunks by hand', `${INDEX} for (const id of ids) await knex('orders').where({ id }).update({ n: 1 })`],
    ['in a transaction of its own', `${INDEX} await knex.transaction(async (trx) => { await trx('orders').update({ n: 1 }); })`],
    ['behind a condition', `if (await knex.schema.hasTable('orders')) { ${INDEX} } ${LOAD}`],
    ['between others', `await knex.raw('create index on other (n)'); ${INDEX} await knex('other').del(); ${LOAD}`],
    ['over columns that are not known', `await knex.schema.alterTable('orders', (t) => { t.index(columns); }); ${LOAD}`],
    ['under another name', `${INDEX} await knex({ o: 'orders' }).update({ n: 1 })`],
    ['into columns that are named', `${INDEX} await knex(knex.raw('orders (n)')).insert(knex.select('n').from('old'))`],
    [
      'by names that stand for one table',
      `const T = 'orders'; await knex.raw('create index on ?? (n)', [T]); await knex(T).update({ n: 1 })`,
    ],
  ])('is told: %s', async (_, body) => {
    expect(await inUp(body)).toEqual(['orders']);
  });

  it.each([
    ['the load comes first', `${LOAD} ${INDEX}`],
    [
      'the load comes first, in one chain',
      `await knex.schema.raw('update orders set n = 1').alterTable('orders', (t) => { t.index('n'); })`,
    ],
    ['the load comes first, then what follows', `await knex('orders').update({ n: 1 }).then(() => knex.raw('create index on orders (n)'))`],
    ['the load comes first, in one text', `await knex.raw('update orders set n = 1; create index on orders (n)')`],
    ['another table is filled', `${INDEX} await knex.raw('insert into other select * from orders')`],
    ['the table of another schema is filled', `${INDEX} await knex.raw('insert into shared.orders select * from orders')`],
    ['the index is unique', `await knex.raw('create unique index on orders (n)'); ${LOAD}`],
    [
      'the index is unique, by createIndexConcurrently',
      `await createIndexConcurrently(knex, { table: 'orders', columns: ['n'], unique: true }); ${LOAD}`,
    ],
    ['the index is over part of the rows', `await knex.raw('create index on orders (n) where n > 0'); ${LOAD}`],
    [
      'the index is over part of the rows, by createIndexConcurrently',
      `await createIndexConcurrently(knex, { table: 'orders', columns: ['n'], where: 'n > 0' }); ${LOAD}`,
    ],
    [
      'the index is over part of the rows, by the builder',
      `await knex.schema.alterTable('orders', (t) => { t.index(['n'], 'i', { predicate: knex.whereNotNull('n') }); }); ${LOAD}`,
    ],
    ['it is a constraint', `await knex.schema.createTable('orders', (t) => { t.increments('id'); t.integer('n').unique(); }); ${LOAD}`],
    ['rows stand in the source', `${INDEX} await knex('orders').insert([{ n: 1 }]); await knex.raw('insert into orders values (1)')`],
    ['rows are deleted', `${INDEX} await knex('orders').where('n', 1).del(); await knex.raw('delete from orders')`],
    ['the index is dropped', `await knex.schema.alterTable('orders', (t) => { t.dropIndex('n'); }); ${LOAD}`],
    ['something else is called index', `await knex.schema.alterTable('orders', (t) => { other.index('n'); t.text('index'); }); ${LOAD}`],
    [
      'a name stands for several tables: which comes when is not known',
      `for (const table of ['orders', 'other']) { await knex.raw('create index on ?? (n)', [table]); } await knex('orders').update({ n: 1 })`,
    ],
    ['the table is not known', `await knex.raw('create index on ?? (n)', [table]); await knex(table).update({ n: 1 })`],
  ])('is not told where %s', async (_, body) => {
    expect(await inUp(body)).toEqual([]);
  });
});

describe('functions of the file', () => {
  const functions = `async function load(knex) { ${LOAD} }
    const index = async (knex) => { ${INDEX} };`;

  it('count where they are called, not where they stand', async () => {
    const up = (body: string) => early(`${functions} export async function up(knex) { ${body} }`);
    expect(await up('await index(knex); await load(knex);')).toEqual(['orders']);
    expect(await up('await load(knex); await index(knex);')).toEqual([]);
    expect(await up(`const later = async () => { ${INDEX} }; await load(knex); await later();`)).toEqual([]);
    expect(await up(`const later = async () => { ${LOAD} }; await index(knex); await later();`)).toEqual(['orders']);
    expect(await up('await load(knex);')).toEqual([]);
    expect(
      await up(`const twice = async () => { ${INDEX} }; { const twice = () => {}; } await twice(); await load(knex);`),
      'which is it?',
    ).toEqual([]);
  });

  it('may call each other and themselves', async () => {
    expect(
      await early(`async function a(knex) { await b(knex); ${LOAD} } async function b(knex) { await a(knex); ${INDEX} }
        export const up = async (knex) => { await a(knex); };`),
    ).toEqual(['orders']);
  });

  it('that only down calls are not looked at, nor is down', async () => {
    expect(await early(`export const up = (knex) => knex.raw('select 1'); export async function down(knex) { ${INDEX} ${LOAD} }`)).toEqual(
      [],
    );
    expect(await early(`exports.up = async (knex) => { ${INDEX} }; exports.down = async (knex) => { ${LOAD} };`, '01_it.cjs')).toEqual([]);
  });
});

it.each([
  ['TypeScript', '01_it.ts', `import type { Knex } from 'knex'; export async function up(knex: Knex): Promise<void> { ${INDEX} ${LOAD} }`],
  ['CommonJS', '01_it.cjs', `module.exports = { up: async (knex) => { ${INDEX} ${LOAD} }, down() {} };`],
  ['a constant', '01_it.mjs', `export const up = async (knex) => { ${INDEX} ${LOAD} };`],
  ['a function that is exported below', '01_it.mjs', `async function up(knex) { ${INDEX} ${LOAD} } export { up };`],
])('is read from %s', async (_, path, source) => {
  expect(await early(source, path)).toEqual(['orders']);
});

it('[K-gap] is in no template and in no example', async () => {
  for (const template of Object.keys(TEMPLATES) as TemplateName[])
    for (const source of migrationSources(template, 'orders', namesOf(template, 'it'), 'ts', '.ts'))
      expect(await early(source, '01_it.ts'), template).toEqual([]);
  const files = ['examples', 'migrations'].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => /migrations/.test(join(folder, name)) && name.endsWith('.ts'))
      .map((name) => join(folder, name)),
  );
  expect(files.length).toBeGreaterThan(10);
  for (const path of files) expect(await early(readFileSync(path, 'utf8'), path), path).toEqual([]);
});

it('names tables as Knex is told to', async () => {
  const source = `export async function up(knex) { await knex.schema.alterTable('orders', (t) => { t.index('n'); }); await knex('orders').update({ n: 1 }); }`;
  expect(await early(source, '01_it.mjs', { wrapIdentifier: (value, wrap) => wrap(`app_${value}`) })).toEqual(['app_orders']);
});

it('tells nothing of what cannot be read', async () => {
  expect(await early(`export async function up(knex) { ${INDEX} ${LOAD} `)).toEqual([]);
  expect(await early(`index ${'('.repeat(100_000)}`)).toEqual([]);
  expect(await early(`/*${' '.repeat(1_000_000)}*/ export async function up(knex) { ${INDEX} ${LOAD} }`)).toEqual([]);
});
