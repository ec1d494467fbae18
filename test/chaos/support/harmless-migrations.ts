/** Migrations of tenant `acme` that stay at home, or touch what the config lets them touch: none of them may be refused. */

import type { RunnerOptions } from '../../../src/postgres/runner.js';

export interface HarmlessMigration {
  readonly id: string;
  /** What it does, as the end of a sentence. */
  readonly title: string;
  readonly source: string;
  /** Where tenants that can do it live. */
  readonly kinds: readonly ('schema' | 'database')[];
  readonly options?: Partial<RunnerOptions>;
  readonly given?: string;
  readonly role?: string;
  /** SQL that answers true when it has done what it says. */
  readonly proof?: string;
}

type More = Partial<Omit<HarmlessMigration, 'id' | 'title' | 'source'>>;
const BOTH = ['schema', 'database'] as const;
const body = (statements: string | readonly string[]): string =>
  `exports.up = async (knex) => { ${[statements]
    .flat()
    .map((text) => `await knex.raw(${JSON.stringify(text)});`)
    .join(' ')} }; exports.down = () => {};`;

const both = (id: string, title: string, statements: string | readonly string[], more: More = {}): HarmlessMigration => ({
  id,
  title,
  source: body(statements),
  kinds: BOTH,
  ...more,
});
const inSchema = (id: string, title: string, statements: string | readonly string[], more: More = {}) =>
  both(id, title, statements, { kinds: ['schema'], ...more });
const inDatabase = (id: string, title: string, statements: string | readonly string[], more: More = {}) =>
  both(id, title, statements, { kinds: ['database'], ...more });
const outside = (migration: HarmlessMigration): HarmlessMigration => ({
  ...migration,
  id: `outside-${migration.id}`,
  source: `exports.config = { transaction: false }; ${migration.source}`,
});

const shared = (object: string, maxLock: string): More => ({ options: { shared: [{ object, maxLock }] } });

export const HARMLESS: readonly HarmlessMigration[] = [
  both('functions', 'creates, replaces and drops functions of its own', [
    `create function one() returns int language sql as 'select 1'`,
    `create or replace function one() returns int language sql as 'select 2'`,
    `create procedure nothing() language sql as 'select 1'`,
    'create aggregate total(int) (sfunc = int4pl, stype = int)',
    'alter function one() cost 5',
    'call nothing()',
    'drop function one(); drop procedure nothing(); drop aggregate total(int)',
  ]),
  both('types', 'creates, changes and drops types of its own', [
    `create type mood as enum ('good')`,
    `alter type mood add value 'bad'; alter type mood rename value 'good' to 'fine'; alter type mood rename to humour`,
    'create type pair as (a int); alter type pair add attribute b int',
    'create type span as range (subtype = int4)',
    'create domain age as int check (value > 0); alter domain age set default 18; alter domain age add constraint old check (value < 200)',
    'alter domain age rename constraint old to very_old; alter domain age drop constraint very_old',
    'create table aged (age age, mood humour, span span, pair pair)',
    'drop table aged; drop type humour; drop type pair; drop type span; drop domain age',
  ]),
  both(
    'types-in-do',
    'creates an enum and a domain in a DO block',
    `do $$ begin if not exists (select from pg_type where typname = 'shade') then create type shade as enum ('dark'); create domain post_code as text; end if; end $$`,
  ),
  both('comments', 'comments on objects of its own', [
    `comment on table people is 'them'; comment on column people.name is 'theirs'; comment on constraint notes_pkey on notes is 'key'; comment on index people_pkey is 'key'; comment on sequence counter is 'n'`,
    `create function keep() returns trigger language plpgsql as 'begin return new; end'`,
    `create trigger keep before insert on people for each row execute function keep()`,
    `comment on function keep() is 'f'; comment on trigger keep on people is 't'`,
    `create domain age as int constraint adult check (value > 17)`,
    `comment on domain age is 'd'; comment on constraint adult on domain age is 'c'`,
  ]),
  inSchema('comment-schema', 'comments on its own schema', `comment on schema acme is 'home'`),
  both('sequences', 'creates, sets and draws from sequences of its own', [
    'create sequence mine',
    `select setval('mine', 100), nextval('mine'), nextval('counter'::regclass)`,
    'create table numbered (n int); alter sequence mine restart 5 owned by numbered.n',
    'drop sequence counter',
  ]),
  inSchema('sequence-qualified', 'sets a sequence of its own by its full name', [
    `select setval('acme.counter', 100)`,
    `select setval('"acme"."counter"', 7)`,
  ]),
  inSchema(
    'sequence-default-elsewhere',
    'names a sequence of public in a default, and draws nothing from it',
    `alter table people alter column n set default nextval('public.counter')`,
  ),
  both('temporary', 'makes and drops temporary tables, views, sequences, types and functions', [
    'create temp table t (id serial primary key, body text) on commit drop',
    `insert into t (body) select repeat('x', 10000)`,
    'create temp view v as select * from t; create temp sequence s; create type pg_temp.pair as (a int)',
    `create function pg_temp.one() returns int language sql as 'select 1'`,
    'create index on t (body)',
    `select pg_temp.one(), nextval('s')`,
    'grant select on t to public',
    'drop view v; drop table t; drop function pg_temp.one()',
  ]),
  inSchema(
    'extension',
    'uses a type and a function of an extension in an allowed schema',
    ['alter table people add column email citext', 'create index people_email on people (email)', `select dblink_get_connections()`],
    { options: { extensionSchemas: ['ext'] } },
  ),
  inSchema('reads-public', 'reads public', [
    'select * from public.plans',
    'create table copy as select * from public.plans',
    'insert into notes (body) select title from public.plans',
    'create view plans as select * from public.plans',
    'select public.one(), public.head()',
    'create function mine() returns int language sql as $$ select count(*)::int from public.plans $$; select mine()',
    'select last_value from public.counter',
  ]),
  both('reads-catalogs', 'reads information_schema and pg_catalog', [
    `select * from information_schema.columns where table_name = 'people'`,
    `select pg_get_viewdef(c.oid), pg_total_relation_size(c.oid) from pg_class c where relname = 'people'`,
    'select * from pg_roles, pg_database, pg_locks limit 1',
  ]),
  both('partitions', 'creates, attaches, detaches and drops partitions of its own', [
    'create table events_2 partition of events for values from (100) to (200)',
    'create table events_3 (like events)',
    'alter table events attach partition events_3 for values from (200) to (300)',
    'create index on events (at)',
    'alter table events detach partition events_3; drop table events_3; drop table events_1',
  ]),
  both('triggers', 'creates triggers, rules and policies of its own', [
    `create function keep() returns trigger language plpgsql as 'begin return new; end'`,
    'create trigger keep before insert on people for each row execute function keep()',
    'create constraint trigger later after insert on people deferrable initially deferred for each row execute function keep()',
    'create rule never as on delete to notes where false do also nothing',
    'create policy p on people using (true); alter table people enable row level security; alter policy p on people using (false)',
    `insert into people (name) values ('y')`,
    'alter trigger keep on people rename to kept; drop trigger kept on people; drop rule never on notes; drop policy p on people',
  ]),
  both('alters', 'rewrites, renames and clusters tables of its own', [
    'alter table people alter column n type bigint; alter table people rename column score to points; alter table people rename to persons',
    'alter table persons rename constraint people_pkey to persons_pkey; alter index persons_pkey rename to pk',
    'cluster persons using pk; reindex table persons; analyze persons; truncate notes',
    'alter table persons set (fillfactor = 50); alter table persons replica identity full',
    'create table child () inherits (persons)',
    'drop table persons cascade',
  ]),
  both('generated', 'has generated and identity columns', [
    'create table areas (id int generated always as identity primary key, w int, h int, area int generated always as (w * h) stored)',
    'insert into areas (w, h) values (2, 3)',
    'alter table areas alter column id restart with 50',
  ]),
  both('views', 'creates and refreshes materialized views of its own', [
    'create materialized view totals as select id, n from people',
    'create unique index on totals (id)',
    'refresh materialized view totals',
    'refresh materialized view concurrently totals',
    'create or replace view names as select id, name from people; drop view names; drop materialized view totals',
  ]),
  both('statistics', 'creates, changes and drops statistics of its own', [
    'create statistics together on n, score from people',
    'analyze people',
    'alter statistics together set statistics 10; drop statistics together',
  ]),
  both('search', 'creates, changes and drops a text search configuration of its own', [
    'create text search configuration words (copy = simple)',
    'create text search dictionary stems (template = simple)',
    'alter text search configuration words alter mapping for word with stems',
    'alter text search configuration words drop mapping for word',
    'alter text search dictionary stems (accept = false)',
    'drop text search configuration words; drop text search dictionary stems',
  ]),
  both('operators', 'creates operators, operator classes, collations and casts of its own', [
    `create type mood as enum ('good')`,
    `create function level(mood) returns int language sql immutable as 'select 1'`,
    'create cast (mood as int) with function level(mood); drop cast (mood as int)',
    'create cast (text as mood) with inout as assignment',
    'create operator === (leftarg = int, rightarg = int, procedure = int4eq); alter operator === (int, int) set (restrict = eqsel); drop operator === (int, int)',
    'create operator family fam using btree; alter operator family fam using btree add operator 1 < (int, int); alter operator family fam using btree drop operator 1 (int, int); drop operator family fam using btree',
    'create collation plain from "C"; alter collation plain rename to plainer; drop collation plainer',
  ]),
  both('grants', 'grants and revokes rights on objects of its own', [
    'grant select on people to clerk; grant update (name) on people to clerk; revoke select on people from clerk; grant usage on sequence counter to clerk',
    `create function one() returns int language sql as 'select 1'; grant execute on function one() to clerk; revoke execute on function one() from public`,
    `create type mood as enum ('good'); grant usage on type mood to clerk`,
    `do $$ begin if exists (select from pg_roles where rolname = 'clerk') then grant select (name), insert on people to clerk; end if; end $$`,
  ]),
  inSchema('grants-schema', 'grants rights on its own schema and all that is in it', [
    'grant usage on schema acme to clerk; grant all on all tables in schema acme to clerk; revoke insert on all tables in schema acme from clerk',
    'grant select on acme.people to clerk; alter schema acme owner to tenant_role',
  ]),
  inSchema('default-privileges', 'changes and takes back the default privileges in its own schema', [
    'alter default privileges in schema acme grant select on tables to clerk',
    'create table fresh (id int)',
    'alter default privileges in schema acme revoke select on tables from clerk',
  ]),
  inSchema('savepoint', 'rolls back to a savepoint what it did elsewhere', [
    'savepoint a',
    `insert into sibling.people (id, name) values (99, 'x')`,
    'drop table public.plans',
    'create function public.junk() returns int language sql as $$ select 1 $$',
    'create role junk; alter role clerk reset work_mem; revoke crew from clerk',
    'alter table public.loose set schema acme; create domain public.junk as int; grant select on public.people to clerk',
    'select * from sibling.notes',
    'rollback to savepoint a',
    'create table after_all (id int)',
  ]),
  {
    ...inSchema('nested-transaction', 'rolls back a nested transaction that reached elsewhere', []),
    source: `exports.up = async (knex) => { await knex.transaction(async (trx) => { await trx.raw('delete from sibling.notes'); throw new Error('no'); }).catch(() => {}); await knex.raw('create table after_all (id int)'); };`,
  },
  inSchema(
    'shared-rows',
    'inserts into a shared table that has an index and a serial column',
    `insert into public.audit (note) values ('acme was here')`,
    {
      ...shared('public.audit', 'ROW EXCLUSIVE'),
      proof: `select exists (select from public.audit where note = 'acme was here')`,
    },
  ),
  inSchema(
    'shared-setval',
    'sets the sequence of a shared table',
    `select setval('public.audit_id_seq', 100)`,
    shared('public.audit', 'ROW EXCLUSIVE'),
  ),
  inSchema(
    'shared-key',
    'points a foreign key at a shared table',
    'create table mine (plan int references public.plans)',
    shared('public.plans', 'SHARE ROW EXCLUSIVE'),
  ),
  inSchema(
    'shared-drop',
    'drops a part of a shared table, and a shared table',
    ['drop index public.audit_note', 'alter table public.audit alter column note drop default; drop table public.audit'],
    shared('public.audit', 'ACCESS EXCLUSIVE'),
  ),
  inSchema(
    'shared-reads',
    'reads a table of another tenant that is shared for reading',
    'select * from sibling.people',
    shared('sibling.people', 'ACCESS SHARE'),
  ),
  inSchema(
    'shared-missing',
    'runs while the config shares a table that is not there',
    'create table mine (id int)',
    shared('public.not_yet', 'ROW EXCLUSIVE'),
  ),
  both('locks', 'locks tables and rows of its own', [
    'lock table people in access exclusive mode',
    'select * from people for update',
    'select pg_advisory_xact_lock(4711)',
  ]),
  both('cursors', 'reads its own tables through cursors, WITH HOLD and without', [
    'declare c cursor for select * from people; fetch 2 from c; close c',
    'declare h cursor with hold for select * from people',
    'fetch 1 from h',
  ]),
  both('prepared', 'prepares and executes statements', [
    'prepare p as insert into notes (body) values ($1)',
    `execute p ('x')`,
    'deallocate p',
  ]),
  inSchema('role-left', 'leaves another role behind, and is recorded under its own', ['set role keeper'], {
    proof: `select exists (select from acme.knex_migrations where name ~ 'role-left')`,
  }),
  inSchema('session-left', 'leaves another session authorization behind, and is recorded under its own', [
    'create table mine (id int)',
    'set session authorization clerk',
  ]),
  inSchema(
    'tenant-role',
    `works under its tenant's role`,
    [
      'create table mine (id serial primary key)',
      'alter table people add column email text',
      'grant select on mine to clerk',
      'drop table mine',
    ],
    { role: 'tenant_role' },
  ),
  inSchema(
    'tenant-role-reset',
    `leaves its tenant's role by RESET ROLE for objects of its own`,
    ['reset role', 'create table mine (id int)'],
    { role: 'tenant_role' },
  ),
  inSchema('path-left', 'leaves another search_path behind', ['create table acme.mine (id int)', 'set search_path to public']),
  inSchema(
    'serializable',
    'reads public where sessions are serializable by default',
    ['select * from public.plans', 'select * from people', `insert into notes (body) select title from public.plans`],
    {
      given: `alter role postgres in database "{{database}}" set default_transaction_isolation = 'serializable'`,
    },
  ),
  inSchema(
    'uncounted',
    'creates a function where the server does not count',
    [`create function one() returns int language sql as 'select 1'`, 'create table mine (id int)'],
    {
      given: `alter database "{{database}}" set track_counts = off`,
    },
  ),
  both('if-exists', 'drops what is not there', [
    'drop table if exists nothing',
    'drop function if exists nothing()',
    'drop table if exists nowhere.nothing',
  ]),
  both('words', 'writes rows that speak of GRANT, DROP and DOMAIN', [
    `insert into notes (body) values ('grant all; drop table sibling.people; create domain public.x; set schema; setval; commit')`,
    'alter table people add column domain text; alter table people add column type text',
  ]),
  ...[
    both('vacuum', 'vacuums, analyzes and clusters tables of its own', [
      'vacuum people',
      'vacuum (analyze) people, notes',
      'analyze people',
      'cluster people using people_pkey',
    ]),
    both('index', 'builds, rebuilds and drops indexes of its own CONCURRENTLY', [
      'create index concurrently people_name on people (name)',
      'reindex index concurrently people_name',
      'reindex table concurrently people',
      'drop index concurrently people_name',
      'alter table events detach partition events_1 concurrently',
    ]),
    both('statements', 'runs statements of every kind on its own', [
      `create type mood as enum ('good')`,
      `alter type mood add value 'bad'`,
      `create domain age as int`,
      `do $$ begin update people set n = 3; end $$`,
      `select setval('counter', 9)`,
      'grant select on people to clerk',
      'create temp table t as select * from people',
      'insert into notes (body) select name from t',
      'declare c cursor with hold for select * from people',
      'fetch 2 from c',
      'drop table notes',
    ]),
    both('block', 'works on its own in blocks that it opens', [
      'begin',
      'savepoint a',
      'update people set n = 1',
      'release savepoint a',
      'drop table notes',
      'commit',
      'begin',
      'delete from people',
      'rollback',
    ]),
    inSchema('block-savepoint', 'rolls back to a savepoint what it did elsewhere', [
      'begin',
      'savepoint a',
      'delete from sibling.notes',
      'rollback to savepoint a',
      'commit',
    ]),
    inSchema('role', 'takes on another role for a while', [
      'set role tenant_role',
      'create table theirs (id int)',
      'reset role',
      'create table ours (id int)',
    ]),
    inSchema('reads-public', 'reads public', ['select * from public.plans', 'insert into notes (body) select title from public.plans']),
    inSchema(
      'shared-rows',
      'inserts into a shared table',
      `insert into public.audit (note) values ('acme was here')`,
      shared('public.audit', 'ROW EXCLUSIVE'),
    ),
  ].map(outside),
  inDatabase('schemas', 'creates, changes and drops schemas of its database', [
    'create schema more',
    'create table more.t (id int)',
    `create function more.f() returns int language sql as 'select 1'`,
    'alter schema more rename to most',
    'grant usage on schema most to clerk',
    'drop schema most cascade',
  ]),
  inDatabase('extensions', 'creates and drops extensions', [
    'create extension hstore',
    'create schema ext; alter extension hstore set schema ext',
    'drop extension hstore',
  ]),
  inDatabase('publications', 'creates and changes publications and subscriptions', [
    'create publication stream for table people',
    'alter publication stream add table notes',
    `create subscription feed connection 'host=nowhere' publication stream with (connect = false)`,
    'alter subscription feed set (slot_name = none); drop subscription feed; drop publication stream',
  ]),
  inDatabase('large-objects', 'creates, writes and drops large objects', [
    'select lo_from_bytea(4712, $$x$$::bytea)',
    'select lo_put(4712, 0, $$yy$$)',
    'comment on large object 4712 is $$z$$',
    'select lo_unlink(4712)',
  ]),
  inDatabase(
    'database-itself',
    'changes settings, rights and the comment of its own database',
    `do $$ begin execute format('alter database %I set work_mem = %L', current_database(), '7MB'); execute format('grant connect on database %I to clerk', current_database()); execute format('comment on database %I is %L', current_database(), 'home'); execute format('alter database %I reset work_mem', current_database()); end $$`,
  ),
  inDatabase('foreign-data', 'creates wrappers, servers, mappings, languages, event triggers and casts', [
    'create foreign data wrapper w; create server s foreign data wrapper w; create user mapping for clerk server s',
    'create language l handler plpgsql_call_handler',
    `create function watch() returns event_trigger language plpgsql as 'begin end'; create event trigger e on ddl_command_end execute function watch(); drop event trigger e`,
    'alter default privileges grant select on tables to clerk',
    'create access method m type table handler heap_tableam_handler; drop access method m; drop foreign data wrapper w cascade',
  ]),
];
