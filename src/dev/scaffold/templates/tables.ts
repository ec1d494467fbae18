/** Tables, columns, and data that moves with them: docs/migrations/create-table.md, add-columns.md, fold-columns.md. */

import { named, type Template } from './template.js';

export const plain: Template = {
  summary: 'empty up and down',
  text: () => ({
    up: "  await knex.schema.raw('select 1'); // replace with the change",
    down: "  await knex.schema.raw('select 1'); // replace with its exact inverse",
  }),
};

export const createTable: Template = {
  summary: 'a table with a UUID key, a foreign key, a JSON column, stamps and an index',
  text: (table) => ({
    up: `  await knex.schema.createTable('${table}', (table) => {
    table.uuid('id').primary().defaultTo(knex.raw('gen_random_uuid()'));
    // What a row belongs to: here another row of the same table
    table.uuid('parent_id').references('id').inTable('${table}').onDelete('CASCADE');
    table.jsonb('settings').notNullable().defaultTo('{}');
    table.timestamps(true, true);
    // Each delete looks here for what goes with it
    table.index(['parent_id'], '${named(table, 'parent_id_index')}');
  });`,
    down: `  await knex.schema.dropTableIfExists('${table}');`,
  }),
};

export const addColumns: Template = {
  summary: 'columns, a backfill by age, the index after it',
  text: (table) => ({
    intro: `One transaction: the table stays locked from its first statement to COMMIT, which suits some 10,000 rows per tenant.
Beyond that the columns, the backfill and the index are three migrations.`,
    up: `  await knex.schema.alterTable('${table}', (table) => {
    table.text('status').notNullable().defaultTo('active');
    table.timestamp('archived_at');
  });
  await knex('${table}')
    .where('created_at', '<', knex.raw("now() - interval '1 year'"))
    .update({ status: 'archived', archived_at: knex.fn.now() });
  // After the backfill, so that its rows are not written through it
  await knex.schema.alterTable('${table}', (table) => {
    table.index(['status'], '${named(table, 'status_index')}');
  });`,
    down: `  await knex.schema.alterTable('${table}', (table) => {
    table.dropIndex(['status'], '${named(table, 'status_index')}');
  });
  await knex.schema.alterTable('${table}', (table) => {
    table.dropColumns('status', 'archived_at');
  });`,
  }),
};

export const moveData: Template = {
  summary: 'columns of one table folded into JSON rows of another',
  text: (table) => ({
    intro: `One row per user who has something to move. A column that is null stays out of the document, so that down brings back null and
not a default. The old columns stay: drop them in a later migration, once nothing reads or writes them any more.`,
    up: `  await knex.schema.createTable('${table}', (table) => {
    // One row per user: filling the table twice doubles nobody
    table.uuid('user_id').primary().references('id').inTable('users').onDelete('CASCADE');
    table.jsonb('settings').notNullable().defaultTo('{}');
    table.timestamps(true, true);
  });
  await knex.raw(
    \`insert into ?? (user_id, settings)
     select id, jsonb_strip_nulls(jsonb_build_object('theme', theme, 'fontSize', font_size))
     from users
     where theme is not null or font_size is not null
     on conflict (user_id) do nothing\`,
    ['${table}'],
  );
  // After the load, so that its rows are not written through it
  await knex.raw("create index ?? on ?? ((settings ->> 'theme'))", ['${named(table, 'theme_index')}', '${table}']);`,
    down: `  if (!(await knex.schema.hasTable('${table}'))) return;
  // What has changed since comes back, too; a user without a row keeps what the old columns hold
  await knex.raw(
    \`update users u
     set theme = p.settings ->> 'theme', font_size = (p.settings ->> 'fontSize')::integer
     from ?? p
     where p.user_id = u.id
       and (u.theme, u.font_size) is distinct from (p.settings ->> 'theme', (p.settings ->> 'fontSize')::integer)\`,
    ['${table}'],
  );
  await knex.schema.dropTable('${table}');`,
  }),
};
