/** Flotilla's control database: plans, rollouts, outcomes and the audit trail. A record of the truth that lives with the tenants. */
import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table plan (
      id text primary key,
      fleet text not null,
      created_at timestamptz not null default now(),
      whole boolean not null default false,
      digest text,
      summary jsonb
    )`);
  await knex.raw(`
    create table plan_tenant (
      plan_id text not null references plan on delete cascade,
      tenant_id text not null,
      host text not null,
      cell text not null,
      database text,
      schema text,
      role text,
      labels jsonb not null default '{}',
      lifecycle text not null default 'active',
      state text not null default 'pending',
      reason text,
      position text,
      applied int not null default 0,
      pending text[] not null default '{}',
      wave int,
      ordinal int,
      primary key (plan_id, tenant_id)
    )`);
  await knex.raw(`create index plan_tenant_wave on plan_tenant (plan_id, wave, host, ordinal)`);
  await knex.raw(`
    create table rollout (
      id text primary key,
      fleet text not null,
      plan_id text not null,
      request_id text not null,
      actor text not null,
      reason text,
      state text not null,
      started_at timestamptz not null default now(),
      finished_at timestamptz,
      report jsonb,
      unique (fleet, request_id)
    )`);
  await knex.raw(`create index rollout_fleet on rollout (fleet, id desc)`);
  await knex.raw(`
    create table rollout_tenant (
      rollout_id text not null references rollout on delete cascade,
      tenant_id text not null,
      wave int,
      host text not null,
      state text not null,
      code text,
      message text,
      partial boolean not null default false,
      attempts int not null default 0,
      duration_ms int,
      ready text,
      updated_at timestamptz not null default now(),
      primary key (rollout_id, tenant_id)
    )`);
  await knex.raw(`create index rollout_tenant_state on rollout_tenant (rollout_id, state)`);
  await knex.raw(`create index rollout_tenant_tenant on rollout_tenant (tenant_id, rollout_id desc)`);
  await knex.raw(`
    create table delta (
      plan_id text not null,
      migration text not null,
      tenant_id text not null,
      added text[] not null,
      removed text[] not null,
      at timestamptz not null default now(),
      primary key (plan_id, migration, tenant_id)
    )`);
  await knex.raw(`
    create table event (
      id bigint generated always as identity primary key,
      fleet text not null,
      rollout_id text,
      at timestamptz not null default now(),
      actor text not null,
      verb text not null,
      reason text,
      subject text,
      request_id text not null,
      unique (fleet, request_id, verb)
    )`);
  await knex.raw(`create index event_fleet on event (fleet, id desc)`);
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ['event', 'delta', 'rollout_tenant', 'rollout', 'plan_tenant', 'plan']) await knex.raw(`drop table ${table}`);
}
