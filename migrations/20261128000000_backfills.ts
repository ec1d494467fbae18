/** How far each tenant's backfills have come. A record of what was last said; the cursor in the tenant itself is the truth. */
import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`create table backfill (
    rollout_id text not null,
    wave int not null,
    migration text not null,
    tenant_id text not null,
    host text not null,
    pass int not null,
    visited bigint not null,
    written bigint not null,
    total bigint,
    exact boolean not null,
    rows_per_second double precision not null,
    waiting text,
    done boolean not null,
    started_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (rollout_id, migration, tenant_id)
  )`);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table backfill');
}
