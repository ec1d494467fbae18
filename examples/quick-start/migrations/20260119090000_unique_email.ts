import type { Knex } from 'knex';

/** One account per address, however it is written. Fails, and changes nothing, in a tenant where two accounts share one. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw('create unique index users_email_unique on users (lower(email))');
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop index users_email_unique');
}
