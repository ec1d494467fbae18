import { type FlotillaMigration, uniqueConstraint } from 'flotilla/migration';
import type { Knex } from 'knex';
import { names, numbers } from './20260105090000_members_expanded.js';

// Only what the catalog tells: these checks are made before the transaction lets go of the table
export const flotilla = {
  phase: 'contract',
  after: ['20260119090000_members_constrained'],
  validate: [uniqueConstraint({ table: 'members', columns: ['number'], name: 'members_number_key' })],
} satisfies FlotillaMigration;

/**
 * Contract, once no code that runs knows `name`: it goes, and the wider number takes the place of the old one. In one transaction, so that
 * there is no moment without a column `number`.
 */
export async function up(knex: Knex): Promise<void> {
  await names.drop(knex);
  await numbers.drop(knex);
  await knex.schema.alterTable('members', (table) => table.dropColumns('name', 'number'));
  await knex.schema.alterTable('members', (table) => table.renameColumn('number_next', 'number'));
  await knex.raw('alter table members rename constraint members_number_next_key to members_number_key');
}

/** Fails, and changes nothing, in a tenant that has given out a number which the old column cannot hold. */
export async function down(knex: Knex): Promise<void> {
  await knex.raw('alter table members rename constraint members_number_key to members_number_next_key');
  await knex.schema.alterTable('members', (table) => table.renameColumn('number', 'number_next'));
  await knex.schema.alterTable('members', (table) => {
    table.text('name');
    table.integer('number');
  });
  await knex('members').update({ name: knex.raw("concat_ws(' ', given_name, family_name)"), number: knex.ref('number_next') });
  await knex.schema.alterTable('members', (table) => {
    table.dropNullable('name');
    table.dropNullable('number');
    table.unique(['number'], { indexName: 'members_number_key' });
  });
  await names.create(knex);
  await numbers.create(knex);
}
