/**
 * Files that run outside a transaction, cut off after every message that the runner sends: carried out, and its answer lost with the
 * connection. (Cut off before the next one arrives, the server is in the same state.) What comes out after the next attempt must be what an
 * undisturbed run gives.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { TenantRef } from '../../src/domain/tenant.js';
import { backstageMigrations } from '../support/backstage.js';
import { createDatabase, createFixture, query, type TestDatabase } from '../support/postgres.js';
import { createWire, type Fault } from '../support/wire.js';
import { everythingIn, leftovers, NOTHING_LEFT } from './support/contents.js';

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const undo of cleanup.splice(0).reverse()) await undo();
});

interface Case {
  /** Up to the file under test; the last one is cut off. */
  readonly files: Record<string, string>;
  /** SQL that fills the tenant after the files before the last. */
  readonly seed: string;
  /** Columns that come out different each time. */
  readonly random?: readonly string[];
  /** Every statement of the first attempt has to come again. */
  readonly repeats?: true;
}

/** Messages after which something of the file has happened that had not before: its own writes, and what the runner commits. */
const CHANGES = /^\s*(create|drop|alter|delete|update|insert|reindex|analyze)\b|\bcommit;/i;

/** Cuts the last file's run after each message that fits, and compares. Answers how many cuts there were. */
async function cutEverywhere({ files, seed, random, repeats }: Case, direction: 'up' | 'down' = 'up', where = /^/): Promise<number> {
  const names = Object.keys(files).sort();
  const tenantAt = (db: TestDatabase): TenantRef => ({ id: 'acme', host: 'h1', database: db.name, schema: 'acme' });
  const template = await createDatabase('template');
  cleanup.push(() => template.drop());
  await query(template.url, 'create schema acme');
  const prepare = createFixture(template.url, files);
  const migrations = await prepare.migrations();
  const before = migrations.filter(({ name }) => name !== names.at(-1)!.replace(/\.[^.]+$/, ''));
  if (before.length)
    expect(await prepare.attempt(tenantAt(template), 'up', { migrations: before, rolloutId: 'r-0' })).toMatchObject({ outcome: 'applied' });
  await query(template.url, `set search_path to acme; ${seed}`);
  if (direction === 'down') expect(await prepare.attempt(tenantAt(template), 'up', { canary: true })).toMatchObject({ outcome: 'applied' });
  const { deltas, engine } = prepare;
  cleanup.push(() => prepare.close());
  await prepare.hosts.close(); // a template takes no connection

  const trial = async (fault: Fault, at: number) => {
    const db = await createDatabase('cut', template.name);
    const wire = await createWire(db.url);
    const through = createFixture(wire.url, {}, { engine });
    const direct = createFixture(db.url, {}, { engine });
    for (const [name, delta] of deltas) {
      through.deltas.set(name, delta);
      direct.deltas.set(name, delta);
    }
    try {
      wire.decide = ({ n }) => (n === at ? fault : 'pass');
      const more = { quickTries: 1, force: direction === 'down', canary: direction === 'up' };
      const first = await through.attempt(tenantAt(db), direction, more);
      const sent = [...wire.sent];
      await through.close();
      const second =
        fault === 'pass'
          ? first
          : await direct.attempt(tenantAt(db), direction, { ...more, quickTries: 40, fenceFirst: true, takeOver: true });
      return { first, second, sent, ...(await everythingIn(db.url, 'acme', random)), left: await leftovers(db.url, 'acme') };
    } finally {
      await through.close();
      await direct.close();
      await wire.close();
      await db.drop();
    }
  };

  const undisturbed = await trial('pass', 0);
  expect(undisturbed.first).toMatchObject({ outcome: direction === 'up' ? 'applied' : 'rolledBack' });
  expect(undisturbed.left).toEqual(NOTHING_LEFT);
  let cuts = 0;
  for (const { n: at, sql } of undisturbed.sent) {
    if (!where.test(sql)) continue;
    const { second, catalog, rows, left } = await trial('cutAfter', at);
    cuts++;
    const { outcome, message } = second;
    expect({ at, outcome, message, catalog, rows, left }, `cut after message ${at}: ${sql.slice(0, 200)}`).toEqual({
      at,
      outcome: undisturbed.second.outcome,
      message: !repeats && message?.includes('did not come again') ? message : undefined,
      catalog: undisturbed.catalog,
      rows: undisturbed.rows,
      left: NOTHING_LEFT,
    });
  }
  return cuts;
}

const outside = (up: string, down = '') =>
  `exports.config = { transaction: false }; exports.up = async (knex) => { ${up} }; exports.down = async (knex) => { ${down} };`;

const notes = `exports.up = (knex) => knex.schema.createTable('notes', (t) => { t.increments('id'); t.text('body'); t.integer('n').defaultTo(0); t.text('token'); }); exports.down = (knex) => knex.schema.dropTable('notes');`;
const seed = `insert into notes (body) select 'note ' || i from generate_series(1, 20) i;`;

describe('a file of our own', () => {
  it.each<[string, Case]>([
    [
      'builds an index CONCURRENTLY, fills a column and drops another index',
      {
        files: {
          '01_notes.js': notes,
          '02_mixed.js': outside(
            `await knex.raw('create index concurrently notes_n on notes (n)');
             await knex('notes').update({ n: 7 }).where('id', '<', 5);
             await knex.raw('update notes set n = n + 1');
             await knex.raw('drop index concurrently notes_n');
             await knex.raw('create unique index concurrently if not exists notes_id_n on notes (id, n desc) where body is not null');`,
          ),
        },
        seed,
      },
    ],
    [
      'adds rows whose ids later statements use, and the same statement twice',
      {
        files: {
          '01_notes.js': notes,
          '02_rows.js': outside(
            `const [{ token }] = await knex('notes').insert({ body: 'parent', token: knex.raw('md5(random()::text)') }).returning('token');
             await knex('notes').insert({ body: 'child of ' + (await knex('notes').where({ token }).first()).body });
             await knex.raw('update notes set n = n + 1');
             await knex.raw('update notes set n = n + 1');
             const { rows } = await knex.raw("select gen_random_uuid()::text as v, nextval('notes_id_seq') as w");
             await knex('notes').where({ token }).update({ n: rows[0].v.length });`,
          ),
        },
        seed,
        random: ['id', 'token'],
      },
    ],
    [
      'works with a temporary table, in transactions and savepoints of its own, and retries one that fails',
      {
        files: {
          '01_notes.js': notes,
          '02_blocks.js': outside(
            `await knex.raw('create temp table picked as select id from notes where id % 2 = 0');
             await knex.raw('insert into picked values (-1)');
             await knex.transaction(async (trx) => {
               await trx.raw('update notes set n = n + 10 where id in (select id from picked)');
               await trx.transaction(async (inner) => { await inner('notes').insert({ body: 'inner' }); });
               await trx.transaction(async (inner) => { await inner('notes').insert({ body: 'undone' }); throw new Error('no'); }).catch(() => undefined);
             });
             for (const broken of [true, false])
               try {
                 await knex.transaction(async (trx) => {
                   await trx('notes').insert({ body: 'once' });
                   if (broken) await trx.raw('select 1/0');
                 });
               } catch {}
             await knex.raw('-- α\\n begin /* ß */ transaction; update notes set n = n + 100; insert into notes (body) values (\\'text\\'); commit -- done');
             await knex.raw("create function pg_temp.half(n int) returns int immutable language sql as 'select n / 2'");
             await knex.raw('update notes set n = pg_temp.half(n) where id = 1');`,
          ),
        },
        seed,
        random: ['id'],
      },
    ],
    [
      'extends an enum, validates constraints and detaches a partition',
      {
        files: {
          '01_notes.js': notes,
          '02_kinds.js': `exports.up = async (knex) => {
            await knex.raw("create type mood as enum ('low')");
            await knex.raw('create table events (id int, at int) partition by range (at)');
            await knex.raw('create table events_1 partition of events for values from (0) to (10)');
            await knex.raw('insert into events values (1, 1)');
          };`,
          '03_more.js': outside(
            `await knex.raw("alter type mood add value 'high'");
             await knex.raw("alter table notes add column mood mood default 'high'");
             await knex.raw('alter table notes add constraint notes_n check (n >= 0) not valid');
             await knex.raw('alter table notes validate constraint notes_n');
             await knex.raw('alter table events detach partition events_1 concurrently');
             await knex.raw('create index concurrently on notes (body)');
             await knex.raw('reindex index concurrently notes_pkey');
             await knex.raw('vacuum notes');`,
          ),
        },
        seed,
      },
    ],
  ])('that %s comes out the same, wherever it is cut off', async (_, trial) => {
    expect(await cutEverywhere(trial)).toBeGreaterThan(20);
  });

  const helpers = (up: string) => `const m = require('flotilla/migration'); const table = 'notes'; ${outside(up)}`;

  it.each<[string, Case]>([
    [
      'adds constraints and changes them again under the same names',
      {
        files: {
          '01_notes.js': notes,
          '02_helpers.js': helpers(
            `await m.addCheckNotValid(knex, { name: 'was?there', table, check: 'n in (0, 1)' });
             await m.addCheckNotValid(knex, { name: 'c', table, check: 'n >= 0' });
             await knex.raw('alter table notes drop constraint c');
             await m.addCheckNotValid(knex, { name: 'c', table, check: 'n > -1' });
             await m.validateConstraint(knex, { table, name: 'c' });
             const fk = { name: 'fk', table, columns: ['n'], references: { table, columns: ['id'] } };
             await m.addForeignKeyNotValid(knex, { ...fk, onDelete: 'cascade' });
             await knex.transaction(async (trx) => {
               await trx.raw('alter table notes drop constraint fk');
               await m.addForeignKeyNotValid(trx, { ...fk, onDelete: 'set null' });
             });
             await m.setNotNullSafely(knex, { table, column: 'n' });
             await m.setNotNullSafely(knex, { table, column: 'n' });`,
          ),
        },
        seed: `${seed} alter table notes add constraint "was?there" check (n = any (array[0, 1]));`,
        repeats: true,
      },
    ],
    [
      'builds, drops and builds indexes and unique constraints under the same names',
      {
        files: {
          '01_notes.js': notes,
          '02_helpers.js': helpers(
            `const index = { name: 'by?n', table, columns: ['n'] };
             await m.createIndexConcurrently(knex, index);
             await m.dropIndexConcurrently(knex, index);
             await m.createIndexConcurrently(knex, { ...index, columns: ['n', 'id'] });
             const u = { name: 'u', table };
             await m.addUniqueUsingIndex(knex, { ...u, columns: ['id', 'body'] });
             await knex.raw('alter table notes drop constraint u');
             await m.addUniqueUsingIndex(knex, { ...u, columns: ['body', 'id'] });`,
          ),
        },
        seed,
        repeats: true,
      },
    ],
  ])('that %s with the helpers comes out the same, wherever it is cut off', async (_, trial) => {
    expect(await cutEverywhere(trial, 'up', CHANGES)).toBeGreaterThan(10);
  });

  it('comes back the same with its down, wherever that is cut off', async () => {
    const trial: Case = {
      files: {
        '01_notes.js': notes,
        '02_mixed.js': outside(
          `await knex.raw('create index concurrently notes_n on notes (n)'); await knex.raw('alter table notes add column extra int');`,
          `await knex.raw('alter table notes drop column extra'); await knex.raw('update notes set n = n - 1'); await knex.raw('drop index concurrently notes_n');`,
        ),
      },
      seed,
    };
    expect(await cutEverywhere(trial, 'down')).toBeGreaterThan(20);
  });
});

describe('a file of a published project', () => {
  /** Entities, two of them orphans to be, and search rows of which many stand there twice. */
  const entities = (known: number) => `
    insert into refresh_state (entity_id, entity_ref, unprocessed_entity, errors, next_update_at, last_discovery_at)
      select 'e' || i, 'component:default/e' || i, '{}', '[]', '2026-01-01', '2026-01-01' from generate_series(1, 30) i;
    insert into final_entities select (jsonb_populate_record(null::final_entities, jsonb_build_object('entity_id', 'e' || i, 'hash', 'h', 'stitch_ticket', '', 'entity_ref', 'component:default/e' || i))).*
      from generate_series(1, 25) i;
    insert into search (entity_id, key, value, original_value)
      select 'e' || (1 + i % ${known}), 'key' || (i % 7), case when i % 5 = 0 then null else 'v' || (i % 3) end, 'V' from generate_series(1, 300) i;`;

  it.each([
    ['20240130092632_search_index', 30],
    ['20260214000000_search_fk_final_entities', 30],
    ['20260510000000_search_indices_and_dedup', 25],
    ['20260516000000_relations_target_index', 25],
    ['20260609000000_drop_search_entity_id_idx', 25],
    ['20260904000000_fix_search_entity_id_ndistinct', 25],
    ['20260912000000_refresh_state_maintenance', 25],
  ] as const)('%s comes out the same, wherever it is cut off, up and down', async (last, known) => {
    const folder = await backstageMigrations();
    const files = Object.fromEntries(
      readdirSync(folder)
        .filter((file) => file.endsWith('.js') && file <= `${last}.js`)
        .map((file) => [file, readFileSync(join(folder, file), 'utf8')]),
    );
    const trial = { files, seed: entities(known) };
    expect(await cutEverywhere(trial, 'up', CHANGES)).toBeGreaterThan(3);
    expect(await cutEverywhere(trial, 'down', CHANGES)).toBeGreaterThan(3);
  });
});
