import type { Knex } from 'knex';

/** Accounts get a status. The index comes after the backfill, so that the backfill does not have to maintain it. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('users', (table) => {
    table.text('status').notNullable().defaultTo('active');
    table.boolean('verified').notNullable().defaultTo(false);
    table.timestamp('dormant_since');
  });

  await knex('users')
    .where('last_seen_at', '<', knex.raw(`now() - interval '1 year'`))
    .update({ status: 'dormant', dormant_since: knex.ref('last_seen_at') });

  await knex.schema.alterTable('users', (table) => {
    table.index(['status', 'created_at'], 'users_status_created_at_index');
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.alterTable('users', (table) => {
    table.dropIndex(['status', 'created_at'], 'users_status_created_at_index');
  });
  await knex.schema.alterTable('users', (table) => {
    table.dropColumn('status');
    table.dropColumn('verified');
    table.dropColumn('dormant_since');
  });
}
