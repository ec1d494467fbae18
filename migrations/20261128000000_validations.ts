/** What each check that a migration declares came to in each tenant, the last time that it was made. */
import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table validation (
      fleet text not null,
      tenant_id text not null,
      migration text not null,
      "check" text not null,
      passed boolean not null,
      numbers jsonb not null,
      message text,
      rollout_id text,
      at timestamptz not null default now(),
      primary key (fleet, tenant_id, migration, "check")
    )`);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table validation');
}
