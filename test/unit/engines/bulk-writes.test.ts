/** Sources of migration files, read and never run, and the tables that they may write any number of rows of. */

import { describe, expect, it } from 'vitest';
import { bulkWritesOf } from '../../../src/engines/knex/bulk-writes.js';

async function writes(
  source: string,
  path = '01_it.mjs',
  more: Partial<Parameters<typeof bulkWritesOf>[0]> = {},
): Promise<readonly string[]> {
  const found = await bulkWritesOf({ path, source, ...more });
  return found.map(({ schema, name }) => (schema === undefined ? name : `${schema}.${name}`)).sort();
}
/** Of an `up` with this body. */
const inUp = (body: string) => writes(`export async function up(knex) { ${body} }`);

describe('a raw statement', () => {
  it.each([
    ['an UPDATE', `await knex.raw('update orders set n = 1')`],
    ['a DELETE', `await knex.raw("DELETE FROM orders WHERE n = 0")`],
    ['a MERGE', `await knex.raw('merge into orders o using src s on s.id = o.id when matched then update set n = 1')`],
    ['an INSERT of what a query answers', `await knex.raw('insert into orders (id) select id from old')`],
    ['a write inside WITH', `await knex.raw('with gone as (delete from orders returning id) select count(*) from gone')`],
    ['the second of two statements', `await knex.raw('create table x (); update orders set n = 1;')`],
    ['a template over several lines', 'await knex.raw(`\n  -- all of them\n  update orders\n  set n = 1\n`)'],
    ['a tagged template', 'await knex.raw(dedent`update orders set n = 1`)'],
    ['two texts put together', `await knex.raw('update orders ' + 'set n = ' + 1)`],
    ['an UPDATE of one row by its key', `await knex.raw('update orders set n = 1 where id = ?', [7])`],
    ['a name that is bound', `await knex.raw('update ?? set n = ?', ['orders', value])`],
    ['names that are bound by name', `await knex.raw('update :t: set n = :n::int where k = :k', { t: 'orders', n: value, k: 'x' })`],
    ['bindings that are not known', `await knex.raw('update orders set n = ? where id = ?', bindings)`],
    ['bindings by name that are not known', `await knex.raw('update orders set n = :n::int where id = :id', params)`],
    ['one binding', `await knex.raw('delete from orders where n = ?', 3)`],
    ['an operator that looks like a binding', String.raw`await knex.raw("delete from orders where doc \\? 'a' and n = ?", [1])`],
    ['a value that is not known', `await knex.raw(\`update orders set n = \${value} where at < \${when}::date and s = '\${s}'\`)`],
    ['a list of columns that is not known', `await knex.raw(\`update orders set \${sets.join(", ")} where id > 0\`)`],
    ['conditions that are not known', `await knex.raw(\`update orders set n = 1 \${where} \${limit}\`)`],
    ['a schema that is not known', `await knex.raw(\`update "\${schema}"."orders" set n = 1 \${where}\`)`],
    ['the handle of a transaction', `await knex.transaction(async (trx) => { await trx.raw('update orders set n = 1'); })`],
    ['the builder of structure', `await knex.schema.alterTable('x', (t) => t.integer('n')).raw('update orders set n = 1').raw('select 1')`],
    ['a name in brackets', `await knex['raw']('update orders set n = 1')`],
    ['an optional call', `await knex?.raw?.('update orders set n = 1')`],
    ['a constant', `const sql = 'update orders set n = 1'; await knex.raw(sql)`],
    ['a prepared statement', `await knex.raw('prepare it as update orders set n = 1; execute it')`],
    ['a statement that is returned', `return knex.raw('update orders set n = 1')`],
  ])('is told to write a table: %s', async (_, body) => {
    expect(await inUp(body)).toEqual(['orders']);
  });

  it.each([
    ['rows that stand in it', `await knex.raw("insert into orders (id) values (1), (2)")`],
    ['what is only read', `await knex.raw('select * from orders for update')`],
    ['a plan of a write', `await knex.raw('explain update orders set n = 1')`],
    ['a function that would write', `await knex.raw('create function f() returns void language sql as $$ update orders set n = 1 $$')`],
    ['what a text or a comment says', `await knex.raw("comment on table orders is 'update orders set n = 1'; -- delete from orders")`],
    ['TRUNCATE', `await knex.raw('truncate orders')`],
    ['no SQL', `await knex.raw('update the orders')`],
    ['a table that is not known', `await knex.raw(\`update \${table} set n = 1\`); await knex.raw(\`delete from orders_\${year}\`)`],
    ['a bound table that is not known', `await knex.raw('delete from ??', [table])`],
    ['a statement that is not known', `await knex.raw(\`\${verb} orders\`); await knex.raw(readFileSync("update.sql"))`],
    ['an expression', `await knex('x').select(knex.raw('coalesce(update, 1)'))`],
    ['nothing at all', `await knex.raw(); await knex.raw('')`],
  ])('is told to write none: %s', async (_, body) => {
    expect(await inUp(`${body}; /* update */`)).toEqual([]);
  });

  it('names tables as Postgres would', async () => {
    expect(
      await inUp(`await knex.raw('update Orders set n = 1'); await knex.raw('update "Lar""ge\\'s" set n = 1'); await knex.raw('delete from "a.b"."c.d"');
        await knex.raw('update ?? set n = 1', ['s.Bound'])`),
    ).toEqual([`Lar"ge's`, 'a.b.c.d', 'orders', 's.Bound']);
  });
});

describe('a chain of the builder', () => {
  it.each([
    `await knex('orders').update({ n: 1 })`,
    `await knex('orders').where({ id: 7 }).update('n', 1)`,
    `await knex('orders').where('n', '>', 5).del()`,
    `await knex('orders').delete()`,
    `await knex('orders').where('n', 1).increment('n', 1)`,
    `await knex('orders').decrement({ n: 1 })`,
    `await knex.table('orders').update({ n: 1 })`,
    `await knex.from('orders').where('n', 1).del()`,
    `await knex.update({ n: 1 }).from('orders')`,
    `await knex.queryBuilder().from('orders').del()`,
    `await knex('orders as o').update({ n: knex.raw('s.n') }).updateFrom('src as s')`,
    `await knex({ o: 'orders' }).update({ n: 1 })`,
    `await knex('orders').update({ n: 1 }).returning('id').then((rows) => rows.map(String))`,
    `await knex.with('gone', knex('orders').where('n', 1).del().returning('id')).select('*').from('gone')`,
    `await knex.with('gone', (qb) => qb.from('orders').del()).select('*').from('gone')`,
    `await knex.into('orders').insert(knex.select('id').from('old'))`,
    `await knex('orders').insert(knex('old').where('n', 1))`,
    `await knex('orders').insert(function () { this.select('id').from('old'); })`,
    `await knex('orders').insert(knex.raw('(select id from old)'))`,
    `await knex.insert(knex('old').select('id')).into('orders').onConflict('id').ignore()`,
    `await knex(knex.raw('?? (??, ??)', ['orders', 'id', 'n'])).insert(knex.select('id', 'n').from('old'))`,
    `await knex.into(knex.raw('orders (id, n)')).insert(knex('old').select('id', 'n'))`,
    `await knex('orders').insert(knex('old'))`,
    `await knex.into('orders').insert(knex.from('old'))`,
    `const rows = knex('old').select('id'); await knex('orders').insert(rows)`,
    `const all = knex('orders').where('n', 1); await all.clone().update({ n: 2 })`,
    `let some = knex('orders'); if (x) some = some.where('n', 1); await some.del()`,
    `await knex.transaction(async (trx) => { await trx('orders').update({ n: 1 }); })`,
    `await knex.transaction((trx) => trx.from('orders').del())`,
    `const trx = await knex.transaction(); await knex('orders').transacting(trx).update({ n: 1 }); await trx.commit()`,
    `for (const id of ids) await knex('orders').where({ id }).update({ n: 1 })`,
    `await Promise.all(ids.map((id) => knex('orders').where({ id }).del()))`,
    `for (;;) { const rows = await knex('orders').select('id').limit(500); if (!rows.length) break; await knex('orders').whereIn('id', rows).del(); }`,
    `if (await knex.schema.hasTable('orders')) { try { await knex('orders').del(); } finally { done(); } }`,
    `await knex.schema.alterTable('x', (t) => { t.text('y'); }).then(() => knex('orders').update({ y: '' }))`,
    `await knex?.('orders')?.del()`,
    `await knex.withSchema(schema).table('orders').update({ n: 1 })`,
    `await knex('orders').withSchema(knex.userParams.schema).del()`,
    `await knex(\`\${schema}.orders\`).del()`,
    `const TABLE = 'orders'; await knex(TABLE).del()`,
    `const T = { orders: 'orders' }; await knex(T.orders).update({ n: 1 })`,
  ])('is told to write a table: %s', async (body) => {
    expect(await inUp(body)).toEqual(['orders']);
  });

  it.each([
    `await knex('orders').insert({ id: 1, update: 1 })`,
    `await knex('orders').insert([{ id: 1 }]).onConflict('id').merge()`,
    `await knex('orders').insert(await knex('old').select('id'))`,
    `await knex('orders').insert(old.map((row) => ({ id: row.id })))`,
    `await knex('orders').insert(Array.from({ length: 3 }, (_, id) => ({ id })))`,
    `await knex('orders').insert(require('./orders.json'))`,
    `await knex('orders').insert(knex.userParams.ids.map((id) => ({ id })))`,
    `const rows = [{ id: 1 }]; await knex('orders').insert(rows)`,
    `await knex.batchInsert('orders', rows, 500)`,
    `await knex('orders').select('update')`,
    `await knex('orders').truncate()`,
    `await knex.schema.alterTable('orders', (t) => { t.foreign('a').references('b').inTable('c').onDelete('cascade').onUpdate('cascade'); })`,
    `await knex(table).update({ n: 1 })`,
    `await knex(\`orders_\${year}\`).del()`,
    `seen.delete('orders'); cache.update({ n: 1 }); new Map().delete('orders')`,
    `await knex(knex('orders').select('id').as('o')).del()`,
  ])('is told to write none: %s', async (body) => {
    expect(await inUp(body)).toEqual([]);
  });

  it('names tables and schemas as Knex does, with the hook of the config', async () => {
    const source = `exports.up = async (knex) => { await knex('s.OrderItems').del(); await knex.withSchema('Z').table('lineItems as l').del(); await knex('Lar"ge\\'s').del(); }`;
    expect(await writes(source, '01.js')).toEqual([`Lar"ge's`, 'Z.lineItems', 's.OrderItems']);
    const wrapIdentifier = (value: string, wrap: (it: string) => string) => wrap(value.replace(/[A-Z]/g, (it) => `_${it.toLowerCase()}`));
    expect(await writes(source, '01.js', { wrapIdentifier })).toEqual([`_lar"ge's`, '_z.line_items', 's._order_items']);
  });
});

describe('names', () => {
  it.each([
    [`for (const table of ['orders', 'items']) await knex(table).del()`],
    [`const tables = ['orders', 'items']; for (const table of tables) await knex.raw(\`update \${table} set n = 1\`)`],
    [`const tables = ['orders', 'items']; await Promise.all(tables.map((table) => knex.raw('delete from ??', [table])))`],
    [`['items', 'orders'].forEach(async (it) => { await knex.raw('delete from :t:', { t: it }); })`],
    [`await knex(large ? 'orders' : 'items').del()`],
    [`let table = 'orders'; await knex(table).del(); table = 'items'; await knex(table).del()`],
    [`const clear = (table) => knex(table).del(); await clear('orders'); await clear('items')`],
  ])('stand for all that the source gives them: %s', async (body) => {
    expect(await inUp(body)).toEqual(['items', 'orders']);
  });

  it('do not stand for what they are defined by in circles, or in endless ways', async () => {
    expect(await inUp(`const a = b, b = a; await knex(a).del(); await a.update({ n: 1 })`)).toEqual([]);
    const doubling = Array.from({ length: 60 }, (_, i) => `const a${i + 1} = \`\${a${i}}\${a${i}}\`;`).join('');
    expect(await inUp(`const a0 = 'x'; ${doubling} await knex(a60).del(); await knex('orders').del()`)).toEqual(['orders']);
    const choices = Array.from({ length: 60 }, (_, i) => `const b${i} = x ? 'a' : 'b';`).join('');
    const all = Array.from({ length: 60 }, (_, i) => `\${b${i}}`).join('');
    expect(await inUp(`${choices} await knex(\`${all}\`).del(); await knex('orders').del()`)).toEqual(['orders']);
  });
});

describe('a file', () => {
  const body = (table: string) => `{ await knex('${table}').update({ n: 1 }); }`;

  it.each([
    ['ES module', '01.mjs', `export async function up(knex) ${body('a')}\nexport async function down(knex) ${body('b')}`],
    [
      'ES module with constants',
      '01.js',
      `export const up = async (knex) => ${body('a')};\nexport const down = async (knex) => ${body('b')};`,
    ],
    [
      'ES module that exports at its end',
      '01.js',
      `async function up(knex) ${body('a')}\nasync function down(knex) ${body('b')}\nexport { up, down }`,
    ],
    [
      'ES module under other names',
      '01.js',
      `const forth = async (knex) => ${body('a')};\nconst back = async (knex) => ${body('b')};\nexport { forth as up, back as down }`,
    ],
    ['ES module with a default', '01.js', `export default { async up(knex) ${body('a')}, async down(knex) ${body('b')} }`],
    ['CommonJS', '01.cjs', `exports.up = async function (knex) ${body('a')};\nexports.down = async function (knex) ${body('b')};`],
    [
      'CommonJS in strings',
      '01.js',
      `'use strict';\nmodule.exports['up'] = async (knex) => ${body('a')};\nmodule.exports['down'] = async (knex) => ${body('b')};`,
    ],
    [
      'CommonJS with one object',
      '01.js',
      `const up = async (knex) => ${body('a')};\nconst down = async (knex) => ${body('b')};\nmodule.exports = { up, down };`,
    ],
    [
      'CommonJS with an object of functions',
      '01.js',
      `module.exports = { up: async (knex) => ${body('a')}, down: async (knex) => ${body('b')} };`,
    ],
    ['CommonJS of long ago', '01.js', `with (x) {}\nexports.up = function (knex) { return knex('a').update({ n: 010 }); };`],
    [
      'TypeScript',
      '01.ts',
      `import type { Knex } from 'knex';\nenum Kind { Old = 'old' }\ninterface Row { id: number }\nexport async function up(knex: Knex): Promise<void> { await knex<Row>('a' as string)!.where({ kind: Kind.Old satisfies string }).update({ n: 1 } as Partial<Row>); }\nexport async function down(knex: Knex) ${body('b')}`,
    ],
    [
      'TypeScript as CommonJS',
      '01.cts',
      `import type { Knex } from 'knex';\nexports.up = async (knex: Knex): Promise<void> => ${body('a')};`,
    ],
    ['a file of a script', '01.js', `#!/usr/bin/env node\nexports.up = async (knex) => ${body('a')};`],
  ])('is read as %s, and its down is not', async (_, path, source) => {
    expect(await writes(source, path)).toEqual(['a']);
  });

  it('is read with the functions that up calls, and without those that only down calls', async () => {
    expect(
      await writes(`
        const TABLE = 'a';
        export async function up(knex) { await forth(knex); await fill(knex, 'c'); }
        export async function down(knex) { await back(knex); }
        async function forth(knex) { await deeper(knex); }
        const deeper = async (knex) => { await knex(TABLE).del(); };
        async function fill(knex, table) { await knex(table).update({ n: 1 }); }
        async function back(knex) { await knex('b').del(); await deeper(knex); }
        async function unused(knex) { await knex('d').del(); }
      `),
    ).toEqual(['a', 'c']);
  });

  it('is read with its down where up calls it', async () => {
    expect(await writes(`export async function down(knex) ${body('b')} export async function up(knex) { await down(knex); }`)).toEqual([
      'b',
    ]);
  });

  it('is read without its comments', async () => {
    expect(await inUp(`// await knex('orders').del()\n/* await knex.raw('update orders set n = 1') */ await knex('x').select()`)).toEqual(
      [],
    );
  });

  it.each([
    ['no language', '01.js', 'exports.up = ( update'],
    ['TypeScript that is none', '01.ts', 'export const up = (: update'],
    ['another language', '01.coffee', `exports.up = (knex) -> knex('orders').update n: 1`],
    ['nothing', '01.js', ''],
    ['mostly data', '01.js', `const rows = '${'x'.repeat(1_000_000)}'; exports.up = (knex) => knex('orders').del();`],
    ['deep nesting', '01.js', `exports.up = (knex) => knex('orders').del(${'['.repeat(50_000)}${']'.repeat(50_000)})`],
    [
      'names for names without end',
      '01.js',
      `exports.up = (knex) => { const a0 = 'orders'; ${Array.from({ length: 5_000 }, (_, i) => `const a${i + 1} = a${i};`).join('')} return knex(a5000).del(); }`,
    ],
    ['a long sum', '01.js', `exports.up = (knex) => knex.raw(${Array(20_000).fill(`'update '`).join('+')})`],
  ])('that is %s shows nothing', async (_, path, source) => {
    expect(await writes(source, path)).toEqual([]);
  });

  it('is never run', async () => {
    const source = `globalThis.itRan = true; process.exit(1); export const up = (knex) => knex((globalThis.itRan = true, 'orders')).del(); throw new Error('update');`;
    expect(await writes(source)).toEqual([]);
    expect(globalThis).not.toHaveProperty('itRan');
  });

  it('whose names and texts are hostile is read all the same', async () => {
    expect(
      await inUp(`
        await knex.raw('update "a\\u0000b" set n = 1');
        await knex.raw('update "x; drop table y --" set n = 1');
        await knex('__proto__').del(); const T = { __proto__: 'p', constructor: 'c' }; await knex(T.constructor).del(); await knex(T.toString).del();
        await knex.raw('delete from :hasOwnProperty:', { hasOwnProperty: 'h' });
        await knex("'; delete from z; --").del();
      `),
    ).toEqual([`'; delete from z; --`, '__proto__', 'c', 'h', 'x; drop table y --']);
  });
});
