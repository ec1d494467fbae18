/** What applications say of the version they run: contracts with a floor are judged by it. */
import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table app_version (
      fleet text not null,
      app text not null,
      -- The one tenant that it serves; empty: all of them
      tenant_id text not null default '',
      version text not null,
      at timestamptz not null default now(),
      primary key (fleet, app, tenant_id, version)
    )`);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table app_version');
}
