/** Files that were accepted as they stand, and rollouts that were rebuilt from the tenants' ledgers. */
import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table accepted_checksum (
      fleet text not null,
      migration text not null,
      checksum text not null,
      at timestamptz not null default now(),
      actor text not null,
      reason text,
      primary key (fleet, migration, checksum)
    )`);
  // Newest migration that a rebuilt rollout is known to have applied; null: the row was kept while the rollout ran
  await knex.raw('alter table rollout add column rebuilt_to text');
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('alter table rollout drop column rebuilt_to');
  await knex.raw('drop table accepted_checksum');
}
