/** Who must not be touched while a migration of tenant `acme` misbehaves, and everything that they are. */

import { query } from '../../support/postgres.js';

/** The first migration of each tenant: what the later ones find. */
export const BASE = `exports.up = (knex) => knex.raw(\`
  create table people (id serial primary key, name text, n int default 0, score int default 0);
  create table notes (id int generated always as identity primary key, person int references people (id), body text);
  insert into people (name, n) select 'person ' || i, i from generate_series(1, 5) i;
  insert into notes (person, body) select id, 'note' from people;
  create sequence counter;
  create table events (id int, at date) partition by range (id);
  create table events_1 partition of events for values from (1) to (100);
\`); exports.down = () => {};`;

/** Objects of every kind, in any schema. */
const objectsIn = (schema: string): string => `
  create type ${schema}.mood as enum ('good', 'bad');
  create type ${schema}.pair as (a int, b int);
  create type ${schema}.span as range (subtype = int4);
  create domain ${schema}.age as int constraint adult check (value > 17);
  create function ${schema}.one() returns int language sql as 'select 1';
  create function ${schema}.head() returns text language sql as 'select name from ${schema}.people order by id limit 1';
  create function ${schema}.keep() returns trigger language plpgsql as 'begin return new; end';
  create trigger keep before insert on ${schema}.people for each row execute function ${schema}.keep();
  create rule never as on update to ${schema}.people where false do also nothing;
  create policy all_of_it on ${schema}.people;
  alter table ${schema}.people add constraint sane check (n >= 0) not valid;
  create view ${schema}.names as select id, name from ${schema}.people;
  create materialized view ${schema}.totals as select count(*) as n from ${schema}.people;
  create aggregate ${schema}.total(int) (sfunc = int4pl, stype = int);
  create operator ${schema}.=== (leftarg = int, rightarg = int, procedure = int4eq);
  create operator family ${schema}.family using btree;
  create collation ${schema}.plain from "C";
  create text search configuration ${schema}.words (copy = simple);
  create text search dictionary ${schema}.stems (template = simple);
  create statistics ${schema}.together on n, score from ${schema}.people;
  create index people_name on ${schema}.people (name);
`;

/** The server's own. */
export const CLUSTER = `
  create role keeper nologin; create role clerk nologin; create role crew nologin;
  alter role clerk set work_mem = '5MB';
  grant crew to clerk;
  create role tenant_role nologin;
`;
/** Puts right what a migration has changed that was allowed to. */
export const CLUSTER_AGAIN = `drop role if exists junk; alter role clerk set work_mem = '5MB'; grant crew to clerk;`;
export const CLUSTER_ROLES = ['keeper', 'clerk', 'crew', 'tenant_role'] as const;

/** What stands beside the tenants in their database, once they have been migrated. */
export const BESIDES = `
  create table public.people (id serial primary key, name text, n int default 0, score int default 0);
  create table public.plans (id int primary key, title text);
  create table public.audit (id serial primary key, note text);
  create index audit_note on public.audit (note);
  create table public.events (id int, at date) partition by range (id);
  create table public.events_1 partition of public.events for values from (1) to (100);
  create table public.loose (id int, at date);
  insert into public.people (name) values ('somebody'); insert into public.plans values (1, 'free'); insert into public.audit (note) values ('first');
  create sequence public.counter;
  ${objectsIn('public')}
  ${objectsIn('sibling')}
  create publication stream for table sibling.people;
  create schema legacy; create table legacy.people (id int); create table legacy.knex_migrations (id int);
  create schema unmanaged; create table unmanaged.things (id int); insert into unmanaged.things values (1);
  create schema ext; create extension citext with schema ext; create extension dblink with schema ext; create extension postgres_fdw with schema ext;
  create foreign data wrapper idle_wrapper; create server idle_server foreign data wrapper idle_wrapper;
  alter default privileges in schema sibling grant select on tables to clerk;
  grant select on sibling.people to clerk; grant usage on schema sibling to keeper; grant all on all tables in schema sibling to keeper;
  grant keeper to tenant_role;
  select lo_from_bytea(4711, repeat('x', 5000)::bytea);
  grant usage, create on schema acme to tenant_role; grant all on all tables in schema acme to tenant_role; grant all on all sequences in schema acme to tenant_role;
  alter schema acme owner to tenant_role; alter table acme.people owner to tenant_role; alter table acme.notes owner to tenant_role;
`;

/** Flotilla's own record of a tenant, which grows with each attempt; the tables themselves are in the catalog. */
const BOOKKEEPING = /^(flotilla_ledger|flotilla_step|knex_migrations_lock)$/;

/**
 * Builds the question once, on a template. Its answer tells for each catalog of the server, and for each table there is, a hash of all row
 * versions by place and transaction: what was rolled back leaves none. Sequences are in no transaction, so theirs is of what they hold.
 * @param own the tenant's schema
 */
export async function everythingIn(url: string, own: string): Promise<string> {
  const relations = await query<{ schema: string; name: string; kind: string; at: string }>(
    url,
    `select n.nspname as schema, c.relname as name, c.relkind as kind, format('%I.%I', n.nspname, c.relname) as at from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'm', 'S') and n.nspname !~ '^(pg_toast|pg_temp|information_schema)' and c.relname !~ '^pg_statistic(_ext_data)?$' order by 1, 2`,
  );
  const hash = (name: string, at: string, row: string) =>
    `select ${quote(name)} as what, count(*) || ' ' || coalesce(sum(${row}), 0) as hash from ${at} t`;
  const text = (of: string) => `hashtextextended(${of}, 0)`;
  return [
    ...relations
      .filter(({ schema, name, kind }) => schema !== own || !(BOOKKEEPING.test(name) || kind === 'S'))
      .map(({ schema, name, at, kind }) =>
        hash(
          schema === 'pg_catalog' ? name : at,
          at,
          kind === 'S' ? text(`last_value || ' ' || is_called`) : 'hashtidextended(t.ctid, t.xmin::text::bigint)',
        ),
      ),
    hash('files', `pg_file_settings`, text(`name || ' ' || setting`)),
    hash('prepared transactions', 'pg_prepared_xacts', text('gid')),
    hash('replication slots', 'pg_replication_slots', text('slot_name::text')),
    hash('advisory locks', `(select * from pg_locks where locktype = 'advisory')`, 'pid'),
  ].join(' union all ');
}

const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;
