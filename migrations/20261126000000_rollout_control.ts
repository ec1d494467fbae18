/** What holds rollouts back (a frozen fleet, pinned tenants), and tenants that live elsewhere than their plan says. */
import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table "freeze" (
      fleet text primary key,
      actor text not null,
      reason text not null,
      since timestamptz not null default now(),
      until timestamptz
    )`);
  await knex.raw(`
    create table pin (
      fleet text not null,
      tenant_id text not null,
      actor text not null,
      reason text not null,
      since timestamptz not null default now(),
      until timestamptz,
      primary key (fleet, tenant_id)
    )`);
  // What canaries are told apart by; null: not measured
  await knex.raw('alter table plan_tenant add column size_bytes float8, add column pg_version text');
  // Host, database, schema and role as its source has them now; null: as planned
  await knex.raw('alter table plan_tenant add column place jsonb');
  // The wave that held a tenant before a sweep took it up again
  await knex.raw('alter table rollout_tenant add column before int');
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('alter table rollout_tenant drop column before');
  await knex.raw('alter table plan_tenant drop column place, drop column size_bytes, drop column pg_version');
  await knex.raw('drop table pin');
  await knex.raw('drop table "freeze"');
}
