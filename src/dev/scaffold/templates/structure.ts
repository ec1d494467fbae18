/** Changes of structure that keep the application going: docs/migrations/structure.md. */

import { named, type Template } from './template.js';

export const index: Template = {
  summary: 'an index, built without stopping writes',
  text: (table) => ({
    imports: ['createIndexConcurrently', 'dropIndexConcurrently'],
    outside: true,
    shared: `const index = { table: '${table}', name: '${named(table, 'customer_id_index')}', columns: ['customer_id'] };`,
    up: '  await createIndexConcurrently(knex, index);',
    down: '  await dropIndexConcurrently(knex, index);',
  }),
};

export const foreignKey: Template = {
  summary: 'a foreign key with its index, validated without stopping writes',
  text: (table) => ({
    imports: ['addForeignKeyNotValid', 'createIndexConcurrently', 'dropIndexConcurrently', 'validateConstraint'],
    outside: true,
    shared: `const index = { table: '${table}', name: '${named(table, 'customer_id_index')}', columns: ['customer_id'] };
const constraint = { table: '${table}', name: '${named(table, 'customer_id_foreign')}' };`,
    up: `  // Without it each delete from customers would read the whole table
  await createIndexConcurrently(knex, index);
  await addForeignKeyNotValid(knex, {
    ...constraint,
    columns: ['customer_id'],
    references: { table: 'customers', columns: ['id'] },
  });
  await validateConstraint(knex, constraint);`,
    down: `  await knex.raw('alter table ?? drop constraint if exists ??', [constraint.table, constraint.name]);
  await dropIndexConcurrently(knex, index);`,
  }),
};

export const notNull: Template = {
  summary: 'NOT NULL on a column, without a scan under an exclusive lock',
  text: (table) => ({
    intro: `A row that holds null fails it for its tenant: fill the column in an earlier migration.
It changes a column that was there, so only "flotilla rollback --force" takes it back.`,
    imports: ['setNotNullSafely'],
    outside: true,
    up: `  await setNotNullSafely(knex, { table: '${table}', column: 'customer_id' });`,
    down: `  await knex.schema.alterTable('${table}', (table) => {
    table.setNullable('customer_id');
  });`,
  }),
};

export const unique: Template = {
  summary: 'a unique constraint over an index that is built beforehand',
  text: (table) => ({
    imports: ['addUniqueUsingIndex'],
    outside: true,
    shared: `const constraint = { table: '${table}', name: '${named(table, 'number_unique')}' };`,
    up: "  await addUniqueUsingIndex(knex, { ...constraint, columns: ['number'] });",
    down: "  await knex.raw('alter table ?? drop constraint if exists ??', [constraint.table, constraint.name]);",
  }),
};

export const enumValue: Template = {
  summary: 'one more value of an enum type, which --table names',
  text: (type) => ({
    intro: 'In a migration of its own: the transaction that adds a value cannot use it.',
    imports: ['addEnumValue'],
    declares: "{ irreversible: 'Postgres takes no value out of an enum type' }",
    up: `  await addEnumValue(knex, { type: '${type}', value: 'archived' });`,
  }),
};
