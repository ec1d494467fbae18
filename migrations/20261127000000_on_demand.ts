/** Tenants that somebody has migrated by name: each run is on record like a rollout, and is none of the fleet's. */
import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  // The one tenant that it was for; null: a rollout of the fleet
  await knex.raw('alter table rollout add column tenant text');
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('alter table rollout drop column tenant');
}
